package issuer_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"

	"airlock/local/issuer"
)

const audience = "airlock"

func open(t *testing.T, path string) *bbolt.DB {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{NoSync: true})
	if err != nil {
		t.Fatalf("bbolt.Open: %v", err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// start serves an issuer and returns its URL.
func start(t *testing.T) (string, *issuer.Service) {
	t.Helper()
	var handler http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	service, err := issuer.New(issuer.Config{
		URL: server.URL, Audience: audience, DB: open(t, filepath.Join(t.TempDir(), "db")),
	})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	handler = service
	return server.URL, service
}

func do(t *testing.T, method, target, host, contentType, body string) (*http.Response, []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	if err != nil {
		t.Fatalf("NewRequest: %v", err)
	}
	if host != "" {
		request.Host = host
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("reading the answer: %v", err)
	}
	return response, answer
}

// verify checks a token with another implementation of JWKS than the gateway's.
func verify(t *testing.T, base, token string) jwt.MapClaims {
	t.Helper()
	_, discovery := do(t, http.MethodGet, base+"/.well-known/openid-configuration", "", "", "")
	var document struct {
		JWKSURI string `json:"jwks_uri"`
	}
	if err := json.Unmarshal(discovery, &document); err != nil {
		t.Fatalf("discovery document %s: %v", discovery, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	keys, err := keyfunc.NewDefaultCtx(ctx, []string{document.JWKSURI})
	if err != nil {
		t.Fatalf("reading the key set: %v", err)
	}
	claims := jwt.MapClaims{}
	if _, err := jwt.ParseWithClaims(token, claims, keys.Keyfunc, jwt.WithValidMethods([]string{"RS256"})); err != nil {
		t.Fatalf("the token does not verify: %v", err)
	}
	return claims
}

func TestToken(t *testing.T) {
	t.Parallel()
	base, _ := start(t)
	tests := map[string]struct {
		query  string
		claims jwt.MapClaims
		life   float64
	}{
		"only a subject": {
			query:  "sub=alice",
			claims: jwt.MapClaims{"sub": "alice", "aud": audience, "token_use": "access"},
			life:   3600,
		},
		"all parameters": {
			query:  "sub=auth0%7C7&scope=airlock%2Fread.any+openid&expires_in=60&aud=other&token_use=id&client_id=app",
			claims: jwt.MapClaims{"sub": "auth0|7", "aud": "other", "token_use": "id", "client_id": "app", "scope": "airlock/read.any openid"},
			life:   60,
		},
		"an empty scope is none": {
			query:  "sub=a&scope=",
			claims: jwt.MapClaims{"sub": "a", "aud": audience, "token_use": "access"},
			life:   3600,
		},
		"255 bytes of a subject": {
			query:  "sub=" + strings.Repeat("a", 255),
			claims: jwt.MapClaims{"sub": strings.Repeat("a", 255), "aud": audience, "token_use": "access"},
			life:   3600,
		},
	}
	for name, test := range tests {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			t.Run(name+" by "+method, func(t *testing.T) {
				t.Parallel()
				target, contentType, body := base+"/token?"+test.query, "", ""
				if method == http.MethodPost {
					target, contentType, body = base+"/token", "application/x-www-form-urlencoded", test.query
				}
				before := time.Now().Unix()
				response, answer := do(t, method, target, "", contentType, body)
				if response.StatusCode != http.StatusOK {
					t.Fatalf("status %d, want 200: %s", response.StatusCode, answer)
				}
				if got := response.Header.Get("Cache-Control"); got != "no-store" {
					t.Errorf("cache-control = %q, want no-store", got)
				}
				var token struct {
					AccessToken string  `json:"access_token"`
					TokenType   string  `json:"token_type"`
					ExpiresIn   float64 `json:"expires_in"`
				}
				if err := json.Unmarshal(answer, &token); err != nil {
					t.Fatalf("the answer is not JSON: %v", err)
				}
				if token.TokenType != "Bearer" || token.ExpiresIn != test.life {
					t.Errorf("token type %q for %v s, want Bearer for %v s", token.TokenType, token.ExpiresIn, test.life)
				}
				claims := verify(t, base, token.AccessToken)
				iat, _ := claims["iat"].(float64)
				exp, _ := claims["exp"].(float64)
				if int64(iat) < before || exp-iat < test.life || exp-iat > test.life+1 {
					t.Errorf("iat %v, exp %v, want %v s apart and now", iat, exp, test.life)
				}
				if jti, _ := claims["jti"].(string); jti == "" {
					t.Errorf("the token has no jti")
				}
				for _, name := range []string{"iat", "exp", "jti"} {
					delete(claims, name)
				}
				want := jwt.MapClaims{"iss": base}
				for name, value := range test.claims {
					want[name] = value
				}
				if diff := cmp.Diff(want, claims); diff != "" {
					t.Errorf("claims (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func TestTokenRefusals(t *testing.T) {
	t.Parallel()
	base, _ := start(t)
	const form = "application/x-www-form-urlencoded"
	tests := map[string]struct {
		method, query, contentType, body string
	}{
		"no subject":            {query: "scope=a"},
		"empty subject":         {query: "sub="},
		"256 bytes of subject":  {query: "sub=" + strings.Repeat("a", 256)},
		"control character":     {query: "sub=a%0Ab"},
		"C1 control character":  {query: "sub=a%C2%85b"},
		"not UTF-8":             {query: "sub=%FF"},
		"control in scope":      {query: "sub=a&scope=%00"},
		"repeated":              {query: "sub=a&sub=b"},
		"unknown":               {query: "sub=a&role=admin"},
		"other case":            {query: "Sub=a"},
		"zero life":             {query: "sub=a&expires_in=0"},
		"negative life":         {query: "sub=a&expires_in=-1"},
		"life over a day":       {query: "sub=a&expires_in=86401"},
		"life in words":         {query: "sub=a&expires_in=1h"},
		"empty audience":        {query: "sub=a&aud="},
		"empty token_use":       {query: "sub=a&token_use="},
		"bad escape":            {query: "sub=%zz"},
		"POST with a query":     {method: http.MethodPost, query: "sub=a", contentType: form},
		"POST of another type":  {method: http.MethodPost, contentType: "application/json", body: `{"sub":"a"}`},
		"POST of too much":      {method: http.MethodPost, contentType: form, body: "sub=" + strings.Repeat("a", 11<<10)},
		"POST without anything": {method: http.MethodPost, contentType: form},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			method := test.method
			if method == "" {
				method = http.MethodGet
			}
			target := base + "/token"
			if test.query != "" {
				target += "?" + test.query
			}
			response, answer := do(t, method, target, "", test.contentType, test.body)
			var problem struct {
				Error       string `json:"error"`
				Description string `json:"error_description"`
			}
			if err := json.Unmarshal(answer, &problem); err != nil {
				t.Fatalf("status %d, answer %q is not JSON: %v", response.StatusCode, answer, err)
			}
			if response.StatusCode != http.StatusBadRequest || problem.Error != "invalid_request" || problem.Description == "" {
				t.Errorf("%s = %d %s, want 400 invalid_request and a description", target, response.StatusCode, answer)
			}
		})
	}
}

func TestHosts(t *testing.T) {
	t.Parallel()
	base, _ := start(t)
	port := mustURL(t, base).Port()
	for host, want := range map[string]int{
		"127.0.0.1:" + port:  http.StatusOK,
		"localhost":          http.StatusOK,
		"issuer.localhost":   http.StatusOK,
		"[::1]:" + port:      http.StatusOK,
		"evil.example":       http.StatusForbidden,
		"localhost.evil.com": http.StatusForbidden,
		"notlocalhost":       http.StatusForbidden,
		"127.0.0.1.nip.io":   http.StatusForbidden,
		"10.0.0.1:" + port:   http.StatusForbidden,
	} {
		t.Run(host, func(t *testing.T) {
			t.Parallel()
			for _, path := range []string{"/token?sub=a", "/.well-known/jwks.json"} {
				response, _ := do(t, http.MethodGet, base+path, host, "", "")
				if response.StatusCode != want {
					t.Errorf("GET %s with host %s = %d, want %d", path, host, response.StatusCode, want)
				}
				if cors := response.Header.Get("Access-Control-Allow-Origin"); (cors != "") != (want == http.StatusOK) {
					t.Errorf("GET %s with host %s has access-control-allow-origin %q", path, host, cors)
				}
			}
		})
	}
}

func TestDiscoveryNamesTheIssuerToTheLetter(t *testing.T) {
	t.Parallel()
	for _, issuerURL := range []string{"http://127.0.0.1:8080", "http://127.0.0.1:8080/"} {
		t.Run(issuerURL, func(t *testing.T) {
			t.Parallel()
			service, err := issuer.New(issuer.Config{URL: issuerURL, Audience: audience, DB: open(t, filepath.Join(t.TempDir(), "db"))})
			if err != nil {
				t.Fatalf("New: %v", err)
			}
			recorder := httptest.NewRecorder()
			request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/.well-known/openid-configuration", nil)
			service.ServeHTTP(recorder, request)
			var got map[string]any
			if err := json.Unmarshal(recorder.Body.Bytes(), &got); err != nil {
				t.Fatalf("discovery document: %v", err)
			}
			want := map[string]any{
				"issuer":                                issuerURL,
				"jwks_uri":                              "http://127.0.0.1:8080/.well-known/jwks.json",
				"token_endpoint":                        "http://127.0.0.1:8080/token",
				"response_types_supported":              []any{"token"},
				"subject_types_supported":               []any{"public"},
				"id_token_signing_alg_values_supported": []any{"RS256"},
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("discovery document (-want +got):\n%s", diff)
			}
		})
	}
}

func TestKeySurvivesARestart(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "db")
	keys := func() string {
		db := open(t, path)
		defer func() { _ = db.Close() }()
		service, err := issuer.New(issuer.Config{URL: "http://localhost", Audience: audience, DB: db})
		if err != nil {
			t.Fatalf("New: %v", err)
		}
		recorder := httptest.NewRecorder()
		service.ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/.well-known/jwks.json", nil))
		return recorder.Body.String()
	}
	first, second := keys(), keys()
	if first != second {
		t.Errorf("the key set changed with a restart:\n%s\n%s", first, second)
	}
	if strings.Contains(first, `"d"`) {
		t.Errorf("the key set has the private exponent")
	}
}

func TestSign(t *testing.T) {
	t.Parallel()
	base, service := start(t)
	token, err := service.Sign(map[string]any{"aud": nil, "client_id": "app", "iat": nil, "sub": "bob", "jti": "1"})
	if err != nil {
		t.Fatalf("Sign: %v", err)
	}
	claims := verify(t, base, token)
	delete(claims, "exp")
	want := jwt.MapClaims{"iss": base, "client_id": "app", "sub": "bob", "jti": "1", "token_use": "access"}
	if diff := cmp.Diff(want, claims); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
}

func TestConfigRefusals(t *testing.T) {
	t.Parallel()
	db := open(t, filepath.Join(t.TempDir(), "db"))
	for name, config := range map[string]issuer.Config{
		"no URL":        {Audience: audience, DB: db},
		"no host":       {URL: "http://", Audience: audience, DB: db},
		"other scheme":  {URL: "ftp://localhost", Audience: audience, DB: db},
		"a path":        {URL: "http://localhost/{pool}", Audience: audience, DB: db},
		"no audience":   {URL: "http://localhost", DB: db},
		"no database":   {URL: "http://localhost", Audience: audience},
		"query":         {URL: "http://localhost?a=b", Audience: audience, DB: db},
		"not even URLs": {URL: "http://[::1", Audience: audience, DB: db},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := issuer.New(config); err == nil {
				t.Errorf("New(%q) succeeded", config.URL)
			}
		})
	}
}

func TestPreflight(t *testing.T) {
	t.Parallel()
	base, _ := start(t)
	response, _ := do(t, http.MethodOptions, base+"/token", "", "", "")
	if response.StatusCode != http.StatusNoContent || response.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("OPTIONS /token = %d, allowed origin %q, want 204 and *", response.StatusCode, response.Header.Get("Access-Control-Allow-Origin"))
	}
}

func mustURL(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatalf("url.Parse(%q): %v", s, err)
	}
	return u
}
