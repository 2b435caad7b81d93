package dynamodb

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awscredentials "github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"go.etcd.io/bbolt"

	"airlock/local/iam"
	"airlock/local/template"
)

const (
	testRegion  = "eu-central-1"
	testAccount = "123456789012"
	testTable   = "catalog"
)

// catalogTable is shaped as the product's.
func catalogTable() template.Table {
	return template.Table{
		LogicalID:    "CatalogTable",
		Name:         testTable,
		ARN:          "arn:aws:dynamodb:" + testRegion + ":" + testAccount + ":table/" + testTable,
		PartitionKey: template.Attribute{Name: "space", Type: "S"},
		SortKey:      template.Attribute{Name: "path", Type: "S"},
		TTLAttribute: "expiresAt",
	}
}

// other tables give the other kinds of key.
func counterTable(sortType string) template.Table {
	return template.Table{
		Name:         "sorted-" + sortType,
		ARN:          "arn:aws:dynamodb:" + testRegion + ":" + testAccount + ":table/sorted-" + sortType,
		PartitionKey: template.Attribute{Name: "id", Type: "N"},
		SortKey:      template.Attribute{Name: "rank", Type: sortType},
	}
}

func singleTable() template.Table {
	return template.Table{
		Name:         "single",
		ARN:          "arn:aws:dynamodb:" + testRegion + ":" + testAccount + ":table/single",
		PartitionKey: template.Attribute{Name: "id", Type: "B"},
	}
}

func openDB(t testing.TB, file string) *bbolt.DB {
	t.Helper()
	db, err := bbolt.Open(file, 0o600, &bbolt.Options{NoSync: true, Timeout: time.Second})
	if err != nil {
		t.Fatalf("opening the database: %v", err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("closing the database: %v", err)
		}
	})
	return db
}

// fixture is a service, its directory and an operator's client.
type fixture struct {
	service   *Service
	directory *iam.Directory
	url       string
	client    *dynamodb.Client
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	db := openDB(t, filepath.Join(t.TempDir(), "aws.db"))
	directory := iam.NewDirectory()
	service, err := New(Config{
		DB: db, IAM: directory, Region: testRegion, AccountID: testAccount,
		Tables: []template.Table{catalogTable(), counterTable("N"), counterTable("B"), singleTable()},
	})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	server := httptest.NewServer(service)
	t.Cleanup(server.Close)
	f := &fixture{service: service, directory: directory, url: server.URL}
	f.client = f.clientOf(&iam.Principal{Name: "operator", ARN: "arn:aws:iam::" + testAccount + ":user/operator", Operator: true})
	return f
}

// clientOf is a client with fresh credentials of a principal. It does not
// retry, so that a test sees the first answer.
func (f *fixture) clientOf(p *iam.Principal) *dynamodb.Client {
	issued := f.directory.Issue(p, time.Hour)
	return dynamodb.New(dynamodb.Options{
		Region:       testRegion,
		BaseEndpoint: aws.String(f.url),
		Credentials:  awscredentials.NewStaticCredentialsProvider(issued.AccessKeyID, issued.SecretAccessKey, issued.SessionToken),
		Retryer:      aws.NopRetryer{},
	})
}

type attributes = map[string]types.AttributeValue

func str(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
func num(s string) types.AttributeValue { return &types.AttributeValueMemberN{Value: s} }
func bin(s string) types.AttributeValue { return &types.AttributeValueMemberB{Value: []byte(s)} }

func entryKey(space, path string) attributes {
	return attributes{"space": str(space), "path": str(path)}
}

func (f *fixture) put(t testing.TB, table string, it attributes) {
	t.Helper()
	if _, err := f.client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: it}); err != nil {
		t.Fatalf("PutItem(%v): %v", it, err)
	}
}

func (f *fixture) get(t testing.TB, key attributes) attributes {
	t.Helper()
	out, err := f.client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String(testTable), Key: key, ConsistentRead: aws.Bool(true)})
	if err != nil {
		t.Fatalf("GetItem(%v): %v", key, err)
	}
	return out.Item
}

// post sends a body as it stands, signed by an operator: what no SDK would
// send.
func (f *fixture) post(t testing.TB, operation, body string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, f.url, strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("X-Amz-Target", targetPrefix+operation)
	issued := f.directory.Issue(&iam.Principal{Name: "operator", Operator: true}, time.Hour)
	hash := sha256.Sum256([]byte(body))
	err := v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{
		AccessKeyID: issued.AccessKeyID, SecretAccessKey: issued.SecretAccessKey, SessionToken: issued.SessionToken,
	}, r, hex.EncodeToString(hash[:]), "dynamodb", testRegion, time.Now())
	if err != nil {
		t.Fatalf("signing: %v", err)
	}
	w := httptest.NewRecorder()
	f.service.ServeHTTP(w, r)
	return w
}

// refused checks the whole of a refusal.
func refused(t testing.TB, what string, err error, code, message string) {
	t.Helper()
	var got string
	if err != nil {
		got = err.Error()
	}
	want := code + ": " + message
	if !strings.HasSuffix(got, want) {
		t.Errorf("%s = %q, want an error ending in %q", what, got, want)
	}
}

func TestProtocol(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	item := `{"TableName":"catalog","Item":{"space":{"S":"s"},"path":{"S":"p"},"n":{"N":"1.50"}}}`
	tests := map[string]struct {
		operation, body string
		status          int
		want            string
	}{
		"put":               {"PutItem", item, 200, `{}`},
		"table by ARN":      {"PutItem", strings.Replace(item, `"catalog"`, `"arn:aws:dynamodb:eu-central-1:123456789012:table/catalog"`, 1), 200, `{}`},
		"another operation": {"BatchGetItem", `{}`, 400, `{"__type":"com.amazon.coral.service#UnknownOperationException"}`},
		"transactions":      {"TransactWriteItems", `{}`, 400, `{"__type":"com.amazon.coral.service#UnknownOperationException"}`},
		"no JSON":           {"PutItem", `{`, 400, `{"__type":"com.amazon.coral.service#SerializationException"}`},
		"trailing data":     {"PutItem", item + `{}`, 400, `{"__type":"com.amazon.coral.service#SerializationException"}`},
		"no object":         {"PutItem", `[]`, 400, `{"Message":"Unexpected token received from parser","__type":"com.amazon.coral.service#SerializationException"}`},
		"wrong type":        {"PutItem", `{"TableName":1}`, 400, `{"Message":"NUMBER_VALUE cannot be converted to String","__type":"com.amazon.coral.service#SerializationException"}`},
		"wrong bool":        {"GetItem", `{"TableName":"catalog","Key":{},"ConsistentRead":"yes"}`, 400, `{"Message":"STRING_VALUE cannot be converted to Boolean","__type":"com.amazon.coral.service#SerializationException"}`},
		"wrong value type":  {"PutItem", `{"TableName":"catalog","Item":{"space":{"S":true}}}`, 400, `{"Message":"TRUE_VALUE cannot be converted to String","__type":"com.amazon.coral.service#SerializationException"}`},
		"number as value":   {"PutItem", `{"TableName":"catalog","Item":{"space":{"N":1}}}`, 400, `{"Message":"NUMBER_VALUE cannot be converted to String","__type":"com.amazon.coral.service#SerializationException"}`},
		"no value":          {"PutItem", `{"TableName":"catalog","Item":{"space":"s"}}`, 400, `{"Message":"Unexpected value type in payload","__type":"com.amazon.coral.service#SerializationException"}`},
		"doubled member":    {"PutItem", `{"TableName":"catalog","TableName":"catalog"}`, 400, `{"Message":"Duplicate field 'TableName'","__type":"com.amazon.coral.service#SerializationException"}`},
		"doubled attribute": {"PutItem", `{"TableName":"catalog","Item":{"a":{"S":"1"},"a":{"S":"2"}}}`, 400, `{"Message":"Duplicate field 'a'","__type":"com.amazon.coral.service#SerializationException"}`},
		"bad UTF-8":         {"PutItem", "{\"TableName\":\"\xff\"}", 400, `{"Message":"Invalid UTF-8 in the request","__type":"com.amazon.coral.service#SerializationException"}`},
		"half a surrogate":  {"PutItem", `{"TableName":"\ud834"}`, 400, `{"Message":"Incomplete surrogate pair in the request","__type":"com.amazon.coral.service#SerializationException"}`},
		"bad base64":        {"PutItem", `{"TableName":"catalog","Item":{"a":{"B":"abc"}}}`, 400, `{"Message":"Base64 encoded length is expected a multiple of 4 bytes but found: 3","__type":"com.amazon.coral.service#SerializationException"}`},
		"wrong case":        {"PutItem", `{"tableName":"catalog"}`, 400, `{"__type":"com.amazon.coral.validate#ValidationException","message":"One or more parameter values were invalid: tableName is not a parameter of PutItem that is supported here"}`},
		"misspelt":          {"PutItem", `{"TableName":"catalog","ConditionExpresion":"x"}`, 400, `{"__type":"com.amazon.coral.validate#ValidationException","message":"One or more parameter values were invalid: ConditionExpresion is not a parameter of PutItem that is supported here"}`},
		"legacy":            {"PutItem", `{"TableName":"catalog","Expected":{}}`, 400, `{"__type":"com.amazon.coral.validate#ValidationException","message":"One or more parameter values were invalid: Expected is not supported here, use ConditionExpression"}`},
		"legacy query":      {"Query", `{"TableName":"catalog","KeyConditions":{}}`, 400, `{"__type":"com.amazon.coral.validate#ValidationException","message":"One or more parameter values were invalid: KeyConditions is not supported here, use KeyConditionExpression"}`},
		"nothing":           {"PutItem", `{}`, 400, `{"__type":"com.amazon.coral.validate#ValidationException","message":"2 validation errors detected: Value null at 'tableName' failed to satisfy constraint: Member must not be null; Value null at 'item' failed to satisfy constraint: Member must not be null"}`},
		"enum":              {"GetItem", `{"TableName":"catalog","Key":{},"ReturnConsumedCapacity":"hi"}`, 400, `{"__type":"com.amazon.coral.validate#ValidationException","message":"1 validation error detected: Value 'hi' at 'returnConsumedCapacity' failed to satisfy constraint: Member must satisfy enum value set: [INDEXES, TOTAL, NONE]"}`},
		"no such table":     {"GetItem", `{"TableName":"nowhere","Key":{}}`, 400, `{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"Requested resource not found"}`},
		"describe no table": {"DescribeTable", `{"TableName":"nowhere"}`, 400, `{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"Requested resource not found: Table: nowhere not found"}`},
		"bad table name":    {"GetItem", `{"TableName":"a;","Key":{}}`, 400, `{"__type":"com.amazon.coral.validate#ValidationException","message":"Invalid table/index name.  Table/index names must be between 3 and 255 characters long, and may contain only the characters a-z, A-Z, 0-9, '_', '-', and '.'"}`},
		"list":              {"ListTables", `{"Limit":2}`, 200, `{"LastEvaluatedTableName":"single","TableNames":["catalog","single"]}`},
		"list on":           {"ListTables", `{"ExclusiveStartTableName":"single"}`, 200, `{"TableNames":["sorted-B","sorted-N"]}`},
		"list too many":     {"ListTables", `{"Limit":101}`, 400, `{"__type":"com.amazon.coral.validate#ValidationException","message":"1 validation error detected: Value '101' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 100"}`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := f.post(t, test.operation, test.body)
			if got := w.Body.String(); w.Code != test.status || got != test.want {
				t.Errorf("%s(%s) = %d %s, want %d %s", test.operation, test.body, w.Code, got, test.status, test.want)
			}
			if got, want := w.Header().Get("X-Amz-Crc32"), strconv.FormatUint(uint64(crc32.ChecksumIEEE(w.Body.Bytes())), 10); got != want {
				t.Errorf("X-Amz-Crc32 = %s, want %s", got, want)
			}
			if got := w.Header().Get("Content-Type"); got != "application/x-amz-json-1.0" {
				t.Errorf("Content-Type = %q", got)
			}
			if got := w.Header().Get("X-Amzn-Requestid"); len(got) != 52 {
				t.Errorf("X-Amzn-RequestId = %q, want 52 characters", got)
			}
		})
	}
}

func TestNotAnOperation(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, r := range []*http.Request{
		httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody),
		httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader("a=b")),
	} {
		w := httptest.NewRecorder()
		f.service.ServeHTTP(w, r)
		if w.Code != http.StatusNotFound || w.Body.String() != "<UnknownOperationException/>\n" {
			t.Errorf("%s = %d %q, want 404", r.Method, w.Code, w.Body)
		}
	}
}

func TestAuthorisation(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	policy, err := iam.ParsePolicy(map[string]any{
		"Version": "2012-10-17",
		"Statement": []any{map[string]any{
			"Effect": "Allow", "Action": "dynamodb:PutItem", "Resource": catalogTable().ARN,
		}},
	})
	if err != nil {
		t.Fatalf("ParsePolicy: %v", err)
	}
	record := f.clientOf(&iam.Principal{
		Name: "RecordFunction", ARN: "arn:aws:iam::" + testAccount + ":role/record", Policies: []iam.Policy{policy},
	})
	it := entryKey("u/alice", "a")
	if _, err := record.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(testTable), Item: it}); err != nil {
		t.Errorf("PutItem, which the policy allows: %v", err)
	}
	var denied interface{ ErrorCode() string }
	_, err = record.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String(testTable), Key: it})
	if !errors.As(err, &denied) || denied.ErrorCode() != "AccessDeniedException" {
		t.Errorf("GetItem, which the policy does not allow: %v, want an AccessDeniedException", err)
	}
	// A table that is not there looks the same as one that is.
	_, err = record.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String("nowhere"), Item: it})
	if !errors.As(err, &denied) || denied.ErrorCode() != "AccessDeniedException" {
		t.Errorf("PutItem into another table: %v, want an AccessDeniedException", err)
	}
	_, err = record.ListTables(t.Context(), &dynamodb.ListTablesInput{})
	if !errors.As(err, &denied) || denied.ErrorCode() != "AccessDeniedException" {
		t.Errorf("ListTables: %v, want an AccessDeniedException", err)
	}

	stranger := dynamodb.New(dynamodb.Options{
		Region: testRegion, BaseEndpoint: aws.String(f.url), Retryer: aws.NopRetryer{},
		Credentials: awscredentials.NewStaticCredentialsProvider("AKIAXXXXXXXXXXXXXXXX", "x", ""),
	})
	_, err = stranger.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String(testTable), Key: it})
	refused(t, "a stranger's GetItem", err, "UnrecognizedClientException", "The security token included in the request is invalid.")
}
