package lambda

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"airlock/local/iam"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/google/go-cmp/cmp"
)

// caller signs requests to the Invoke API with the SDK's signer.
type caller struct {
	t           *testing.T
	url         string
	credentials iam.Credentials
}

// startAPI serves F, whose concurrency is 1, and G; the operator calls.
func startAPI(t *testing.T) (*Service, caller) {
	t.Helper()
	config := testConfig(t.TempDir(), func(f *Function) {
		f.MaxConcurrency = 1
		f.Environment = map[string]string{"NAME": f.LogicalID}
	}, "F", "G")
	s := open(t, config)
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	c := caller{t, server.URL, iam.Credentials{AccessKeyID: "AKIAOPERATOR", SecretAccessKey: "secret"}}
	config.IAM.Add(&iam.Principal{Name: "operator", Operator: true}, c.credentials)
	return s, c
}

func (c caller) call(method, path string, body []byte, header ...string) (*http.Response, string) {
	c.t.Helper()
	request, err := http.NewRequestWithContext(c.t.Context(), method, c.url+path, bytes.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	if c.credentials.AccessKeyID != "" {
		sum := sha256.Sum256(body)
		credentials := aws.Credentials{AccessKeyID: c.credentials.AccessKeyID, SecretAccessKey: c.credentials.SecretAccessKey}
		if err := v4.NewSigner().SignHTTP(c.t.Context(), credentials, request, hex.EncodeToString(sum[:]), "lambda", "eu-west-1", time.Now()); err != nil {
			c.t.Fatal(err)
		}
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		c.t.Fatal(err)
	}
	text, err := io.ReadAll(response.Body)
	if err = errors.Join(err, response.Body.Close()); err != nil {
		c.t.Fatal(err)
	}
	return response, string(text)
}

const invokeF = "/2015-03-31/functions/F/invocations"

func TestInvokeAPI(t *testing.T) {
	t.Parallel()
	_, c := startAPI(t)
	for _, name := range []string{
		"F", "F:$LATEST", "stack-F-1A2B", "arn:aws:lambda:eu-west-1:111122223333:function:F",
		"arn%3Aaws%3Alambda%3Aeu-west-1%3A111122223333%3Afunction%3Astack-F-1A2B%3A%24LATEST", "111122223333:function:F", "F/invocations?Qualifier=$LATEST",
	} {
		path := "/2015-03-31/functions/" + strings.TrimSuffix(name, "/invocations") + "/invocations"
		if strings.Contains(name, "?") {
			path = "/2015-03-31/functions/" + name
		}
		response, body := c.call(http.MethodPost, path, marshal(order{Do: "raw", Text: "Ü"}))
		if response.StatusCode != http.StatusOK || body != "Ü" || response.Header.Get("X-Amz-Executed-Version") != "$LATEST" ||
			response.Header.Get("X-Amz-Function-Error") != "" || len(response.Header.Get("X-Amzn-Requestid")) != 36 {
			t.Errorf("invoking %s = %s %v %s", name, response.Status, response.Header, body)
		}
	}

	response, body := c.call(http.MethodPost, invokeF, marshal(order{Do: "error"}), "X-Amz-Invocation-Type", "RequestResponse")
	if response.StatusCode != http.StatusOK || body != `{"errorType":"T","errorMessage":"m"}` || response.Header.Get("X-Amz-Function-Error") != "Unhandled" {
		t.Errorf("a failing function = %s %v %s", response.Status, response.Header, body)
	}

	response, body = c.call(http.MethodPost, invokeF, marshal(order{Do: "header"}),
		"X-Amz-Client-Context", base64.StdEncoding.EncodeToString([]byte("{ \"a\":\n1}")))
	var a answer
	if err := json.Unmarshal([]byte(body), &a); err != nil || a.Header["Lambda-Runtime-Client-Context"] != `{"a":1}` ||
		a.Header["Lambda-Runtime-Aws-Request-Id"] != response.Header.Get("X-Amzn-Requestid") {
		t.Errorf("client context and request id: %s", body)
	}

	response, body = c.call(http.MethodPost, invokeF, nil, "X-Amz-Invocation-Type", "DryRun")
	if response.StatusCode != http.StatusNoContent || body != "" {
		t.Errorf("a dry run = %s %s", response.Status, body)
	}
	// Without a payload the function is given {}.
	if response, body = c.call(http.MethodPost, invokeF, nil); response.StatusCode != http.StatusOK || !strings.HasPrefix(body, `{"pid":`) {
		t.Errorf("no payload = %s %s", response.Status, body)
	}
}

func TestInvokeAPIRefuses(t *testing.T) {
	t.Parallel()
	s, c := startAPI(t)
	stranger := c
	stranger.credentials = iam.Credentials{AccessKeyID: "AKIASTRANGER", SecretAccessKey: "secret"}
	s.cfg.IAM.Add(&iam.Principal{Name: "G"}, stranger.credentials)
	anonymous := c
	anonymous.credentials = iam.Credentials{}
	for _, tt := range []struct {
		name   string
		c      caller
		path   string
		body   string
		header []string
		status int
		code   string
	}{
		{"unknown function", c, "/2015-03-31/functions/H/invocations", "{}", nil, 404, "ResourceNotFoundException"},
		{"unknown version", c, "/2015-03-31/functions/F:7/invocations", "{}", nil, 404, "ResourceNotFoundException"},
		{"another account", c, "/2015-03-31/functions/999922223333:function:F/invocations", "{}", nil, 404, "ResourceNotFoundException"},
		{"two versions", c, "/2015-03-31/functions/F:$LATEST/invocations?Qualifier=7", "{}", nil, 400, "InvalidParameterValueException"},
		{"not JSON", c, invokeF, "{", nil, 400, "InvalidRequestContentException"},
		{"invocation type", c, invokeF, "{}", []string{"X-Amz-Invocation-Type", "Later"}, 400, "InvalidParameterValueException"},
		{"log type", c, invokeF, "{}", []string{"X-Amz-Log-Type", "Head"}, 400, "InvalidParameterValueException"},
		{"client context", c, invokeF, "{}", []string{"X-Amz-Client-Context", "x"}, 400, "InvalidRequestContentException"},
		{"too large", c, invokeF, `"` + strings.Repeat("x", 6<<20) + `"`, nil, 413, "RequestTooLargeException"},
		{"too large an event", c, invokeF, `"` + strings.Repeat("x", 1<<20) + `"`, []string{"X-Amz-Invocation-Type", "Event"}, 413, "RequestTooLargeException"},
		{"not allowed", stranger, invokeF, "{}", nil, 403, "AccessDeniedException"},
		{"not signed", anonymous, invokeF, "{}", nil, 403, "MissingAuthenticationTokenException"},
		{"another operation", c, "/2015-03-31/functions/F/concurrency", "{}", nil, 404, "UnknownOperationException"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			response, body := tt.c.call(http.MethodPost, tt.path, []byte(tt.body), tt.header...)
			if code := response.Header.Get("X-Amzn-Errortype"); response.StatusCode != tt.status || code != tt.code || !json.Valid([]byte(body)) {
				t.Errorf("= %d %s %s, want %d %s", response.StatusCode, code, body, tt.status, tt.code)
			}
		})
	}
	if len(s.containers) != 0 {
		t.Error("a refused request started a function")
	}
}

func TestThrottled(t *testing.T) {
	t.Parallel()
	s, c := startAPI(t)
	gate, url := startGate(t)
	done := make(chan answer, 1)
	go func() { done <- invoke(t, s, order{Gate: url}) }()
	<-gate.arrived
	response, body := c.call(http.MethodPost, invokeF, nil)
	want := `{"Reason":"ReservedFunctionConcurrentInvocationLimitExceeded","Type":"User","message":"Rate Exceeded."}` + "\n"
	if response.StatusCode != http.StatusTooManyRequests || body != want {
		t.Errorf("invoking a busy function = %s %s, want 429 %s", response.Status, body, want)
	}
	// An event waits for its turn.
	events, eventURL := startGate(t)
	response, body = c.call(http.MethodPost, invokeF, marshal(order{Gate: eventURL}), "X-Amz-Invocation-Type", "Event")
	if response.StatusCode != http.StatusAccepted || body != "" {
		t.Errorf("an event for a busy function = %s %s, want 202", response.Status, body)
	}
	close(gate.open)
	<-done
	<-events.arrived
	close(events.open)
}

func TestRetry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var calls []time.Duration
		fail := func() bool { calls = append(calls, time.Since(start)); return false }
		if retry(t.Context(), retryDelays(), fail) {
			t.Error("retry succeeded")
		}
		if diff := cmp.Diff([]time.Duration{0, time.Minute, 3 * time.Minute}, calls); diff != "" {
			t.Errorf("tries (-want +got):\n%s", diff)
		}
		if !retry(t.Context(), retryDelays(), func() bool { return true }) {
			t.Error("retry of a success failed")
		}
	})
}

func FuzzParseName(f *testing.F) {
	for _, seed := range []string{"F", "F:1", "arn:aws:lambda:eu-west-1:111122223333:function:F:$LATEST", "111122223333:function:F", "arn:aws:lambda:::", ":", ""} {
		f.Add(seed, "")
		f.Add(seed, "1")
	}
	s := &Service{cfg: Config{Region: "eu-west-1", AccountID: "111122223333"}}
	f.Fuzz(func(t *testing.T, text, qualifier string) {
		name, own, err := s.parseName(text, qualifier)
		if err == nil && (name == "" || strings.Contains(name, ":") || !strings.Contains(text, name)) {
			t.Errorf("parseName(%q) = %q, %q", text, name, own)
		}
	})
}

func FuzzParseClientContext(f *testing.F) {
	f.Add("")
	f.Add("e30=")
	f.Add(base64.StdEncoding.EncodeToString([]byte("{\n\"a\": \"\\u2028\"}\r\n")))
	f.Fuzz(func(t *testing.T, header string) {
		line, err := parseClientContext(header)
		if err == nil && (strings.ContainsAny(line, "\r\n") || line != "" && !json.Valid([]byte(line))) {
			t.Errorf("parseClientContext(%q) = %q", header, line)
		}
	})
}

func TestList(t *testing.T) {
	t.Parallel()
	_, c := startAPI(t)
	var names []string
	marker := ""
	for {
		response, body := c.call(http.MethodGet, "/2015-03-31/functions/?MaxItems=1"+marker, nil)
		var page struct {
			Functions  []configuration
			NextMarker string
		}
		if err := json.Unmarshal([]byte(body), &page); err != nil || response.StatusCode != http.StatusOK {
			t.Fatalf("listing = %s %s", response.Status, body)
		}
		for _, f := range page.Functions {
			names = append(names, f.FunctionName+" "+f.Environment.Variables["NAME"])
		}
		if page.NextMarker == "" {
			break
		}
		marker = "&Marker=" + page.NextMarker
	}
	if diff := cmp.Diff([]string{"stack-F-1A2B F", "stack-G-1A2B G"}, names); diff != "" {
		t.Errorf("functions (-want +got):\n%s", diff)
	}
	for _, query := range []string{"Marker=x", "Marker=3", "MaxItems=0", "MasterRegion=us-east-1"} {
		if response, body := c.call(http.MethodGet, "/2015-03-31/functions?"+query, nil); response.StatusCode != http.StatusBadRequest {
			t.Errorf("listing with %s = %s %s, want 400", query, response.Status, body)
		}
	}
}

func TestLogTail(t *testing.T) {
	t.Parallel()
	_, c := startAPI(t)
	text := strings.Repeat("x", 5000) + "\nlast\n"
	for range 50 { // the answer and the log race each other
		response, _ := c.call(http.MethodPost, invokeF, marshal(order{Do: "print", Text: text}), "X-Amz-Log-Type", "Tail")
		tail, err := base64.StdEncoding.DecodeString(response.Header.Get("X-Amz-Log-Result"))
		id := response.Header.Get("X-Amzn-Requestid")
		if err != nil || len(tail) != 4096 || !strings.Contains(string(tail), "x\nlast\nEND RequestId: "+id+"\nREPORT RequestId: "+id+"\tDuration: ") {
			t.Fatalf("tail = %d bytes %q, %v", len(tail), tail, err)
		}
	}
	response, _ := c.call(http.MethodPost, invokeF, marshal(order{Do: "print", Text: "one\n"}), "X-Amz-Log-Type", "Tail")
	tail, _ := base64.StdEncoding.DecodeString(response.Header.Get("X-Amz-Log-Result"))
	if !strings.HasPrefix(string(tail), "START RequestId: "+response.Header.Get("X-Amzn-Requestid")+" Version: $LATEST\none\nEND ") {
		t.Errorf("tail = %q", tail)
	}
}

func TestLog(t *testing.T) {
	t.Parallel()
	config := testConfig(t.TempDir(), nil, "F")
	var log lines
	var long atomic.Int64
	config.Log = func(id string, line []byte) {
		if len(line) > 100 {
			long.Add(int64(len(line)))
			return
		}
		log.add(id, line)
	}
	s, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // closed below, unless the test fails before
	invoke(t, s, order{Do: "print", Text: "a\n\nb\xc3"})
	invoke(t, s, order{Do: "print", Text: "c\n" + strings.Repeat("y", 1<<20) + "\nno end"})
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"F: a", "F: ", "F: b\ufffdc", "F: no end"}, log.all()); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	if long.Load() != 1<<20 {
		t.Errorf("of a line of 1 MiB came %d bytes", long.Load())
	}
}
