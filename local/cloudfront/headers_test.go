package cloudfront

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"airlock/local/template"
)

// responseHeaders is a policy like the product's.
func responseHeaders() *template.ResponseHeadersPolicy {
	return &template.ResponseHeadersPolicy{
		Headers: []template.ResponseHeader{
			{Name: "X-Content-Type-Options", Value: "nosniff", Override: true},
			{Name: "Cache-Control", Value: "private, max-age=300", Override: true},
			{Name: "Referrer-Policy", Value: "no-referrer", Override: false},
			{Name: "X-Both", Value: "policy", Override: false},
			{Name: "X-Empty", Value: "", Override: true},
		},
		Remove: []string{"x-powered-by", "X-Both", "Server"},
		CORS: &template.ResponseCORS{
			AllowOrigins: []string{"https://app.example", "*.example.org"}, AllowHeaders: []string{"*"},
			AllowMethods: []string{"GET", "HEAD"}, ExposeHeaders: []string{"ETag", "Content-Range"}, MaxAge: 10 * time.Minute, Override: true,
		},
	}
}

func withHeaders(p *template.ResponseHeadersPolicy) func(*Config) {
	return func(c *Config) { c.Distribution.Default.ResponseHeaders = p }
}

func checkHeaders(t *testing.T, got response, want map[string]string) {
	t.Helper()
	for name, value := range want {
		if values := got.Header.Values(name); strings.Join(values, "|") != value {
			t.Errorf("%s = %q, want %q", name, values, value)
		}
	}
}

func TestResponseHeaders(t *testing.T) {
	t.Parallel()
	s := newStand(t, func(w http.ResponseWriter, r *http.Request) {
		for name, value := range map[string]string{
			"Cache-Control": "public, max-age=31536000", "Referrer-Policy": "origin", "X-Powered-By": "S3", "X-Both": "origin", "Server": "AmazonS3",
		} {
			w.Header().Set(name, value)
		}
		if strings.HasSuffix(r.URL.Path, "/missing") {
			w.WriteHeader(http.StatusForbidden)
		}
	}, withHeaders(responseHeaders()))
	want := map[string]string{
		"X-Content-Type-Options": "nosniff", "Cache-Control": "private, max-age=300", "Referrer-Policy": "origin", "X-Powered-By": "",
		"X-Both": "policy", "Server": "CloudFront",
	}
	for _, path := range []string{"/a", "/missing"} {
		got := do(t, http.MethodGet, s.signed(t, path))
		checkHeaders(t, got, want)
		if values, ok := got.Header["X-Empty"]; !ok || values[0] != "" {
			t.Errorf("X-Empty = %q, want it there and empty", values)
		}
	}
}

// TestHeadersOfRefusals: the edge's own answers carry the policy, too, CORS
// included: a page can only then read why it was refused.
func TestHeadersOfRefusals(t *testing.T) {
	t.Parallel()
	s := newStand(t, unreachable(t), withHeaders(responseHeaders()))
	want := map[string]string{
		"X-Content-Type-Options": "nosniff", "Cache-Control": "private, max-age=300", "Referrer-Policy": "no-referrer", "X-Both": "policy",
		"Access-Control-Allow-Origin": "https://app.example", "Access-Control-Expose-Headers": "ETag,Content-Range",
	}
	for name, got := range map[string]response{
		"unsigned":   do(t, http.MethodGet, s.URL+"/a", "Origin", "https://app.example"),
		"POST":       do(t, http.MethodPost, s.URL+"/a", "Origin", "https://app.example"),
		"no such":    do(t, http.MethodGet, s.signed(t, "/a//b"), "Origin", "https://app.example"),
		"wrong path": do(t, http.MethodGet, s.signed(t, "/a")+"&x=1", "Origin", "https://app.example"),
	} {
		if got.StatusCode != http.StatusForbidden {
			t.Errorf("%s = %d, want 403", name, got.StatusCode)
		}
		checkHeaders(t, got, want)
	}
}

func TestCORS(t *testing.T) {
	t.Parallel()
	const origin, expose, credentials, methods, headers, age = "Access-Control-Allow-Origin", "Access-Control-Expose-Headers",
		"Access-Control-Allow-Credentials", "Access-Control-Allow-Methods", "Access-Control-Allow-Headers", "Access-Control-Max-Age"
	none := map[string]string{origin: "", expose: "", credentials: "", methods: "", headers: "", age: ""}
	change := func(f func(*template.ResponseCORS)) *template.ResponseHeadersPolicy {
		p := responseHeaders()
		f(p.CORS)
		return p
	}
	anyOrigin := change(func(c *template.ResponseCORS) { c.AllowOrigins = []string{"https://app.example", "*"} })
	for name, test := range map[string]struct {
		policy  *template.ResponseHeadersPolicy
		method  string
		request []string
		want    map[string]string
	}{
		"no origin":           {responseHeaders(), "GET", nil, none},
		"an allowed one":      {responseHeaders(), "GET", []string{"Origin", "https://app.example"}, map[string]string{origin: "https://app.example", expose: "ETag,Content-Range", credentials: "", methods: "", headers: "", age: ""}},
		"HEAD":                {responseHeaders(), "HEAD", []string{"Origin", "https://app.example"}, map[string]string{origin: "https://app.example"}},
		"another scheme":      {responseHeaders(), "GET", []string{"Origin", "http://app.example"}, none},
		"another port":        {responseHeaders(), "GET", []string{"Origin", "https://app.example:8443"}, none},
		"another one":         {responseHeaders(), "GET", []string{"Origin", "https://app.example.evil"}, none},
		"null":                {responseHeaders(), "GET", []string{"Origin", "null"}, none},
		"a subdomain":         {responseHeaders(), "GET", []string{"Origin", "http://a.b.example.org"}, map[string]string{origin: "http://a.b.example.org"}},
		"the domain itself":   {responseHeaders(), "GET", []string{"Origin", "https://example.org"}, none},
		"a longer domain":     {responseHeaders(), "GET", []string{"Origin", "https://notexample.org"}, none},
		"every origin":        {anyOrigin, "GET", []string{"Origin", "https://app.example"}, map[string]string{origin: "*"}},
		"every origin, none":  {anyOrigin, "GET", nil, none},
		"with credentials":    {change(func(c *template.ResponseCORS) { c.AllowCredentials = true }), "GET", []string{"Origin", "https://app.example"}, map[string]string{origin: "https://app.example", credentials: "true"}},
		"nothing to expose":   {change(func(c *template.ResponseCORS) { c.ExposeHeaders = nil }), "GET", []string{"Origin", "https://app.example"}, map[string]string{origin: "https://app.example", expose: ""}},
		"OPTIONS":             {responseHeaders(), "OPTIONS", []string{"Origin", "https://app.example"}, map[string]string{origin: "https://app.example", methods: "", age: ""}},
		"preflight":           {responseHeaders(), "OPTIONS", []string{"Origin", "https://app.example", "Access-Control-Request-Method", "GET"}, map[string]string{origin: "https://app.example", methods: "GET,HEAD", headers: "*", age: "600"}},
		"preflight, ALL":      {change(func(c *template.ResponseCORS) { c.AllowMethods = []string{"ALL"} }), "OPTIONS", []string{"Origin", "https://app.example", "Access-Control-Request-Method", "GET"}, map[string]string{methods: "GET,DELETE,HEAD,OPTIONS,PATCH,POST,PUT"}},
		"the policy's wins":   {anyOrigin, "GET", []string{"Origin", "https://app.example"}, map[string]string{origin: "*"}},
		"the origin's stays":  {change(func(c *template.ResponseCORS) { c.Override = false }), "GET", []string{"Origin", "https://app.example"}, map[string]string{origin: "https://s3.example", expose: "ETag,Content-Range"}},
		"no CORS in a policy": {&template.ResponseHeadersPolicy{}, "GET", []string{"Origin", "https://app.example"}, map[string]string{origin: "https://s3.example"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStand(t, func(w http.ResponseWriter, r *http.Request) {
				if name == "the policy's wins" || name == "the origin's stays" || name == "no CORS in a policy" {
					w.Header().Set(origin, "https://s3.example")
				}
				hello(w, r)
			}, withHeaders(test.policy))
			got := do(t, test.method, s.signed(t, "/a"), test.request...)
			want := http.StatusOK
			if test.method == http.MethodOptions {
				want = http.StatusForbidden
			}
			if got.StatusCode != want {
				t.Errorf("%s = %d, want %d", test.method, got.StatusCode, want)
			}
			checkHeaders(t, got, test.want)
		})
	}
}
