// Package cloudformation is what the embedded AWS has of CloudFormation: it lets
// functions make the custom resources of a template, and takes their answers.
//
// A resource is created when its stack is first started, updated when its
// properties are others, and left alone otherwise. One that leaves the template
// is left alone, too, as the data of one machine's stack is.
//
// A function is invoked once for a request, and answers before it ends; on AWS
// it is invoked without anyone waiting for it, again when it fails, and the
// answer may come within the hour ("Custom resource request and response
// reference", AWS CloudFormation User Guide).
//
// Trusted: whoever reaches the address may answer, as with the presigned URL
// that CloudFormation hands out. An answer that nobody waits for is read,
// logged, and changes nothing; so a sample event can name the address.
package cloudformation

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"sync"

	"github.com/google/uuid"
	"go.etcd.io/bbolt"

	"airlock/local/template"
)

const (
	bucketName = "cloudformation/custom-resources"
	// answersPath is what the address of an answer begins with.
	answersPath = "/answers/"
	// maxAnswerBytes is CloudFormation's own limit ("Custom resource response objects").
	maxAnswerBytes = 4096
)

// Config says what a Service needs.
type Config struct {
	// DB keeps what was made, in a bucket named cloudformation/custom-resources.
	DB *bbolt.DB
	// URL is where functions reach the Service.
	URL string
	// Invoke runs a function once, to its end; an error is one of the function as
	// much as one of the invocation.
	Invoke func(ctx context.Context, logicalID string, payload []byte) error
	Log    *slog.Logger
}

// Service makes custom resources. It is an http.Handler, and safe for concurrent
// use.
type Service struct {
	Config

	mu      sync.Mutex
	waiting map[string]chan answer // by what the address ends in
}

// New opens the store.
func New(c Config) (*Service, error) {
	err := c.DB.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucketIfNotExists([]byte(bucketName))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("cloudformation: opening the store: %w", err)
	}
	return &Service{Config: c, waiting: map[string]chan answer{}}, nil
}

// request is what a function is invoked with.
type request struct {
	RequestType           string
	ServiceToken          string
	ResponseURL           string
	StackID               string `json:"StackId"`
	RequestID             string `json:"RequestId"`
	LogicalResourceID     string `json:"LogicalResourceId"`
	PhysicalResourceID    string `json:"PhysicalResourceId,omitempty"`
	ResourceType          string
	ResourceProperties    map[string]any
	OldResourceProperties map[string]any `json:",omitempty"`
}

// answer is what it puts to ResponseURL.
type answer struct {
	Status             string
	Reason             string
	PhysicalResourceID string `json:"PhysicalResourceId"`
	StackID            string `json:"StackId"`
	RequestID          string `json:"RequestId"`
	LogicalResourceID  string `json:"LogicalResourceId"`
	NoEcho             bool
	Data               map[string]string
}

// made is a resource as it is stored.
type made struct {
	Properties map[string]any
	template.Answer
}

// Make creates and updates the custom resources of a template, in its order, and
// returns what their functions answered, by logical id.
func (s *Service) Make(ctx context.Context, t *template.Stack) (map[string]template.Answer, error) {
	answers := map[string]template.Answer{}
	for _, c := range t.CustomResources {
		m, err := s.makeOne(ctx, t.ID, c)
		if err != nil {
			return nil, fmt.Errorf("making the custom resource %s: %w", c.LogicalID, err)
		}
		answers[c.LogicalID] = m.Answer
	}
	return answers, nil
}

func (s *Service) makeOne(ctx context.Context, stackID string, c template.CustomResource) (made, error) {
	before, exists, err := s.read(c.LogicalID)
	if err != nil || exists && reflect.DeepEqual(before.Properties, c.Properties) {
		return before, err
	}
	r := request{
		RequestType: "Create", StackID: stackID, RequestID: uuid.NewString(),
		LogicalResourceID: c.LogicalID, ResourceType: c.Type, ResourceProperties: c.Properties,
	}
	r.ServiceToken, _ = c.Properties["ServiceToken"].(string)
	if exists {
		r.RequestType, r.PhysicalResourceID, r.OldResourceProperties = "Update", before.PhysicalID, before.Properties
	}
	a, err := s.ask(ctx, c.FunctionLogicalID, r)
	if err != nil {
		return made{}, err
	}
	m := made{c.Properties, template.Answer{PhysicalID: a.PhysicalResourceID, Data: a.Data}}
	return m, s.write(c.LogicalID, m)
}

// ask invokes the function and returns its answer, if that is a success.
func (s *Service) ask(ctx context.Context, function string, r request) (answer, error) {
	key := rand.Text()
	answered := make(chan answer, 1)
	s.mu.Lock()
	s.waiting[key] = answered
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.waiting, key)
	}()
	r.ResponseURL = s.URL + answersPath + key
	payload, err := json.Marshal(r)
	if err != nil {
		return answer{}, err
	}
	failed := s.Invoke(ctx, function, payload)
	select {
	case a := <-answered:
		return a, a.check(r)
	default:
	}
	return answer{}, errors.Join(fmt.Errorf("%s ended without an answer", function), failed)
}

// check says why CloudFormation would not go on.
func (a answer) check(r request) error {
	switch {
	case a.StackID != r.StackID || a.RequestID != r.RequestID || a.LogicalResourceID != r.LogicalResourceID:
		return errors.New("the answer is to another request")
	case a.Status == "FAILED":
		return fmt.Errorf("%s failed: %s", r.RequestType, a.Reason)
	case a.PhysicalResourceID == "" || len(a.PhysicalResourceID) > 1024:
		return errors.New("the answer has no good PhysicalResourceId")
	case r.PhysicalResourceID != "" && a.PhysicalResourceID != r.PhysicalResourceID:
		return errors.New("the update replaced the resource, and replacing is not known here")
	}
	return nil
}

// ServeHTTP takes the answers of functions.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key, ok := strings.CutPrefix(r.URL.Path, answersPath)
	if !ok || key == "" {
		http.Error(w, "answers go to "+answersPath, http.StatusNotFound)
		return
	}
	if r.Method != http.MethodPut {
		w.Header().Set("Allow", http.MethodPut)
		http.Error(w, "an answer is PUT", http.StatusMethodNotAllowed)
		return
	}
	a, err := readAnswer(http.MaxBytesReader(w, r.Body, maxAnswerBytes))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	answered := s.waiting[key]
	s.mu.Unlock()
	select {
	case answered <- a: // nil is never ready
	default:
		s.Log.InfoContext(r.Context(), "an answer nobody waits for", slog.String("resource", a.LogicalResourceID), slog.String("status", a.Status), slog.String("reason", a.Reason))
	}
}

// readAnswer is strict where CloudFormation is silent: it ignores a member it
// doesn't know.
func readAnswer(body io.Reader) (answer, error) {
	var a answer
	text, err := io.ReadAll(body)
	if err != nil {
		return a, fmt.Errorf("an answer has at most %d bytes", maxAnswerBytes)
	}
	in := json.NewDecoder(bytes.NewReader(text))
	in.DisallowUnknownFields()
	// The decoder would stop after the first value.
	if err := in.Decode(&a); err != nil || !json.Valid(text) {
		return a, errors.New("the answer is no JSON object of the members that there are")
	}
	if a.Status != "SUCCESS" && a.Status != "FAILED" {
		return a, errors.New("the Status is neither SUCCESS nor FAILED")
	}
	if a.Status == "FAILED" && a.Reason == "" {
		return a, errors.New("FAILED needs a Reason")
	}
	return a, nil
}

func (s *Service) read(logicalID string) (m made, exists bool, err error) {
	err = s.DB.View(func(tx *bbolt.Tx) error {
		v := tx.Bucket([]byte(bucketName)).Get([]byte(logicalID))
		if exists = v != nil; !exists {
			return nil
		}
		return json.Unmarshal(v, &m)
	})
	return m, exists, err
}

func (s *Service) write(logicalID string, m made) error {
	v, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return s.DB.Update(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(bucketName)).Put([]byte(logicalID), v)
	})
}
