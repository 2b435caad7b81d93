package stack_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"airlock/local/iam"
	"airlock/local/stack"
)

// TestOptional starts the stack with all that its parameters can ask for.
func TestOptional(t *testing.T) {
	held, release := make(chan struct{}), make(chan struct{})
	var signers sync.Map // the access keys of sign's containers
	s := start(t, stack.Options{
		Parameters: map[string]string{
			"AlarmTopicArn": "arn:aws:sns:eu-central-1:123456789012:alarms",
			"LogBucket":     "logs.s3.amazonaws.com", "Tracing": "Active", "ReservedConcurrency": "1",
			"CdnDomain": "files.example.com", "CdnCertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/c",
			"ApiDomain": "api.example.com", "ApiCertificateArn": "arn:aws:acm:eu-central-1:123456789012:certificate/a",
			"WebAclArn": "arn:aws:wafv2:us-east-1:123456789012:global/webacl/acl/1",
		},
		Issued: func(holder string, c iam.Credentials) {
			if holder == "SignFunction" {
				signers.Store(c.AccessKeyID, true)
			}
		},
		// sign's first reading of its key takes until it is released.
		Intercept: func(service string, next http.Handler) http.Handler {
			var once sync.Once
			if service != "secretsmanager" {
				return next
			}
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, scope, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
				accessKeyID, _, _ := strings.Cut(scope, "/")
				if _, signs := signers.Load(accessKeyID); signs {
					once.Do(func() { close(held); <-release })
				}
				next.ServeHTTP(w, r)
			})
		},
	})
	user := alice(t, s)
	t.Run("reserved concurrency", func(t *testing.T) {
		first := make(chan error, 1)
		go func() {
			_, err := user.sign(t.Context(), "u/alice/x")
			first <- err
		}()
		select {
		case <-held:
		case err := <-first:
			t.Fatalf("signed without reading the key: %v", err)
		}
		// Where there is room for a second one it is the answer that is waited for.
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if _, err := s.Lambda.Invoke(ctx, "SignFunction", nil); err == nil || !strings.Contains(err.Error(), "waiting for a container") {
			t.Errorf("Invoke of a function at its limit of 1 = %v, want that it waits for a container", err)
		}
		close(release)
		if err := <-first; err != nil {
			t.Error(err)
		}
	})
	// What is signed for a domain of one's own must reach the edge here as well.
	t.Run("domain", func(t *testing.T) {
		g, err := user.store(t.Context(), upload{name: "hello.txt", contentType: "text/plain", body: []byte("Hello, world!")})
		if err != nil {
			t.Fatal(err)
		}
		urls, err := user.sign(t.Context(), g.ObjectKey)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(urls[0], s.Endpoints.CDN+"/") {
			t.Fatalf("signed URL for %q does not begin with %s: it leaves the stack", g.ObjectKey, s.Endpoints.CDN)
		}
		if a, err := get(t.Context(), urls[0], nil); err != nil || a.status != http.StatusOK || string(a.body) != "Hello, world!" {
			t.Errorf("GET of the signed URL = %v, %v, want the file", a, err)
		}
	})
}
