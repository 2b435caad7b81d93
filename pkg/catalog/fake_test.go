package catalog_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"airlock/pkg/catalog"
)

const (
	table  = "catalog"
	bucket = "media"
)

// item is a DynamoDB item as it is on the wire: {"space":{"S":"shared"}, …}.
type item map[string]map[string]string

func (i item) path() string { return i["path"]["S"] }

// fakeAWS is the other end of both clients' wires: a table with the conditions
// the catalog uses, and a bucket that answers HeadObject.
type fakeAWS struct {
	// putDelay and headDelay are waited before an answer.
	putDelay, headDelay time.Duration
	// putFails names the paths whose PutItem is refused. With persist the row is
	// written all the same.
	putFails map[string]bool
	persist  bool
	// objects are HeadObject's answers: key, or key@version, to headers. A key
	// that is missing is 403, as without s3:ListBucket.
	objects map[string]http.Header
	// headStatus, when set, is HeadObject's only answer; below 0, none at all.
	headStatus int

	mu      sync.Mutex
	rows    map[string]item // by space and path
	puts    []string        // paths in the order of PutItem's beginning
	running map[string]int  // PutItem calls, by path
	highest int             // most calls at once
	heads   int             // HeadObject calls
}

func (f *fakeAWS) catalog(log io.Writer) *catalog.Catalog {
	f.rows, f.running = make(map[string]item), make(map[string]int)
	return newCatalog(f, log)
}

// newCatalog is a catalog whose clients speak over wire.
func newCatalog(wire http.RoundTripper, log io.Writer) *catalog.Catalog {
	cfg := aws.Config{
		Region:     "eu-west-1",
		HTTPClient: &http.Client{Transport: wire},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "ASIAEXAMPLE", SecretAccessKey: "secret", SessionToken: "token"}, nil
		}),
	}
	return catalog.New(catalog.Config{
		Table: table, Bucket: bucket, DynamoDB: dynamodb.NewFromConfig(cfg), S3: s3.NewFromConfig(cfg),
		Log: slog.New(slog.NewJSONHandler(log, nil)),
	})
}

// row returns what the table holds under a key's space and path, without them.
func (f *fakeAWS) row(space, path string) item {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.rows[space+"\n"+path]
}

// RoundTrip plays AWS without a socket, which virtual time could not wait for.
func (f *fakeAWS) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasPrefix(r.URL.Host, "dynamodb.") {
		return f.write(r)
	}
	return f.headObject(r)
}

func wait(ctx context.Context, d time.Duration) error {
	if d == 0 {
		return ctx.Err()
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func respond(r *http.Request, status int, header http.Header, body string) *http.Response {
	if header == nil {
		header = make(http.Header)
	}
	header.Set("X-Amz-Crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE([]byte(body))), 10))
	header.Set("X-Amz-Request-Id", "AWSREQUEST")
	return &http.Response{
		StatusCode: status, Header: header, Request: r,
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}
}

func awsError(r *http.Request, code, text string) *http.Response {
	return respond(r, http.StatusBadRequest, nil,
		fmt.Sprintf(`{"__type":"com.amazonaws.dynamodb.v20120810#%s","message":%q}`, code, text))
}

// write plays PutItem, and the one UpdateItem the catalog makes.
func (f *fakeAWS) write(r *http.Request) (*http.Response, error) {
	var in struct {
		TableName                 string
		Item, Key                 item
		UpdateExpression          string
		ConditionExpression       string
		ExpressionAttributeNames  map[string]string
		ExpressionAttributeValues item
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	err = decoder.Decode(&in)
	const bury = "SET deleted = :deleted, expiresAt = :expiresAt REMOVE eTag, contentLength, contentType, checksumSHA256, versionId, created"
	update := r.Header.Get("X-Amz-Target") == "DynamoDB_20120810.UpdateItem" && in.UpdateExpression == bury && in.Item == nil
	put := r.Header.Get("X-Amz-Target") == "DynamoDB_20120810.PutItem" && in.UpdateExpression == "" && in.Key == nil
	if err != nil || in.TableName != table || update == put {
		return awsError(r, "ValidationException", "not a write the catalog makes"), nil
	}
	if update {
		in.Item = maps.Clone(in.Key)
		maps.Copy(in.Item, item{"deleted": in.ExpressionAttributeValues[":deleted"], "expiresAt": in.ExpressionAttributeValues[":expiresAt"]})
		delete(in.ExpressionAttributeValues, ":deleted")
		delete(in.ExpressionAttributeValues, ":expiresAt")
	}

	path := in.Item.path()
	f.begin(path)
	defer f.end(path)
	if err := wait(r.Context(), f.putDelay); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.putFails[path] && !f.persist {
		return awsError(r, "AccessDeniedException", "not authorized"), nil
	}
	for name, value := range in.Item {
		if len(value) != 1 || value["S"] == "" && value["N"] == "" {
			return awsError(r, "ValidationException", name+" is empty, or of a type not in the design"), nil
		}
	}
	rowKey := in.Item["space"]["S"] + "\n" + path
	holds, problem := holds(in.ConditionExpression, in.ExpressionAttributeNames, in.ExpressionAttributeValues, f.rows[rowKey])
	if problem != "" {
		return awsError(r, "ValidationException", problem), nil
	}
	if !holds {
		return awsError(r, "ConditionalCheckFailedException", "The conditional request failed"), nil
	}
	if sequencer, ok := f.rows[rowKey]["sequencer"]; ok && update {
		in.Item["sequencer"] = sequencer
	}
	f.rows[rowKey] = in.Item
	if f.putFails[path] {
		return awsError(r, "AccessDeniedException", "not authorized"), nil
	}
	return respond(r, http.StatusOK, nil, "{}"), nil
}

func (f *fakeAWS) begin(path string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.puts = append(f.puts, path)
	f.running[path]++
	if f.running[path] > 1 {
		f.puts = append(f.puts, "two at once of "+path)
	}
	total := 0
	for _, n := range f.running {
		total += n
	}
	f.highest = max(f.highest, total)
}

func (f *fakeAWS) end(path string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.running[path]--
}

// holds evaluates the conditions the catalog is known to use, by their text, and
// like DynamoDB refuses names and values that are missing or not used.
func holds(condition string, names map[string]string, values item, stored item) (result bool, problem string) {
	_, sequenced := stored["sequencer"]
	newer := !sequenced || stored["sequencer"]["S"] < values[":sequencer"]["S"]
	var wantNames, wantValues string
	switch condition {
	case "attribute_not_exists(#space)":
		wantNames = "map[#space:space]"
		result = stored == nil
	case "attribute_not_exists(sequencer) OR sequencer < :sequencer":
		wantValues = ":sequencer"
		result = newer
	case "(attribute_not_exists(sequencer) OR sequencer < :sequencer) AND versionId = :versionId":
		wantValues = ":sequencer :versionId"
		version, ok := stored["versionId"]
		result = newer && ok && version["S"] == values[":versionId"]["S"]
	case "(attribute_not_exists(sequencer) OR sequencer < :sequencer) AND attribute_exists(created) AND attribute_not_exists(versionId)":
		wantValues = ":sequencer"
		_, created := stored["created"]
		_, version := stored["versionId"]
		result = newer && created && !version
	default:
		return false, "condition not known: " + condition
	}
	if got := fmt.Sprint(names); got != wantNames && (wantNames != "" || len(names) > 0) {
		return false, "names " + got
	}
	for _, name := range strings.Fields(wantValues) {
		if values[name]["S"] == "" {
			return false, "no value " + name
		}
	}
	if len(values) != len(strings.Fields(wantValues)) {
		return false, "values not used"
	}
	return result, ""
}

func (f *fakeAWS) headObject(r *http.Request) (*http.Response, error) {
	f.mu.Lock()
	f.heads++
	f.mu.Unlock()
	if err := wait(r.Context(), f.headDelay); err != nil {
		return nil, err
	}
	if f.headStatus < 0 {
		return nil, fmt.Errorf("connection reset while asking for %s", r.URL)
	}
	if f.headStatus > 0 {
		return respond(r, f.headStatus, nil, ""), nil
	}
	key := strings.TrimPrefix(r.URL.Path, "/")
	if version := r.URL.Query().Get("versionId"); version != "" {
		key += "@" + version
	}
	header, ok := f.objects[key]
	switch {
	case r.Method != http.MethodHead || r.URL.Host != bucket+".s3.eu-west-1.amazonaws.com" || !ok:
		return respond(r, http.StatusForbidden, nil, ""), nil
	case r.Header.Get("If-Match") != "" && r.Header.Get("If-Match") != header.Get("ETag"):
		return respond(r, http.StatusPreconditionFailed, nil, ""), nil
	}
	header = header.Clone()
	if r.Header.Get("X-Amz-Checksum-Mode") != "ENABLED" {
		header.Del("X-Amz-Checksum-Sha256")
	}
	return respond(r, http.StatusOK, header, ""), nil
}

// record is one of S3's records. object is put inside its object as it is.
func record(event, key, object string) string {
	return fmt.Sprintf(`{"eventVersion":"2.6","eventSource":"aws:s3","eventName":%q,"eventTime":"2026-03-01T09:30:15.12Z",`+
		`"s3":{"bucket":{"name":%q},"object":{"key":%q%s}}}`, event, bucket, key, object)
}

func created(key, sequencer string) string {
	return record("ObjectCreated:Put", key, fmt.Sprintf(`,"size":13,"eTag":"e%s","versionId":"v%s","sequencer":%q`, sequencer, sequencer, sequencer))
}

func notification(records ...string) string {
	return `{"Records":[` + strings.Join(records, ",") + `]}`
}

// sqsEvent wraps bodies, of printable ASCII, as Lambda does; their ids are m0, m1, ….
func sqsEvent(bodies ...string) []byte {
	var records []string
	for i, body := range bodies {
		records = append(records, fmt.Sprintf(`{"messageId":"m%d","receiptHandle":"h","body":%q,"attributes":{"ApproximateReceiveCount":"1"},`+
			`"messageAttributes":{},"eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:eu-west-1:000000000000:q","awsRegion":"eu-west-1"}`, i, body))
	}
	return []byte(notification(records...))
}

// logLines parses what was logged.
func logLines(tb testing.TB, log *bytes.Buffer) []map[string]any {
	tb.Helper()
	var lines []map[string]any
	for line := range strings.Lines(log.String()) {
		m := make(map[string]any)
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			tb.Fatalf("log line %q: %v", line, err)
		}
		lines = append(lines, m)
	}
	return lines
}
