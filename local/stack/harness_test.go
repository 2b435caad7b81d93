package stack_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"airlock/local/stack"
)

const readAnyScope = "airlock/read.any"

// project is absolute: a running stack changes the working directory.
var project, _ = filepath.Abs("../..")

// start starts a stack, of the project and in an empty folder where o names no
// other. It ends with the test. One process holds one stack at a time, so tests
// that call it are not parallel.
func start(t *testing.T, o stack.Options) *stack.Stack {
	t.Helper()
	if o.Source == "" {
		o.Source = project
	}
	if o.Data == "" {
		o.Data = t.TempDir()
	}
	s, err := stack.Start(t.Context(), o)
	if err != nil {
		t.Fatalf("Start: %v", err)
	}
	t.Cleanup(func() { stop(t, s) })
	return s
}

func stop(t *testing.T, s *stack.Stack) {
	t.Helper()
	// The next stack may take the same ports.
	direct.CloseIdleConnections()
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

// client is one user of a stack's API. Its methods return errors rather than
// failing a test, so that many goroutines can use it.
type client struct {
	*stack.Stack
	token string
}

// as is a client whose token has claims over the issuer's defaults.
func as(t *testing.T, s *stack.Stack, claims map[string]any) client {
	t.Helper()
	token, err := s.Issuer.Sign(claims)
	if err != nil {
		t.Fatal(err)
	}
	return client{s, token}
}

func alice(t *testing.T, s *stack.Stack) client {
	t.Helper()
	return as(t, s, map[string]any{"sub": "alice"})
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) String() string { return fmt.Sprintf("%d %.300s", a.status, a.body) }

// direct leaves out the proxies of the environment.
var direct = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}, Timeout: time.Minute}

// do sends one request and reads the whole answer. size says how long body is.
func do(ctx context.Context, method, url string, headers map[string]string, body io.Reader, size int64) (answer, error) {
	r, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return answer{}, err
	}
	r.ContentLength = size
	if size == 0 {
		r.Body = http.NoBody
	}
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	res, err := direct.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	a := answer{res.StatusCode, res.Header, b}
	got(r.URL.Host, a)
	return a, err
}

func get(ctx context.Context, url string, headers map[string]string) (answer, error) {
	return do(ctx, http.MethodGet, url, headers, nil, 0)
}

// post calls the API.
func (c client) post(ctx context.Context, path string, in any) (answer, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return answer{}, err
	}
	headers := map[string]string{"Content-Type": "application/json"}
	if c.token != "" {
		headers["Authorization"] = "Bearer " + c.token
	}
	return do(ctx, http.MethodPost, c.Endpoints.API+path, headers, bytes.NewReader(body), int64(len(body)))
}

// call calls the API, insists on status and decodes the answer.
func (c client) call(ctx context.Context, path string, in any, status int, out any) error {
	a, err := c.post(ctx, path, in)
	if err != nil {
		return err
	}
	if a.status != status {
		return fmt.Errorf("POST %s %+v = %v, want %d", path, in, a, status)
	}
	return json.Unmarshal(a.body, out)
}

type grant struct {
	ID, ObjectKey, Method, URL string
	Headers                    map[string]string
}

func (g grant) put(ctx context.Context, body io.Reader, size int64) (answer, error) {
	return do(ctx, g.Method, g.URL, g.Headers, body, size)
}

// upload is a file on its way in.
type upload struct {
	folder, name, contentType string
	body                      []byte
}

func checksum(b []byte) string {
	sum := sha256.Sum256(b)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// grant asks for the upload.
func (c client) grant(ctx context.Context, u upload) (grant, error) {
	in := map[string]any{
		"name": u.name, "contentType": u.contentType, "contentLength": len(u.body), "checksumSHA256": checksum(u.body),
	}
	if u.folder != "" {
		in["folder"] = u.folder
	}
	var g grant
	return g, c.call(ctx, "/uploads", in, http.StatusCreated, &g)
}

// store asks for the upload and makes it.
func (c client) store(ctx context.Context, u upload) (grant, error) {
	g, err := c.grant(ctx, u)
	if err != nil {
		return g, err
	}
	a, err := g.put(ctx, bytes.NewReader(u.body), int64(len(u.body)))
	if err == nil && a.status != http.StatusOK {
		err = fmt.Errorf("PUT %q = %v, want 200", g.ObjectKey, a)
	}
	return g, err
}

// sign asks for the signed URLs of keys, and returns them in the keys' order.
func (c client) sign(ctx context.Context, objectKeys ...string) ([]string, error) {
	a, err := c.post(ctx, "/signed-urls", map[string]any{"objectKeys": objectKeys})
	if err != nil {
		return nil, err
	}
	return signedURLs(a, objectKeys...)
}

// signedURLs are those of an answer, which must be for objectKeys.
func signedURLs(a answer, objectKeys ...string) ([]string, error) {
	var out struct {
		SignedURLs []struct{ ObjectKey, URL string }
	}
	if a.status != http.StatusOK {
		return nil, fmt.Errorf("POST /signed-urls = %v, want 200", a)
	}
	if err := json.Unmarshal(a.body, &out); err != nil {
		return nil, err
	}
	if len(out.SignedURLs) != len(objectKeys) {
		return nil, fmt.Errorf("%d URLs for %d keys", len(out.SignedURLs), len(objectKeys))
	}
	var urls []string
	for i, u := range out.SignedURLs {
		if u.ObjectKey != objectKeys[i] {
			return nil, fmt.Errorf("URL %d is for %q, want %q", i, u.ObjectKey, objectKeys[i])
		}
		urls = append(urls, u.URL)
	}
	return urls, nil
}

// download fetches the body of a key through the CDN.
func (c client) download(ctx context.Context, objectKey string) (answer, error) {
	urls, err := c.sign(ctx, objectKey)
	if err != nil {
		return answer{}, err
	}
	a, err := get(ctx, urls[0], nil)
	if err == nil && a.status != http.StatusOK {
		err = fmt.Errorf("GET %q = %v, want 200", objectKey, a)
	}
	return a, err
}

// row is a row of the catalog, its numbers as text; nil if there is none.
func row(ctx context.Context, s *stack.Stack, objectKey string) (map[string]string, error) {
	space, path := "shared", objectKey
	if parts := strings.SplitN(objectKey, "/", 3); len(parts) == 3 && parts[0] == "u" {
		space, path = "u/"+parts[1], parts[2]
	}
	out, err := dynamodb.NewFromConfig(s.AWS(s.Endpoints.DynamoDB)).GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &s.Endpoints.Table, ConsistentRead: aws.Bool(true),
		Key: map[string]types.AttributeValue{
			"space": &types.AttributeValueMemberS{Value: space}, "path": &types.AttributeValueMemberS{Value: path},
		},
	})
	if err != nil || out.Item == nil {
		return nil, err
	}
	return attributes(out.Item)
}

// attributes are those of an item, its numbers as text.
func attributes(item map[string]types.AttributeValue) (map[string]string, error) {
	r := map[string]string{}
	for name, value := range item {
		switch v := value.(type) {
		case *types.AttributeValueMemberS:
			r[name] = v.Value
		case *types.AttributeValueMemberN:
			r[name] = "N " + v.Value
		default:
			return nil, fmt.Errorf("attribute %s is a %T", name, value)
		}
	}
	return r, nil
}

// awaitRow is the row of a key as soon as it has an attribute.
func awaitRow(ctx context.Context, s *stack.Stack, objectKey, attribute string) (map[string]string, error) {
	var r map[string]string
	err := await(ctx, func() (ok bool, err error) {
		r, err = row(ctx, s, objectKey)
		return r[attribute] != "", err
	})
	if err != nil {
		return nil, fmt.Errorf("row of %q with %s: %w; last seen: %v", objectKey, attribute, err, maps.Clone(r))
	}
	return r, nil
}

// await asks until the answer is yes, for half a minute at most: that bounds a
// failure and no success depends on it.
func await(ctx context.Context, ask func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		if ok, err := ask(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func operatorS3(s *stack.Stack) *s3.Client {
	return s3.NewFromConfig(s.AWS(s.Endpoints.S3), func(o *s3.Options) { o.UsePathStyle = true })
}

// logBuffer holds a log that many goroutines write.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
