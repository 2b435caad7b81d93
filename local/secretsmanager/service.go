// Package secretsmanager is the embedded AWS's Secrets Manager: the secrets of
// the template, with versions and staging labels, over bbolt.
//
// It answers GetSecretValue, PutSecretValue, DescribeSecret, ListSecrets,
// ListSecretVersionIds, UpdateSecretVersionStage, RotateSecret and
// CancelRotateSecret; any other operation is an UnknownOperationException.
// Secrets come and go with the template alone: one that leaves it keeps its
// record, as with DeletionPolicy Retain, but is no longer served. Members that
// are unknown, or known and not supported (Filters, SortBy, SortOrder,
// RotationToken), are refused where the real service would ignore a misspelt
// one.
//
// A rotation invokes the secret's function for createSecret, setSecret,
// testSecret and finishSecret, and stops at the first that fails. It is then
// made again as a whole, with the same version, after a minute, two, four and
// so on up to a day, until it succeeds or is cancelled: AWS documents that it
// retries "the entire rotation process multiple times" and no figures.
// RotateSecret is refused meanwhile, and brings the next attempt forward.
// RotateImmediately false makes testSecret alone, once, on an empty version that
// is removed again. Schedules are days and rate(); cron() is refused.
//
// Limits are Secrets Manager's own ("AWS Secrets Manager quotas"): values of
// 65,536 bytes, 100 versions a secret of which those without a label go when
// they are a day old, 20 labels a version. Nothing is encrypted: the database
// file holds the values in clear and is as secret as they are.
//
// Trusted are that file and the template; every request is verified and
// authorised through iam: for secretsmanager:<Operation> on the secret's ARN,
// ListSecrets on *. No value ever stands in an error or a log; what a rotation
// function says when it fails is logged as it came.
package secretsmanager

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"mime"
	"net/http"
	"strings"

	"github.com/google/uuid"
	"go.etcd.io/bbolt"

	"airlock/local/iam"
	"airlock/local/template"
)

const (
	serviceName  = "secretsmanager"
	contentType  = "application/x-amz-json-1.1"
	targetPrefix = "secretsmanager."
	// maxRequestBytes leaves room for a value of which every byte is escaped.
	maxRequestBytes = 1 << 20
)

// Config says what a Service serves.
type Config struct {
	// DB keeps the secrets, in a bucket named secretsmanager/secrets.
	DB *bbolt.DB
	// IAM knows the callers.
	IAM *iam.Directory
	// Region and AccountID are those of the secrets' ARNs.
	Region    string
	AccountID string
	// Secrets are all there are.
	Secrets []template.Secret
	// Invoke runs a rotation function once; an error is one of the function as
	// much as one of the invocation. nil: no secret can be rotated.
	Invoke func(ctx context.Context, functionARN string, payload []byte) error
}

// Service is Secrets Manager's endpoint. It is safe for concurrent use.
type Service struct {
	db      *bbolt.DB
	iam     *iam.Directory
	region  string
	secrets []template.Secret // by name
	invoke  func(ctx context.Context, functionARN string, payload []byte) error
	woken   map[string]chan struct{} // by the secret's name
}

// New makes the secrets that are not there yet. A value in the template becomes
// the first version of a secret that has none; what an operator put later is
// left alone.
func New(c Config) (*Service, error) {
	s := &Service{db: c.DB, iam: c.IAM, region: c.Region, invoke: c.Invoke, woken: make(map[string]chan struct{})}
	for _, secret := range c.Secrets {
		if err := checkARN(secret, c.Region, c.AccountID); err != nil {
			return nil, fmt.Errorf("opening the secret %s: %w", secret.LogicalID, err)
		}
	}
	s.secrets = sortedByName(c.Secrets)
	for _, secret := range s.secrets {
		s.woken[secret.Name] = make(chan struct{}, 1)
		if err := s.create(secret); err != nil {
			return nil, fmt.Errorf("opening the secret %s: %w", secret.LogicalID, err)
		}
	}
	return s, nil
}

// ServeHTTP answers one operation (AWS JSON 1.1).
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Amzn-Requestid", uuid.NewString())
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if r.Method != http.MethodPost || r.URL.Path != "/" || err != nil || media != contentType {
		// What speaks another protocol is nobody's request.
		respond(w, http.StatusNotFound, errorBody{Type: "UnknownOperationException"})
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequestBytes))
	if err != nil {
		respond(w, http.StatusRequestEntityTooLarge, errorBody{Type: "RequestEntityTooLargeException"})
		return
	}
	answer, err := s.answer(r, body)
	if err != nil {
		body, status := explain(r.Context(), err)
		respond(w, status, body)
		return
	}
	respond(w, http.StatusOK, answer)
}

func (s *Service) answer(r *http.Request, body []byte) (any, error) {
	name, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), targetPrefix)
	do := s.operation(name)
	if !ok || do == nil {
		return nil, refuse("UnknownOperationException", "")
	}
	caller, err := s.iam.Authenticate(r, body, s.region, serviceName)
	if err != nil {
		return nil, err
	}
	return do(caller, body)
}

// operation is nil for one that is not supported.
func (s *Service) operation(name string) func(*iam.Principal, []byte) (any, error) {
	switch name {
	case "GetSecretValue":
		return decoded(s.getSecretValue)
	case "PutSecretValue":
		return decoded(s.putSecretValue)
	case "DescribeSecret":
		return decoded(s.describeSecret)
	case "ListSecrets":
		return decoded(s.listSecrets)
	case "ListSecretVersionIds":
		return decoded(s.listSecretVersionIDs)
	case "UpdateSecretVersionStage":
		return decoded(s.updateSecretVersionStage)
	case "RotateSecret":
		return decoded(s.rotateSecret)
	case "CancelRotateSecret":
		return decoded(s.cancelRotateSecret)
	default:
		return nil
	}
}

// decoded puts the reading of the body before an operation.
func decoded[In any](do func(*iam.Principal, In) (any, error)) func(*iam.Principal, []byte) (any, error) {
	return func(caller *iam.Principal, body []byte) (any, error) {
		var in In
		if err := decode(body, &in); err != nil {
			return nil, err
		}
		return do(caller, in)
	}
}

// authorize finds a secret for an operation of the caller, who learns that
// there is none only when allowed to ask: what doesn't exist has no ARN, and is
// authorised by the id as sent.
func (s *Service) authorize(caller *iam.Principal, operation, id string, conditions map[string][]string) (template.Secret, error) {
	secret, found := s.find(id)
	r := iam.Request{
		Action:   "secretsmanager:" + operation,
		Resource: id,
		Context:  map[string][]string{"aws:securetransport": {"true"}, "secretsmanager:secretid": {id}},
	}
	if found {
		r.Resource = secret.ARN
		r.Context["secretsmanager:secretid"] = []string{secret.ARN}
	}
	maps.Copy(r.Context, conditions)
	if err := caller.Authorize(r); err != nil {
		return template.Secret{}, err
	}
	if !found {
		return template.Secret{}, refuse("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
	}
	return secret, nil
}

// errorBody is an error on the wire.
type errorBody struct {
	Type    string `json:"__type"`
	Message string `json:"Message,omitempty"`
}

// explain turns an error into what the client sees of it.
func explain(ctx context.Context, err error) (body errorBody, status int) {
	var denied *iam.Error
	var r *refusal
	switch {
	case errors.As(err, &denied):
		return errorBody{denied.Code, denied.Message}, denied.Status
	case errors.As(err, &r):
		return errorBody{r.code, r.message}, http.StatusBadRequest
	default:
		slog.ErrorContext(ctx, "secretsmanager: serving a request", "error", err)
		return errorBody{"InternalServiceError", "An error occurred on the server side."}, http.StatusInternalServerError
	}
}

func respond(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	answer := json.NewEncoder(w)
	answer.SetEscapeHTML(false)
	// Every answer is a struct of this package, so only the client can have
	// gone; there is nobody left to tell.
	_ = answer.Encode(body)
}
