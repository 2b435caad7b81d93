package lambda

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"
)

// Payload limits, "Lambda quotas". AWS lets an answer be 100 bytes longer than
// the 6 MB of a request, and says so in its message.
const (
	maxRequestBytes  = 6 << 20
	maxResponseBytes = 6<<20 + 100
	maxEventBytes    = 1 << 20
)

const unhandled = "Unhandled"

// invocation is one event on its way through a container.
type invocation struct {
	id            string
	traceID       string
	payload       []byte
	clientContext string // JSON, or ""

	fetched  chan struct{} // closed when the function has taken it
	answered chan struct{} // closed when the function has answered it
	done     chan struct{} // closed when result, logTail and err are final

	result  Result
	logTail []byte
	err     error
}

func newInvocation(payload []byte) *invocation {
	if len(payload) == 0 {
		// A function invoked without a payload is given an empty object.
		payload = []byte("{}")
	}
	return &invocation{
		id:       uuid.NewString(),
		traceID:  newTraceID(time.Now()),
		payload:  payload,
		fetched:  make(chan struct{}),
		answered: make(chan struct{}),
		done:     make(chan struct{}),
	}
}

// Invoke runs a function with payload and waits for its answer. Beyond the
// function's concurrency it waits in line until ctx ends; only the Invoke API
// answers TooManyRequestsException. Once the function has started, the end of
// ctx ends the wait and not the function, which runs on to its timeout, as on
// AWS. What goes wrong inside the function (an error, a crash, a timeout) is a
// Result with a FunctionError; an error (*Error, ErrClosed, ctx's) says that no
// result is known, and *Error that the function was never started.
func (s *Service) Invoke(ctx context.Context, logicalID string, payload []byte) (Result, error) {
	f := s.byID[logicalID]
	if f == nil {
		return Result{}, notFound(s.arn(logicalID))
	}
	if len(payload) > maxRequestBytes {
		return Result{}, tooLarge(maxRequestBytes)
	}
	inv := newInvocation(payload)
	if err := s.enter(ctx, f); err != nil {
		return Result{}, fmt.Errorf("waiting for a container of %s: %w", logicalID, err)
	}
	if err := s.launch(f, inv); err != nil {
		return Result{}, fmt.Errorf("invoking %s: %w", logicalID, err)
	}
	if err := inv.wait(ctx); err != nil {
		return Result{}, fmt.Errorf("waiting for the answer of %s: %w", logicalID, err)
	}
	return inv.result, nil
}

// enter takes one of the function's concurrent executions.
func (s *Service) enter(ctx context.Context, f *function) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case f.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-s.ctx.Done():
		return ErrClosed
	}
}

// tryEnter is enter for those who do not wait.
func (f *function) tryEnter() bool {
	select {
	case f.slots <- struct{}{}:
		return true
	default:
		return false
	}
}

// launch runs inv in a container of f, in a goroutine of its own: nobody's
// context can stop it. It consumes the execution that enter has taken.
func (s *Service) launch(f *function, inv *invocation) error {
	if !s.begin() {
		<-f.slots
		return ErrClosed
	}
	go func() {
		defer s.tasks.Done()
		inv.err = s.run(f, inv)
		<-f.slots
		close(inv.done)
	}()
	return nil
}

func (inv *invocation) wait(ctx context.Context) error {
	select {
	case <-inv.done:
		return inv.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run finds a container for inv and stays until it has ended. A warm container
// may turn out to have died since it was last used; the event has then not been
// seen by anybody and goes to the next one.
func (s *Service) run(f *function, inv *invocation) error {
	for {
		c := f.takeIdle()
		if c == nil {
			c = s.newContainer(f)
			c.inbox <- inv
			if err := c.start(); err != nil {
				if s.ctx.Err() != nil {
					return ErrClosed
				}
				inv.result = failure("Runtime.InvalidEntrypoint",
					fmt.Sprintf("RequestId: %s Error: %v", inv.id, err))
				return nil
			}
		} else {
			c.inbox <- inv
		}
		select {
		case <-inv.answered:
			f.putIdle(c)
			return nil
		case <-c.exited:
		}
		switch err := c.settle(inv); {
		case errors.Is(err, errNotFetched):
			continue
		case err != nil && s.ctx.Err() != nil:
			return ErrClosed
		}
		return nil
	}
}

// failure is the answer Lambda gives in a function's place.
func failure(errorType, message string) Result {
	// Two strings cannot fail to be marshalled.
	payload, _ := json.Marshal(struct {
		Type    string `json:"errorType"`
		Message string `json:"errorMessage"`
	}{errorType, message})
	return Result{Payload: payload, FunctionError: unhandled}
}

func notFound(arn string) *Error {
	return &Error{"ResourceNotFoundException", http.StatusNotFound, "Function not found: " + arn}
}

func tooLarge(limit int) *Error {
	return &Error{
		"RequestTooLargeException", http.StatusRequestEntityTooLarge,
		fmt.Sprintf("Request must be smaller than %d bytes for the InvokeFunction operation", limit),
	}
}

// newTraceID is a tracing header as X-Ray documents it; nothing is sampled.
func newTraceID(now time.Time) string {
	var b [20]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24: it ends the process instead
	return fmt.Sprintf("Root=1-%08x-%x;Parent=%x;Sampled=0", now.Unix(), b[:12], b[12:])
}
