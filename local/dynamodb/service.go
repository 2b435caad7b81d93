// Package dynamodb is the embedded AWS's DynamoDB: the operations and
// expressions the product uses, and those a person needs to look inside, over
// bbolt.
//
// It answers PutItem, GetItem, UpdateItem, DeleteItem, Query, Scan,
// DescribeTable and ListTables; any other operation is an
// UnknownOperationException. Tables come from the template and have no
// indexes. Of an operation's parameters, the legacy ones and those not known
// here are a ValidationException, where the real service would ignore a
// misspelt one.
//
// Limits are DynamoDB's own (Developer Guide, "Service, account, and table
// quotas"): items of 400 KB, 32 levels of documents, pages of 1 MB, numbers of
// 38 digits, expressions of 4 KB. Tables are on demand and nothing is
// throttled; every read is consistent, whatever it asks for.
//
// A write is one bbolt transaction with its condition checked inside, so
// conditional writes are linear. Trusted are the database file and the
// template; every request is verified and authorised through iam: for
// dynamodb:<Operation> on the table's ARN, ListTables on *. Of DynamoDB's own
// condition keys none is set, so a policy that needs one denies.
package dynamodb

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"go.etcd.io/bbolt"

	"airlock/local/iam"
	"airlock/local/template"
)

const (
	contentType     = "application/x-amz-json-1.0"
	targetPrefix    = "DynamoDB_20120810."
	maxRequestBytes = 16 << 20
)

// Config says what a Service serves.
type Config struct {
	// DB keeps the items, in buckets named dynamodb/….
	DB *bbolt.DB
	// IAM knows the callers.
	IAM *iam.Directory
	// Region and AccountID are those of the tables' ARNs.
	Region    string
	AccountID string
	// Tables are all there are.
	Tables []template.Table
}

// Service is DynamoDB's endpoint. It is safe for concurrent use.
type Service struct {
	db        *bbolt.DB
	iam       *iam.Directory
	region    string
	accountID string
	tables    map[string]*table
}

// New makes the tables that are not there yet. A table whose key schema is not
// the stored one is an error: its items could not be found under the new one.
func New(c Config) (*Service, error) {
	s := &Service{db: c.DB, iam: c.IAM, region: c.Region, accountID: c.AccountID}
	var err error
	if s.tables, err = openTables(c.DB, c.Tables); err != nil {
		return nil, fmt.Errorf("opening the tables: %w", err)
	}
	return s, nil
}

// ServeHTTP answers one operation (AWS JSON 1.0).
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Amzn-Requestid", rand.Text()+rand.Text())
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if r.Method != http.MethodPost || err != nil || media != contentType && media != "application/json" {
		respond(w, http.StatusNotFound, "", []byte("<UnknownOperationException/>\n"))
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequestBytes))
	if err != nil {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	answer, err := s.answer(r, body)
	status := http.StatusOK
	if err != nil {
		answer, status = s.explain(r.Context(), err)
	}
	payload, err := marshal(answer)
	if err != nil {
		slog.ErrorContext(r.Context(), "dynamodb: writing an answer", "error", err)
		status, payload = http.StatusInternalServerError, []byte("{}")
	}
	respond(w, status, media, payload)
}

// respond sends a body with the checksum that SDK clients verify.
func respond(w http.ResponseWriter, status int, media string, payload []byte) {
	if media != "" {
		w.Header().Set("Content-Type", media)
	}
	w.Header().Set("X-Amz-Crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE(payload)), 10))
	w.Header().Set("Content-Length", strconv.Itoa(len(payload)))
	w.WriteHeader(status)
	// The client may have gone; there is nobody left to tell.
	_, _ = w.Write(payload)
}

// explain turns an error into what the client sees of it.
func (s *Service) explain(ctx context.Context, err error) (body map[string]any, status int) {
	r, ok := asRefusal(err)
	if denied := (*iam.Error)(nil); errors.As(err, &denied) {
		r, ok = &refusal{frontEnd, denied.Code, denied.Message, denied.Status, nil}, true
	}
	if !ok {
		slog.ErrorContext(ctx, "dynamodb: serving a request", "error", err)
		r = internal()
	}
	body = map[string]any{"__type": r.namespace + "#" + r.code}
	switch {
	case r.message == "":
	case r.code == "SerializationException", r.code == "AccessDeniedException":
		// The front end spells it so in these two; clients read both.
		body["Message"] = r.message
	default:
		body["message"] = r.message
	}
	if r.item != nil {
		body["Item"] = r.item
	}
	return body, r.status
}

// answer runs one operation for whoever signed the request.
func (s *Service) answer(r *http.Request, body []byte) (any, error) {
	operation, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), targetPrefix)
	if !ok || members(operation) == nil {
		return nil, unknownOperation()
	}
	caller, err := s.iam.Authenticate(r, body, s.region, "dynamodb")
	if err != nil {
		return nil, err
	}
	req, err := decodeRequest(operation, body)
	if err != nil {
		return nil, err
	}
	name, resource := s.resource(operation, req)
	err = caller.Authorize(iam.Request{
		Action:   "dynamodb:" + operation,
		Resource: resource,
		// Loopback counts as secure transport.
		Context: map[string][]string{"aws:securetransport": {"true"}},
	})
	if err != nil {
		return nil, err
	}
	if err := req.checkConstraints(operation); err != nil {
		return nil, err
	}
	if operation == "ListTables" {
		return s.listTables(req), nil
	}
	if err := checkTableName(name); err != nil {
		return nil, err
	}
	t, ok := s.tables[name]
	switch {
	case !ok && operation == "DescribeTable":
		missing := tableNotFound()
		missing.message += ": Table: " + name + " not found"
		return nil, missing
	case !ok:
		return nil, tableNotFound()
	}
	return s.run(operation, t, req)
}

func (s *Service) run(operation string, t *table, req *request) (any, error) {
	switch operation {
	case "PutItem":
		return s.putItem(t, req)
	case "GetItem":
		return s.getItem(t, req)
	case "UpdateItem":
		return s.updateItem(t, req)
	case "DeleteItem":
		return s.deleteItem(t, req)
	case "Query":
		return s.query(t, req)
	case "Scan":
		return s.scan(t, req)
	case "DescribeTable":
		return s.describeTable(t)
	default:
		return nil, unknownOperation()
	}
}

// resource is the table an operation names, by name or by ARN, and its ARN.
func (s *Service) resource(operation string, req *request) (name, arn string) {
	if operation == "ListTables" {
		return "", "*"
	}
	if req.TableName == nil {
		return "", s.tableARN("")
	}
	name = *req.TableName
	if own, ok := strings.CutPrefix(name, s.tableARN("")); ok {
		name = own
	}
	if t, ok := s.tables[name]; ok {
		return name, t.arn
	}
	return name, s.tableARN(name)
}

func (s *Service) tableARN(name string) string {
	return "arn:aws:dynamodb:" + s.region + ":" + s.accountID + ":table/" + name
}
