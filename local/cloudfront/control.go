package cloudfront

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"go.etcd.io/bbolt"

	"airlock/local/iam"
)

const (
	// controlRegion is where CloudFront's control calls are signed for.
	controlRegion  = "us-east-1"
	controlService = "cloudfront"
	apiVersion     = "/2020-05-31/"
	// maxControlBytes is more than any of these requests can need.
	maxControlBytes = 64 << 10
)

// ControlConfig says what a [Control] serves.
type ControlConfig struct {
	// DB keeps public keys and key groups, in buckets named cloudfront/….
	DB *bbolt.DB
	// IAM knows the callers.
	IAM *iam.Directory
	// Region is one more that requests may be signed for: SDKs know that CloudFront
	// is in us-east-1 only as long as they are sent to no endpoint of one's own.
	Region string
	// PropagationDelay is how long after UpdateKeyGroup the edge still sees the
	// keys of before, and how long keys taken out stay in use. 0: not at all. A
	// new group is seen at once, as a distribution that names it is new, too.
	PropagationDelay time.Duration
}

// Control is CloudFront's API, as far as signing keys need it: the public keys
// and key groups of an account, from which edges verify. It is an http.Handler
// (REST-XML) and safe for concurrent use; what it has answered survives a
// restart.
//
// It knows CreatePublicKey, GetPublicKey, GetPublicKeyConfig, ListPublicKeys,
// UpdatePublicKey, DeletePublicKey, and the same of key groups. All else is
// refused with UnknownOperationException. Every request is verified and
// authorised through iam, for cloudfront:<Operation> on *: none of these
// actions knows a resource ("Actions, resources, and condition keys for Amazon
// CloudFront").
//
// Where AWS documents an error's code only, its message is one that people
// report, or else plain words. A caller reference or name that is taken is
// PublicKeyAlreadyExists, whatever else the request says: the API reference
// promises no answer to a replay, so none may be counted on. Names are held to
// 128 letters, digits, hyphens and underscores; CloudFront documents no rule.
type Control struct {
	db    *bbolt.DB
	iam   *iam.Directory
	home  string // Config.Region
	delay time.Duration

	mu      sync.Mutex
	trusted map[string]int // key group id, behaviors of running edges
}

// NewControl opens the store.
func NewControl(c ControlConfig) (*Control, error) {
	if c.PropagationDelay < 0 {
		return nil, fmt.Errorf("cloudfront: the propagation delay %v is negative", c.PropagationDelay)
	}
	err := c.DB.Update(func(tx *bbolt.Tx) error {
		for _, name := range []string{publicKeysBucket, keyGroupsBucket} {
			if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("cloudfront: opening the store of keys: %w", err)
	}
	return &Control{db: c.DB, iam: c.IAM, home: c.Region, delay: c.PropagationDelay, trusted: make(map[string]int)}, nil
}

// call is a request that has been let in.
type call struct {
	id      string // in the path; "" if there is none
	ifMatch string
	query   map[string][]string
	body    []byte
	now     time.Time
}

// reply is what an operation answers with; document nil is no body.
type reply struct {
	status   int
	etag     string
	location string // below the API's address
	document any
}

// operation carries out a call within one transaction; an error leaves all as
// it was.
type operation func(*bbolt.Tx, call) (reply, error)

// route finds the operation of a method and a path, and the id in the path.
func (c *Control) route(method, path string) (name, id string, do operation) {
	rest, ok := strings.CutPrefix(path, apiVersion)
	if !ok {
		return "", "", nil
	}
	parts := strings.Split(rest, "/")
	if len(parts) > 1 && parts[1] != "" {
		id, parts[1] = parts[1], "Id"
	}
	switch method + " " + strings.Join(parts, "/") {
	case "POST public-key":
		return "CreatePublicKey", id, c.createPublicKey
	case "GET public-key":
		return "ListPublicKeys", id, c.listPublicKeys
	case "GET public-key/Id":
		return "GetPublicKey", id, c.getPublicKey
	case "GET public-key/Id/config":
		return "GetPublicKeyConfig", id, c.getPublicKeyConfig
	case "PUT public-key/Id/config":
		return "UpdatePublicKey", id, c.updatePublicKey
	case "DELETE public-key/Id":
		return "DeletePublicKey", id, c.deletePublicKey
	case "POST key-group":
		return "CreateKeyGroup", id, c.createKeyGroup
	case "GET key-group":
		return "ListKeyGroups", id, c.listKeyGroups
	case "GET key-group/Id":
		return "GetKeyGroup", id, c.getKeyGroup
	case "GET key-group/Id/config":
		return "GetKeyGroupConfig", id, c.getKeyGroupConfig
	case "PUT key-group/Id":
		return "UpdateKeyGroup", id, c.updateKeyGroup
	case "DELETE key-group/Id":
		return "DeleteKeyGroup", id, c.deleteKeyGroup
	default:
		return "", "", nil
	}
}

// ServeHTTP answers one control call.
func (c *Control) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	requestID := newKeyGroupID() // a UUID, as request ids are
	w.Header().Set("X-Amzn-Requestid", requestID)
	answer, err := c.answer(w, r)
	if err != nil {
		status, document := explain(r, err, requestID)
		answer = reply{status: status, document: document}
	}
	body, err := render(answer.document)
	if err != nil {
		slog.ErrorContext(r.Context(), "cloudfront: writing an answer", "error", err)
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	if answer.etag != "" {
		w.Header().Set("ETag", answer.etag)
	}
	if answer.location != "" {
		w.Header().Set("Location", "https://cloudfront.amazonaws.com"+apiVersion+answer.location)
	}
	if body != nil {
		w.Header().Set("Content-Type", "text/xml")
	}
	w.WriteHeader(answer.status)
	// A client that left gets no more; nobody is there to be told.
	_, _ = w.Write(body)
}

func (c *Control) answer(w http.ResponseWriter, r *http.Request) (answer reply, err error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxControlBytes))
	if err != nil {
		return reply{}, &controlError{http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "The request is too large."}
	}
	name, id, do := c.route(r.Method, r.URL.Path)
	if do == nil {
		return reply{}, &controlError{
			http.StatusNotFound, "UnknownOperationException",
			r.Method + " " + r.URL.Path + " is no operation on public keys or key groups, which are all that is known here.",
		}
	}
	region := controlRegion
	if c.home != "" && strings.Contains(r.Header.Get("Authorization"), "/"+c.home+"/"+controlService+"/") {
		region = c.home
	}
	caller, err := c.iam.Authenticate(r, body, region, controlService)
	if err != nil {
		return reply{}, err
	}
	err = caller.Authorize(iam.Request{
		Action: "cloudfront:" + name, Resource: "*",
		Context: map[string][]string{"aws:securetransport": {"true"}},
	})
	if err != nil {
		return reply{}, err
	}
	if !strings.HasPrefix(name, "List") && r.URL.RawQuery != "" {
		return reply{}, invalidArgument("The operation takes no query.")
	}
	in := call{id: id, ifMatch: r.Header.Get("If-Match"), query: r.URL.Query(), body: body, now: time.Now()}
	transaction := c.db.Update
	if r.Method == http.MethodGet {
		transaction = c.db.View
	}
	err = transaction(func(tx *bbolt.Tx) error {
		answer, err = do(tx, in)
		return err
	})
	return answer, err
}

// controlError is a refusal in CloudFront's words.
type controlError struct {
	status  int
	code    string
	message string
}

func (e *controlError) Error() string { return e.code + ": " + e.message }

func invalidArgument(format string, args ...any) error {
	return &controlError{http.StatusBadRequest, "InvalidArgument", fmt.Sprintf(format, args...)}
}

func malformedXML(err error) error {
	return &controlError{http.StatusBadRequest, "MalformedXML", "The XML is not as the operation needs it: " + err.Error() + "."}
}

// checkIfMatch compares the version a caller wants to change with the one there.
func checkIfMatch(sent, etag string) error {
	switch {
	case len(sent) != len(etag) || sent[0] != 'E':
		// The words are from bug reports (aws/aws-sdk issue 576).
		return &controlError{http.StatusBadRequest, "InvalidIfMatchVersion", "The If-Match version is missing or not valid for the resource."}
	case sent != etag:
		return &controlError{http.StatusPreconditionFailed, "PreconditionFailed", "The request failed because it didn't meet the preconditions in one or more request-header fields."}
	}
	return nil
}

type errorDocument struct {
	XMLName   xml.Name `xml:"http://cloudfront.amazonaws.com/doc/2020-05-31/ ErrorResponse"`
	Type      string   `xml:"Error>Type"`
	Code      string   `xml:"Error>Code"`
	Message   string   `xml:"Error>Message"`
	RequestID string   `xml:"RequestId"`
}

// explain turns an error into what the client sees of it.
func explain(r *http.Request, err error, requestID string) (status int, document errorDocument) {
	var refused *controlError
	var denied *iam.Error
	switch {
	case errors.As(err, &refused):
		return refused.status, errorDocument{Type: "Sender", Code: refused.code, Message: refused.message, RequestID: requestID}
	case errors.As(err, &denied):
		return denied.Status, errorDocument{Type: "Sender", Code: restCode(denied.Code), Message: denied.Message, RequestID: requestID}
	default:
		slog.ErrorContext(r.Context(), "cloudfront: serving a control call", "error", err)
		return http.StatusInternalServerError, errorDocument{
			Type: "Receiver", Code: "InternalError", Message: "We encountered an internal error. Please try again.", RequestID: requestID,
		}
	}
}

// restCode is the name that REST-XML has for what iam calls by the names of AWS
// JSON ("Common errors" of the CloudFront API reference).
func restCode(code string) string {
	switch code {
	case "UnrecognizedClientException":
		return "InvalidClientTokenId"
	case "InvalidSignatureException":
		return "SignatureDoesNotMatch"
	default:
		return strings.TrimSuffix(code, "Exception")
	}
}

func render(document any) ([]byte, error) {
	if document == nil {
		return nil, nil
	}
	body, err := xml.Marshal(document)
	if err != nil {
		return nil, err
	}
	return append([]byte(xml.Header), body...), nil
}
