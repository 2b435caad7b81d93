package apigateway

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"airlock/local/template"
)

const (
	testIssuer   = "http://issuer.localhost"
	testAudience = "airlock"
	testOrigin   = "https://app.example.com"
)

// rsaTestKey is the tests' issuer's key: making one takes a while.
var rsaTestKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// fakeIssuer answers an authorizer's fetches without a socket.
type fakeIssuer struct {
	mu        sync.Mutex
	documents map[string]string // by path; one left out is a 404
	delay     time.Duration
	fetches   map[string]int
}

func newFakeIssuer(kids ...string) *fakeIssuer {
	f := &fakeIssuer{fetches: make(map[string]int), documents: map[string]string{
		"/.well-known/openid-configuration": `{"issuer":"` + testIssuer + `","jwks_uri":"` + testIssuer + `/keys"}`,
	}}
	f.publish(kids...)
	return f
}

func (f *fakeIssuer) publish(kids ...string) {
	keys := make([]map[string]string, len(kids))
	for i, kid := range kids {
		keys[i] = jwkOf(&rsaTestKey().PublicKey, kid)
	}
	document, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		panic(err)
	}
	f.set("/keys", string(document))
}

func (f *fakeIssuer) set(path, document string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.documents[path] = document
}

func (f *fakeIssuer) keyFetches() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fetches["/keys"]
}

func (f *fakeIssuer) RoundTrip(r *http.Request) (*http.Response, error) {
	f.mu.Lock()
	f.fetches[r.URL.Path]++
	document, ok := f.documents[r.URL.Path]
	delay := f.delay
	f.mu.Unlock()
	select {
	case <-time.After(delay):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	recorder := httptest.NewRecorder()
	if !ok || r.URL.Host != "issuer.localhost" {
		recorder.WriteHeader(http.StatusNotFound)
	}
	_, _ = recorder.WriteString(document)
	return recorder.Result(), nil
}

func jwkOf(key *rsa.PublicKey, kid string) map[string]string {
	return map[string]string{
		"kty": "RSA", "use": "sig", "kid": kid,
		"n": base64.RawURLEncoding.EncodeToString(key.N.Bytes()),
		"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes()),
	}
}

// tokenWith signs the default claims, changed: a nil value removes one.
func tokenWith(t *testing.T, changes jwt.MapClaims) string {
	t.Helper()
	return signed(t, jwt.SigningMethodRS256, rsaTestKey(), "k1", changes)
}

func signed(t *testing.T, method jwt.SigningMethod, key any, kid string, changes jwt.MapClaims) string {
	t.Helper()
	now := time.Now()
	claims := jwt.MapClaims{
		"iss": testIssuer, "aud": testAudience, "sub": "alice",
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}
	maps.Copy(claims, changes)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	token := jwt.NewWithClaims(method, claims)
	if kid != "" {
		token.Header["kid"] = kid
	}
	text, err := token.SignedString(key)
	if err != nil {
		t.Fatalf("signing a token: %v", err)
	}
	return text
}

// gateway is a Service with its surroundings.
type gateway struct {
	*Service
	issuer *fakeIssuer

	mu       sync.Mutex
	payloads []string // what functions were called with
	entries  []Entry
}

// invoke is a function's behaviour.
type invoke = func(ctx context.Context, function string, payload []byte) ([]byte, string, error)

func respond(response string) invoke {
	return func(context.Context, string, []byte) ([]byte, string, error) { return []byte(response), "", nil }
}

func newGateway(t *testing.T, function invoke, change func(*Config)) *gateway {
	t.Helper()
	g := &gateway{issuer: newFakeIssuer("k1")}
	config := Config{
		API: template.HTTPAPI{
			LogicalID:   "Api",
			ID:          "id",
			Host:        "id.execute-api.us-east-1.amazonaws.com",
			Authorizers: []template.JWTAuthorizer{{Name: "Token", Issuer: testIssuer, Audience: []string{testAudience, "second"}}},
		},
		Region:    "us-east-1",
		AccountID: "123456789012",
		Routes: []Route{
			testRoute("POST", "/uploads", "Token"),
			testRoute("GET", "/files/{id}", "Token"),
			testRoute("GET", "/scoped", "Token", "files/read", "files/write"),
			testRoute("GET", "/open", ""),
			testRoute("POST", "/open", ""),
		},
		Invoke: func(ctx context.Context, name string, payload []byte) ([]byte, string, error) {
			g.mu.Lock()
			g.payloads = append(g.payloads, string(payload))
			g.mu.Unlock()
			return function(ctx, name, payload)
		},
		AccessLog: func(e Entry) {
			g.mu.Lock()
			g.entries = append(g.entries, e)
			g.mu.Unlock()
		},
	}
	if change != nil {
		change(&config)
	}
	service, err := New(config)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	for _, r := range service.routes {
		if r.authorizer != nil {
			r.authorizer.keys.client.Transport = g.issuer
		}
	}
	g.Service = service
	return g
}

func testRoute(method, path, authorizer string, scopes ...string) Route {
	return Route{Function: "Function", Route: template.Route{
		APILogicalID: "Api", Method: method, Path: path, Authorizer: authorizer, Scopes: scopes,
	}}
}

// send gives the gateway a request that came to localhost.
func (g *gateway) send(t *testing.T, method, target, body string, headers ...string) *http.Response {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	request.Host = "localhost:8080"
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			request.Host = headers[i+1]
			continue
		}
		request.Header.Add(headers[i], headers[i+1])
	}
	recorder := httptest.NewRecorder()
	g.ServeHTTP(recorder, request)
	return recorder.Result()
}

func bodyOf(t *testing.T, response *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("reading the answer: %v", err)
	}
	return string(body)
}

func (g *gateway) called() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.payloads)
}

// lastEvent is what the function was called with last.
func (g *gateway) lastEvent(t *testing.T) map[string]any {
	t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.payloads) == 0 {
		t.Fatalf("the function was not called; log: %v", fmt.Sprint(g.entries))
	}
	var event map[string]any
	if err := json.Unmarshal([]byte(g.payloads[len(g.payloads)-1]), &event); err != nil {
		t.Fatalf("the event is not JSON: %v", err)
	}
	return event
}

func (g *gateway) lastEntry(t *testing.T) Entry {
	t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.entries) == 0 {
		t.Fatalf("nothing was logged")
	}
	return g.entries[len(g.entries)-1]
}
