package signingkey_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"airlock/pkg/signingkey"
)

const keyPairID = "K2JCJMDEHXQW5F"

// readFile returns a file of testdata, whose README says where it comes from.
func readFile(tb testing.TB, name string) string {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

// document is a secret with that PEM in it.
func document(tb testing.TB, privateKey string) []byte {
	tb.Helper()
	d, err := json.Marshal(map[string]string{"keyPairId": keyPairID, "privateKey": privateKey})
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

func parse(tb testing.TB, privateKey string) signingkey.Key {
	tb.Helper()
	key, err := signingkey.Parse(document(tb, privateKey))
	if err != nil {
		tb.Fatalf("Parse = %v", err)
	}
	return key
}

// encode is PEM of what x509.Marshal… returned.
func encode(tb testing.TB, blockType string, der []byte, err error) string {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: blockType, Bytes: der}))
}

func pkcs8(tb testing.TB, key any) string {
	tb.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return encode(tb, "PRIVATE KEY", der, err)
}

func sec1(tb testing.TB, key *ecdsa.PrivateKey) string {
	tb.Helper()
	der, err := x509.MarshalECPrivateKey(key)
	return encode(tb, "EC PRIVATE KEY", der, err)
}

func newEC(tb testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	tb.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

// newRSA is made once: under the race detector that takes a second.
var newRSA = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

func TestParse(t *testing.T) {
	t.Parallel()
	rsaKey, err := newRSA()
	if err != nil {
		t.Fatal(err)
	}
	ecKey := newEC(t, elliptic.P256())
	opensslRSA := parse(t, readFile(t, "rsa-pkcs1.pem")).Public()
	opensslEC := parse(t, readFile(t, "ec-sec1.pem")).Public()

	tests := []struct {
		name, pem string
		want      crypto.PublicKey
	}{
		{"PKCS#1", encode(t, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey), nil), &rsaKey.PublicKey},
		{"PKCS#8 RSA", pkcs8(t, rsaKey), &rsaKey.PublicKey},
		{"PKCS#8 EC", pkcs8(t, ecKey), &ecKey.PublicKey},
		{"SEC 1", sec1(t, ecKey), &ecKey.PublicKey},
		{"openssl rsa, PKCS#8", readFile(t, "rsa-pkcs8.pem"), opensslRSA},
		{"openssl ec, PKCS#8", readFile(t, "ec-pkcs8.pem"), opensslEC},
		// What "openssl ecparam -genkey" writes has the curve in front.
		{"openssl ec, SEC 1", readFile(t, "ec-sec1.pem"), opensslEC},
		{"openssl ec, CRLF", strings.ReplaceAll(readFile(t, "ec-sec1.pem"), "\n", "\r\n"), opensslEC},
		{"CRLF", strings.ReplaceAll(pkcs8(t, rsaKey), "\n", "\r\n"), &rsaKey.PublicKey},
		{"no line break at the end", strings.TrimSpace(sec1(t, ecKey)), &ecKey.PublicKey},
		{"white space around", " \t\r\n\n " + sec1(t, ecKey) + "\r\n\t ", &ecKey.PublicKey},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			key, err := signingkey.Parse(document(t, tt.pem))
			if err != nil {
				t.Fatalf("Parse(%s) = %v", tt.name, err)
			}
			public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
			if key.ID() != keyPairID || !ok || !public.Equal(tt.want) {
				t.Errorf("Parse(%s) = key pair %s, %v; want %s, %v", tt.name, key.ID(), key.Public(), keyPairID, tt.want)
			}
		})
	}
}

// The whole of what errors may say; the PEM's continue "privateKey ".
const (
	shape = `the secret is not a JSON document {"keyPairId":"K...","privateKey":"-----BEGIN..."}`
	badID = "keyPairId is not the id of a CloudFront public key: 1 to 64 letters and digits"

	missing   = "is missing"
	escaped   = `has the two characters \n where line breaks should be: it was escaped twice`
	noPEM     = "is not PEM, was cut short, or lost its line breaks"
	before    = "has other text before the PEM"
	after     = "has other text after the PEM"
	encrypted = "is encrypted: store it without a passphrase, Secrets Manager encrypts it"
	half      = "is a public key or a certificate: the private half is needed"
	otherPEM  = "is PEM of another kind: a PRIVATE KEY (PKCS#8), RSA PRIVATE KEY (PKCS#1) or EC PRIVATE KEY (SEC 1) is needed"
	unknown   = "is damaged, or a key of a kind CloudFront does not take"
	neither   = "is neither RSA nor ECDSA: CloudFront takes RSA of 2048 bits and ECDSA on P-256"
)

var wrongSize = regexp.MustCompile(`^privateKey is (RSA of [0-9]{1,5} bits: CloudFront takes 2048|ECDSA on P-[0-9]{3}: CloudFront takes P-256)$`)

func TestParseRefusesPEM(t *testing.T) {
	t.Parallel()
	rsa1024, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ecKey := newEC(t, elliptic.P256())
	good := pkcs8(t, ecKey)
	publicDER, err := x509.MarshalPKIXPublicKey(&ecKey.PublicKey)
	public := encode(t, "PUBLIC KEY", publicDER, err)
	parameters, _, _ := strings.Cut(readFile(t, "ec-sec1.pem"), "-----BEGIN EC PRIVATE")
	damaged := encode(t, "PRIVATE KEY", []byte("not DER, but the secret all the same"), nil)

	tests := []struct{ name, pem, want string }{
		{"empty", "", missing},
		{"white space", " \r\n", missing},
		{"RSA of 1024 bits", pkcs8(t, rsa1024), "is RSA of 1024 bits: CloudFront takes 2048"},
		{"RSA of 4096 bits", readFile(t, "rsa-4096.pem"), "is RSA of 4096 bits: CloudFront takes 2048"},
		{"P-224", sec1(t, newEC(t, elliptic.P224())), "is ECDSA on P-224: CloudFront takes P-256"},
		{"P-384", sec1(t, newEC(t, elliptic.P384())), "is ECDSA on P-384: CloudFront takes P-256"},
		{"secp256k1", readFile(t, "ec-secp256k1.pem"), unknown},
		{"Ed25519", pkcs8(t, ed), neither},
		{"RSA for PSS alone", readFile(t, "rsa-pss.pem"), unknown},
		{"damaged", damaged, unknown},
		{"EC named RSA", strings.ReplaceAll(sec1(t, ecKey), "EC PRIVATE", "RSA PRIVATE"), unknown},
		{"public key", public, half},
		{"certificate", readFile(t, "certificate.pem"), half},
		{"OpenSSH", strings.ReplaceAll(good, "PRIVATE KEY", "OPENSSH PRIVATE KEY"), otherPEM},
		{"encrypted PKCS#1", readFile(t, "rsa-pkcs1-encrypted.pem"), encrypted},
		{"encrypted PKCS#8", readFile(t, "ec-pkcs8-encrypted.pem"), encrypted},
		{"cut short", good[:len(good)-30], noPEM},
		{"cut short in front of another", good[:len(good)-30] + "\n" + good, noPEM},
		{"without line breaks", strings.ReplaceAll(good, "\n", " "), noPEM},
		{"no PEM", "correct horse battery staple", noPEM},
		{`escaped \n`, strings.ReplaceAll(good, "\n", `\n`), escaped},
		{"text in front", "my key:\n" + good, before},
		{"text behind", good + "that was my key", after},
		{"two keys", good + good, after},
		{"key and its public half", good + public, after},
		{"EC parameters alone", parameters, noPEM},
		{"text after EC parameters", parameters + "my key:\n" + sec1(t, ecKey), before},
		{"EC parameters twice", parameters + parameters + sec1(t, ecKey), after},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			key, err := signingkey.Parse(document(t, tt.pem))
			if err == nil || err.Error() != "privateKey "+tt.want || key.Public() != nil {
				t.Errorf("Parse(%s) = %v, %v; want error %q", tt.name, key, err, "privateKey "+tt.want)
			}
			if err != nil {
				assertNothingOf(t, err.Error(), tt.pem)
			}
		})
	}
}

func TestParseDocument(t *testing.T) {
	t.Parallel()
	good := sec1(t, newEC(t, elliptic.P256()))
	quoted, err := json.Marshal(good)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, document, want string }{
		{"as it should be", `{"keyPairId":"K1","privateKey":PEM}`, ""},
		{"longest id", `{"keyPairId":"` + strings.Repeat("K", 64) + `","privateKey":PEM}`, ""},
		{"white space", " {\n\"keyPairId\" : \"K1\",\n\"privateKey\" : PEM }\n", ""},
		{"during a rotation", `{"keyPairId":"K1","privateKey":PEM,"next":{"keyPairId":"K2","privateKey":PEM,"published":"2026-01-31T12:00:00Z"},` +
			`"retired":[{"keyPairId":"K0","until":"2026-01-31T12:00:00Z"}]}`, ""},
		{"empty", ``, shape},
		{"bare PEM", good, shape},
		{"PEM as a JSON string", `PEM`, shape},
		{"null", `null`, badID},
		{"array", `[{"keyPairId":"K1","privateKey":PEM}]`, shape},
		{"id of another type", `{"keyPairId":1,"privateKey":PEM}`, shape},
		{"key of another type", `{"keyPairId":"K1","privateKey":[PEM]}`, shape},
		{"id twice", `{"keyPairId":"K1","keyPairId":"K2","privateKey":PEM}`, shape},
		{"key twice", `{"keyPairId":"K1","privateKey":PEM,"privateKey":PEM}`, shape},
		{"trailing data", `{"keyPairId":"K1","privateKey":PEM}{}`, shape},
		{"cut short", `{"keyPairId":"K1","privateKey":PEM`, shape},
		{"bad UTF-8", "{\"keyPairId\":\"K1\",\"privateKey\":PEM,\"note\":\"\xff\"}", shape},
		{"no id", `{"privateKey":PEM}`, badID},
		{"id in another case", `{"keypairid":"K1","privateKey":PEM}`, badID},
		{"empty id", `{"keyPairId":"","privateKey":PEM}`, badID},
		{"id too long", `{"keyPairId":"` + strings.Repeat("K", 65) + `","privateKey":PEM}`, badID},
		{"id that adds a parameter", `{"keyPairId":"K1&Policy=x","privateKey":PEM}`, badID},
		{"id with a space", `{"keyPairId":"K1 ","privateKey":PEM}`, badID},
		{"id not ASCII", `{"keyPairId":"Ka\u0308","privateKey":PEM}`, badID},
		{"no key", `{"keyPairId":"K1"}`, "privateKey is missing"},
		{"key null", `{"keyPairId":"K1","privateKey":null}`, "privateKey is missing"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := ""
			_, err := signingkey.Parse([]byte(strings.ReplaceAll(tt.document, "PEM", string(quoted))))
			if err != nil {
				got = err.Error()
				assertNothingOf(t, got, good)
			}
			if got != tt.want {
				t.Errorf("Parse(%s) = %q, want %q", tt.name, got, tt.want)
			}
		})
	}
}

// assertNothingOf fails where text holds a word of a PEM's body.
func assertNothingOf(tb testing.TB, text, privateKey string) {
	tb.Helper()
	for line := range strings.Lines(strings.ReplaceAll(privateKey, `\n`, "\n")) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "-----") {
			continue
		}
		for i := 0; i+8 <= len(line); i++ {
			if strings.Contains(text, line[i:i+8]) {
				tb.Errorf("%q holds %q of the private key", text, line[i:i+8])
				return
			}
		}
	}
}

// Whatever the secret holds: no panic, no error that quotes it, and only keys
// that CloudFront takes.
func FuzzParse(f *testing.F) {
	for _, name := range []string{"rsa-pkcs1.pem", "rsa-pkcs8.pem", "ec-sec1.pem", "ec-pkcs8.pem", "rsa-pkcs1-encrypted.pem", "certificate.pem"} {
		f.Add(document(f, readFile(f, name)))
	}
	f.Add([]byte(`{"keyPairId":"K1","privateKey":"-----BEGIN PRIVATE KEY-----\nMIIEvQ=="}`))
	known := map[string]bool{shape: true, badID: true}
	for _, text := range []string{missing, escaped, noPEM, before, after, encrypted, half, otherPEM, unknown, neither} {
		known["privateKey "+text] = true
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		key, err := signingkey.Parse(document)
		if err != nil {
			if text := err.Error(); !known[text] && !wrongSize.MatchString(text) {
				t.Errorf("Parse(%q) = %q, an error of no known text", document, text)
			}
			return
		}
		switch public := key.Public().(type) {
		case *rsa.PublicKey:
			if public.N.BitLen() != 2048 {
				t.Errorf("Parse(%q) is RSA of %d bits", document, public.N.BitLen())
			}
		case *ecdsa.PublicKey:
			if public.Curve != elliptic.P256() {
				t.Errorf("Parse(%q) is ECDSA on %v", document, public.Curve.Params().Name)
			}
		default:
			t.Errorf("Parse(%q) is %T", document, public)
		}
	})
}
