// Package roundtrip shows that a key means the same object wherever it goes:
// presigned URL, S3's event, catalog, signed URL. It holds tests only, since no
// package of the product may know all of those at once.
package roundtrip

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	cryptorand "crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"airlock/pkg/api"
	"airlock/pkg/bucketevent"
	"airlock/pkg/delivery"
	"airlock/pkg/objectkey"
	"airlock/pkg/upload"
)

const (
	bucketURL = "https://media.s3.eu-west-1.amazonaws.com/"
	cdnURL    = "https://d111111abcdef8.cloudfront.net"
	readAny   = "airlock/read.any"

	shards       = 20
	batches      = 60 // of a shard: 50 of users' keys, 10 of operators'
	usersBatches = 50
	batchSize    = delivery.MaxKeys
)

var seed = flag.Uint64("seed", rand.Uint64(), "of the keys; a failure prints it")

// owners are token subjects and the spaces they own, escaped by hand.
var owners = []struct{ subject, space string }{
	{"alice", "u/alice"},
	{"8f0c6d1e-1b1c-4a53-a3c9-0d8f3f5a7c11", "u/8f0c6d1e-1b1c-4a53-a3c9-0d8f3f5a7c11"},
	{"auth0|7", "u/auth0.7C7"},
	{"a/../*?.", "u/a.2F.2E.2E.2F.2A.3F.2E"},
	{"é +%", "u/.C3.A9.20.2B.25"},
}

// object is a key and what it is expected to be in every place.
type object struct {
	subject      string // "" of an operator's key
	folder, name string
	key          string
	space, path  string
}

// batch is a hundred objects of one owner, or of none.
func batch(random *rand.Rand, number int) []object {
	objects := make([]object, batchSize)
	for i := range objects {
		if number >= usersBatches {
			key := text(random, length(random, objectkey.MaxBytes), pieces, pieces, forbidden)
			objects[i] = object{key: key, space: "shared", path: key}
			continue
		}
		owner := owners[number%len(owners)]
		most := objectkey.MaxBytes - len(owner.space) - 1
		folder, name := userPath(random, length(random, most-2))
		if folder == "" { // it would be a fresh one
			folder = "f"
		}
		path := folder + "/" + name
		objects[i] = object{owner.subject, folder, name, owner.space + "/" + path, owner.space, path}
	}
	return objects
}

// TestKeys takes 100,000 random keys of users, and 20,000 of operators, to each
// place a key goes.
func TestKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for shard := range shards {
		t.Run(fmt.Sprint("shard", shard), func(t *testing.T) {
			t.Parallel()
			t.Logf("-seed=%d", *seed)
			random := rand.New(rand.NewPCG(*seed, uint64(shard)))
			for number := range batches {
				objects := batch(random, number)
				for _, o := range objects {
					w.checkUpload(t, o)
				}
				checkEvents(t, objects)
				w.checkDelivery(t, random, objects, number)
				if t.Failed() {
					return
				}
			}
		})
	}
}

// world is the code that makes URLs, as the functions build it.
type world struct {
	granter *upload.Granter
	signer  *delivery.Signer
	public  *ecdsa.PublicKey
}

func newWorld(t *testing.T) *world {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), cryptorand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	granter, err := upload.New(upload.Config{
		BucketURL: bucketURL, Region: "eu-west-1", Credentials: credentials,
		TTL: time.Hour, MaxBytes: upload.MaxPutBytes, Types: upload.MediaTypes{"*/*"},
	})
	if err != nil {
		t.Fatal(err)
	}
	keys := delivery.NewKeyCache(delivery.KeyCacheConfig{
		SecretID: "airlock/signing-key",
		Client: secretsmanager.NewFromConfig(aws.Config{
			Region: "eu-west-1", Credentials: credentials, HTTPClient: &http.Client{Transport: secret(document(t, private))},
		}),
	}, slog.New(slog.DiscardHandler))
	signer := delivery.New(delivery.Config{BaseURL: cdnURL, TTL: time.Hour, MaxTTL: time.Hour, ReadAnyScope: readAny}, keys)
	return &world{granter, signer, &private.PublicKey}
}

var credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
	return aws.Credentials{AccessKeyID: "ASIAEXAMPLE", SecretAccessKey: "secret", SessionToken: "token"}, nil
})

func document(t *testing.T, private *ecdsa.PrivateKey) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	d, err := json.Marshal(map[string]string{"keyPairId": "K2JCJMDEHXQW5F", "privateKey": string(text)})
	if err != nil {
		t.Fatal(err)
	}
	return string(d)
}

// secret is Secrets Manager with one value.
type secret string

func (s secret) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := json.Marshal(map[string]string{"SecretString": string(s)})
	return &http.Response{
		StatusCode: http.StatusOK, Request: r, Header: http.Header{"Content-Type": {"application/x-amz-json-1.1"}},
		Body: io.NopCloser(strings.NewReader(string(body))), ContentLength: int64(len(body)),
	}, err
}

// checkUpload asks for the upload of a user's object, and reads the key out of
// the presigned URL as S3 does.
func (w *world) checkUpload(t *testing.T, o object) {
	t.Helper()
	if o.subject == "" {
		return
	}
	in := upload.Request{Name: o.name, Folder: o.folder, ContentType: "text/plain", ContentLength: new(int64(1))}
	grant, err := w.granter.CreateUpload(t.Context(), api.Request{Caller: api.NewCaller(o.subject)}, in)
	if err != nil {
		t.Errorf("CreateUpload of %q: %v", o.key, err)
		return
	}
	path, ok := strings.CutPrefix(grant.URL, bucketURL)
	path, query, found := strings.Cut(path, "?")
	if got, err := s3Path(path); !ok || !found || err != nil || got != o.key || !strings.Contains(query, "X-Amz-Signature=") {
		t.Errorf("CreateUpload of %q = URL %s, which is S3's key %q, %v", o.key, grant.URL, got, err)
	}
	byID, err := objectkey.ParseID(grant.ID)
	if err != nil || byID.String() != o.key || grant.ObjectKey != o.key {
		t.Errorf("CreateUpload of %q = key %q and the id of %q, %v", o.key, grant.ObjectKey, byID, err)
	}
}

// checkEvents has S3 report the objects, each in two spellings, and looks where
// the catalog would file them.
func checkEvents(t *testing.T, objects []object) {
	t.Helper()
	var message strings.Builder
	message.WriteString(`{"Records":[`)
	for i, o := range objects {
		for j, key := range eventKeys(o.key) {
			if i+j > 0 {
				message.WriteByte(',')
			}
			message.WriteString(`{"eventVersion":"2.1","eventSource":"aws:s3","eventTime":"2026-01-31T12:00:00.000Z","eventName":"ObjectCreated:Put",` +
				`"s3":{"bucket":{"name":"media"},"object":{"key":"` + key + `","size":1,"eTag":"e","sequencer":"01"}}}`)
		}
	}
	message.WriteString(`]}`)
	changes, errs := bucketevent.Decode([]byte(message.String()))
	if len(errs) > 0 || len(changes) != 2*len(objects) {
		t.Errorf("Decode = %d changes, %v, want %d", len(changes), errs, 2*len(objects))
		return
	}
	for i, c := range changes {
		o := objects[i/2]
		if c.ObjectKey.String() != o.key {
			t.Errorf("Decode of %q = %q", o.key, c.ObjectKey)
		}
		if got := (object{space: c.ObjectKey.Space(), path: c.ObjectKey.Path()}); got.space != o.space || got.path != o.path {
			t.Errorf("the catalog has %q as %q and %q, want %q and %q", o.key, got.space, got.path, o.space, o.path)
		}
	}
}

// checkDelivery signs the objects in one request. A custom policy stands in the
// URL, where its Resource can be read; every tenth request asks for the canned
// one, which only the signature tells.
func (w *world) checkDelivery(t *testing.T, random *rand.Rand, objects []object, number int) {
	t.Helper()
	in, caller := delivery.SignedURLsRequest{}, api.NewCaller(objects[0].subject)
	if objects[0].subject == "" {
		caller = api.NewCaller("operator", readAny)
	}
	canned := number%10 == 0
	if !canned {
		in.IPAddress = new("203.0.113.0/24")
	}
	urls := make([][2]string, len(objects))
	for i, o := range objects {
		in.ObjectKeys = append(in.ObjectKeys, o.key)
		urls[i] = requestURLs(o.key)
	}
	out, err := w.signer.CreateSignedURLs(t.Context(), api.Request{Caller: caller}, in)
	if err != nil || len(out.SignedURLs) != len(objects) {
		t.Errorf("CreateSignedURLs of %q = %d URLs, %v", in.ObjectKeys, len(out.SignedURLs), err)
		return
	}
	for i, signed := range out.SignedURLs {
		key := objects[i].key
		url, query, _ := strings.Cut(signed.URL, "?")
		path, ok := strings.CutPrefix(url, cdnURL+"/")
		if got, err := s3Path(path); !ok || err != nil || got != key || signed.ObjectKey != key {
			t.Errorf("CreateSignedURLs of %q = URL %s of %q, which is S3's key %q, %v", key, signed.URL, signed.ObjectKey, got, err)
		}
		resource, err := w.resource(url, query, canned || i%10 == 0)
		if err != nil {
			t.Errorf("CreateSignedURLs of %q = URL %s: %v", key, signed.URL, err)
			continue
		}
		covers := covering(resource)
		if !covers(url) {
			t.Errorf("the policy for %q has the resource %q, which is not its URL %s", key, resource, url)
		}
		opens := func(other string, urls [2]string) {
			if other != key && (covers(urls[0]) || covers(urls[1])) {
				t.Errorf("the policy for %q has the resource %q, which opens %q as well, at one of %q", key, resource, other, urls)
			}
		}
		for j, other := range objects {
			opens(other.key, urls[j])
		}
		for _, other := range mutations(random, key) {
			opens(other, requestURLs(other))
		}
	}
}

// resource is what a signed URL is good for, verified if asked: the resource of
// its policy, or the one the edge puts into a canned policy.
func (w *world) resource(url, query string, verify bool) (string, error) {
	parameters := map[string]string{}
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		parameters[name] = value
	}
	resource := url
	policy := []byte(`{"Statement":[{"Resource":"` + url + `","Condition":{"DateLessThan":{"AWS:EpochTime":` + parameters["Expires"] + `}}}]}`)
	if encoded, ok := parameters["Policy"]; ok {
		var err error
		if policy, err = decodeBase64(encoded); err != nil {
			return "", err
		}
		var p struct{ Statement []struct{ Resource string } }
		if err := json.Unmarshal(policy, &p); err != nil || len(p.Statement) != 1 {
			return "", fmt.Errorf("the policy %s is not JSON of one statement", policy)
		}
		resource = p.Statement[0].Resource
	}
	if !verify {
		return resource, nil
	}
	signature, err := decodeBase64(parameters["Signature"])
	if digest := sha256.Sum256(policy); err != nil || !ecdsa.VerifyASN1(w.public, digest[:], signature) {
		return "", fmt.Errorf("the signature is not one over %s", policy)
	}
	return resource, nil
}

func decodeBase64(s string) ([]byte, error) {
	return base64.StdEncoding.DecodeString(strings.NewReplacer("-", "+", "_", "=", "~", "/").Replace(s))
}
