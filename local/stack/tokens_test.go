package stack_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"airlock/local/stack"
)

// outcome is how a request ends. All refusals of one outcome are one answer.
type outcome string

const (
	granted      outcome = "granted"
	notFound     outcome = "404, by the function"
	unauthorized outcome = "401, by the gateway"
	// The gateway can't tell these, so the function says what is wrong with the
	// token, and nothing of the file.
	anotherKind outcome = "401, by the function: another kind of token"
	nobody      outcome = "401, by the function: no subject"
)

// refusalStatus is what a refused client reads first.
var refusalStatus = map[outcome]int{notFound: http.StatusNotFound, unauthorized: http.StatusUnauthorized, anotherKind: http.StatusUnauthorized, nobody: http.StatusUnauthorized}

// testToken is what a caller shows.
type testToken struct {
	name      string
	claims    map[string]any // beside sub; nil: no token at all
	own       outcome        // of requests for what is the caller's own
	others    outcome        // for what is not
	challenge string         // the gateway's www-authenticate
}

func testTokenKinds() []testToken {
	invalid := func(why string) string {
		return `Bearer scope="" error="invalid_token" error_description="` + why + `"`
	}
	return []testToken{
		{"plain", map[string]any{}, granted, notFound, ""},
		{"another scope", map[string]any{"scope": "openid airlock/read.anything"}, granted, notFound, ""},
		{"read-any scope", map[string]any{"scope": "openid " + readAnyScope}, granted, granted, ""},
		{"id token", map[string]any{"token_use": "id", "scope": readAnyScope}, anotherKind, anotherKind, ""},
		{"no subject", map[string]any{"sub": nil}, nobody, nobody, ""},
		{"wrong audience", map[string]any{"aud": "another", "scope": readAnyScope}, unauthorized, unauthorized, invalid("the token does not have a valid audience")},
		{"wrong issuer", map[string]any{"iss": "https://example.com"}, unauthorized, unauthorized, invalid("issuer does not match")},
		{"expired", map[string]any{"exp": time.Now().Add(-time.Hour).Unix()}, unauthorized, unauthorized, invalid("the token has expired")},
		{"none", nil, unauthorized, unauthorized, "Bearer"},
	}
}

// testFile is a file that somebody asks for.
type testFile struct {
	about, key string
	own        bool // the caller's
	there      bool // to be had from the CDN
}

// testFiles stores, and deletes again, files of both users and of none, and
// returns what one of the users may ask for. Nobody has fetched them: a deleted
// one is in no cache.
func testFiles(t *testing.T, s *stack.Stack, me, other string) []testFile {
	t.Helper()
	var files []testFile
	for _, space := range []string{"u/" + me + "/", "u/" + other + "/", ""} {
		for _, state := range []string{"stored", "deleted", "missing"} {
			key := space + "tokens-" + me + "/" + state + ".txt"
			if state != "missing" {
				_, err := operatorS3(s).PutObject(t.Context(), &s3.PutObjectInput{
					Bucket: &s.Endpoints.Bucket, Key: &key, Body: strings.NewReader(key), IfNoneMatch: new("*"),
				})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := awaitRow(t.Context(), s, key, "created"); err != nil {
					t.Fatal(err)
				}
			}
			if state == "deleted" {
				deleteObject(t.Context(), t, s, key)
				if _, err := awaitRow(t.Context(), s, key, "deleted"); err != nil {
					t.Fatal(err)
				}
			}
			whose := map[string]string{"u/" + me + "/": "own", "u/" + other + "/": "other's", "": "shared"}[space]
			files = append(files, testFile{whose + " " + state, key, whose == "own", state == "stored"})
		}
	}
	return append(files, testFile{"nobody's missing", "u/nobody/tokens/a.txt", false, false})
}

// routeRequest is how a route is asked for a file. whole says that it is asked
// for exactly that key; else for a place in the caller's own space, whatever the
// file's key is.
type routeRequest struct {
	whole bool
	ask   func(c client, objectKey string) (answer, error)
	check func(ctx context.Context, t *testing.T, me string, f testFile, a answer)
}

// testOwnership asks every route of the template, for two users and with every
// kind of token, for every kind of file. Refusals of one outcome are compared
// byte for byte, save the request's id: they tell nothing.
func testOwnership(t *testing.T, s *stack.Stack) {
	alike := map[string]string{} // the first answer of a kind
	sameAs := func(t *testing.T, kind, text string) {
		if first, ok := alike[kind]; !ok {
			alike[kind] = text
		} else if diff := cmp.Diff(first, text); diff != "" {
			t.Errorf("an answer unlike the others that are %s (-first +this):\n%s", kind, diff)
		}
	}
	requests := map[string]routeRequest{
		"POST /uploads": {
			ask: func(c client, objectKey string) (answer, error) {
				at := strings.LastIndexByte(objectKey, '/')
				return c.post(t.Context(), "/uploads", map[string]any{
					"folder": objectKey[:at], "name": objectKey[at+1:], "contentType": "text/plain", "contentLength": 1,
				})
			},
			check: func(_ context.Context, t *testing.T, me string, f testFile, a answer) {
				if want := fmt.Sprintf(`"objectKey":"u/%s/%s"`, me, f.key); a.status != http.StatusCreated || !strings.Contains(string(a.body), want) {
					t.Errorf("answered %d, want 201 with %s", a.status, want)
				}
			},
		},
		"POST /signed-urls": {
			whole: true,
			ask: func(c client, objectKey string) (answer, error) {
				return c.post(t.Context(), "/signed-urls", map[string]any{"objectKeys": []string{objectKey}})
			},
			check: func(ctx context.Context, t *testing.T, _ string, f testFile, a answer) {
				urls, err := signedURLs(a, f.key)
				if err != nil {
					t.Error(err)
					return
				}
				file, err := get(ctx, urls[0], nil)
				switch {
				case err != nil:
					t.Error(err)
				case f.there && (file.status != http.StatusOK || string(file.body) != f.key):
					t.Errorf("GET = %v, want 200 and the file", file)
				case !f.there && file.status != http.StatusForbidden:
					t.Errorf("GET = %v, want 403", file)
				case !f.there:
					sameAs(t, "the CDN's 403", bare(file))
				}
			},
		},
	}
	var routes []string
	for _, f := range s.Template.Functions {
		for _, r := range f.Routes {
			routes = append(routes, r.Method+" "+r.Path)
		}
	}
	slices.Sort(routes)
	if diff := cmp.Diff(routes, slices.Sorted(maps.Keys(requests))); diff != "" {
		t.Fatalf("routes (-template +asked here): each must say whose files it gives:\n%s", diff)
	}

	for _, users := range [][2]string{{"alice", "bob"}, {"bob", "alice"}} {
		me := users[0]
		files := testFiles(t, s, me, users[1])
		for _, token := range testTokenKinds() {
			c := client{Stack: s}
			if token.claims != nil {
				claims := map[string]any{"sub": me}
				maps.Copy(claims, token.claims)
				c = as(t, s, claims)
			}
			for _, route := range routes {
				for _, f := range files {
					t.Run(me+"/"+token.name+"/"+route+"/"+f.about, func(t *testing.T) {
						request, want := requests[route], token.others
						if f.own || !request.whole {
							want = token.own
						}
						a, err := request.ask(c, f.key)
						if err != nil {
							t.Fatal(err)
						}
						if want == granted {
							request.check(t.Context(), t, me, f, a)
							return
						}
						if a.status != refusalStatus[want] {
							t.Errorf("answered %d, want %s", a.status, want)
						}
						var but []string
						if want == unauthorized {
							// The gateway says why: to a client with a stale token it is of use.
							if got := a.header.Get("Www-Authenticate"); got != token.challenge {
								t.Errorf("Www-Authenticate = %q, want %q", got, token.challenge)
							}
							but = append(but, "Www-Authenticate")
						}
						sameAs(t, string(want), bare(a, but...))
					})
				}
			}
		}
		t.Run(me+"/one of many", func(t *testing.T) {
			c := as(t, s, map[string]any{"sub": me})
			for _, f := range files {
				a, err := c.post(t.Context(), "/signed-urls", map[string]any{"objectKeys": []string{files[0].key, f.key}})
				switch {
				case err != nil:
					t.Error(err)
				case f.own && a.status != http.StatusOK:
					t.Errorf("with one that is %s: %d, want 200", f.about, a.status)
				case !f.own:
					sameAs(t, string(notFound), bare(a))
				}
			}
		})
	}
	for _, kind := range []string{string(notFound), string(unauthorized), string(anotherKind), string(nobody), "the CDN's 403"} {
		if alike[kind] == "" {
			t.Errorf("no answer was %s", kind)
		}
	}
}

// ids are what is of one request only: API Gateway's, CloudFront's and S3's.
var ids = regexp.MustCompile(`"requestId":"[^"]+"|<RequestId>[^<]+|<HostId>[^<]+`)

// bare is a whole answer as text, but for some headers and for what is of one
// request only.
func bare(a answer, but ...string) string {
	header := a.header.Clone()
	for _, name := range append(but, "Date", "Apigw-Requestid", "X-Amz-Cf-Id", "Via") {
		header.Del(name)
	}
	return fmt.Sprintf("%d\n%v\n%s", a.status, header, ids.ReplaceAllString(string(a.body), "<id>"))
}
