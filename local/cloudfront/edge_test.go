package cloudfront

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"airlock/local/template"
)

func TestAnswer(t *testing.T) {
	t.Parallel()
	s := newStand(t, hello, nil)
	url := s.signed(t, "/mysubpath/hello.txt")
	first, second := do(t, http.MethodGet, url), do(t, http.MethodGet, url)
	if first.StatusCode != http.StatusOK || first.body != "hello, world\n" {
		t.Fatalf("GET = %d %q, want the file", first.StatusCode, first.body)
	}
	if got := first.Header.Get("X-Cache"); got != "Miss from cloudfront" {
		t.Errorf("X-Cache = %q, want a miss", got)
	}
	if got := first.Header.Get("Via"); !strings.HasPrefix(got, "1.1 ") || !strings.HasSuffix(got, ".cloudfront.net (CloudFront)") {
		t.Errorf("Via = %q, want CloudFront's", got)
	}
	if a, b := first.Header.Get("X-Amz-Cf-Id"), second.Header.Get("X-Amz-Cf-Id"); len(a) != 56 || a == b {
		t.Errorf("X-Amz-Cf-Id = %q, then %q, want two ids", a, b)
	}
	if first.Header["Age"] != nil {
		t.Errorf("Age = %q, want none: nothing is cached", first.Header["Age"])
	}
}

func TestRefusedRequests(t *testing.T) {
	t.Parallel()
	s := newStand(t, unreachable(t), nil)
	url := s.signed(t, "/a")
	long := func(n int) string { return s.URL + "/" + strings.Repeat("a", n-len(s.URL)-1) }
	for name, test := range map[string]struct {
		method, url, host, body string
		wantStatus              int
		want                    string
	}{
		"another host":        {url: url, host: "d111111abcdef8.cloudfront.net", wantStatus: http.StatusForbidden, want: "Bad request."},
		"another port":        {url: url, host: "127.0.0.1:1", wantStatus: http.StatusForbidden, want: "Bad request."},
		"another name for it": {url: url, host: strings.Replace(s.host, "127.0.0.1", "localhost", 1), wantStatus: http.StatusForbidden, want: "Bad request."},
		"POST":                {method: http.MethodPost, url: url, wantStatus: http.StatusForbidden, want: "not configured to allow the HTTP request method"},
		"PUT":                 {method: http.MethodPut, url: url, wantStatus: http.StatusForbidden, want: "not configured to allow the HTTP request method"},
		"DELETE":              {method: http.MethodDelete, url: url, wantStatus: http.StatusForbidden, want: "not configured to allow the HTTP request method"},
		"OPTIONS":             {method: http.MethodOptions, url: url, wantStatus: http.StatusForbidden, want: "supports only cachable requests"},
		"re-cased GET":        {method: "get", url: url, wantStatus: http.StatusForbidden, want: "not configured to allow the HTTP request method"},
		"GET with a body":     {url: url, body: "hello", wantStatus: http.StatusForbidden, want: "Bad request."},
		"the longest URL":     {url: long(maxURLBytes), wantStatus: http.StatusForbidden, want: "MissingKey"},
		"a longer URL":        {url: long(maxURLBytes + 1), wantStatus: http.StatusRequestEntityTooLarge, want: "Bad request."},
		"an unescaped URL":    {url: s.URL + "/a|b?c|d", wantStatus: http.StatusBadRequest, want: "Bad request."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := http.NewRequestWithContext(t.Context(), test.method, test.url, strings.NewReader(test.body))
			if err != nil {
				t.Fatal(err)
			}
			r.Host = test.host
			got := send(t, r)
			if got.StatusCode != test.wantStatus || !strings.Contains(got.body, test.want) {
				t.Errorf("%s = %d %s, want %d and %q", test.method, got.StatusCode, got.body, test.wantStatus, test.want)
			}
			if got.Header.Get("X-Cache") != "Error from cloudfront" || got.Header.Get("X-Amz-Cf-Id") == "" || got.Header.Get("Via") == "" {
				t.Errorf("the headers are %v, want those of an error", got.Header)
			}
		})
	}

	t.Run("GET with a chunked body", func(t *testing.T) {
		t.Parallel()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/a", strings.NewReader("hello"))
		r.Host, r.ContentLength = s.host, -1
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "Bad request.") {
			t.Errorf("GET = %d %s, want 403 and %q", w.Code, w.Body, "Bad request.")
		}
	})
}

func TestRefusalToHEAD(t *testing.T) {
	t.Parallel()
	s := newStand(t, unreachable(t), nil)
	got := do(t, http.MethodHead, s.URL+"/a")
	if got.StatusCode != http.StatusForbidden || got.body != "" || got.ContentLength <= 0 {
		t.Errorf("HEAD = %d, %d bytes said, %q sent, want a 403 with a length and no body", got.StatusCode, got.ContentLength, got.body)
	}
}

// TestBehaviors: the first pattern that matches wins, by the normalized path,
// and a behavior without key groups asks for no signature.
func TestBehaviors(t *testing.T) {
	t.Parallel()
	s := newStand(t, hello, func(c *Config) {
		open := template.Behavior{TargetOriginID: "bucket", AllowedMethods: []string{"HEAD", "GET"}}
		secret, pub, icons := c.Distribution.Default, open, open
		secret.PathPattern, pub.PathPattern, icons.PathPattern = "/public/secret/*", "public/*", "*.ico"
		c.Distribution.Behaviors = []template.Behavior{secret, pub, icons}
	})
	for path, want := range map[string]int{
		"/public/a":              http.StatusOK,
		"/public/a?Expires=1":    http.StatusOK,
		"/%70ublic/a":            http.StatusOK,
		"/favicon.ico":           http.StatusOK,
		"/a/b.ico":               http.StatusOK,
		"/public/secret/a":       http.StatusForbidden,
		"/public/secret/a.ico":   http.StatusForbidden,
		"/public/secre%74/a":     http.StatusForbidden,
		"/public//secret/a":      http.StatusForbidden,
		"/public/../private/a":   http.StatusForbidden,
		"/public/%2e%2e/a":       http.StatusForbidden,
		"/public%2F..%2Fprivate": http.StatusForbidden,
		"/Public/a":              http.StatusForbidden,
		"/publication":           http.StatusForbidden,
		"/favicon.ICO":           http.StatusForbidden,
		"/":                      http.StatusForbidden,
	} {
		if got := do(t, http.MethodGet, s.URL+path); got.StatusCode != want {
			t.Errorf("GET %s = %d, want %d", path, got.StatusCode, want)
		}
	}
}

// TestExpiry: the clock of the process decides, at the start of a request.
func TestExpiry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, err := New(config(t))
		if err != nil {
			t.Fatal(err)
		}
		query := canned(t, ecdsaID, s.base+"/a", time.Now().Add(time.Hour).Unix())
		ask := func() refusal {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/a?"+query, nil)
			r.Host = s.host
			_, _, refused := s.admit(r)
			return refused
		}
		if got := ask(); got != admitted {
			t.Errorf("at once: %v, want admitted", got.answer())
		}
		time.Sleep(time.Hour - time.Nanosecond)
		if got := ask(); got != admitted {
			t.Errorf("a moment before the end: %v, want admitted", got.answer())
		}
		time.Sleep(time.Nanosecond)
		if got := ask(); got != accessDenied {
			t.Errorf("at the end: %v, want it denied", got.answer())
		}
	})
}

// TestLog: an entry has the path as it came, and nothing of the query.
func TestLog(t *testing.T) {
	t.Parallel()
	s := newStand(t, hello, nil)
	do(t, http.MethodGet, s.signed(t, "/a%20b"))
	do(t, http.MethodHead, s.URL+"/a?Signature=bearer")
	do(t, http.MethodGet, s.URL+"/b?|&Signature=bearer")
	want := []Entry{
		{Method: "GET", Path: "/a%20b", Status: http.StatusOK, Result: "Miss"},
		{Method: "GET", Path: "/b", Status: http.StatusBadRequest, Result: "Error"},
		{Method: "HEAD", Path: "/a", Status: http.StatusForbidden, Result: "Error"},
	}
	// The handler logs after it has answered, so wait for it, and sort.
	s.closeAndWait()
	got := slices.SortedFunc(slices.Values(s.entries), func(a, b Entry) int {
		return strings.Compare(a.Method+a.Path, b.Method+b.Path)
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the log (-want +got):\n%s", diff)
	}
}
