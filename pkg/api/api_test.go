package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"airlock/pkg/api"
)

var update = flag.Bool("update", false, "write the golden files anew")

// route is the one route of the handlers under test.
const route = "POST /things"

// claims are those of a token that may do everything here.
const claims = `{"sub":"alice","token_use":"access","scope":"things/read things/write"}`

// thing is a body with a field of every kind the product's bodies have.
type thing struct {
	Name    string   `json:"name" code:"invalid_name"`
	Length  *int64   `json:"length" code:"invalid_content_length"`
	Keys    []string `json:"keys" code:"invalid_object_key"`
	Options struct {
		Checksum string `json:"checksum"`
	} `json:"options" code:"invalid_checksum"`
	Plain *bool `json:"plain"`
}

// echo is what the handlers under test answer.
type echo struct {
	Subject string `json:"subject"`
	Read    bool   `json:"read"`
	Thing   thing  `json:"thing"`
}

func answerEcho(_ context.Context, r api.Request, in thing) (echo, error) {
	return echo{Subject: r.Caller.Subject, Read: r.Caller.HasScope("things/read"), Thing: in}, nil
}

// request is an HTTP API event in the making. Its zero value is a request
// without a body and without a token.
type request struct {
	route   string            // "": the one route there is
	headers map[string]string // nil: a JSON body's
	claims  string            // JSON; "": no authorizer ran
	body    string            // put into the event byte for byte
	base64  bool
}

func (r request) payload() []byte {
	if r.route == "" {
		r.route = route
	}
	if r.headers == nil {
		r.headers = map[string]string{"content-type": "application/json"}
	}
	var b bytes.Buffer
	b.WriteString(`{"version":"2.0","routeKey":` + quote(r.route) + `,"rawPath":"/things","rawQueryString":"","headers":{`)
	for name, value := range r.headers {
		b.WriteString(quote(name) + ":" + quote(value) + ",")
	}
	b.WriteString(`"host":"api.example.com"},"requestContext":{"accountId":"123456789012","requestId":"request-1"`)
	if r.claims != "" {
		b.WriteString(`,"authorizer":{"jwt":{"claims":` + r.claims + `,"scopes":null}}`)
	}
	b.WriteString(`,"stage":"$default"},"body":` + quote(r.body))
	b.WriteString(`,"isBase64Encoded":` + strconv.FormatBool(r.base64) + `}`)
	return b.Bytes()
}

// quote writes a JSON string and leaves invalid UTF-8 as it is, unlike every
// JSON package.
func quote(s string) string {
	b := []byte{'"'}
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < ' ':
			const hex = "0123456789abcdef"
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			b = append(b, c)
		}
	}
	return string(append(b, '"'))
}

// answer is what API Gateway reads of a function's answer.
type answer struct {
	StatusCode int               `json:"statusCode"`
	Headers    map[string]string `json:"headers"`
	Body       string            `json:"body"`
}

// problem is a problem document as a client reads it.
type problem struct {
	Type      string   `json:"type"`
	Title     string   `json:"title"`
	Status    int      `json:"status"`
	Detail    string   `json:"detail"`
	Code      api.Code `json:"code"`
	RequestID string   `json:"requestId"`
}

// handler returns a handler of the one route, and its log.
func handler(endpoint api.Endpoint) (*api.Handler, *bytes.Buffer) {
	log := new(bytes.Buffer)
	return api.NewHandler(slog.New(slog.NewJSONHandler(log, nil)), map[string]api.Endpoint{route: endpoint}), log
}

// failing is an endpoint that returns err.
func failing(err error) api.Endpoint {
	return api.JSON(http.StatusOK, func(context.Context, api.Request, thing) (echo, error) { return echo{}, err })
}

// invoke sends r to a fresh handler that echoes, and returns the answer and the log.
func invoke(t *testing.T, r request) (answer, string) {
	t.Helper()
	h, log := handler(api.JSON(http.StatusCreated, answerEcho))
	return send(t, h, r), log.String()
}

func send(t *testing.T, h *api.Handler, r request) answer {
	t.Helper()
	payload := r.payload()
	out, err := h.Invoke(t.Context(), payload)
	if err != nil {
		t.Fatalf("Invoke(%q) = %v, want no error", payload, err)
	}
	var a answer
	decode(t, string(out), &a)
	if got := a.Headers["cache-control"]; got != "no-store" {
		t.Errorf("Invoke(%q) has cache-control %q, want no-store", payload, got)
	}
	return a
}

// decode reads one strict JSON value.
func decode(t *testing.T, text string, v any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil || d.More() {
		t.Fatalf("decoding %q: %v, want one value", text, err)
	}
}

// problemOf reads the problem document of a refusal.
func problemOf(t *testing.T, a answer) problem {
	t.Helper()
	if got := a.Headers["content-type"]; got != "application/problem+json" {
		t.Fatalf("the answer %+v has content-type %q, want application/problem+json", a, got)
	}
	var p problem
	decode(t, a.Body, &p)
	if p.Status != a.StatusCode || p.Title != http.StatusText(p.Status) || p.Type != "about:blank" || p.Detail == "" {
		t.Errorf("the problem document %+v does not fit status %d", p, a.StatusCode)
	}
	return p
}

// golden compares got with a file under testdata, or writes it.
func golden(t *testing.T, name string, got any) {
	t.Helper()
	text, err := json.MarshalIndent(got, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, '\n')
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(text)); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", path, diff)
	}
}
