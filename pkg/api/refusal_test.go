package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"airlock/pkg/api"
)

// codes reads every constant of type Code from the source, so that none can be
// added without a status.
func codes(t *testing.T) []api.Code {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "errors.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var all []api.Code
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if name, ok := spec.Type.(*ast.Ident); !ok || name.Name != "Code" {
			return false
		}
		for _, value := range spec.Values {
			text, err := strconv.Unquote(value.(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, api.Code(text))
		}
		return false
	})
	return all
}

func TestEveryCodeHasAStatus(t *testing.T) {
	t.Parallel()
	want := map[api.Code]int{
		api.UnsupportedContentType: http.StatusUnsupportedMediaType,
		api.ContentTooLarge:        http.StatusRequestEntityTooLarge,
		api.Unauthenticated:        http.StatusUnauthorized,
		api.NotFound:               http.StatusNotFound,
		api.Unavailable:            http.StatusServiceUnavailable,
		api.Internal:               http.StatusInternalServerError,
	}
	all := codes(t)
	if len(all) < len(want) {
		t.Fatalf("errors.go has %d codes, want at least %d", len(all), len(want))
	}
	for _, code := range all {
		t.Run(string(code), func(t *testing.T) {
			t.Parallel()
			status, ok := want[code]
			if !ok {
				status = http.StatusBadRequest // all others say what is wrong with the request
			}
			h, _ := handler(failing(api.Refuse(code, "at most %d", 7)))
			p := problemOf(t, send(t, h, request{claims: claims, body: `{}`}))
			if p.Status != status || p.Code != code || p.Detail != "at most 7" {
				t.Errorf("Invoke refused with %s = %+v, want status %d and its detail", code, p, status)
			}
		})
	}
}

func TestProblemDocument(t *testing.T) {
	t.Parallel()
	h, _ := handler(failing(api.Down(errors.New("connection refused"), 2*time.Second)))
	a := send(t, h, request{claims: claims, body: `{}`})
	golden(t, "problem.json", struct {
		StatusCode int               `json:"statusCode"`
		Headers    map[string]string `json:"headers"`
		Body       json.RawMessage   `json:"body"`
	}{a.StatusCode, a.Headers, json.RawMessage(a.Body)})
}

// logged reads the log, which must be of one line.
func logged(t *testing.T, log string) map[string]any {
	t.Helper()
	if strings.Count(log, "\n") != 1 {
		t.Fatalf("the log is %q, want one line", log)
	}
	var line map[string]any
	decode(t, log, &line)
	delete(line, "time")
	return line
}

// counted takes the metric of one line out of it, and returns what it is counted
// by beside the function; "none" if the line counts nothing.
func counted(line map[string]any, name string) (by string) {
	if line[name] != 1.0 {
		return "none"
	}
	directive, _ := line["_aws"].(map[string]any)
	metrics, _ := directive["CloudWatchMetrics"].([]any)
	for _, key := range []string{"_aws", "FunctionName", name} {
		delete(line, key)
	}
	if len(metrics) != 1 {
		return "none"
	}
	dimensions, _ := metrics[0].(map[string]any)["Dimensions"].([]any)
	last, _ := dimensions[len(dimensions)-1].([]any)
	by, _ = last[len(last)-1].(string)
	return by
}

func TestLogsARefusalOnce(t *testing.T) {
	t.Parallel()
	cause := errors.New("dial tcp 10.0.0.7:443: connection refused")
	tests := []struct {
		name   string
		err    error
		status int
		line   string // of the log, without its time
	}{
		{
			"a client's fault", api.ErrNotFound, http.StatusNotFound,
			`{"level":"INFO","msg":"refused","route":"POST /things","requestId":"request-1","status":404,"code":"not_found"}`,
		},
		{
			"a wrapped refusal", fmt.Errorf("signing: %w", api.Refuse(api.InvalidExpiry, "too late")), http.StatusBadRequest,
			`{"level":"INFO","msg":"refused","route":"POST /things","requestId":"request-1","status":400,"code":"invalid_expiry"}`,
		},
		{
			"an unknown cause", cause, http.StatusInternalServerError,
			`{"level":"ERROR","msg":"refused","route":"POST /things","requestId":"request-1","status":500,"code":"internal",
				"cause":"dial tcp 10.0.0.7:443: connection refused"}`,
		},
		{
			"a dependency that is down", api.Down(cause, time.Second), http.StatusServiceUnavailable,
			`{"level":"ERROR","msg":"refused","route":"POST /things","requestId":"request-1","status":503,"code":"unavailable",
				"cause":"dial tcp 10.0.0.7:443: connection refused"}`,
		},
		{
			"a code nobody listed", api.Refuse("no_such_code", "rule"), http.StatusInternalServerError,
			`{"level":"ERROR","msg":"refused","route":"POST /things","requestId":"request-1","status":500,"code":"internal",
				"cause":"no status for the code of: no_such_code: rule"}`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h, log := handler(failing(tt.err))
			a := send(t, h, request{claims: claims, body: `{}`})
			if p := problemOf(t, a); p.Status != tt.status {
				t.Errorf("Invoke failing with %v = %+v, want status %d", tt.err, p, tt.status)
			}
			if strings.Contains(a.Body, "10.0.0.7") || strings.Contains(a.Body, "no_such_code") {
				t.Errorf("Invoke failing with %v = %s, want nothing of the cause", tt.err, a.Body)
			}
			want := logged(t, strings.ReplaceAll(tt.line, "\n", "")+"\n")
			got := logged(t, log.String())
			if by := counted(got, "Refusals"); by != "code" {
				t.Errorf("Invoke failing with %v counted refusals by %q, want by code", tt.err, by)
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("Invoke failing with %v logged %v, want %v", tt.err, got, want)
			}
		})
	}
}

func TestAnswerThatCannotBeEncoded(t *testing.T) {
	t.Parallel()
	h, log := handler(api.JSON(http.StatusOK, func(context.Context, api.Request, thing) (string, error) {
		return "not UTF-8: \xff", nil
	}))
	p := problemOf(t, send(t, h, request{claims: claims, body: `{}`}))
	if p.Status != http.StatusInternalServerError || p.Code != api.Internal {
		t.Errorf("Invoke with an answer that is not UTF-8 = %+v, want 500 internal", p)
	}
	if line := logged(t, log.String()); line["level"] != "ERROR" {
		t.Errorf("Invoke with an answer that is not UTF-8 logged %v, want an error", line)
	}
}

func TestRetryAfterIsRoundedUp(t *testing.T) {
	t.Parallel()
	tests := []struct {
		after time.Duration
		want  string
	}{
		{0, ""},
		{time.Nanosecond, "1"},
		{time.Second, "1"},
		{time.Second + time.Millisecond, "2"},
		{90 * time.Second, "90"},
	}
	for _, tt := range tests {
		t.Run(tt.after.String(), func(t *testing.T) {
			t.Parallel()
			h, _ := handler(failing(api.Down(errors.New("down"), tt.after)))
			a := send(t, h, request{claims: claims, body: `{}`})
			if got := a.Headers["retry-after"]; a.StatusCode != http.StatusServiceUnavailable || got != tt.want {
				t.Errorf("Invoke refused for %v = %+v, want 503 with retry-after %q", tt.after, a, tt.want)
			}
		})
	}
}

func TestRequestID(t *testing.T) {
	t.Parallel()
	ofLambda := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: "lambda-1"})
	withID := request{body: `{}`}.payload()
	withoutID := bytes.Replace(withID, []byte(`"requestId":"request-1",`), nil, 1)
	tests := []struct {
		name    string
		ctx     context.Context
		payload []byte
		want    string
	}{
		{"of API Gateway", ofLambda, withID, "request-1"},
		{"of Lambda", ofLambda, withoutID, "lambda-1"},
		{"of neither", t.Context(), withoutID, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h, log := handler(failing(api.ErrNotFound))
			out, err := h.Invoke(tt.ctx, tt.payload)
			if err != nil {
				t.Fatal(err)
			}
			var a answer
			decode(t, string(out), &a)
			if p := problemOf(t, a); p.RequestID != tt.want || logged(t, log.String())["requestId"] != tt.want {
				t.Errorf("Invoke(%s) = request id %q, logged %s, want %q in both", tt.payload, p.RequestID, log, tt.want)
			}
		})
	}
}

// Only a mistake in how the function is wired can bring another event.
func TestInvokeWithAnotherEvent(t *testing.T) {
	t.Parallel()
	for _, payload := range []string{"", "{", `[]`, `"secret"`, `{"routeKey":7}`, `{"headers":{"secret":7}}`, `{"isBase64Encoded":"secret"}`, `{}{}`, "secret"} {
		t.Run(payload, func(t *testing.T) {
			t.Parallel()
			h, log := handler(failing(api.ErrNotFound))
			out, err := h.Invoke(t.Context(), []byte(payload))
			if err == nil || out != nil || strings.Contains(err.Error(), "secret") {
				t.Errorf("Invoke(%q) = %s, %v, want an error without the payload", payload, out, err)
			}
			if log.Len() > 0 {
				t.Errorf("Invoke(%q) logged %s; Lambda logs its error", payload, log)
			}
		})
	}
}

func TestErrorText(t *testing.T) {
	t.Parallel()
	cause := errors.New("connection refused")
	down := api.Down(cause, time.Second)
	if got, want := down.Error(), "unavailable: connection refused"; got != want {
		t.Errorf("Down(%v).Error() = %q, want %q", cause, got, want)
	}
	if !errors.Is(down, cause) {
		t.Errorf("Down(%v) does not wrap its cause", cause)
	}
	if got, want := api.Refuse(api.InvalidName, "at most %d", 7).Error(), "invalid_name: at most 7"; got != want {
		t.Errorf("Refuse(…).Error() = %q, want %q", got, want)
	}
}

// granted is an answer that counts.
type granted struct{}

func (granted) Counts() (name string, n int) { return "Granted", 1 }

func TestCountsAnswers(t *testing.T) {
	t.Parallel()
	h, log := handler(api.JSON(http.StatusOK, func(context.Context, api.Request, thing) (granted, error) { return granted{}, nil }))
	send(t, h, request{claims: claims, body: `{}`})
	line := logged(t, log.String())
	by := counted(line, "Granted")
	want := logged(t, `{"level":"INFO","msg":"answered","route":"POST /things","requestId":"request-1","status":200}`+"\n")
	if by != "FunctionName" || fmt.Sprint(line) != fmt.Sprint(want) {
		t.Errorf("an answer that counts is logged as %v, by %q, want %v by FunctionName", line, by, want)
	}
}
