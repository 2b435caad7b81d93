package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"airlock/local/stack"
)

// pipe is a command of openssl, and what its output goes through.
type pipe [][]string

func (p pipe) run(t *testing.T) string {
	t.Helper()
	var out []byte
	for _, args := range p {
		out = openssl(t, out, args...)
	}
	return string(out)
}

func curve(name string, more ...string) []string {
	return append([]string{"ecparam", "-name", name, "-genkey"}, more...)
}

var (
	rsa2048 = []string{"genrsa", "2048"}
	p256    = curve("prime256v1", "-noout")
	aes     = []string{"-aes256", "-passout", "pass:correct horse"}
)

// refusedKeys are what people put into the secret by mistake, and what the log
// then tells them.
var refusedKeys = []struct {
	name string
	made pipe
	edit func(pem string) string // nil: as it is
	want string
}{
	{"RSA of 1024 bits", pipe{{"genrsa", "1024"}}, nil, "is RSA of 1024 bits: CloudFront takes 2048"},
	{"RSA of 1024 bits, PKCS#1", pipe{{"genrsa", "-traditional", "1024"}}, nil, "is RSA of 1024 bits: CloudFront takes 2048"},
	{"RSA of 4096 bits", pipe{{"genrsa", "4096"}}, nil, "is RSA of 4096 bits: CloudFront takes 2048"},
	{"P-384", pipe{curve("secp384r1")}, nil, "is ECDSA on P-384: CloudFront takes P-256"},
	{"P-384, PKCS#8", pipe{curve("secp384r1", "-noout"), {"pkcs8", "-topk8", "-nocrypt"}}, nil, "is ECDSA on P-384: CloudFront takes P-256"},
	{"P-521", pipe{curve("secp521r1", "-noout")}, nil, "is ECDSA on P-521: CloudFront takes P-256"},
	{"secp256k1", pipe{curve("secp256k1", "-noout")}, nil, "is damaged, or a key of a kind CloudFront does not take"},
	{"P-256 without its name", pipe{curve("prime256v1", "-noout", "-param_enc", "explicit")}, nil, "is damaged, or a key of a kind CloudFront does not take"},
	{"RSA for PSS alone", pipe{{"genpkey", "-quiet", "-algorithm", "RSA-PSS"}}, nil, "is damaged, or a key of a kind CloudFront does not take"},
	{"Ed25519", pipe{{"genpkey", "-algorithm", "ED25519"}}, nil, "is neither RSA nor ECDSA: CloudFront takes RSA of 2048 bits and ECDSA on P-256"},
	{"X25519", pipe{{"genpkey", "-algorithm", "X25519"}}, nil, "is neither RSA nor ECDSA: CloudFront takes RSA of 2048 bits and ECDSA on P-256"},
	{"public half", pipe{rsa2048, {"pkey", "-pubout"}}, nil, "is a public key or a certificate: the private half is needed"},
	{"public half, PKCS#1", pipe{rsa2048, {"rsa", "-RSAPublicKey_out"}}, nil, "is a public key or a certificate: the private half is needed"},
	{"public half, EC", pipe{p256, {"ec", "-pubout"}}, nil, "is a public key or a certificate: the private half is needed"},
	{"encrypted RSA", pipe{append(append([]string{"genrsa"}, aes...), "2048")}, nil, "is encrypted: store it without a passphrase"},
	{"encrypted PKCS#1", pipe{append(append([]string{"genrsa", "-traditional"}, aes...), "2048")}, nil, "is encrypted: store it without a passphrase"},
	{"encrypted SEC 1", pipe{p256, append([]string{"ec"}, aes...)}, nil, "is encrypted: store it without a passphrase"},
	{"encrypted PKCS#8", pipe{p256, {"pkcs8", "-topk8", "-v2", "aes256", "-passout", "pass:x"}}, nil, "is encrypted: store it without a passphrase"},
	{"parameters alone", pipe{{"ecparam", "-name", "prime256v1"}}, nil, "is not PEM, was cut short, or lost its line breaks"},
	{"text in front", pipe{p256, {"ec", "-text"}}, nil, "has other text before the PEM"},
	{"text behind", pipe{rsa2048, {"pkey", "-text"}}, nil, "has other text after the PEM"},
	{"DER in place of PEM", pipe{p256, {"ec", "-outform", "DER"}, {"base64"}}, nil, "is not PEM, was cut short, or lost its line breaks"},
	{"cut short", pipe{rsa2048}, func(pem string) string { return pem[:len(pem)-40] }, "is not PEM, was cut short, or lost its line breaks"},
	{"a line lost", pipe{rsa2048}, func(pem string) string { return pem[:65] + pem[130:] }, "is damaged, or a key of a kind CloudFront does not take"},
	{"line breaks lost", pipe{p256}, func(pem string) string { return strings.ReplaceAll(pem, "\n", " ") }, "is not PEM, was cut short, or lost its line breaks"},
	{`escaped \n`, pipe{p256}, func(pem string) string { return strings.ReplaceAll(pem, "\n", `\n`) }, `has the two characters \n where line breaks should be: it was escaped twice`},
	{"trailing text", pipe{curve("prime256v1")}, func(pem string) string { return pem + "EOF\n" }, "has other text after the PEM"},
	{"two keys", pipe{p256}, func(pem string) string { return pem + pem }, "has other text after the PEM"},
}

var acceptedKeys = []struct {
	name string
	made pipe
}{
	{"genrsa", pipe{rsa2048}},
	{"genrsa -traditional", pipe{{"genrsa", "-traditional", "2048"}}},
	{"genpkey RSA", pipe{{"genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"}}},
	{"genpkey EC", pipe{{"genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"}}},
	{"ecparam -genkey", pipe{curve("prime256v1")}},
	{"ecparam -genkey -noout", pipe{p256}},
	{"pkcs8 -topk8", pipe{curve("prime256v1"), {"pkcs8", "-topk8", "-nocrypt"}}},
	{"rsa -aes256, and back", pipe{append(append([]string{"genrsa"}, aes...), "2048"), {"rsa", "-passin", "pass:correct horse"}}},
}

// TestOpenSSLKeys is an operator who stores what openssl wrote in the secret of
// a running stack. Until there is a key that CloudFront takes, the client is told
// to come again, and the log why; then openssl verifies what that key signed.
func TestOpenSSLKeys(t *testing.T) {
	needOpenSSL(t)
	var log logBuffer
	s := startStack(t, stack.Options{
		Parameters: map[string]string{"SigningKeyCacheTtl": "1s"}, Log: slog.New(slog.NewJSONHandler(&log, nil)),
	})
	store := func(t *testing.T, keyPairID, privateKey string) {
		t.Helper()
		document, err := json.Marshal(map[string]string{"keyPairId": keyPairID, "privateKey": privateKey})
		if err != nil {
			t.Fatal(err)
		}
		text := string(document)
		if _, err := secretsmanager.NewFromConfig(s.AWS(s.Endpoints.SecretsManager)).PutSecretValue(
			t.Context(), &secretsmanager.PutSecretValueInput{SecretId: &s.Endpoints.Secret, SecretString: &text}); err != nil {
			t.Fatal(err)
		}
	}
	// These first: once there was a good key it stays, and bad ones are warnings.
	for _, tt := range refusedKeys {
		t.Run("refused/"+tt.name, func(t *testing.T) {
			pem := tt.made.run(t)
			if tt.edit != nil {
				pem = tt.edit(pem)
			}
			log.Reset()
			store(t, "K1", pem)
			status, answer := postSignedURLs(t, s, map[string]any{"objectKeys": []string{plainKey}})
			if status != http.StatusServiceUnavailable || !bytes.Contains(answer, []byte(`"unavailable"`)) || bytes.Contains(answer, []byte("privateKey")) {
				t.Errorf("POST /signed-urls with %s = %d %s, want 503 unavailable and no cause", tt.name, status, answer)
			}
			want := "privateKey " + tt.want
			until(t, func() string {
				causes := log.causes()
				if slices.ContainsFunc(causes, func(c string) bool { return strings.Contains(c, want) }) {
					return ""
				}
				return fmt.Sprintf("the causes logged with %s are %q, want %q", tt.name, causes, want)
			})
			for line := range strings.Lines(pem) {
				if line = strings.TrimSpace(line); len(line) > 32 && !strings.HasPrefix(line, "-----") && strings.Contains(log.String(), line) {
					t.Errorf("the log holds a line of the private key:\n%s", log.String())
				}
			}
		})
	}
	for i, tt := range acceptedKeys {
		t.Run("accepted/"+tt.name, func(t *testing.T) {
			pem := tt.made.run(t)
			keyPairID := fmt.Sprintf("KOPENSSL%d", i)
			store(t, keyPairID, pem)
			var signed *url.URL
			var expires time.Time
			until(t, func() string { // the key before it is kept for a second
				signed, expires = postOne(t, s)
				if got := signed.Query().Get("Key-Pair-Id"); got != keyPairID {
					return fmt.Sprintf("POST /signed-urls with %s signs with %s, want %s", tt.name, got, keyPairID)
				}
				return ""
			})
			e := edge{Stack: s, hash: "SHA256", keyPairID: keyPairID, publicKey: string(openssl(t, []byte(pem), "pkey", "-pubout"))}
			testVerifiedByOpenSSL(t, e, []signedPolicy{takeApart(t, e, plainKey, signed.String(), expires, nil)})
		})
	}
}

// postOne signs the plain key.
func postOne(t *testing.T, s *stack.Stack) (signed *url.URL, expires time.Time) {
	t.Helper()
	status, body := postSignedURLs(t, s, map[string]any{"objectKeys": []string{plainKey}})
	var answer struct {
		SignedURLs []struct {
			URL     string
			Expires time.Time
		}
	}
	if err := json.Unmarshal(body, &answer); err != nil || status != http.StatusOK || len(answer.SignedURLs) != 1 {
		t.Fatalf("POST /signed-urls = %d %s, %v, want 200", status, body, err)
	}
	signed, err := url.Parse(answer.SignedURLs[0].URL)
	if err != nil {
		t.Fatal(err)
	}
	return signed, answer.SignedURLs[0].Expires
}

// until asks what is wrong until nothing is, for half a minute at most: that
// bounds a failure and no success depends on it.
func until(t *testing.T, wrong func() string) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(30 * time.Second); ; <-tick.C {
		text := wrong()
		if text == "" {
			return
		}
		if time.Now().After(end) {
			t.Fatal(text)
		}
	}
}

// logBuffer is the log of a stack as JSON lines.
type logBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.String()
}

func (l *logBuffer) Reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.Buffer.Reset()
}

// causes are what the sign function said was wrong, each in a line of JSON in a
// line of the stack's.
func (l *logBuffer) causes() (all []string) {
	for line := range strings.Lines(l.String()) {
		var outer struct{ Function, Line string }
		var inner struct{ Cause string }
		if json.Unmarshal([]byte(line), &outer) == nil && outer.Function == "SignFunction" &&
			json.Unmarshal([]byte(outer.Line), &inner) == nil && inner.Cause != "" {
			all = append(all, inner.Cause)
		}
	}
	return all
}
