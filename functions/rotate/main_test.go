package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"airlock/pkg/rotation"
)

// setenv gives the process what the template and Lambda give the function.
func setenv(t *testing.T, endpoint string) {
	t.Helper()
	for name, value := range map[string]string{
		"AWS_REGION": "eu-central-1", "AWS_DEFAULT_REGION": "", "AWS_CREDENTIAL_EXPIRATION": "",
		"AWS_ACCESS_KEY_ID": "ASIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "example", "AWS_SESSION_TOKEN": "token",
		"AWS_ENDPOINT_URL": "", "AWS_ENDPOINT_URL_CLOUDFRONT": endpoint, "AWS_ENDPOINT_URL_SECRETS_MANAGER": endpoint,
		"SIGNING_KEY_SECRET": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:airlock-SigningKeySecret-PcyGft",
		"KEY_NAME_PREFIX":    "airlock-eu-central-1", "KEY_ALGORITHM": "", "SIGNED_URL_MAX_TTL": "", "SIGNING_KEY_CACHE_TTL": "",
	} {
		t.Setenv(name, value)
	}
}

// fakeAWS is both services in an account that has nothing but an empty version
// of the secret, and refuses to be given anything; and it is CloudFormation.
type fakeAWS struct {
	mu    sync.Mutex
	calls []string
	told  []string
}

func (f *fakeAWS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if r.URL.Path == "/answers/sample" {
		var told struct{ Status, Reason string }
		if err := json.Unmarshal(body, &told); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		f.told = append(f.told, strings.TrimSpace(told.Status+" "+told.Reason))
		return
	}
	target := r.Header.Get("X-Amz-Target")
	if target == "" {
		target = r.Method + " " + r.URL.Path
	}
	f.calls = append(f.calls, target)
	switch target {
	case "secretsmanager.DescribeSecret":
		_, _ = io.WriteString(w, `{"VersionIdsToStages":{"a6d0d2f4-5b1e-4c39-9e57-0123456789ab":["AWSPENDING"]}}`)
	case "GET /2020-05-31/public-key":
		_, _ = io.WriteString(w, `<PublicKeyList/>`)
	case "GET /2020-05-31/key-group":
		_, _ = io.WriteString(w, `<KeyGroupList/>`)
	case "secretsmanager.GetSecretValue":
		http.Error(w, `{"__type":"ResourceNotFoundException"}`, http.StatusBadRequest)
	default:
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>`)
	}
}

// TestSamples: every sample of events/ is understood, and leads to the calls and
// the answer it should in a new account.
func TestSamples(t *testing.T) {
	const describe, read = "secretsmanager.DescribeSecret", "secretsmanager.GetSecretValue"
	const keys, groups = "GET /2020-05-31/public-key", "GET /2020-05-31/key-group"
	denied := "FAILED creating a public key: AccessDenied, status 403 (the function's time was up)"
	for _, tt := range []struct {
		sample  string
		calls   []string
		told    []string
		refusal string
	}{
		{"cloudformation-create", []string{describe, keys, groups, "POST /2020-05-31/public-key"}, []string{denied}, ""},
		{"cloudformation-update", []string{describe, keys, groups, "POST /2020-05-31/public-key"}, []string{denied}, ""},
		{"cloudformation-delete", []string{groups, keys}, []string{"SUCCESS"}, ""},
		{"create-secret", []string{describe, read}, nil, "there is no signing key yet: the custom resource makes the first one"},
		{"set-secret", []string{describe, read}, nil, "the pending version is empty: createSecret comes first"},
		{"test-secret", []string{describe, read}, nil, ""},
		{"finish-secret", []string{describe, read}, nil, "the pending version is empty: createSecret comes first"},
		{"retire", []string{describe}, nil, ""},
	} {
		t.Run(tt.sample, func(t *testing.T) {
			event, err := os.ReadFile(filepath.Join("..", "..", "events", "rotate-"+tt.sample+".json"))
			if err != nil {
				t.Fatal(err)
			}
			fake := &fakeAWS{}
			server := httptest.NewServer(fake)
			defer server.Close()
			setenv(t, server.URL)
			handler, err := build()
			if err != nil {
				t.Fatal(err)
			}
			event = []byte(strings.Replace(string(event), "http://127.0.0.1:4608", server.URL, 1))
			// A creation waits for permission as long as that lasts, but for the answer.
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			answer, err := raw(handler.HandleEvent).Invoke(ctx, event)
			refused, ok := errors.AsType[*rotation.RefusedError](err)
			if ok != (tt.refusal != "") || ok && refused.Error() != tt.refusal || !ok && (err != nil || string(answer) != "{}") {
				t.Errorf("Invoke(%s) = %s, %v, want {} or the refusal %q", tt.sample, answer, err, tt.refusal)
			}
			if diff := cmp.Diff(tt.calls, fake.calls); diff != "" {
				t.Errorf("Invoke(%s) called (-want +got):\n%s", tt.sample, diff)
			}
			if !slices.Equal(fake.told, tt.told) {
				t.Errorf("Invoke(%s) told CloudFormation %q, want %q", tt.sample, fake.told, tt.told)
			}
		})
	}
}

func TestBuildNamesEveryProblem(t *testing.T) {
	setenv(t, "")
	required := []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "SIGNING_KEY_SECRET", "KEY_NAME_PREFIX"}
	for _, name := range required {
		t.Setenv(name, "")
	}
	wrong := map[string]string{"KEY_ALGORITHM": "DSA", "SIGNED_URL_MAX_TTL": "1", "SIGNING_KEY_CACHE_TTL": "-1s"}
	for name, value := range wrong {
		t.Setenv(name, value)
	}
	_, err := build()
	if err == nil || strings.Contains(err.Error(), "\n") {
		t.Fatalf("build() without %q = %v, want one line", required, err)
	}
	for _, name := range required {
		if strings.Count(err.Error(), name+" is not set") != 1 {
			t.Errorf("build() = %q, want %s named once", err, name)
		}
	}
	for name := range wrong {
		if strings.Count(err.Error(), name+" must be") != 1 {
			t.Errorf("build() = %q, want %s named once", err, name)
		}
	}
}

func TestPrefix(t *testing.T) {
	for prefix, ok := range map[string]bool{
		"airlock": true, strings.Repeat("a", 64): true, strings.Repeat("a", 65): false, "a_b": false, "a b": false, "ä": false, "a\n": false,
	} {
		setenv(t, "")
		t.Setenv("KEY_NAME_PREFIX", prefix)
		if _, err := build(); (err == nil) != ok {
			t.Errorf("build() with KEY_NAME_PREFIX=%q = %v, want ok: %t", prefix, err, ok)
		}
	}
}
