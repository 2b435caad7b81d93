package cloudfront

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// s3Signature computes the Signature Version 4 of a request as S3 does
// ("Create a signed AWS API request"): over the decoded path, escaped anew.
func s3Signature(r *http.Request, signedHeaders, secret string) string {
	canonical := []string{r.Method, strings.ReplaceAll(url.QueryEscape(r.URL.Path), "%2F", "/"), r.URL.RawQuery}
	canonical[1] = strings.ReplaceAll(canonical[1], "+", "%20")
	for name := range strings.SplitSeq(signedHeaders, ";") {
		value := r.Header.Get(name)
		if name == "host" {
			value = r.Host
		}
		canonical = append(canonical, name+":"+value)
	}
	canonical = append(canonical, "", signedHeaders, r.Header.Get("X-Amz-Content-Sha256"))
	sum := sha256.Sum256([]byte(strings.Join(canonical, "\n")))

	date := r.Header.Get("X-Amz-Date")
	scope := []string{date[:8], "eu-central-1", "s3", "aws4_request"}
	key := []byte("AWS4" + secret)
	for _, part := range scope {
		key = mac(key, part)
	}
	return hex.EncodeToString(mac(key, "AWS4-HMAC-SHA256\n"+date+"\n"+strings.Join(scope, "/")+"\n"+hex.EncodeToString(sum[:])))
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// TestOriginRequest plays S3: the request is signed by the origin access
// control's credentials, for the key that the viewer asked for, and has
// nothing else of the viewer's.
func TestOriginRequest(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/mysubpath/hello.txt":        "/bucket-name/mysubpath/hello.txt",
		"/a%20b/%C3%A9+%2B=&~!'()%2a": "/bucket-name/a%20b/%C3%A9%2B%2B%3D%26~%21%27%28%29%2A",
		"/a%2fb%25":                   "/bucket-name/a/b%25",
		"/%61":                        "/bucket-name/a",
		"/folder/":                    "/bucket-name/folder/",
		"/":                           "/bucket-name/",
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			s := newStand(t, func(w http.ResponseWriter, r *http.Request) {
				if r.RequestURI != want {
					t.Errorf("the origin is asked for %q, want %q", r.RequestURI, want)
				}
				const signedHeaders = "host;x-amz-content-sha256;x-amz-date;x-amz-security-token"
				day := time.Now().UTC().Format("20060102")
				authorization := "AWS4-HMAC-SHA256 Credential=ASIAEXAMPLE/" + day + "/eu-central-1/s3/aws4_request, SignedHeaders=" +
					signedHeaders + ", Signature=" + s3Signature(r, signedHeaders, "secret")
				if got := r.Header.Get("Authorization"); got != authorization {
					t.Errorf("Authorization = %q, want %q", got, authorization)
				}
				names := slices.Sorted(maps.Keys(r.Header))
				if diff := cmp.Diff([]string{
					"Accept-Encoding", "Authorization", "If-Match", "If-Modified-Since", "If-None-Match", "If-Range", "Range",
					"User-Agent", "X-Amz-Content-Sha256", "X-Amz-Date", "X-Amz-Security-Token",
				}, names); diff != "" {
					t.Errorf("headers at the origin (-want +got):\n%s", diff)
				}
				for name, value := range map[string]string{
					"Range": "bytes=0-3", "If-None-Match": `"x"`, "If-Match": `"m"`, "If-Range": `"r"`, "If-Modified-Since": "then",
					"Accept-Encoding": "br,gzip", "User-Agent": "Amazon CloudFront", "X-Amz-Content-Sha256": "UNSIGNED-PAYLOAD", "X-Amz-Security-Token": "token",
				} {
					if got := r.Header.Get(name); got != value {
						t.Errorf("%s = %q at the origin, want %q", name, got, value)
					}
				}
				hello(w, r)
			}, nil)
			got := do(t, http.MethodGet, s.signed(t, path),
				"Range", "bytes=0-3", "If-None-Match", `"x"`, "If-Match", `"m"`, "If-Range", `"r"`, "If-Modified-Since", "then",
				"Accept-Encoding", "gzip, deflate, br", "User-Agent", "curl",
				// Nothing of these may get through.
				"Cookie", "session=1", "Authorization", "Bearer token", "Origin", "https://app.example", "Referer", "https://app.example",
				"X-Forwarded-For", "192.0.2.1", "X-Amz-Acl", "public-read", "X-Amz-Security-Token", "mine", "Accept-Language", "de")
			if got.StatusCode != http.StatusOK {
				t.Errorf("GET %s = %d, want 200", path, got.StatusCode)
			}
		})
	}
}

func TestNoSuchObject(t *testing.T) {
	t.Parallel()
	s := newStand(t, unreachable(t), nil)
	everything := custom(t, ecdsaID, `{"Statement":[{"Resource":"`+s.URL+`/u/alice/*","Condition":{"DateLessThan":{"AWS:EpochTime":4000000000}}}]}`)
	for _, path := range []string{"/u/alice/../bob/a", "/u/alice/%2e%2e/bob/a", "/u/alice/%2E%2E%2Fbob/a", "/u/alice/./a", "/u/alice//a", "/u/alice/.."} {
		got := do(t, http.MethodGet, s.URL+path+"?"+everything)
		if want := xmlError("AccessDenied", "Access Denied"); got.StatusCode != http.StatusForbidden || got.body != want {
			t.Errorf("GET %s = %d %s, want 403 %s", path, got.StatusCode, got.body, want)
		}
	}
}

func TestDefaultRootObject(t *testing.T) {
	t.Parallel()
	s := newStand(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.RequestURI) }, func(c *Config) {
		c.Distribution.DefaultRootObject = "index file.html"
	})
	for path, want := range map[string]string{"/": "/bucket-name/index%20file.html", "/folder/": "/bucket-name/folder/"} {
		// The signature is for what the viewer asked for.
		if got := do(t, http.MethodGet, s.signed(t, path)); got.body != want {
			t.Errorf("GET %s asks the origin for %q, want %q", path, got.body, want)
		}
	}
}

// TestContent: ranges, conditions and HEAD are the origin's to answer.
func TestContent(t *testing.T) {
	t.Parallel()
	modified := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s := newStand(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"tag"`)
		w.Header().Set("Content-Type", "text/plain")
		http.ServeContent(w, r, "", modified, strings.NewReader("0123456789"))
	}, nil)
	url := s.signed(t, "/a")
	for name, test := range map[string]struct {
		method  string
		headers []string
		status  int
		body    string
		want    map[string]string
	}{
		"all":                    {"GET", nil, 200, "0123456789", map[string]string{"Content-Length": "10", "Etag": `"tag"`, "Content-Type": "text/plain", "Accept-Ranges": "bytes", "Last-Modified": "Fri, 02 Jan 2026 03:04:05 GMT"}},
		"HEAD":                   {"HEAD", nil, 200, "", map[string]string{"Content-Length": "10", "Etag": `"tag"`}},
		"range":                  {"GET", []string{"Range", "bytes=2-4"}, 206, "234", map[string]string{"Content-Range": "bytes 2-4/10", "Content-Length": "3"}},
		"open range":             {"GET", []string{"Range", "bytes=7-"}, 206, "789", map[string]string{"Content-Range": "bytes 7-9/10"}},
		"suffix range":           {"GET", []string{"Range", "bytes=-1"}, 206, "9", map[string]string{"Content-Range": "bytes 9-9/10"}},
		"HEAD of a range":        {"HEAD", []string{"Range", "bytes=2-4"}, 206, "", map[string]string{"Content-Length": "3"}},
		"range of this version":  {"GET", []string{"Range", "bytes=0-0", "If-Range", `"tag"`}, 206, "0", nil},
		"range of an old one":    {"GET", []string{"Range", "bytes=0-0", "If-Range", `"old"`}, 200, "0123456789", nil},
		"no such range":          {"GET", []string{"Range", "bytes=10-"}, 416, "invalid range: failed to overlap\n", map[string]string{"Content-Range": "bytes */10", "X-Cache": "Error from cloudfront"}},
		"known by tag":           {"GET", []string{"If-None-Match", `"tag"`}, 304, "", map[string]string{"Etag": `"tag"`, "X-Cache": "Miss from cloudfront"}},
		"known by date":          {"GET", []string{"If-Modified-Since", "Fri, 02 Jan 2026 03:04:05 GMT"}, 304, "", nil},
		"another version by tag": {"GET", []string{"If-Match", `"old"`}, 412, "", map[string]string{"X-Cache": "Error from cloudfront"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := do(t, test.method, url, test.headers...)
			if got.StatusCode != test.status || got.body != test.body {
				t.Errorf("%s = %d %q, want %d %q", test.method, got.StatusCode, got.body, test.status, test.body)
			}
			for header, want := range test.want {
				if value := got.Header.Get(header); value != want {
					t.Errorf("%s = %q, want %q", header, value, want)
				}
			}
		})
	}
}

func TestOriginHeaders(t *testing.T) {
	t.Parallel()
	s := newStand(t, func(w http.ResponseWriter, _ *http.Request) {
		for name, value := range map[string]string{
			"X-Amz-Server-Side-Encryption": "AES256", "X-Amz-Version-Id": "v1", "X-Amz-Meta-Colour": "red", "Content-Disposition": "attachment",
			"Server": "AmazonS3", "Location": "http://127.0.0.1:1/",
			"Set-Cookie": "a=b", "X-Amz-Request-Id": "R", "X-Amz-Id-2": "I", "Connection": "X-Hop", "X-Hop": "1", "Keep-Alive": "timeout=5", "Via": "1.1 s3",
		} {
			w.Header().Set(name, value)
		}
		w.Header()["Content-Type"] = nil
		w.WriteHeader(http.StatusTemporaryRedirect)
		_, _ = io.WriteString(w, "<html>")
	}, nil)
	got := do(t, http.MethodGet, s.signed(t, "/a"))
	if got.StatusCode != http.StatusTemporaryRedirect {
		t.Errorf("GET = %d, want the origin's 307, not followed", got.StatusCode)
	}
	for name, want := range map[string]string{
		"X-Amz-Server-Side-Encryption": "AES256", "X-Amz-Version-Id": "v1", "X-Amz-Meta-Colour": "red", "Content-Disposition": "attachment",
		"Server": "AmazonS3", "Location": "http://127.0.0.1:1/",
		// None came, and none is guessed.
		"Content-Type": "",
		"Set-Cookie":   "", "X-Amz-Request-Id": "", "X-Amz-Id-2": "", "X-Hop": "", "Keep-Alive": "",
	} {
		if value := got.Header.Get(name); value != want {
			t.Errorf("%s = %q, want %q", name, value, want)
		}
	}
	if via := got.Header.Values("Via"); len(via) != 1 || !strings.HasSuffix(via[0], "(CloudFront)") {
		t.Errorf("Via = %q, want CloudFront's alone", via)
	}
}

// TestContentEncoding: what is stored compressed arrives compressed.
func TestContentEncoding(t *testing.T) {
	t.Parallel()
	s := newStand(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = io.WriteString(w, "as stored")
	}, nil)
	got := do(t, http.MethodGet, s.signed(t, "/a"))
	if got.body != "as stored" || got.Header.Get("Content-Encoding") != "gzip" {
		t.Errorf("GET = %q %v, want the bytes as stored, and gzip", got.body, got.Header)
	}
}

func TestOriginErrors(t *testing.T) {
	t.Parallel()
	const body = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message><RequestId>R</RequestId></Error>`
	for _, status := range []int{http.StatusForbidden, http.StatusNotFound, http.StatusServiceUnavailable} {
		s := newStand(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/xml")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}, nil)
		got := do(t, http.MethodGet, s.signed(t, "/a"))
		if got.StatusCode != status || got.body != body || got.Header.Get("Content-Type") != "application/xml" || got.Header.Get("X-Cache") != "Error from cloudfront" {
			t.Errorf("GET = %d %s %v, want the origin's %d", got.StatusCode, got.body, got.Header, status)
		}
	}
}

func TestOriginDown(t *testing.T) {
	t.Parallel()
	// A port that was free a moment ago, and that nobody listens on.
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	s := newStand(t, unreachable(t), func(c *Config) {
		o := c.Origins["bucket"]
		o.URL = "http://" + address + "/bucket-name"
		c.Origins["bucket"] = o
	})
	got := do(t, http.MethodGet, s.signed(t, "/a"))
	if got.StatusCode != http.StatusBadGateway || !strings.Contains(got.body, "502 ERROR") || !strings.Contains(got.body, "Request ID: "+got.Header.Get("X-Amz-Cf-Id")) {
		t.Errorf("GET = %d %s, want CloudFront's page for 502", got.StatusCode, got.body)
	}
	if strings.Contains(got.body, address) {
		t.Error("the page names the origin's address")
	}
}

// TestOriginSilent: an origin that does not answer in time is a 504.
func TestOriginSilent(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	s := newStand(t, func(http.ResponseWriter, *http.Request) { <-release }, nil)
	defer close(release)
	s.transport.ResponseHeaderTimeout = time.Millisecond
	if got := do(t, http.MethodGet, s.signed(t, "/a")); got.StatusCode != http.StatusGatewayTimeout || !strings.Contains(got.body, "504 ERROR") {
		t.Errorf("GET = %d %s, want CloudFront's page for 504", got.StatusCode, got.body)
	}
}

// TestStreaming: the first bytes reach the viewer while the origin still holds
// the last ones back.
func TestStreaming(t *testing.T) {
	t.Parallel()
	head, tail := bytes.Repeat([]byte("a"), 1<<20), []byte("the end")
	release := make(chan struct{})
	s := newStand(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(head)
		<-release
		_, _ = w.Write(tail)
	}, nil)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.signed(t, "/a"), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	got := make([]byte, len(head)/2)
	if _, err := io.ReadFull(resp.Body, got); err != nil {
		t.Error(err)
	}
	close(release)
	rest, err := io.ReadAll(resp.Body)
	if err != nil || !bytes.HasSuffix(rest, tail) || len(got)+len(rest) != len(head)+len(tail) {
		t.Errorf("read %d bytes and %d, %v, want all", len(got), len(rest), err)
	}
}

// TestOriginBreaks: a file cut short at the origin is cut short at the viewer,
// and never looks whole.
func TestOriginBreaks(t *testing.T) {
	t.Parallel()
	for name, length := range map[string]string{"with a length": "1000000", "chunked": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStand(t, func(w http.ResponseWriter, _ *http.Request) {
				if length != "" {
					w.Header().Set("Content-Length", length)
				}
				_, _ = w.Write(bytes.Repeat([]byte("a"), 100_000))
				breakConnection(w)
			}, nil)
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.signed(t, "/a"), nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				return // cut before the first byte is cut, too
			}
			defer func() { _ = resp.Body.Close() }()
			if body, err := io.ReadAll(resp.Body); err == nil {
				t.Errorf("read %d bytes and a proper end, want an error", len(body))
			}
		})
	}
}

// TestViewerLeaves: whoever goes away takes the origin request along.
func TestViewerLeaves(t *testing.T) {
	t.Parallel()
	asked, gone := make(chan struct{}), make(chan struct{})
	s := newStand(t, func(_ http.ResponseWriter, r *http.Request) {
		close(asked)
		<-r.Context().Done()
		close(gone)
	}, nil)
	ctx, cancel := context.WithCancel(t.Context())
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/a?"+canned(t, ecdsaID, s.URL+"/a", 4000000000), nil)
	r.Host = s.host
	go func() { <-asked; cancel() }()
	s.ServeHTTP(httptest.NewRecorder(), r)
	<-gone
	if want := []Entry{{Method: "GET", Path: "/a", Result: "Error"}}; !cmp.Equal(s.entries, want) {
		t.Errorf("the log has %+v, want %+v", s.entries, want)
	}
}

func TestNormalizeAcceptEncoding(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"": "", "gzip": "gzip", "br": "br", "gzip, deflate, br, zstd": "br,gzip", "GZIP": "gzip", "deflate": "", "identity": "", "*": "",
		"gzip;q=0.5, br;q=1.0": "br,gzip", "gzip;q=0": "", "gzip; q=0.000, br": "br", "x-gzip": "",
	} {
		if got := normalizeAcceptEncoding([]string{value}); got != want {
			t.Errorf("normalizeAcceptEncoding(%q) = %q, want %q", value, got, want)
		}
	}
	if got := normalizeAcceptEncoding([]string{"gzip", "br"}); got != "br,gzip" {
		t.Errorf("of two headers: %q, want both", got)
	}
}
