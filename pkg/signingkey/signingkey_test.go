package signingkey_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/cloudfront/sign"

	"airlock/pkg/signingkey"
)

func TestParseHash(t *testing.T) {
	t.Parallel()
	tests := []struct {
		in   string
		want signingkey.Hash
		ok   bool
	}{
		{"SHA256", signingkey.SHA256, true},
		{"SHA1", signingkey.SHA1, true},
		{"", 0, false},
		{"sha256", 0, false},
		{"SHA-1", 0, false},
		{"MD5", 0, false},
	}
	for _, tt := range tests {
		if got, err := signingkey.ParseHash(tt.in); got != tt.want || (err == nil) != tt.ok {
			t.Errorf("ParseHash(%q) = %v, %v; want %v, ok %t", tt.in, got, err, tt.want, tt.ok)
		}
	}
}

// decode undoes CloudFront's base64, by its documented table.
func decode(tb testing.TB, s []byte) []byte {
	tb.Helper()
	out, err := base64.StdEncoding.DecodeString(strings.NewReplacer("-", "+", "_", "=", "~", "/").Replace(string(s)))
	if err != nil {
		tb.Fatalf("signature %s: %v", s, err)
	}
	return out
}

// verify checks a signature by Go's crypto alone.
func verify(public crypto.PublicKey, h signingkey.Hash, message, signature []byte) bool {
	sum := sha256.Sum256(message)
	digest, hash := sum[:], crypto.SHA256
	if h == signingkey.SHA1 {
		sum := sha1.Sum(message)
		digest, hash = sum[:], crypto.SHA1
	}
	switch public := public.(type) {
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(public, hash, digest, signature) == nil
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(public, digest, signature)
	}
	return false
}

func TestAppendSignature(t *testing.T) {
	t.Parallel()
	rsaKey, err := newRSA()
	if err != nil {
		t.Fatal(err)
	}
	message := []byte(`{"Statement":[]}`)
	for name, pem := range map[string]string{"RSA": pkcs8(t, rsaKey), "EC": sec1(t, newEC(t, elliptic.P256()))} {
		for hashName, h := range map[string]signingkey.Hash{"SHA1": signingkey.SHA1, "SHA256": signingkey.SHA256} {
			t.Run(name+" "+hashName, func(t *testing.T) {
				t.Parallel()
				key := parse(t, pem)
				got, err := key.AppendSignature([]byte("Signature="), h, message)
				if err != nil {
					t.Fatal(err)
				}
				encoded, ok := bytes.CutPrefix(got, []byte("Signature="))
				if !ok || bytes.ContainsAny(encoded, "+/=&?%") {
					t.Fatalf("AppendSignature = %s, want it behind what was there, in CloudFront's base64", got)
				}
				if signature := decode(t, encoded); !verify(key.Public(), h, message, signature) {
					t.Errorf("AppendSignature(%s) = %s, which does not verify", message, encoded)
				} else if verify(key.Public(), h, []byte(`{"Statement":[ ]}`), signature) || verify(key.Public(), 1-h, message, signature) {
					t.Errorf("AppendSignature(%s) = %s, which verifies for another message or hash", message, encoded)
				}
			})
		}
	}
}

func TestZeroKey(t *testing.T) {
	t.Parallel()
	var key signingkey.Key
	if got, err := key.AppendSignature(nil, signingkey.SHA256, nil); err == nil || key.Public() != nil || key.ID() != "" {
		t.Errorf("zero Key: signature %s, error %v, public %v, id %q; want an error and nothing else", got, err, key.Public(), key.ID())
	}
}

// AWS's own signer knows SHA-1 alone.
func TestSignatureEqualsSDK(t *testing.T) {
	t.Parallel()
	private, err := newRSA()
	if err != nil {
		t.Fatal(err)
	}
	key := parse(t, pkcs8(t, private))
	for _, seconds := range []int64{1, 1_700_000_000, 2_000_000_000, 4_102_444_800} {
		policy := sign.NewCannedPolicy("https://d111111abcdef8.cloudfront.net/mysubpath/hello.txt", time.Unix(seconds, 0))
		want, encoded, err := policy.Sign(private)
		if err != nil {
			t.Fatal(err)
		}
		message := decode(t, encoded)
		if got, err := key.AppendSignature(nil, signingkey.SHA1, message); err != nil || !bytes.Equal(got, want) {
			t.Errorf("AppendSignature(%s) = %s, %v; want %s", message, got, err, want)
		}
		if got := signingkey.AppendBase64(nil, message); !bytes.Equal(got, encoded) {
			t.Errorf("AppendBase64(%s) = %s, want %s", message, got, encoded)
		}
	}
}

// openssl signed these messages with the same keys (testdata/vectors.sh): RSA
// gives the same bytes, and an ECDSA signature verifies with the public half.
func TestSignatureVectors(t *testing.T) {
	t.Parallel()
	var vectors []struct{ Key, Hash, Message, Signature string }
	if err := json.Unmarshal([]byte(readFile(t, "vectors.json")), &vectors); err != nil {
		t.Fatal(err)
	}
	for _, v := range vectors {
		key := parse(t, readFile(t, v.Key))
		h, err := signingkey.ParseHash(strings.ToUpper(v.Hash))
		if err != nil {
			t.Fatal(err)
		}
		if signature := decode(t, []byte(v.Signature)); !verify(key.Public(), h, []byte(v.Message), signature) {
			t.Errorf("openssl's signature of %q by %s with %s does not verify", v.Message, v.Key, v.Hash)
		}
		got, err := key.AppendSignature(nil, h, []byte(v.Message))
		if err != nil {
			t.Fatal(err)
		}
		if _, isRSA := key.Public().(*rsa.PublicKey); isRSA && string(got) != v.Signature {
			t.Errorf("AppendSignature(%q) by %s with %s = %s, want %s", v.Message, v.Key, v.Hash, got, v.Signature)
		}
	}
	if len(vectors) != 8 {
		t.Errorf("%d vectors, want 8", len(vectors))
	}
}

func TestAppendBase64(t *testing.T) {
	t.Parallel()
	tests := []struct{ in, want string }{
		{"", "a="}, // what is there already stays as it is
		{"\xfb\xef\xbe", "a=----"},
		{"\xff\xff\xff", "a=~~~~"},
		{"f", "a=Zg__"},
		{"fo", "a=Zm8_"},
		{"foo", "a=Zm9v"},
	}
	for _, tt := range tests {
		if got := signingkey.AppendBase64([]byte("a="), []byte(tt.in)); string(got) != tt.want {
			t.Errorf("AppendBase64(a=, %q) = %s, want %s", tt.in, got, tt.want)
		}
	}
}
