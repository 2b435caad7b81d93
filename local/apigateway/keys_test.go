package apigateway

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// description is what a find failed with; "" if it did not.
func description(t *testing.T, s *keySet, kid string) string {
	t.Helper()
	_, err := s.find(t.Context(), kid, "RS256")
	if err == nil {
		return ""
	}
	var d *denial
	if !errors.As(err, &d) {
		t.Fatalf("find(%q) fails with %v, which is not a denial", kid, err)
	}
	return d.description
}

func keySetOf(issuer *fakeIssuer) *keySet {
	s := newKeySet(testIssuer)
	s.client.Transport = issuer
	return s
}

func TestKeysAreCachedTwoHours(t *testing.T) {
	t.Parallel()
	rsaTestKey() // not within the bubble: another test may be waiting for it
	synctest.Test(t, func(t *testing.T) {
		issuer := newFakeIssuer("k1")
		s := keySetOf(issuer)
		if n := issuer.keyFetches(); n != 0 {
			t.Errorf("%d fetches before the first token", n)
		}
		for range 3 {
			if got := description(t, s, "k1"); got != "" {
				t.Fatalf("find: %s", got)
			}
			time.Sleep(keysTTL/3 - time.Second)
		}
		if n := issuer.keyFetches(); n != 1 {
			t.Errorf("%d fetches within two hours, want 1", n)
		}
		issuer.publish("k2")
		if got := description(t, s, "k1"); got != "" {
			t.Errorf("a cached key: %s, want it to live on", got)
		}
		time.Sleep(4 * time.Second)
		if got := description(t, s, "k1"); got != unknownKeyError {
			t.Errorf("a withdrawn key after two hours: %q, want %q", got, unknownKeyError)
		}
		if n := issuer.keyFetches(); n != 2 {
			t.Errorf("%d fetches after two hours, want 2", n)
		}
	})
}

func TestUnknownKeyIsLookedForOnceAMinute(t *testing.T) {
	t.Parallel()
	rsaTestKey()
	synctest.Test(t, func(t *testing.T) {
		issuer := newFakeIssuer("k1")
		s := keySetOf(issuer)
		for range 10 {
			if got := description(t, s, "k2"); got != unknownKeyError {
				t.Fatalf("find(k2) = %q, want %q", got, unknownKeyError)
			}
		}
		if n := issuer.keyFetches(); n != 1 {
			t.Errorf("%d fetches in the first minute, want 1", n)
		}
		issuer.publish("k1", "k2")
		time.Sleep(unknownKeyInterval)
		if got := description(t, s, "k2"); got != "" {
			t.Errorf("find(k2) a minute later = %q, want success", got)
		}
		// An issuer that is away is not hammered either, and harms no known key.
		issuer.set("/keys", "gone")
		time.Sleep(unknownKeyInterval)
		for range 10 {
			description(t, s, "k3")
		}
		if n := issuer.keyFetches(); n != 3 {
			t.Errorf("%d fetches, want 3", n)
		}
		if got := description(t, s, "k1"); got != "" {
			t.Errorf("find(k1) while the issuer is away = %q, want success", got)
		}
	})
}

func TestOneFetchAtATime(t *testing.T) {
	t.Parallel()
	rsaTestKey()
	synctest.Test(t, func(t *testing.T) {
		issuer := newFakeIssuer("k1")
		issuer.delay = time.Second
		s := keySetOf(issuer)
		var wait sync.WaitGroup
		for range 20 {
			wait.Go(func() {
				if _, err := s.find(t.Context(), "k1", "RS256"); err != nil {
					t.Errorf("find: %v", err)
				}
			})
		}
		wait.Wait()
		if n := issuer.keyFetches(); n != 1 {
			t.Errorf("%d fetches for 20 requests at once, want 1", n)
		}
		// While a fetch for an unknown key runs, known keys wait for nothing.
		time.Sleep(unknownKeyInterval)
		go func() { _, _ = s.find(t.Context(), "k2", "RS256") }()
		synctest.Wait()
		before := time.Now()
		if got := description(t, s, "k1"); got != "" || time.Since(before) != 0 {
			t.Errorf("find of a known key = %q after %v, want success at once", got, time.Since(before))
		}
		time.Sleep(time.Minute)
	})
}

func TestIssuerFailures(t *testing.T) {
	t.Parallel()
	const discovery = "/.well-known/openid-configuration"
	rsaTestKey()
	tests := map[string]struct {
		path, document string
		delay          time.Duration
		want           string
	}{
		"slow":                       {delay: issuerTimeout + time.Millisecond, want: discoveryError},
		"just in time":               {delay: issuerTimeout - time.Millisecond, want: ""},
		"discovery is not JSON":      {path: discovery, document: "<html>", want: discoveryError},
		"discovery of another":       {path: discovery, document: `{"issuer":"http://other","jwks_uri":"` + testIssuer + `/keys"}`, want: discoveryError},
		"discovery without keys":     {path: discovery, document: `{"issuer":"` + testIssuer + `"}`, want: discoveryError},
		"discovery too long":         {path: discovery, document: strings.Repeat(" ", maxIssuerResponse+1), want: discoveryError},
		"keys on a host that is not": {path: discovery, document: `{"issuer":"` + testIssuer + `","jwks_uri":"http://other/keys"}`, want: keysError},
		"keys by another protocol":   {path: discovery, document: `{"issuer":"` + testIssuer + `","jwks_uri":"file:///keys"}`, want: keysError},
		"keys are not JSON":          {path: "/keys", document: "<html>", want: keysError},
		"keys without keys":          {path: "/keys", document: "{}", want: keysError},
		"keys too long":              {path: "/keys", document: `{"keys":[]}` + strings.Repeat(" ", maxIssuerResponse), want: keysError},
		"no keys":                    {path: "/keys", document: `{"keys":[]}`, want: unknownKeyError},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				issuer := newFakeIssuer("k1")
				issuer.delay = test.delay
				good := issuer.documents[test.path]
				if test.path != "" {
					issuer.set(test.path, test.document)
				}
				s := keySetOf(issuer)
				if got := description(t, s, "k1"); got != test.want {
					t.Fatalf("find = %q, want %q", got, test.want)
				}
				// A failed fetch is not cached; an empty key set is one that succeeded.
				issuer.delay = 0
				issuer.set(test.path, good)
				if test.want == unknownKeyError {
					time.Sleep(unknownKeyInterval)
				}
				if got := description(t, s, "k1"); got != "" {
					t.Errorf("find once the issuer is well again = %q, want success", got)
				}
			})
		})
	}
}

func TestKeyOfAnotherAlgorithm(t *testing.T) {
	t.Parallel()
	s := keySetOf(newFakeIssuer("k1"))
	s.keys = map[string]publicKey{"k1": {key: &rsaTestKey().PublicKey, algorithm: "RS512"}}
	s.fetched = time.Now()
	if got, want := description(t, s, "k1"), "the token's algorithm is not its key's"; got != want {
		t.Errorf("find = %q, want %q", got, want)
	}
}

func TestParseJWKS(t *testing.T) {
	t.Parallel()
	key := jwkOf(&rsaTestKey().PublicKey, "k")
	n, e := key["n"], key["e"]
	for name, test := range map[string]struct {
		jwk  string
		kept bool
	}{
		"plain":              {`{"kty":"RSA","kid":"k","n":"` + n + `","e":"` + e + `"}`, true},
		"for signatures":     {`{"kty":"RSA","use":"sig","alg":"RS256","kid":"k","n":"` + n + `","e":"` + e + `"}`, true},
		"for encryption":     {`{"kty":"RSA","use":"enc","kid":"k","n":"` + n + `","e":"` + e + `"}`, false},
		"no kid":             {`{"kty":"RSA","n":"` + n + `","e":"` + e + `"}`, false},
		"elliptic":           {`{"kty":"EC","kid":"k","crv":"P-256","x":"AA","y":"AA"}`, false},
		"symmetric":          {`{"kty":"oct","kid":"k","k":"AAAA"}`, false},
		"short modulus":      {`{"kty":"RSA","kid":"k","n":"` + n[:170] + `","e":"` + e + `"}`, false},
		"immense modulus":    {`{"kty":"RSA","kid":"k","n":"` + strings.Repeat("_", 2048) + `","e":"` + e + `"}`, false},
		"modulus not base64": {`{"kty":"RSA","kid":"k","n":"*","e":"` + e + `"}`, false},
		"exponent one":       {`{"kty":"RSA","kid":"k","n":"` + n + `","e":"AQ"}`, false},
		"even exponent":      {`{"kty":"RSA","kid":"k","n":"` + n + `","e":"BA"}`, false},
		"no exponent":        {`{"kty":"RSA","kid":"k","n":"` + n + `"}`, false},
		"immense exponent":   {`{"kty":"RSA","kid":"k","n":"` + n + `","e":"` + n + `"}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			keys, err := parseJWKS([]byte(`{"keys":[` + test.jwk + `]}`))
			if err != nil {
				t.Fatalf("parseJWKS: %v", err)
			}
			if _, kept := keys["k"]; kept != test.kept || kept != (len(keys) == 1) {
				t.Errorf("parseJWKS keeps %d keys, want it kept: %v", len(keys), test.kept)
			}
		})
	}
}

func FuzzParseJWKS(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"RSA","kid":"k","n":"AQAB","e":"AQAB"}]}`))
	f.Add([]byte(`{"keys":null}`))
	f.Fuzz(func(t *testing.T, document []byte) {
		keys, err := parseJWKS(document)
		if err != nil {
			return
		}
		for kid, key := range keys {
			if kid == "" || key.key.N.BitLen() < 2048 || key.key.E < 3 {
				t.Errorf("parseJWKS(%q) keeps a key that is none", document)
			}
		}
	})
}
