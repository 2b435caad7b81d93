package stack_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"airlock/local/stack"
)

// testTokens asks both routes with every kind of token for every kind of key.
func testTokens(t *testing.T, s *stack.Stack) {
	const ok, created, unauthorized, missing = http.StatusOK, http.StatusCreated, http.StatusUnauthorized, http.StatusNotFound
	stored := map[string]string{}
	for _, name := range []string{"alice", "bob"} {
		g, err := as(t, s, map[string]any{"sub": name}).store(t.Context(), upload{"tokens", "a.txt", "text/plain", []byte(name)})
		if err != nil {
			t.Fatal(err)
		}
		stored[name] = g.ObjectKey
	}
	tokens := []struct {
		name   string
		claims map[string]any // beside sub; nil: no token at all
		// What each request is answered with: an upload, and URLs for a key of
		// one's own, another user's, nobody's, and for own ones that are missing.
		upload, own, others, shared, missing int
	}{
		{"plain", map[string]any{}, created, ok, missing, missing, ok},
		{"another scope", map[string]any{"scope": "openid airlock/read.anything"}, created, ok, missing, missing, ok},
		{"read-any scope", map[string]any{"scope": "openid " + readAnyScope}, created, ok, ok, ok, ok},
		{"wrong audience", map[string]any{"aud": "another"}, unauthorized, unauthorized, unauthorized, unauthorized, unauthorized},
		{"wrong issuer", map[string]any{"iss": "https://example.com"}, unauthorized, unauthorized, unauthorized, unauthorized, unauthorized},
		{"id token", map[string]any{"token_use": "id"}, unauthorized, unauthorized, unauthorized, unauthorized, unauthorized},
		{"expired", map[string]any{"exp": time.Now().Add(-time.Hour).Unix()}, unauthorized, unauthorized, unauthorized, unauthorized, unauthorized},
		{"no subject", map[string]any{"sub": nil}, unauthorized, unauthorized, unauthorized, unauthorized, unauthorized},
		{"none", nil, unauthorized, unauthorized, unauthorized, unauthorized, unauthorized},
	}
	for me, other := range map[string]string{"alice": "bob", "bob": "alice"} {
		for _, token := range tokens {
			t.Run(me+"/"+token.name, func(t *testing.T) {
				c := client{Stack: s}
				if token.claims != nil {
					claims := map[string]any{"sub": me}
					for name, value := range token.claims {
						claims[name] = value
					}
					c = as(t, s, claims)
				}
				sign := func(keys ...string) map[string]any { return map[string]any{"objectKeys": keys} }
				for _, tt := range []struct {
					path string
					in   map[string]any
					want int
				}{
					{"/uploads", map[string]any{"name": "b.txt", "contentType": "text/plain", "contentLength": 1}, token.upload},
					{"/signed-urls", sign(stored[me]), token.own},
					{"/signed-urls", sign(stored[other]), token.others},
					{"/signed-urls", sign("u/" + other + "/no/such.txt"), token.others},
					{"/signed-urls", sign("mysubpath/hello.txt"), token.shared},
					{"/signed-urls", sign("no/such.txt"), token.shared},
					{"/signed-urls", sign("u/" + me + "/no/such.txt"), token.missing},
					{"/signed-urls", sign(stored[me], stored[other]), token.others},
				} {
					a, err := c.post(t.Context(), tt.path, tt.in)
					if err != nil || a.status != tt.want {
						t.Errorf("POST %s %+v = %v, %v, want %d", tt.path, tt.in, a, err, tt.want)
					}
				}
			})
		}
	}
	t.Run("missing own file", func(t *testing.T) {
		urls, err := alice(t, s).sign(t.Context(), "u/alice/no/such.txt")
		if err != nil {
			t.Fatal(err)
		}
		if a, err := get(t.Context(), urls[0], nil); err != nil || a.status != http.StatusForbidden {
			t.Errorf("GET of a file that is not there = %v, %v, want 403", a, err)
		}
	})
}

// testForeignKeys compares the answers for somebody else's file and for no file
// at all: only the request's own id may tell them apart.
func testForeignKeys(t *testing.T, s *stack.Stack) {
	bobs, err := as(t, s, map[string]any{"sub": "bob"}).store(t.Context(), upload{"foreign", "a.txt", "text/plain", []byte("b")})
	if err != nil {
		t.Fatal(err)
	}
	user := alice(t, s)
	ask := func(objectKey string) string {
		a, err := user.post(t.Context(), "/signed-urls", map[string]any{"objectKeys": []string{objectKey}})
		if err != nil {
			t.Fatal(err)
		}
		var problem struct{ RequestID string }
		if err := json.Unmarshal(a.body, &problem); err != nil || problem.RequestID == "" {
			t.Fatalf("%v has no request id: %v", a, err)
		}
		a.header.Del("Date")
		whole := fmt.Sprintf("%d\n%v\n%s", a.status, a.header, a.body)
		return replaceAll(whole, problem.RequestID, a.header.Get("Apigw-Requestid"))
	}
	want := ask(bobs.ObjectKey)
	for _, objectKey := range []string{"u/bob/foreign/b.txt", "u/nobody/foreign/a.txt", "mysubpath/hello.txt", "no/such.txt"} {
		if diff := cmp.Diff(want, ask(objectKey)); diff != "" {
			t.Errorf("the answer for %q differs from that for bob's file:\n%s", objectKey, diff)
		}
	}
}

// replaceAll blots ids out of an answer.
func replaceAll(s string, ids ...string) string {
	for _, id := range ids {
		if id != "" {
			s = strings.ReplaceAll(s, id, "<id>")
		}
	}
	return s
}
