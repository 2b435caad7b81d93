package cloudformation

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"

	"airlock/local/template"
)

// stand is a service and a function that answers as the test says.
type stand struct {
	*Service
	log    bytes.Buffer
	asked  []request
	answer func(request) string // what it puts; "": nothing
	fails  error                // what its invocation ends with
}

func newStand(t *testing.T) *stand {
	t.Helper()
	db, err := bbolt.Open(filepath.Join(t.TempDir(), "db"), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	s := &stand{answer: success(`{"Group":"g"}`)}
	s.Service, err = New(Config{DB: db, URL: "http://cloudformation.test", Invoke: s.function, Log: slog.New(slog.NewTextHandler(&s.log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *stand) function(_ context.Context, logicalID string, payload []byte) error {
	var r request
	if err := json.Unmarshal(payload, &r); err != nil || logicalID != "RotateFunction" {
		return errors.New("asked something else: " + logicalID)
	}
	s.asked = append(s.asked, r)
	if body := s.answer(r); body != "" {
		if status, text := s.put(http.MethodPut, strings.TrimPrefix(r.ResponseURL, s.URL), body); status != http.StatusOK {
			return errors.New("refused: " + text)
		}
	}
	return s.fails
}

func (s *stand) put(method, path, body string) (status int, text string) {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequestWithContext(context.Background(), method, path, strings.NewReader(body)))
	return w.Code, strings.TrimSpace(w.Body.String())
}

// success answers a request with that data.
func success(data string) func(request) string {
	return func(r request) string {
		return `{"Status":"SUCCESS","PhysicalResourceId":"id-1","StackId":"` + r.StackID + `","RequestId":"` + r.RequestID +
			`","LogicalResourceId":"` + r.LogicalResourceID + `","Data":` + data + `}`
	}
}

func stackWith(algorithm string) *template.Stack {
	return &template.Stack{ID: "arn:aws:cloudformation:eu-central-1:123456789012:stack/s/1", CustomResources: []template.CustomResource{{
		LogicalID: "Made", Type: "Custom::KeyGroup", FunctionLogicalID: "RotateFunction",
		Properties: map[string]any{"ServiceToken": "arn", "Algorithm": algorithm, "List": []any{"1"}},
	}}}
}

// TestMake: a resource is created once, left alone, and updated when it is
// another; and what came of it is known to the next process.
func TestMake(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	want := map[string]template.Answer{"Made": {PhysicalID: "id-1", Data: map[string]string{"Group": "g"}}}
	for _, step := range []struct{ algorithm, request, id string }{
		{"RSA", "Create", ""}, {"RSA", "", ""}, {"ECDSA", "Update", "id-1"}, {"ECDSA", "", ""},
	} {
		s.asked = nil
		again, err := New(s.Config) // as another process would
		if err != nil {
			t.Fatal(err)
		}
		again.Invoke, s.Service = s.function, again
		got, err := s.Make(t.Context(), stackWith(step.algorithm))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%+v: answers (-want +got):\n%s", step, diff)
		}
		if step.request == "" {
			if len(s.asked) != 0 {
				t.Errorf("%+v: asked %+v, want nothing", step, s.asked)
			}
			continue
		}
		r := s.asked[0]
		if r.RequestType != step.request || r.PhysicalResourceID != step.id || r.ResourceProperties["Algorithm"] != step.algorithm ||
			r.ServiceToken != "arn" || r.ResourceType != "Custom::KeyGroup" || (r.OldResourceProperties["Algorithm"] == "RSA") != (step.request == "Update") {
			t.Errorf("%+v: asked %+v", step, r)
		}
	}
}

// TestMakeFails: what CloudFormation would not go on with is an error with the
// function's reason, and is asked for again.
func TestMakeFails(t *testing.T) {
	t.Parallel()
	good := success("{}")
	change := func(old, new string) func(request) string {
		return func(r request) string { return strings.Replace(good(r), old, new, 1) }
	}
	for _, test := range []struct {
		name   string
		answer func(request) string
		want   string
	}{
		{"no answer", func(request) string { return "" }, "RotateFunction ended without an answer"},
		{"failure", change(`"SUCCESS"`, `"FAILED","Reason":"no room"`), "Create failed: no room"},
		{"no id", change("id-1", ""), "no good PhysicalResourceId"},
		{"another stack", change("stack/s", "stack/t"), "to another request"},
		{"another resource", change(`"Made"`, `"Other"`), "to another request"},
		{"no JSON", func(request) string { return "yes" }, "no JSON object"},
		{"unknown member", change(`"Data"`, `"Date"`), "no JSON object"},
		{"failure without a reason", change("SUCCESS", "FAILED"), "FAILED needs a Reason"},
		{"another status", change("SUCCESS", "OK"), "neither SUCCESS nor FAILED"},
		{"too long", change(`{}`, `{"a":"`+strings.Repeat("x", maxAnswerBytes)+`"}`), "at most 4096 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newStand(t)
			s.answer, s.fails = test.answer, errors.New("crashed")
			if _, err := s.Make(t.Context(), stackWith("RSA")); err == nil || !strings.HasPrefix(err.Error(), "making the custom resource Made: ") || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Make = %v, want %q", err, test.want)
			}
			s.answer, s.fails = good, nil
			if got, err := s.Make(t.Context(), stackWith("RSA")); err != nil || got["Made"].PhysicalID != "id-1" || s.asked[1].RequestType != "Create" {
				t.Errorf("Make again = %v, %v, asked %+v; want a creation", got, err, s.asked)
			}
		})
	}
}

// TestReplaced: an update that makes another resource is not for here.
func TestReplaced(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	if _, err := s.Make(t.Context(), stackWith("RSA")); err != nil {
		t.Fatal(err)
	}
	s.answer = func(r request) string { return strings.Replace(success("{}")(r), "id-1", "id-2", 1) }
	if _, err := s.Make(t.Context(), stackWith("ECDSA")); err == nil || !strings.Contains(err.Error(), "replaced the resource") {
		t.Errorf("Make = %v, want the replacement refused", err)
	}
}

// TestAnswers: an answer nobody waits for is logged; what is none is refused.
func TestAnswers(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	for _, test := range []struct {
		method, path, body string
		want               int
	}{
		{http.MethodPut, "/answers/sample", success("{}")(request{LogicalResourceID: "Nobodys"}), 200},
		{http.MethodPut, "/answers/sample", "", 400},
		{http.MethodPut, "/answers/sample", success("{}")(request{}) + "{}", 400},
		{http.MethodPut, "/answers/sample", success("{}")(request{}) + "}", 400},
		{http.MethodPost, "/answers/sample", success("{}")(request{}), 405},
		{http.MethodPut, "/answers/", success("{}")(request{}), 404},
		{http.MethodPut, "/", success("{}")(request{}), 404},
	} {
		if got, text := s.put(test.method, test.path, test.body); got != test.want {
			t.Errorf("%s %s = %d %s, want %d", test.method, test.path, got, text, test.want)
		}
	}
	if log, err := io.ReadAll(&s.log); err != nil || strings.Count(string(log), "nobody waits for") != 1 || !strings.Contains(string(log), "resource=Nobodys") {
		t.Errorf("log = %s, %v, want the one answer", log, err)
	}
}

// FuzzReadAnswer: whatever is put, a good answer is one JSON value that says all it must.
func FuzzReadAnswer(f *testing.F) {
	f.Add(success(`{"Group":"g"}`)(request{RequestID: "r"}))
	f.Add(`{"Status":"FAILED","Reason":""}`)
	f.Fuzz(func(t *testing.T, body string) {
		a, err := readAnswer(strings.NewReader(body))
		if err == nil && (!json.Valid([]byte(body)) || a.Status != "SUCCESS" && (a.Status != "FAILED" || a.Reason == "")) {
			t.Errorf("readAnswer(%q) = %+v", body, a)
		}
	})
}
