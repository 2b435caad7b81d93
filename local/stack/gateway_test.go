package stack_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"airlock/local/stack"
)

// wireRequest is a request byte for byte: net/http would put right, or refuse to
// send, most of what a client can do wrong.
type wireRequest struct {
	method, target, version string // version "": HTTP/1.1
	headers                 [][2]string
	body                    string
}

func (r wireRequest) clone() wireRequest {
	r.headers = slices.Clone(r.headers)
	return r
}

func (r *wireRequest) header(name string) (string, bool) {
	for _, h := range r.headers {
		if strings.EqualFold(h[0], name) {
			return h[1], true
		}
	}
	return "", false
}

func (r *wireRequest) drop(name string) {
	r.headers = slices.DeleteFunc(r.headers, func(h [2]string) bool { return strings.EqualFold(h[0], name) })
}

func (r *wireRequest) set(name, value string) {
	r.drop(name)
	r.headers = append(r.headers, [2]string{name, value})
}

// rawQuery replaces the query.
func (r *wireRequest) rawQuery(pairs []string) {
	path, _, _ := strings.Cut(r.target, "?")
	r.target = path + "?" + strings.Join(pairs, "&")
}

// query gives a parameter that is there another value.
func (r *wireRequest) query(name, value string) {
	_, query, _ := strings.Cut(r.target, "?")
	pairs := strings.Split(query, "&")
	for i, pair := range pairs {
		if strings.HasPrefix(pair, name+"=") {
			pairs[i] = name + "=" + url.QueryEscape(value)
		}
	}
	r.rawQuery(pairs)
}

// send sends r over a connection of its own and reads the first final answer.
func (r wireRequest) send(ctx context.Context, addr string) (answer, error) {
	connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = connection.Close() }()
	if err := connection.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return answer{}, err
	}
	version := r.version
	if version == "" {
		version = "HTTP/1.1"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s\r\n", r.method, r.target, version)
	for _, h := range r.headers {
		fmt.Fprintf(&b, "%s: %s\r\n", h[0], h[1])
	}
	b.WriteString("\r\n" + r.body)
	// A server may answer before it has read all, and then stop reading: what
	// counts is its answer, not whether everything could be written.
	go func() { _, _ = io.WriteString(connection, b.String()) }()

	answers := bufio.NewReader(connection)
	res, err := http.ReadResponse(answers, &http.Request{Method: r.method})
	if err == nil && res.StatusCode == http.StatusContinue {
		res, err = http.ReadResponse(answers, &http.Request{Method: r.method})
	}
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	a := answer{res.StatusCode, res.Header, body}
	got(addr, a)
	return a, err
}

// testClients sends what no client of ours sends, once for alice's own file and
// once, by her still, for bob's. Nothing fails on our side: the one 5xx is what
// RFC 9112, 6.1, prescribes for a transfer coding that is not understood.
func testClients(t *testing.T, s *stack.Stack) {
	user := alice(t, s)
	bob := as(t, s, map[string]any{"sub": "bob"})
	u, err := url.Parse(s.Endpoints.API)
	if err != nil {
		t.Fatal(err)
	}
	const ok, bad, unauthorized, missing = http.StatusOK, http.StatusBadRequest, http.StatusUnauthorized, http.StatusNotFound
	const large, unsupported, forbidden = http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusForbidden
	method := func(name string) func(*wireRequest) { return func(r *wireRequest) { r.method = name } }
	target := func(target string) func(*wireRequest) { return func(r *wireRequest) { r.target = target } }
	with := func(name, value string) func(*wireRequest) {
		return func(r *wireRequest) { r.headers = append(r.headers, [2]string{name, value}) }
	}
	set := func(name, value string) func(*wireRequest) { return func(r *wireRequest) { r.set(name, value) } }
	body := func(f func(string) string) func(*wireRequest) {
		return func(r *wireRequest) {
			r.body = f(r.body)
			r.set("Content-Length", strconv.Itoa(len(r.body)))
		}
	}
	for _, tt := range []struct {
		about  string
		change func(*wireRequest)
		want   int // for her own file; where that is 200, bob's is 404
	}{
		{"as it should be", func(*wireRequest) {}, ok},

		{"GET", method("GET"), missing},
		{"HEAD", method("HEAD"), missing},
		{"PUT", method("PUT"), missing},
		{"PATCH", method("PATCH"), missing},
		{"DELETE", method("DELETE"), missing},
		{"OPTIONS", method("OPTIONS"), http.StatusNoContent},
		{"TRACE", method("TRACE"), missing},
		{"CONNECT", method("CONNECT"), missing},
		{"a method in lower case", method("post"), missing},
		{"a method nobody knows", method("BREW"), missing},
		{"another method named in a header", func(r *wireRequest) { r.method = "GET"; r.set("X-HTTP-Method-Override", "POST") }, missing},

		{"trailing slash", target("/signed-urls/"), missing},
		{"double slash", target("//signed-urls"), missing},
		{"slash encoded", target("/%2Fsigned-urls"), missing},
		{"slash encoded at the end", target("/signed-urls%2F"), missing},
		{"dot segment", target("/./signed-urls"), missing},
		{"dot segments", target("/uploads/../signed-urls"), missing},
		{"dot segments encoded", target("/uploads/%2e%2e/signed-urls"), missing},
		{"above the root", target("/../../signed-urls"), missing},
		{"backslash", target(`/uploads\..\signed-urls`), missing},
		{"other case", target("/Signed-URLs"), missing},
		{"a letter encoded", target("/%73igned-urls"), ok},
		{"NUL", target("/signed-urls%00"), missing},
		{"path parameter", target("/signed-urls;x=1"), missing},
		{"not UTF-8", target("/signed-urls%ff"), bad},
		{"broken escape", target("/signed-urls%zz"), bad},
		{"no path", target("*"), missing},
		{"query", target("/signed-urls?objectKeys=u/bob/private.txt&sub=bob"), ok},
		{"broken query", target("/signed-urls?a=%zz"), bad},
		{"query not UTF-8", target("/signed-urls?a=%ff"), bad},
		{"whole URL", target("http://" + u.Host + "/signed-urls"), ok},
		{"whole URL of another host", target("http://example.com/signed-urls"), forbidden},

		{"another host", set("Host", "example.com"), forbidden},
		{"no host", func(r *wireRequest) { r.drop("Host") }, bad},
		{"two hosts", with("Host", u.Host), bad},
		{"forwarded host", with("X-Forwarded-Host", "example.com"), ok},
		{"HTTP/1.0", func(r *wireRequest) { r.version = "HTTP/1.0" }, ok},
		{"HTTP/1.0 without a host", func(r *wireRequest) { r.version = "HTTP/1.0"; r.drop("Host") }, forbidden},
		{"9 KB of header", with("X-Large", strings.Repeat("x", 9<<10)), ok},
		{"10 KB of header", with("X-Large", strings.Repeat("x", 10<<10)), http.StatusRequestHeaderFieldsTooLarge},
		{"10 KB in many headers", func(r *wireRequest) {
			for i := range 100 {
				r.headers = append(r.headers, [2]string{fmt.Sprint("X-", i), strings.Repeat("x", 103)})
			}
		}, http.StatusRequestHeaderFieldsTooLarge},
		{"2 MB of header", with("X-Large", strings.Repeat("x", 2<<20)), http.StatusRequestHeaderFieldsTooLarge},
		{"10 KB of path", target("/signed-urls?" + strings.Repeat("x", 10<<10)), http.StatusRequestHeaderFieldsTooLarge},
		{"header not UTF-8", with("X-Latin", "\xe9"), bad},
		{"header folded", with("X-Folded", "a\r\n b"), ok},
		{"header with NUL", with("X-Nul", "a\x00b"), bad},
		{"header name with a space", with("X Space", "a"), bad},

		{"no token", func(r *wireRequest) { r.drop("Authorization") }, unauthorized},
		{"two Authorization headers", with("Authorization", "Bearer "+bob.token), unauthorized},
		{"the same twice", with("Authorization", "Bearer "+user.token), unauthorized},
		{"bob's first", func(r *wireRequest) {
			r.headers = slices.Insert(r.headers, 0, [2]string{"Authorization", "Bearer " + bob.token})
		}, unauthorized},
		{"two tokens in one", set("Authorization", "Bearer "+user.token+", Bearer "+bob.token), unauthorized},
		{"Authorization is of this connection only", with("Connection", "Authorization"), ok},
		{"claims in headers", with("X-Amzn-Request-Context", `{"authorizer":{"jwt":{"claims":{"sub":"bob"}}}}`), ok},
		{"another scheme", set("Authorization", "Basic Ym9iOmJvYg=="), unauthorized},

		{"body of an unknown type", set("Content-Type", "application/octet-stream"), unsupported},
		{"body of no type", func(r *wireRequest) { r.drop("Content-Type") }, unsupported},
		{"body of two types", with("Content-Type", "application/json"), unsupported},
		{"type with a parameter", set("Content-Type", "Application/JSON; charset=utf-8"), ok},
		{"body in base64", body(func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }), bad},
		{"body not UTF-8", body(func(s string) string { return strings.Replace(s, "alice", "\xe9", 1) + "\xe9" }), bad},
		{"body in gzip", with("Content-Encoding", "gzip"), ok},
		{"no body", body(func(string) string { return "" }), bad},
		{"half a body", body(func(s string) string { return s[:len(s)/2] }), bad},
		{"two bodies", body(func(s string) string { return s + s }), bad},
		{"body after white space", body(func(s string) string { return strings.Repeat(" \r\n\t", 1000) + s }), ok},
		{"100 KB of body", body(func(s string) string { return s + strings.Repeat(" ", 100<<10) }), large},
		{"11 MB of body", body(func(s string) string { return s + strings.Repeat(" ", 11<<20) }), large},
		{"deep body", body(func(string) string { return strings.Repeat(`{"objectKeys":`, 4000) }), bad},
		{"in chunks", chunked, ok},
		{"in chunks and with a length", func(r *wireRequest) {
			length, _ := r.header("Content-Length")
			chunked(r)
			r.set("Content-Length", length)
		}, ok},
		{"broken chunks", func(r *wireRequest) { chunked(r); r.body = "zz\r\n" + r.body }, bad},
		{"unknown transfer coding", func(r *wireRequest) { chunked(r); r.set("Transfer-Encoding", "gzip, chunked") }, http.StatusNotImplemented},
		{"two lengths", with("Content-Length", "1"), bad},
		{"length no number", set("Content-Length", "1e1"), bad},
		{"length below zero", set("Content-Length", "-1"), bad},
		{"no length", func(r *wireRequest) { r.drop("Content-Length") }, bad},
		{"expects to be asked", with("Expect", "100-continue"), ok},
		{"expects something else", with("Expect", "nothing"), http.StatusExpectationFailed},
		{"upgrade", func(r *wireRequest) { r.set("Connection", "Upgrade"); r.set("Upgrade", "h2c") }, ok},
	} {
		t.Run(tt.about, func(t *testing.T) {
			t.Parallel()
			for owner, want := range map[string]int{"alice": tt.want, "bob": tt.want} {
				if owner == "bob" && want == ok {
					want = missing
				}
				b := `{"objectKeys":["u/` + owner + `/private.txt"]}`
				r := wireRequest{method: "POST", target: "/signed-urls", body: b, headers: [][2]string{
					{"Host", u.Host},
					{"Content-Type", "application/json"},
					{"Content-Length", strconv.Itoa(len(b))},
					{"Authorization", "Bearer " + user.token},
				}}
				tt.change(&r)
				a, err := r.send(t.Context(), u.Host)
				if err != nil || a.status != want {
					t.Errorf("for %s's file: %v, %v, want %d", owner, a, err, want)
				}
				if got := bytes.Contains(a.body, []byte("Signature=")); got != (want == ok) {
					t.Errorf("for %s's file: %v: signed = %t", owner, a, got)
				}
			}
		})
	}
}

// chunked sends the body in two chunks.
func chunked(r *wireRequest) {
	r.drop("Content-Length")
	r.set("Transfer-Encoding", "chunked")
	half := len(r.body) / 2
	r.body = fmt.Sprintf("%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n", half, r.body[:half], len(r.body)-half, r.body[half:])
}
