package delivery

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/cloudfront/sign"
	"github.com/google/go-cmp/cmp"

	"airlock/pkg/signingkey"
)

// AWS's signer for Go knows SHA-1 and keys that need no escaping. Within that,
// every byte is the same.
func TestSignURLEqualsSDK(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../signingkey/testdata/rsa-pkcs1.pem")
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	private, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	signer := sign.NewURLSigner(keyPairID, private)
	key, c := readKey(t, "rsa-pkcs1.pem"), Config{BaseURL: baseURL, Hash: signingkey.SHA1}
	for _, object := range []string{"a", "mysubpath/hello.txt", "u/auth0.7C7/2026/a-b_c~d.txt"} {
		raw := baseURL + "/" + object
		canned := makeTerms(t, 2_000_000_000, 0, "")
		want, err := signer.Sign(raw, canned.expires)
		if err != nil {
			t.Fatal(err)
		}
		if got := mustSign(t, c, key, object, canned); got != want {
			t.Errorf("signURL(%q, %+v) = %s, want %s", object, canned, got, want)
		}
		encoded, err := json.Marshal(sign.NewCannedPolicy(raw, canned.expires))
		if got := appendPolicy(nil, []byte(raw), canned); err != nil || string(got) != string(encoded) {
			t.Errorf("appendPolicy(%q, %+v) = %s, want %s", raw, canned, got, encoded)
		}

		// The SDK writes the conditions in another order, so each stands alone.
		for _, notBefore := range []int64{0, 1_900_000_000} {
			custom := makeTerms(t, 2_000_000_000, notBefore, "203.0.113.0/24")
			conditions := sign.Condition{DateLessThan: sign.NewAWSEpochTime(custom.expires)}
			if notBefore != 0 {
				conditions.DateGreaterThan = sign.NewAWSEpochTime(time.Unix(notBefore, 0))
			}
			conditions.IPAddress = &sign.IPAddress{SourceIP: "203.0.113.0/24"}
			want, err := signer.SignWithPolicy(raw, &sign.Policy{Statements: []sign.Statement{{Resource: raw, Condition: conditions}}})
			if err != nil {
				t.Fatal(err)
			}
			assertSamePolicy(t, mustSign(t, c, key, object, custom), want, key)
		}
	}
}

// assertSamePolicy compares two signed URLs whose policies may be spelled
// differently: both verify, and both allow the same.
func assertSamePolicy(t *testing.T, got, want string, key signingkey.Key) {
	t.Helper()
	g, w := takeApart(t, got), takeApart(t, want)
	if !g.verify(key.Public()) || !w.verify(key.Public()) {
		t.Errorf("%s verifies: %t; %s: %t", got, g.verify(key.Public()), want, w.verify(key.Public()))
	}
	if diff := cmp.Diff(statements(t, w.policy), statements(t, g.policy)); diff != "" || g.resource != w.resource {
		t.Errorf("signURL = %s, want %s (-want +got):\n%s", got, want, diff)
	}
	for _, q := range []url.Values{g.query, w.query} {
		q.Del("Policy")
		q.Del("Signature")
	}
	if diff := cmp.Diff(w.query, g.query); diff != "" {
		t.Errorf("query of signURL = %s (-want +got):\n%s", got, diff)
	}
}

// TestVectors compares with URLs that AWS's signers for Python and JavaScript
// made of the same keys. testdata/vectors.py and vectors.mjs are how.
func TestVectors(t *testing.T) {
	t.Parallel()
	for file, count := range map[string]int{"botocore.json": 20, "javascript.json": 32} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(filepath.Join("testdata", file))
			if err != nil {
				t.Fatal(err)
			}
			var made struct {
				Maker   string
				Vectors []struct {
					ObjectKey                 string
					Expires, NotBefore        int64
					IPAddress, Hash, Key, URL string
				}
			}
			if err := json.Unmarshal(text, &made); err != nil {
				t.Fatal(err)
			}
			for _, v := range made.Vectors {
				key := readKey(t, v.Key)
				c := Config{BaseURL: baseURL}
				if c.Hash, err = signingkey.ParseHash(v.Hash); err != nil {
					t.Fatal(err)
				}
				got := mustSign(t, c, key, v.ObjectKey, makeTerms(t, v.Expires, v.NotBefore, v.IPAddress))
				assertSamePolicy(t, got, v.URL, key)
				// RSA signs the same bytes the same way, so the parts are equal too.
				// JavaScript puts them in another order, which means nothing.
				if _, isRSA := key.Public().(*rsa.PublicKey); isRSA && ordered(got) != ordered(v.URL) {
					t.Errorf("signURL(%+v) = %s, want %s as %s made it", v, got, v.URL, made.Maker)
				}
			}
			if len(made.Vectors) != count {
				t.Errorf("%d vectors, want %d", len(made.Vectors), count)
			}
		})
	}
}

func ordered(s string) string {
	resource, query, _ := strings.Cut(s, "?")
	values, err := url.ParseQuery(query)
	if err != nil {
		return err.Error()
	}
	return resource + "?" + values.Encode()
}
