package s3

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	bolt "go.etcd.io/bbolt"

	"airlock/local/iam"
	"airlock/local/template"
)

const (
	testRegion  = "eu-central-1"
	testAccount = "123456789012"
	testBucket  = "airlock-bucket-1a2b"
	testQueue   = "arn:aws:sqs:eu-central-1:123456789012:object-events"
	testEdgeARN = "arn:aws:cloudfront::123456789012:distribution/E1"
)

// inbox is a queue: what Notify was given, and a way to wait for more.
type inbox struct {
	mu       sync.Mutex
	messages [][]byte
	more     chan struct{} // closed at the next message
	refuse   bool
}

func (i *inbox) notify(_ context.Context, queue string, body []byte) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.refuse || queue != testQueue {
		return errors.New("the queue is down")
	}
	i.messages = append(i.messages, bytes.Clone(body))
	if i.more != nil {
		close(i.more)
		i.more = nil
	}
	return nil
}

// wait returns the records of a key once there are n of them.
func (i *inbox) wait(t *testing.T, objectKey string, n int) []record {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		i.mu.Lock()
		if i.more == nil {
			i.more = make(chan struct{})
		}
		more, found := i.more, i.of(t, objectKey)
		i.mu.Unlock()
		if len(found) >= n {
			return found
		}
		select {
		case <-more:
		case <-ctx.Done():
			t.Fatalf("events of %q = %d, want %d", objectKey, len(found), n)
		}
	}
}

// of decodes as a consumer would: the key is a form's field.
func (i *inbox) of(t *testing.T, objectKey string) []record {
	t.Helper()
	var found []record
	for _, m := range i.messages {
		var e envelope
		if err := json.Unmarshal(m, &e); err != nil {
			t.Fatalf("a message is not JSON: %v: %s", err, m)
		}
		for _, r := range e.Records {
			decoded, err := url.QueryUnescape(r.S3.Object.Key)
			if err != nil {
				t.Fatalf("the key of an event cannot be decoded: %v", err)
			}
			if decoded == objectKey {
				found = append(found, r)
			}
		}
	}
	return found
}

// world is a running service and everyone who talks to it.
type world struct {
	*Service
	inbox    *inbox
	iam      *iam.Directory
	operator iam.Credentials
	presign  iam.Credentials // may put objects under u/
	record   iam.Credentials // may read every object, not list
	edge     iam.Credentials // CloudFront, allowed by the bucket's policy alone
}

// folder is what survives a restart.
type folder struct {
	dir string
	db  *bolt.DB
}

func newFolder(t *testing.T) folder {
	t.Helper()
	dir := t.TempDir()
	db, err := bolt.Open(filepath.Join(dir, "airlock.db"), 0o600, &bolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return folder{dir: filepath.Join(dir, "s3"), db: db}
}

func testBuckets() []template.Bucket {
	arn := "arn:aws:s3:::" + testBucket
	return []template.Bucket{{
		Name: testBucket, ARN: arn, Versioned: true,
		CORS: []template.BucketCORSRule{{
			AllowedOrigins: []string{"https://app.example"}, AllowedMethods: []string{"PUT"},
			AllowedHeaders: []string{"content-type", "if-none-match"}, ExposedHeaders: []string{"ETag"}, MaxAge: 10 * time.Minute,
		}},
		Notifications: []template.Notification{
			{Event: "s3:ObjectCreated:*", QueueARN: testQueue},
			{Event: "s3:ObjectRemoved:*", QueueARN: testQueue},
		},
		Policy: map[string]any{"Version": "2012-10-17", "Statement": []any{
			map[string]any{
				"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": []any{arn, arn + "/*"},
				"Condition": map[string]any{"Bool": map[string]any{"aws:SecureTransport": "false"}},
			},
			map[string]any{
				"Effect": "Allow", "Principal": map[string]any{"Service": "cloudfront.amazonaws.com"}, "Action": "s3:GetObject", "Resource": arn + "/*",
				"Condition": map[string]any{"StringEquals": map[string]any{"AWS:SourceArn": testEdgeARN}},
			},
			map[string]any{"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": arn + "/locked/*"},
			map[string]any{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": arn + "/public/*"},
			map[string]any{
				"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": arn + "/once/*",
				"Condition": map[string]any{
					"Null": map[string]any{"s3:if-none-match": "true"},
					"Bool": map[string]any{"s3:ObjectCreationOperation": "true"},
				},
			},
		}},
	}, {Name: "plain-bucket", ARN: "arn:aws:s3:::plain-bucket"}}
}

func allow(t *testing.T, action, resource any) []iam.Policy {
	t.Helper()
	p, err := iam.ParsePolicy(map[string]any{"Version": "2012-10-17", "Statement": []any{
		map[string]any{"Effect": "Allow", "Action": action, "Resource": resource},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return []iam.Policy{p}
}

// start runs a service over f. There can be one at a time, so tests that call
// it are not parallel; their subtests may be.
func start(t *testing.T, f folder, change ...func(*Config)) *world {
	t.Helper()
	arn := "arn:aws:s3:::" + testBucket
	w := &world{inbox: &inbox{}, iam: iam.NewDirectory()}
	w.operator = iam.Credentials{AccessKeyID: "AKIAOPERATOR00000001", SecretAccessKey: "operator-secret"}
	w.presign = w.iam.Issue(&iam.Principal{Name: "PresignFunction", ARN: "arn:aws:iam::123456789012:role/presign", Policies: allow(t, "s3:PutObject", arn+"/u/*")}, time.Hour)
	w.record = w.iam.Issue(&iam.Principal{Name: "RecordFunction", ARN: "arn:aws:iam::123456789012:role/record", Policies: allow(t, []any{"s3:GetObject", "s3:GetObjectVersion"}, arn+"/*")}, time.Hour)
	w.edge = w.iam.Issue(&iam.Principal{Name: "edge", ARN: "cloudfront.amazonaws.com", Context: map[string][]string{"aws:sourcearn": {testEdgeARN}}}, time.Hour)
	c := Config{
		Dir: f.dir, DB: f.db, IAM: w.iam, Region: testRegion, AccountID: testAccount,
		Addr: freeAddr(t), Buckets: testBuckets(), Operator: w.operator, Notify: w.inbox.notify,
	}
	for _, f := range change {
		f(&c)
	}
	service, err := Start(t.Context(), c)
	if err != nil {
		t.Fatalf("Start() = %v", err)
	}
	w.Service = service
	t.Cleanup(func() {
		if err := service.Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
	})
	// A connection that was dialled and never used would hold up Close.
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	return w
}

func freeAddr(t *testing.T) string {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func (w *world) client(c iam.Credentials) *s3.Client {
	return s3.New(s3.Options{
		Region: testRegion, BaseEndpoint: aws.String(w.URL()), UsePathStyle: true,
		Credentials:      credentials.NewStaticCredentialsProvider(c.AccessKeyID, c.SecretAccessKey, c.SessionToken),
		HTTPClient:       http.DefaultClient,
		RetryMaxAttempts: 1,
	})
}

func (w *world) put(t *testing.T, objectKey, body string) *s3.PutObjectOutput {
	t.Helper()
	out, err := w.client(w.operator).PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(testBucket), Key: &objectKey, Body: strings.NewReader(body)})
	if err != nil {
		t.Fatalf("PutObject(%q) = %v", objectKey, err)
	}
	return out
}

// escape writes a key into a path: unreserved characters and slashes as they
// are, everything else %HH.
func escape(objectKey string) string {
	var b strings.Builder
	for _, c := range []byte(objectKey) {
		if c == '/' || c == '-' || c == '_' || c == '.' || c == '~' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// signedURL is a presigned URL whose signature covers headers and, if it is
// not negative, the length of the body.
func (w *world) signedURL(t *testing.T, c iam.Credentials, method, objectKey string, headers http.Header, length int64, ttl time.Duration, at time.Time) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, w.URL()+"/"+testBucket+"/"+escape(objectKey), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = headers.Clone()
	req.ContentLength = length
	q := req.URL.Query()
	q.Set("X-Amz-Expires", fmt.Sprint(int64(ttl/time.Second)))
	req.URL.RawQuery = q.Encode()
	signed, _, err := v4.NewSigner().PresignHTTP(t.Context(),
		aws.Credentials{AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken},
		req, "UNSIGNED-PAYLOAD", "s3", testRegion, at, func(o *v4.SignerOptions) {
			o.DisableURIPathEscaping = true
			o.DisableHeaderHoisting = true
		})
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// answer is what came back over plain HTTP.
type answer struct {
	status int
	code   string
	header http.Header
	body   string
}

func send(t *testing.T, method, target string, headers http.Header, body string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if headers != nil {
		req.Header = headers.Clone()
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var problem struct{ Code string }
	_ = xml.Unmarshal(got, &problem) // an object is no XML, and has no code
	return answer{status: resp.StatusCode, code: problem.Code, header: resp.Header, body: string(got)}
}

// codeOf is the error code and status an SDK call was refused with.
func codeOf(err error) string {
	if err == nil {
		return ""
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return err.Error()
}

func statusOf(err error) int {
	var r interface{ HTTPStatusCode() int }
	if errors.As(err, &r) {
		return r.HTTPStatusCode()
	}
	return 0
}

func checksum(body string) string {
	sum := sha256.Sum256([]byte(body))
	return base64.StdEncoding.EncodeToString(sum[:])
}
