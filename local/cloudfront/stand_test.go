package cloudfront

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"airlock/local/iam"
	"airlock/local/template"
)

const (
	rsaID   = "KRSA"
	ecdsaID = "KECDSA"
	otherID = "KOTHER" // in a group that no behavior trusts
)

// keyPairs are made once: an RSA key takes a while under the race detector.
var keyPairs = sync.OnceValue(func() map[string]crypto.Signer {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	pairs := map[string]crypto.Signer{rsaID: rsaKey}
	for _, id := range []string{ecdsaID, otherID} {
		if pairs[id], err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			panic(err)
		}
	}
	return pairs
})

func publicKey(tb testing.TB, id string) PublicKey {
	tb.Helper()
	return PublicKey{ID: id, PEM: publicPEM(tb, keyPairs()[id].Public())}
}

func publicPEM(tb testing.TB, key crypto.PublicKey) []byte {
	tb.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		tb.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// urlBase64 writes CloudFront's base64.
func urlBase64(b []byte) string {
	return strings.NewReplacer("+", "-", "=", "_", "/", "~").Replace(base64.StdEncoding.EncodeToString(b))
}

// sign signs text with Go's own crypto.
func sign(tb testing.TB, keyID string, hash crypto.Hash, text string) string {
	tb.Helper()
	h := hash.New()
	h.Write([]byte(text))
	signature, err := keyPairs()[keyID].Sign(rand.Reader, h.Sum(nil), hash)
	if err != nil {
		tb.Fatal(err)
	}
	return urlBase64(signature)
}

// canned signs resource for a URL with Expires and gives the query to add.
func canned(tb testing.TB, keyID, resource string, expires int64) string {
	tb.Helper()
	text := fmt.Sprintf(`{"Statement":[{"Resource":"%s","Condition":{"DateLessThan":{"AWS:EpochTime":%d}}}]}`, resource, expires)
	return fmt.Sprintf("Expires=%d&Signature=%s&Key-Pair-Id=%s&Hash-Algorithm=SHA256", expires, sign(tb, keyID, crypto.SHA256, text), keyID)
}

// custom signs a policy as written and gives the query to add.
func custom(tb testing.TB, keyID, text string) string {
	tb.Helper()
	return fmt.Sprintf("Policy=%s&Signature=%s&Key-Pair-Id=%s&Hash-Algorithm=SHA256", urlBase64([]byte(text)), sign(tb, keyID, crypto.SHA256, text), keyID)
}

// stand is an edge before an origin that a test plays.
type stand struct {
	*Service
	URL    string
	Origin string

	// closeAndWait ends the edge after its last request; entries may be read
	// then.
	closeAndWait func()
	mu           sync.Mutex
	entries      []Entry
}

func originCredentials() iam.Credentials {
	return iam.Credentials{AccessKeyID: "ASIAEXAMPLE", SecretAccessKey: "secret", SessionToken: "token"}
}

// newStand starts both. change may alter the configuration; nil changes
// nothing: a distribution with one behavior, which trusts rsaID and ecdsaID.
func newStand(tb testing.TB, origin http.HandlerFunc, change func(*Config)) *stand {
	tb.Helper()
	bucket := httptest.NewServer(origin)
	tb.Cleanup(bucket.Close)
	edge := httptest.NewUnstartedServer(nil)
	s := &stand{URL: "http://" + edge.Listener.Addr().String(), Origin: bucket.URL}

	c := config(tb)
	c.URL = s.URL
	c.Origins["bucket"] = Origin{URL: bucket.URL + "/bucket-name", Region: "eu-central-1", Credentials: originCredentials()}
	c.Log = func(e Entry) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.entries = append(s.entries, e)
	}
	if change != nil {
		change(&c)
	}
	service, err := New(c)
	if err != nil {
		tb.Fatal(err)
	}
	s.Service = service
	edge.Config.Handler = service
	edge.Start()
	s.closeAndWait = edge.Close
	tb.Cleanup(edge.Close)
	return s
}

// config is a distribution whose origin nobody has started.
func config(tb testing.TB) Config {
	tb.Helper()
	return Config{
		URL: "http://127.0.0.1:9002",
		Distribution: template.Distribution{
			Origins: []template.Origin{{ID: "bucket", OAC: true}},
			Default: template.Behavior{
				TargetOriginID: "bucket", AllowedMethods: []string{"GET", "HEAD"}, TrustedKeyGroups: []string{"group"},
			},
		},
		Origins: map[string]Origin{"bucket": {URL: "http://127.0.0.1:9/bucket-name", Region: "eu-central-1", Credentials: originCredentials()}},
		KeyGroups: map[string][]PublicKey{
			"group":  {publicKey(tb, rsaID), publicKey(tb, ecdsaID)},
			"others": {publicKey(tb, otherID)},
		},
	}
}

// signed is the URL of path for an hour, path being escaped and perhaps with a
// query of its own.
func (s *stand) signed(tb testing.TB, path string) string {
	tb.Helper()
	separator := "?"
	if strings.Contains(path, "?") {
		separator = "&"
	}
	return s.URL + path + separator + canned(tb, ecdsaID, s.URL+path, time.Now().Add(time.Hour).Unix())
}

type response struct {
	*http.Response
	body string
}

// do sends one request; headers come in pairs.
func do(tb testing.TB, method, url string, headers ...string) response {
	tb.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, url, nil)
	if err != nil {
		tb.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return send(tb, r)
}

func send(tb testing.TB, r *http.Request) response {
	tb.Helper()
	// No redirects, and no encoding that nobody asked for.
	transport := &http.Transport{DisableCompression: true, DisableKeepAlives: true}
	resp, err := transport.RoundTrip(r)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return response{resp, string(body)}
}

// xmlError is the body of a refusal that concerns a signature.
func xmlError(code, message string) string {
	return `<?xml version="1.0" encoding="UTF-8"?><Error><Code>` + code + `</Code><Message>` + message + `</Message></Error>`
}

// hello is an origin that has every file.
func hello(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain")
	_, _ = io.WriteString(w, "hello, world\n")
}

// unreachable fails the test that asks the origin.
func unreachable(tb testing.TB) http.HandlerFunc {
	return func(_ http.ResponseWriter, r *http.Request) { tb.Errorf("the origin was asked for %s", r.URL.Path) }
}
