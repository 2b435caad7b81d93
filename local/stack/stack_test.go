package stack_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"

	"airlock/local/stack"
	"airlock/local/story"
)

func play(t *testing.T, s *stack.Stack, steps []story.Step) {
	t.Helper()
	sum, err := story.Play(t.Context(), s.Target(), steps, func(r story.Result) {
		answer, _, _ := strings.Cut(r.Answer, "?") // a signed URL is nobody's business
		t.Logf("%-55s %s", r.Name, answer)
	})
	if err != nil {
		t.Fatalf("after %d steps and %d refusals: %v", sum.Steps, sum.Refusals, err)
	}
	if sum.Steps+sum.Refusals != len(steps) {
		t.Errorf("Play counted %d steps and %d refusals, want %d together", sum.Steps, sum.Refusals, len(steps))
	}
}

// TestStack is everything one running stack can show.
func TestStack(t *testing.T) {
	var o stack.Options
	w := watch(t, &o)
	s := start(t, o)
	for _, part := range []struct {
		name string
		run  func(*testing.T, *stack.Stack)
	}{
		{"story", func(t *testing.T, s *stack.Stack) { play(t, s, story.Main()) }},
		{"operator's story", func(t *testing.T, s *stack.Stack) { play(t, s, story.Operator()) }},
		{"story once more", func(t *testing.T, s *stack.Stack) { play(t, s, story.Main()) }},
		{"story notices", testStoryNotices},
		{"names", testNames},
		{"hostile batch", testHostileBatch},
		{"empty file", testEmptyFile},
		{"big file", testBigFile},
		{"many clients", testManyClients},
		{"deletion", testDeletion},
		{"version removed", testVersionRemoved},
		{"written once", testWrittenOnce},
		{"ownership", testOwnership},
		{"random keys", testRandomKeys},
		{"deviating uploads", testPutDeviations},
		{"equivalent uploads", testPutEquivalents},
		{"plain headers", testPlainHeaders},
		{"active content", testActiveContent},
		{"racing uploads", testRacingUploads},
		{"odd clients", testClients},
		{"samples", testSamples},
		{"events without a version", testEventsWithoutVersion},
		{"misplaced credentials", func(t *testing.T, s *stack.Stack) { testMisplacedCredentials(t, s, w) }},
	} {
		t.Run(part.name, func(t *testing.T) { part.run(t, s) })
	}
	// These look back at all of the parts.
	t.Run("grants", func(t *testing.T) { testGrants(t, s, w, func(id string) bool { return id != "RotateFunction" }) }) // see TestRotation
	var functions []string
	for _, f := range s.Template.Functions {
		functions = append(functions, f.LogicalID)
	}
	t.Run("nothing leaks", func(t *testing.T) { testNothingLeaks(t, s, w, functions...) })
}

// testMisplacedCredentials sends credentials where they don't belong, and lets
// record fail loudly: the log and the answers are looked at in the end.
func testMisplacedCredentials(t *testing.T, s *stack.Stack, w *witness) {
	user := alice(t, s)
	g, err := user.grant(t.Context(), upload{name: "log.txt", contentType: "text/plain", body: []byte("x")})
	if err != nil {
		t.Fatal(err)
	}
	for _, in := range []any{
		map[string]any{"objectKeys": []string{g.URL}},
		map[string]any{user.token: true},
		"Bearer " + user.token,
	} {
		if a, err := user.post(t.Context(), "/signed-urls", in); err != nil || a.status < 400 || a.status >= 500 {
			t.Errorf("POST /signed-urls with a credential in the wrong place = %v, %v, want 4xx", a, err)
		}
	}
	event := `{"Records":[{"eventVersion":"2.1","eventSource":"aws:s3","eventTime":"2026-01-01T00:00:00.000Z","eventName":"ObjectCreated:Put",` +
		`"s3":{"bucket":{"name":"another-bucket"},"object":{"key":"u/alice/x","size":1,"sequencer":"01"}}}]}`
	if _, err := s.Queue.Send(queueOf(t, s), []byte(event)); err != nil {
		t.Fatal(err)
	}
	if err := await(t.Context(), func() (bool, error) { return strings.Contains(w.log.String(), "another-bucket"), nil }); err != nil {
		t.Errorf("the event of another bucket was not refused loudly: %v", err)
	}
}

func queueOf(t *testing.T, s *stack.Stack) string {
	t.Helper()
	for _, f := range s.Template.Functions {
		for _, q := range f.Queues {
			return q.QueueARN
		}
	}
	t.Fatal("no function reads a queue")
	return ""
}

// TestSigningKey plays the operator's story with every form of key that openssl
// writes: genrsa, genrsa -traditional, genpkey and ecparam.
func TestSigningKey(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, block string
		der         []byte
	}{
		{"RSA in PKCS#1", "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey)},
		{"RSA in PKCS#8", "PRIVATE KEY", must(t, x509.MarshalPKCS8PrivateKey, rsaKey)},
		{"EC in SEC 1", "EC PRIVATE KEY", must(t, x509.MarshalECPrivateKey, ecKey)},
		{"EC in PKCS#8", "PRIVATE KEY", must(t, x509.MarshalPKCS8PrivateKey, ecKey)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := pem.EncodeToMemory(&pem.Block{Type: tt.block, Bytes: tt.der})
			if tt.block == "EC PRIVATE KEY" { // ecparam writes the curve first: the OID of P-256
				file = append(pem.EncodeToMemory(&pem.Block{Type: "EC PARAMETERS", Bytes: []byte("\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07")}), file...)
			}
			s := start(t, stack.Options{SigningKey: file})
			play(t, s, story.Operator())
		})
	}
}

func must[K any](t *testing.T, marshal func(K) ([]byte, error), key any) []byte {
	t.Helper()
	der, err := marshal(key.(K))
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// testStoryNotices shows that the story can fail, and says where.
func testStoryNotices(t *testing.T, s *stack.Stack) {
	target := s.Target()
	target.ReadAnyScope = "airlock/read.nothing"
	sum, err := story.Play(t.Context(), target, story.Operator(), func(story.Result) {})
	const want = "POST /signed-urls with the read-any scope: 1 hour: answered 404 not_found"
	if err == nil || !strings.HasPrefix(err.Error(), want) || sum.Steps != 2 {
		t.Errorf("Play without the scope = %+v, %v, want 2 steps and %s", sum, err, want)
	}
}
