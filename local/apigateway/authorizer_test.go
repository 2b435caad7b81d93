package apigateway

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
)

const challengeStart = `Bearer scope="" error="invalid_token" error_description="`

func TestAuthorizer(t *testing.T) {
	t.Parallel()
	otherRSA, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatalf("rsa.GenerateKey: %v", err)
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatalf("ecdsa.GenerateKey: %v", err)
	}
	publicDER, err := x509.MarshalPKIXPublicKey(&rsaTestKey().PublicKey)
	if err != nil {
		t.Fatalf("x509.MarshalPKIXPublicKey: %v", err)
	}
	publicPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: publicDER})

	now := time.Now()
	rs256 := func(kid string, changes jwt.MapClaims) string {
		return signed(t, jwt.SigningMethodRS256, rsaTestKey(), kid, changes)
	}
	valid := rs256("k1", nil)
	parts := strings.Split(valid, ".")
	tamperedPayload := strings.Join([]string{
		parts[0], base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"` + testIssuer + `","aud":"airlock","sub":"mallory","exp":9999999999}`)), parts[2],
	}, ".")
	critical := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{"iss": testIssuer, "aud": testAudience, "exp": now.Add(time.Hour).Unix()})
	critical.Header["kid"], critical.Header["crit"] = "k1", []string{"b64"}
	criticalToken, err := critical.SignedString(rsaTestKey())
	if err != nil {
		t.Fatalf("signing a token: %v", err)
	}

	// want is the description in the challenge; "" means the token passes, and
	// missing means that there is no token.
	const missing = "missing"
	tests := map[string]struct {
		headers []string
		want    string
	}{
		"valid":                    {[]string{"Bearer " + valid}, ""},
		"valid without Bearer":     {[]string{valid}, ""},
		"second audience":          {[]string{rs256("k1", jwt.MapClaims{"aud": "second"})}, ""},
		"one of many audiences":    {[]string{rs256("k1", jwt.MapClaims{"aud": []string{"other", testAudience}})}, ""},
		"client_id without aud":    {[]string{rs256("k1", jwt.MapClaims{"aud": nil, "client_id": testAudience})}, ""},
		"neither iat nor nbf":      {[]string{rs256("k1", jwt.MapClaims{"iat": nil})}, ""},
		"nbf now":                  {[]string{rs256("k1", jwt.MapClaims{"nbf": now.Unix()})}, ""},
		"RS384":                    {[]string{signed(t, jwt.SigningMethodRS384, rsaTestKey(), "k1", nil)}, ""},
		"RS512":                    {[]string{signed(t, jwt.SigningMethodRS512, rsaTestKey(), "k1", nil)}, ""},
		"no header":                {nil, missing},
		"empty header":             {[]string{""}, missing},
		"only Bearer":              {[]string{"Bearer"}, missing},
		"Bearer and a space":       {[]string{"Bearer "}, missing},
		"bearer in lower case":     {[]string{"bearer " + valid}, "the token is malformed"},
		"BEARER":                   {[]string{"BEARER " + valid}, "the token is malformed"},
		"Basic":                    {[]string{"Basic YTpi"}, "the token is malformed"},
		"not a token":              {[]string{"Bearer nonsense"}, "the token is malformed"},
		"two headers":              {[]string{"Bearer " + valid, "Bearer " + valid}, "the token is malformed"},
		"two tokens in one":        {[]string{"Bearer " + valid + "," + valid}, "the token is malformed"},
		"wrong issuer":             {[]string{rs256("k1", jwt.MapClaims{"iss": "http://other.localhost"})}, "issuer does not match"},
		"issuer with a slash":      {[]string{rs256("k1", jwt.MapClaims{"iss": testIssuer + "/"})}, "issuer does not match"},
		"no issuer":                {[]string{rs256("k1", jwt.MapClaims{"iss": nil})}, "the token lacks a required claim"},
		"wrong audience":           {[]string{rs256("k1", jwt.MapClaims{"aud": "other"})}, "the token does not have a valid audience"},
		"wrong aud, right client":  {[]string{rs256("k1", jwt.MapClaims{"aud": "other", "client_id": testAudience})}, "the token does not have a valid audience"},
		"empty aud, right client":  {[]string{rs256("k1", jwt.MapClaims{"aud": []string{}, "client_id": testAudience})}, "the token does not have a valid audience"},
		"aud of another type":      {[]string{rs256("k1", jwt.MapClaims{"aud": 7})}, "the token does not have a valid audience"},
		"wrong client, no aud":     {[]string{rs256("k1", jwt.MapClaims{"aud": nil, "client_id": "other"})}, "the token does not have a valid audience"},
		"neither aud nor client":   {[]string{rs256("k1", jwt.MapClaims{"aud": nil})}, "the token does not have a valid audience"},
		"expired":                  {[]string{rs256("k1", jwt.MapClaims{"exp": now.Add(-time.Second).Unix()})}, "the token has expired"},
		"no exp":                   {[]string{rs256("k1", jwt.MapClaims{"exp": nil})}, "the token lacks a required claim"},
		"exp in words":             {[]string{rs256("k1", jwt.MapClaims{"exp": "tomorrow"})}, "the token is malformed"},
		"not valid yet":            {[]string{rs256("k1", jwt.MapClaims{"nbf": now.Add(time.Minute).Unix()})}, "the token is not valid yet"},
		"iat in the future":        {[]string{rs256("k1", jwt.MapClaims{"iat": now.Add(time.Minute).Unix()})}, "the token is used before issued"},
		"unknown kid":              {[]string{rs256("k2", nil)}, "the token's key is unknown"},
		"no kid":                   {[]string{rs256("", nil)}, "the token has no kid"},
		"another key of that name": {[]string{signed(t, jwt.SigningMethodRS256, otherRSA, "k1", nil)}, "the token's signature is invalid"},
		"tampered payload":         {[]string{tamperedPayload}, "the token's signature is invalid"},
		"no signature":             {[]string{parts[0] + "." + parts[1] + "."}, "the token's signature is invalid"},
		"alg none":                 {[]string{signed(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, "k1", nil)}, "the token's signature is invalid"},
		"HS256 by the public PEM":  {[]string{signed(t, jwt.SigningMethodHS256, publicPEM, "k1", nil)}, "the token's signature is invalid"},
		"HS256 by the public DER":  {[]string{signed(t, jwt.SigningMethodHS256, publicDER, "k1", nil)}, "the token's signature is invalid"},
		"ES256":                    {[]string{signed(t, jwt.SigningMethodES256, ec, "k1", nil)}, "the token's signature is invalid"},
		"PS256":                    {[]string{signed(t, jwt.SigningMethodPS256, rsaTestKey(), "k1", nil)}, "the token's signature is invalid"},
		"algorithm of nobody":      {[]string{base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS1","kid":"k1"}`)) + "." + parts[1] + "." + parts[2]}, "the token's signature is invalid"},
		"critical header":          {[]string{criticalToken}, "the token has a critical header"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGateway(t, respond(`{"statusCode":204}`), nil)
			var headers []string
			for _, value := range test.headers {
				headers = append(headers, "Authorization", value)
			}
			response := g.send(t, "POST", "/uploads", "", headers...)
			if test.want == "" {
				if response.StatusCode != http.StatusNoContent {
					t.Errorf("status %d, want 204; log: %q", response.StatusCode, g.lastEntry(t).Problem)
				}
				return
			}
			challenge := challengeStart + test.want + `"`
			if test.want == missing {
				challenge = "Bearer"
			}
			if got := response.Header.Get("Www-Authenticate"); got != challenge {
				t.Errorf("www-authenticate = %s, want %s", got, challenge)
			}
			if body := bodyOf(t, response); response.StatusCode != http.StatusUnauthorized || body != `{"message":"Unauthorized"}` {
				t.Errorf("answer %d %s, want 401 and AWS's message", response.StatusCode, body)
			}
			if g.called() != 0 {
				t.Errorf("the function was called")
			}
			for _, value := range test.headers {
				if value != "" && len(value) > 10 && strings.Contains(g.lastEntry(t).Problem, value) {
					t.Errorf("the token is in the log")
				}
			}
		})
	}
}

func TestScopes(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		claims jwt.MapClaims
		want   []any // the event's scopes; nil: refused
	}{
		"none":                 {nil, nil},
		"others":               {jwt.MapClaims{"scope": "files/delete openid"}, nil},
		"a part of one":        {jwt.MapClaims{"scope": "files/rea"}, nil},
		"one of two":           {jwt.MapClaims{"scope": "openid files/write"}, []any{"openid", "files/write"}},
		"a list in scope":      {jwt.MapClaims{"scope": []string{"files/read"}}, []any{"files/read"}},
		"a list in scp":        {jwt.MapClaims{"scp": []any{"files/read", 7}}, []any{"files/read"}},
		"one in scp":           {jwt.MapClaims{"scp": "files/read"}, []any{"files/read"}},
		"scp is not split":     {jwt.MapClaims{"scp": "files/read files/write"}, nil},
		"neither list nor one": {jwt.MapClaims{"scope": map[string]any{"files/read": true}}, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGateway(t, respond(`{"statusCode":204}`), nil)
			response := g.send(t, "GET", "/scoped", "", "Authorization", tokenWith(t, test.claims))
			if test.want == nil {
				if body := bodyOf(t, response); response.StatusCode != http.StatusForbidden || body != `{"message":"Forbidden"}` || g.called() != 0 {
					t.Errorf("answer %d %s, want 403 and AWS's message", response.StatusCode, body)
				}
				want := `Bearer scope="files/read files/write" error="insufficient_scope" error_description="the token does not have a required scope"`
				if got := response.Header.Get("Www-Authenticate"); got != want {
					t.Errorf("www-authenticate = %s, want %s", got, want)
				}
				return
			}
			if response.StatusCode != http.StatusNoContent {
				t.Fatalf("status %d, want 204", response.StatusCode)
			}
			if diff := cmp.Diff(test.want, dig(t, g.lastEvent(t), "requestContext", "authorizer", "jwt", "scopes")); diff != "" {
				t.Errorf("scopes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestClaims(t *testing.T) {
	t.Parallel()
	g := newGateway(t, respond(`{"statusCode":204}`), nil)
	g.send(t, "POST", "/uploads", "", "Authorization", tokenWith(t, jwt.MapClaims{
		"iat": 1700000000, "exp": 4000000000,
		"cognito:groups": []string{"admin", "power user"},
		"email_verified": true,
		"big":            9007199254740993,
		"part":           1.5,
		"float":          jsonLiteral("1.7e9"),
		"nested":         map[string]any{"a": []any{1}},
		"mixed":          []any{1, true, nil, "x"},
		"empty":          []any{},
		"nothing":        jsonLiteral("null"),
		"scope":          "a b",
		"text":           "é\u2028<&>",
	}))
	want := map[string]any{
		"iss": testIssuer, "aud": testAudience, "sub": "alice",
		"iat": "1700000000", "exp": "4000000000",
		"cognito:groups": "[admin power user]",
		"email_verified": "true",
		"big":            "9007199254740993",
		"part":           "1.5",
		"float":          "1700000000",
		"nested":         `{"a":[1]}`,
		"mixed":          "[1 true  x]",
		"empty":          "[]",
		"scope":          "a b",
		"text":           "é\u2028<&>",
	}
	if diff := cmp.Diff(any(want), dig(t, g.lastEvent(t), "requestContext", "authorizer", "jwt", "claims")); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
	if scopes := dig(t, g.lastEvent(t), "requestContext", "authorizer", "jwt", "scopes"); scopes != nil {
		t.Errorf("scopes of a route without = %v, want null", scopes)
	}
}

// jsonLiteral marshals as it stands.
type jsonLiteral string

func (l jsonLiteral) MarshalJSON() ([]byte, error) { return []byte(l), nil }

func dig(t *testing.T, value any, path ...string) any {
	t.Helper()
	for _, name := range path {
		object, ok := value.(map[string]any)
		if !ok {
			t.Fatalf("no %q in %v", name, value)
		}
		if value, ok = object[name]; !ok {
			t.Fatalf("no %q in %v", name, object)
		}
	}
	return value
}
