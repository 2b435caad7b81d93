package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/go-cmp/cmp"

	"airlock/local/iam"
	"airlock/local/lambda"
	"airlock/local/template"
)

// rotationStack is what a template makes of the rotate function: the secret,
// which is empty at first, and the function with its environment; and
// CloudFormation, which waits for answers.
type rotationStack struct {
	motoAccount
	prefix, secretARN, functionARN string
	function                       *lambda.Service
	cloudFormation                 *httptest.Server

	mu      sync.Mutex
	answers []resourceAnswer
	log     []string
	private []string // what must be in no log and no answer
}

const signedAddress = "X-Amz-Signature=9f2c61a07be94d55"

// startRotation makes a stack whose rotations make P-256 keys.
func startRotation(t *testing.T, account motoAccount, bootstrap, prefix string) *rotationStack {
	t.Helper()
	s := &rotationStack{
		motoAccount: account, prefix: prefix, private: []string{signedAddress},
		functionARN: "arn:aws:lambda:eu-central-1:123456789012:function:" + prefix + "-RotateFunction",
	}
	secret, err := s.secrets.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: &prefix})
	if err != nil {
		t.Fatal(err)
	}
	s.secretARN = *secret.ARN
	s.cloudFormation = httptest.NewServer(http.HandlerFunc(s.answer))
	t.Cleanup(s.cloudFormation.Close)
	s.function, err = lambda.New(lambda.Config{
		IAM: iam.NewDirectory(), Region: "eu-central-1", AccountID: "123456789012",
		Credentials: func(string) iam.Credentials {
			return iam.Credentials{AccessKeyID: "ASIAEXAMPLE", SecretAccessKey: "example", SessionToken: "token", Expires: time.Now().Add(12 * time.Hour)}
		},
		Functions: []lambda.Function{{
			Function: template.Function{
				LogicalID: "RotateFunction", Name: prefix + "-RotateFunction", ARN: s.functionARN, Timeout: 5 * time.Minute, MemoryMB: 128,
				Environment: map[string]string{
					"SIGNING_KEY_SECRET": s.secretARN, "KEY_NAME_PREFIX": prefix, "KEY_ALGORITHM": "ECDSA_P256",
					"SIGNED_URL_MAX_TTL": "24h", "SIGNING_KEY_CACHE_TTL": "5m",
					"AWS_ENDPOINT_URL_SECRETS_MANAGER": account.endpoint, "AWS_ENDPOINT_URL_CLOUDFRONT": account.endpoint,
				},
			},
			Bootstrap: bootstrap,
		}},
		Log: func(_ string, line []byte) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.log = append(s.log, string(line))
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.stop(t) })
	return s
}

func (s *rotationStack) stop(t *testing.T) {
	t.Helper()
	if err := s.function.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

// buildRotate makes the function's bootstrap as SAM does, for this machine.
func buildRotate(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "RotateFunction")
	cmd := exec.CommandContext(t.Context(), "make", "-s", "-C", filepath.Join(here, "..", ".."), "build-RotateFunction", "ARTIFACTS_DIR="+dir)
	cmd.Env = append(os.Environ(), "GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH, "CGO_ENABLED=0", "MAKEFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make build-RotateFunction: %v\n%s", err, out)
	}
	return filepath.Join(dir, "bootstrap")
}

// resourceAnswer is what CloudFormation was told ("Custom resource response
// objects", AWS CloudFormation User Guide).
type resourceAnswer struct {
	Status, Reason, PhysicalResourceId, StackId, RequestId, LogicalResourceId string
	Data                                                                      map[string]string
}

// answer is CloudFormation: a presigned PUT, signed for no type.
func (s *rotationStack) answer(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var a resourceAnswer
	if err == nil {
		err = json.Unmarshal(body, &a)
	}
	if r.Method != http.MethodPut || r.URL.RawQuery != signedAddress || r.Header.Get("Content-Type") != "" {
		err = errors.New("not as signed")
	}
	if err != nil || len(body) > 4096 {
		http.Error(w, "SignatureDoesNotMatch", http.StatusForbidden)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers = append(s.answers, a)
}

// invoke sends an event and returns what the function refused it with, or "".
func (s *rotationStack) invoke(t *testing.T, event map[string]any) (refusal string) {
	t.Helper()
	payload, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // bounds a failure only
	defer cancel()
	result, err := s.function.Invoke(ctx, "RotateFunction", payload)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.leaks(string(result.Payload))) > 0 {
		t.Fatalf("Invoke(%s) was answered with part of a private key, or CloudFormation's address", kind(event))
	}
	if result.FunctionError == "" && string(result.Payload) == "{}" {
		return ""
	}
	var failure struct{ ErrorType, ErrorMessage string }
	if err := json.Unmarshal(result.Payload, &failure); err != nil || failure.ErrorMessage == "" {
		t.Fatalf("Invoke(%s) = %s, %v", kind(event), result.Payload, err)
	}
	return failure.ErrorType + ": " + failure.ErrorMessage
}

func (s *rotationStack) logged() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.log)
}

// kind is what an event is called, which holds no secret.
func kind(event map[string]any) string {
	for _, member := range []string{"RequestType", "Step", "action"} {
		if name, ok := event[member].(string); ok {
			return name
		}
	}
	return "?"
}

// resource is CloudFormation's event, with properties beside or in place of the
// right ones ("Custom resource request objects"). id is the resource's, or "".
func (s *rotationStack) resource(request, requestID, id string, properties map[string]any) map[string]any {
	all := map[string]any{
		"ServiceToken": s.functionARN, "ServiceTimeout": "300", "SecretId": s.secretARN, "KeyNamePrefix": s.prefix,
	}
	for name, value := range properties {
		all[name] = value
	}
	event := map[string]any{
		"RequestType": request, "RequestId": requestID, "ResponseURL": s.cloudFormation.URL + "/answer?" + signedAddress,
		"StackId":      "arn:aws:cloudformation:eu-central-1:123456789012:stack/" + s.prefix + "/51af3dc0-da77-11e4-872e-1234567db123",
		"ResourceType": "Custom::KeyGroup", "LogicalResourceId": "KeyGroup", "ServiceToken": s.functionARN, "ResourceProperties": all,
	}
	if id != "" {
		event["PhysicalResourceId"] = id
	}
	return event
}

// tell sends CloudFormation's event and returns the one answer it gets, which
// must say what it is an answer to.
func (s *rotationStack) tell(t *testing.T, event map[string]any) resourceAnswer {
	t.Helper()
	refusal := s.invoke(t, event)
	s.mu.Lock()
	answers := s.answers
	s.answers = nil
	s.mu.Unlock()
	if len(answers) != 1 || refusal != "" {
		t.Fatalf("Invoke(%s) = %q and %d answers, want one and no error", kind(event), refusal, len(answers))
	}
	a := answers[0]
	if len(s.leaks(a.Reason)) > 0 {
		t.Fatalf("CloudFormation was told part of a private key, or its own address, for %s", kind(event))
	}
	if a.StackId != event["StackId"] || a.RequestId != event["RequestId"] || a.LogicalResourceId != event["LogicalResourceId"] {
		t.Errorf("Invoke(%s) was answered for %s %s %s", kind(event), a.StackId, a.RequestId, a.LogicalResourceId)
	}
	return a
}

// step sends one step of the rotation as Secrets Manager does.
func (s *rotationStack) step(t *testing.T, step string) (refusal string) {
	t.Helper()
	return s.invoke(t, map[string]any{"SecretId": s.secretARN, "ClientRequestToken": newVersion, "Step": step})
}

// unchanged runs what must leave everything as it was.
func (s *rotationStack) unchanged(t *testing.T, what string, run func()) {
	t.Helper()
	before := s.state(t)
	run()
	if diff := cmp.Diff(before, s.state(t)); diff != "" {
		t.Errorf("%s changed something (-before +after):\n%s", what, diff)
	}
}

// leaks are the lines that hold what they must not: nothing of a private key,
// nor the address that CloudFormation has signed.
func (s *rotationStack) leaks(text ...string) (found []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, line := range text {
		for _, secret := range append(s.private, "PRIVATE KEY") {
			if strings.Contains(line, secret) {
				found = append(found, line)
				break
			}
		}
	}
	return found
}

// keep makes a private key one of those that must not be seen.
func (s *rotationStack) keep(pem string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for line := range strings.Lines(pem) {
		if line = strings.TrimSpace(line); len(line) > 32 && !strings.HasPrefix(line, "-----") {
			s.private = append(s.private, line)
		}
	}
}
