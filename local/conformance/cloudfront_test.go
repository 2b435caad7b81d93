package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"airlock/local/stack"
)

// readAny is the token of an operator: it may have URLs for every key.
var readAny = map[string]any{"sub": "alice", "scope": "airlock/read.any"}

const plainKey = "mysubpath/hello.txt"

// oddKeys hold what URLs, policies, JSON and wildcards give a meaning to.
var oddKeys = []string{
	plainKey,
	"odd/plain.txt",
	"odd/a b  c.txt",
	"odd/100%.txt",
	"odd/a%2Fb%41.txt",
	"odd/a+b.txt",
	"odd/a*.txt",
	"odd/a?b.txt",
	"odd/x?Expires=1&Signature=x.txt",
	"odd/a&b=c;d,e.txt",
	`odd/"double" 'single'.txt`,
	"odd/#~!@$^():[]{}|<>`.txt",
	"odd/ÿ日本🎈.txt",
	"u/alice/f/ä ö/%.txt",
}

// edge is a running stack whose CDN and whose sign function have one key pair
// and one hash, and hold every odd key: its body is the key itself, so that no
// object can be taken for another.
type edge struct {
	*stack.Stack
	hash                             string
	keyPairID, privateKey, publicKey string
}

// TestCloudFront puts both ends of a signed URL before makers and verifiers that
// are not ours, for each kind of key and each hash that CloudFront takes
// ("Create key pairs for your signers", "Create a signed URL").
func TestCloudFront(t *testing.T) {
	needOpenSSL(t)
	for _, tt := range []struct {
		name string
		key  []string // what makes it
		hash string
	}{
		{"RSA SHA-1", []string{"genrsa", "2048"}, "SHA1"},
		{"RSA SHA-256", []string{"genrsa", "-traditional", "2048"}, "SHA256"},
		{"P-256 SHA-1", []string{"genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"}, "SHA1"},
		{"P-256 SHA-256", []string{"ecparam", "-name", "prime256v1", "-genkey", "-noout"}, "SHA256"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := startEdge(t, tt.hash, string(openssl(t, nil, tt.key...)))
			t.Run("made by others", func(t *testing.T) { testMadeByOthers(t, e) })
			t.Run("verified by others", func(t *testing.T) { testVerifiedByOthers(t, e) })
		})
	}
}

func startEdge(t *testing.T, hash, privateKey string) edge {
	t.Helper()
	s := startStack(t, stack.Options{
		SigningKey: []byte(privateKey), Parameters: map[string]string{"SigningHash": hash},
	})
	e := edge{Stack: s, hash: hash, privateKey: privateKey}
	e.publicKey = string(openssl(t, []byte(privateKey), "pkey", "-pubout"))
	secret, err := secretsmanager.NewFromConfig(s.AWS(s.Endpoints.SecretsManager)).GetSecretValue(
		t.Context(), &secretsmanager.GetSecretValueInput{SecretId: &s.Endpoints.Secret})
	if err != nil {
		t.Fatal(err)
	}
	var document struct{ KeyPairID string }
	if err := json.Unmarshal([]byte(*secret.SecretString), &document); err != nil {
		t.Fatal(err)
	}
	e.keyPairID = document.KeyPairID

	bucket := s3.NewFromConfig(s.AWS(s.Endpoints.S3), func(o *s3.Options) { o.UsePathStyle = true })
	for _, key := range oddKeys {
		_, err := bucket.PutObject(t.Context(), &s3.PutObjectInput{
			Bucket: &s.Endpoints.Bucket, Key: &key, Body: bytes.NewReader([]byte(key)), IfNoneMatch: aws.String("*"),
		})
		if err != nil {
			t.Fatalf("PutObject(%q) = %v", key, err)
		}
	}
	return e
}

// startStack starts the project's stack, in an empty folder where o names no
// other. It ends with the test; one process holds one at a time.
func startStack(t *testing.T, o stack.Options) *stack.Stack {
	t.Helper()
	o.Source = filepath.Join(here, "..", "..")
	if o.Data == "" {
		o.Data = t.TempDir()
	}
	s, err := stack.Start(t.Context(), o)
	if err != nil {
		t.Fatalf("Start: %v", err)
	}
	t.Cleanup(func() {
		direct.CloseIdleConnections()
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

// direct leaves out the proxies of the environment.
var direct = &http.Client{Transport: &http.Transport{}, Timeout: time.Minute}

func send(ctx context.Context, method, url, token string, body io.Reader) (status int, answer []byte, err error) {
	r, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return 0, nil, err
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", "application/json")
	}
	res, err := direct.Do(r)
	if err != nil {
		return 0, nil, err
	}
	answer, err = io.ReadAll(res.Body)
	return res.StatusCode, answer, errors.Join(err, res.Body.Close())
}

// postSignedURLs calls POST /signed-urls as one who may read everything.
func postSignedURLs(t *testing.T, s *stack.Stack, in map[string]any) (status int, answer []byte) {
	t.Helper()
	token, err := s.Issuer.Sign(readAny)
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	status, answer, err = send(t.Context(), http.MethodPost, s.Endpoints.API+"/signed-urls", token, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return status, answer
}

// needOpenSSL asks for version 3: what it writes, and its options, differ from
// those of older ones and of LibreSSL.
func needOpenSSL(t *testing.T) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "openssl", "version").Output(); err != nil || !bytes.HasPrefix(out, []byte("OpenSSL 3")) {
		missing(t, "openssl 3")
	}
}

// openssl runs it, and returns what it wrote; the test ends where it fails.
func openssl(t *testing.T, stdin []byte, args ...string) []byte {
	t.Helper()
	return run(t, stdin, "openssl", args...)
}

func run(t *testing.T, stdin []byte, program string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir, cmd.Stdin = here, bytes.NewReader(stdin)
	out, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		t.Fatalf("%s %v = %v\n%s", program, args, err, exit.Stderr)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// ask gives a program of testdata an order and decodes its answer.
func ask(t *testing.T, order map[string]any, answer any, program string, args ...string) {
	t.Helper()
	in, err := json.Marshal(order)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(run(t, in, program, args...), answer); err != nil {
		t.Fatal(err)
	}
}

func writeFile(t *testing.T, name string, text []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
