package stack_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
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
			want := `"statusCode":20`
			switch {
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
	for _, f := range s.Template.Functions {
		if invoked[f.LogicalID] == 0 {
			t.Errorf("events/ has no sample for %s", f.LogicalID)
		}
	}
}

// invoke calls a function as its operator may ("Invoke", AWS Lambda API
// Reference).
func invoke(t *testing.T, s *stack.Stack, logicalID string, event []byte) (answer, functionError string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost,
		s.Endpoints.Lambda+"/2015-03-31/functions/"+logicalID+"/invocations", bytes.NewReader(event))
	if err != nil {
		t.Fatal(err)
	}
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
	if err != nil || res.StatusCode != http.StatusOK || !json.Valid(body) {
		t.Fatalf("Invoke %s = %d %s, %v", logicalID, res.StatusCode, body, err)
	}
	return string(body), res.Header.Get("X-Amz-Function-Error")
}
