package conformance

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
)

// sentRequest is one that was sent to a service, read to the end.
type sentRequest struct {
	function string      // whose client sent it, or gave out the URL it was sent to
	Service  string      `json:"service"` // as botocore and IAM have it
	Method   string      `json:"method"`
	URI      string      `json:"uri"` // as on the request line
	Headers  http.Header `json:"headers"`
	Body     []byte      `json:"body"`
}

// tap stands between the functions of a stack and the services they call, and
// keeps what goes through, unchanged: Host stays too, which signatures cover.
type tap struct {
	t         *testing.T
	transport http.Transport

	mu       sync.Mutex
	requests []sentRequest
}

func newTap(t *testing.T) *tap {
	t.Helper()
	p := &tap{t: t}
	p.transport.DisableKeepAlives = true // a stack that stops waits for idle connections, too
	return p
}

// environment is a [stack.Options]' Environment: it puts the tap before every
// service that a variable leads to, whichever those are.
func (p *tap) environment(function string, variables map[string]string) {
	for name, address := range variables {
		id, ok := strings.CutPrefix(name, "AWS_ENDPOINT_URL_")
		if !ok || address == "" {
			continue
		}
		variables[name] = p.listen(function, strings.ToLower(strings.ReplaceAll(id, "_", "")), address)
	}
}

// listen returns the address of one of the tap's ends.
func (p *tap) listen(function, service, address string) string {
	to, err := url.Parse(address)
	if err != nil {
		p.t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = to.Scheme, to.Host, r.In.Host
		},
		Transport: &p.transport,
		ErrorLog:  slog.NewLogLogger(slog.DiscardHandler, 0), // its errors are the client's
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the client is gone
		}
		p.mu.Lock()
		p.requests = append(p.requests, sentRequest{function, service, r.Method, r.RequestURI, r.Header.Clone(), body})
		p.mu.Unlock()
		r.Body = io.NopCloser(bytes.NewReader(body))
		proxy.ServeHTTP(w, r)
	}))
	p.t.Cleanup(server.Close)
	return server.URL
}

// all returns what has gone through so far.
func (p *tap) all() []sentRequest {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.requests)
}

// await returns when a request with all of these texts has gone through.
func (p *tap) await(t *testing.T, texts ...string) {
	t.Helper()
	until(t, func() string {
		for _, r := range p.all() {
			text := fmt.Sprintf("%s %s %v %s", r.Method, r.URI, r.Headers, r.Body)
			if !slices.ContainsFunc(texts, func(s string) bool { return !strings.Contains(text, s) }) {
				return ""
			}
		}
		return fmt.Sprintf("no function has sent a request with %q", texts)
	})
}
