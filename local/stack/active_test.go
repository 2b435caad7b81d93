package stack_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"airlock/local/stack"
)

// testActiveContent stores what browsers run, and asks for it in every way the
// CDN answers: nothing of it may run, and no user's of it is shown in place.
func testActiveContent(t *testing.T, s *stack.Stack) {
	const script = `<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`
	user := alice(t, s)
	reader := as(t, s, map[string]any{"sub": "reader", "scope": readAnyScope})
	check := func(contentType, objectKey string, reader client, attached bool) {
		t.Helper()
		urls, err := reader.sign(t.Context(), objectKey, objectKey+".gone")
		if err != nil {
			t.Fatal(err)
		}
		whole, err := get(t.Context(), urls[0], nil)
		if err != nil || whole.status != http.StatusOK || string(whole.body) != script {
			t.Fatalf("GET of %s = %v, %v, want it", contentType, whole, err)
		}
		for _, request := range []struct {
			method, url string
			headers     map[string]string
			status      int
		}{
			{http.MethodGet, urls[0], nil, http.StatusOK},
			{http.MethodHead, urls[0], nil, http.StatusOK},
			{http.MethodGet, urls[0], map[string]string{"Range": "bytes=1-5"}, http.StatusPartialContent},
			{http.MethodGet, urls[0], map[string]string{"Range": "bytes=999-"}, http.StatusRequestedRangeNotSatisfiable},
			{http.MethodGet, urls[0], map[string]string{"If-None-Match": whole.header.Get("ETag")}, http.StatusNotModified},
			{http.MethodGet, urls[1], nil, http.StatusForbidden},
		} {
			a, err := do(t.Context(), request.method, request.url, request.headers, nil, 0)
			if err != nil || a.status != request.status {
				t.Errorf("%s %v of %s = %v, %v, want %d", request.method, request.headers, contentType, a, err, request.status)
				continue
			}
			policy := a.header.Values("Content-Security-Policy")
			if len(policy) != 1 || !strings.Contains(policy[0], "default-src 'none'") || !strings.HasSuffix(policy[0], "; sandbox") ||
				strings.Join(a.header.Values("X-Content-Type-Options"), "|") != "nosniff" {
				t.Errorf("%s %v of %s = %d with %q and %q, want the sandbox", request.method, request.headers, contentType, a.status, policy, a.header.Values("X-Content-Type-Options"))
			}
			if disposition := a.header.Get("Content-Disposition"); attached && a.status < 300 && !strings.HasPrefix(disposition, "attachment; ") {
				t.Errorf("%s of %s is to be shown %q", request.method, contentType, disposition)
			}
		}
	}
	for _, contentType := range []string{
		"text/html", "Text/HTML; charset=utf-7", "image/svg+xml", "application/xml", "text/xml", "application/xhtml+xml",
		"application/javascript", "text/javascript", "application/pdf", "text/css", "application/x-unknown", "multipart/related",
	} {
		g, err := user.store(t.Context(), upload{name: "a.svg", contentType: contentType, body: []byte(script)})
		if err != nil {
			t.Fatal(err)
		}
		check(contentType, g.ObjectKey, user, true)
		// An operator's file says what it is and how it is shown.
		key := "active/" + contentType
		_, err = operatorS3(s).PutObject(t.Context(), &s3.PutObjectInput{
			Bucket: &s.Endpoints.Bucket, Key: &key, Body: bytes.NewReader([]byte(script)),
			ContentType: &contentType, ContentDisposition: aws.String("inline"), CacheControl: aws.String("public, max-age=31536000"),
		})
		if err != nil {
			t.Fatal(err)
		}
		check(contentType+", an operator's", key, reader, false)
	}
}
