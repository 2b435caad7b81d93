package stack_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"airlock/local/stack"
)

// testSamples sends every sample of events/ to the function that its name begins
// with, through Lambda's Invoke API: what `sam local invoke` does in a container.
// A function without a sample fails, and so does an answer that says no.
func testSamples(t *testing.T, s *stack.Stack) {
	samples, err := filepath.Glob(filepath.Join(project, "events", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	// The steps repeat those of a rotation that is over.
	keysOf(s).age(t, true, false)
	keysOf(s).rotate(t, "a6d0d2f4-5b1e-4c39-9e57-0123456789ab")
	answers := make(chan string, len(samples))
	url := answersTo(t, answers)
	invoked := map[string]int{}
	for _, sample := range samples {
		name := filepath.Base(sample)
		for _, f := range s.Template.Functions {
			function := strings.ToLower(strings.TrimSuffix(f.LogicalID, "Function"))
			if !strings.HasPrefix(name, function+"-") {
				continue
			}
			invoked[f.LogicalID]++
			event, err := os.ReadFile(sample)
			if err != nil {
				t.Fatal(err)
			}
			event = bytes.Replace(event, []byte("http://127.0.0.1:4608/answers/sample"), []byte(url), 1)
			want := `"statusCode":20`
			switch {
			case function == "rotate":
				want = `{}`
			case strings.Contains(name, "no-token"):
				want = `"statusCode":401`
			case function == "record":
				want = `{"batchItemFailures":[]}`
			}
			answer, functionError := invoke(t, s, f.LogicalID, event)
			if functionError != "" || !strings.Contains(answer, want) {
				t.Errorf("%s with %s = %s, error %q, want %s in it", f.LogicalID, name, answer, functionError, want)
			}
		}
	}
	close(answers)
	for answer := range answers {
		invoked["answers"]++
		if !strings.Contains(answer, `"Status":"SUCCESS"`) {
			t.Errorf("a sample of CloudFormation's was answered %s, want SUCCESS", answer)
		}
	}
	if invoked["answers"] != 3 {
		t.Errorf("CloudFormation got %d answers to its samples, want 3", invoked["answers"])
	}
	for _, f := range s.Template.Functions {
		if invoked[f.LogicalID] == 0 {
			t.Errorf("events/ has no sample for %s", f.LogicalID)
		}
	}
}

// answersTo gives the address of a CloudFormation whose answers go to a channel.
func answersTo(t *testing.T, answers chan<- string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if r.Method == http.MethodPut && err == nil {
			answers <- string(body)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// invoke calls a function as its operator may ("Invoke", AWS Lambda API
// Reference).
func invoke(t *testing.T, s *stack.Stack, logicalID string, event []byte) (answer, functionError string) {
	t.Helper()
	a := invokeAs(t, s, logicalID, "RequestResponse", event)
	if a.status != http.StatusOK || !json.Valid(a.body) {
		t.Fatalf("Invoke %s = %v", logicalID, a)
	}
	return string(a.body), a.header.Get("X-Amz-Function-Error")
}

// invokeAsync does not wait for the function.
func invokeAsync(t *testing.T, s *stack.Stack, logicalID string, event []byte) {
	t.Helper()
	if a := invokeAs(t, s, logicalID, "Event", event); a.status != http.StatusAccepted {
		t.Fatalf("Invoke %s = %v", logicalID, a)
	}
}

func invokeAs(t *testing.T, s *stack.Stack, logicalID, kind string, event []byte) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost,
		s.Endpoints.Lambda+"/2015-03-31/functions/"+logicalID+"/invocations", bytes.NewReader(event))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Amz-Invocation-Type", kind)
	config := s.AWS(s.Endpoints.Lambda)
	credentials, err := config.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(event)
	if err := v4.NewSigner().SignHTTP(t.Context(), credentials, r, hex.EncodeToString(sum[:]), "lambda", config.Region, time.Now()); err != nil {
		t.Fatal(err)
	}
	res, err := direct.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, body}
}
