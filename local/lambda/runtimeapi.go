package lambda

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"time"
)

// Headers and trailers of the Runtime API ("Using the Lambda runtime API for
// custom runtimes"; the trailers: "Response streaming for custom runtimes").
const (
	headerRequestID     = "Lambda-Runtime-Aws-Request-Id"
	headerDeadline      = "Lambda-Runtime-Deadline-Ms"
	headerFunctionARN   = "Lambda-Runtime-Invoked-Function-Arn"
	headerTraceID       = "Lambda-Runtime-Trace-Id"
	headerClientContext = "Lambda-Runtime-Client-Context"
	headerErrorType     = "Lambda-Runtime-Function-Error-Type"
	trailerErrorBody    = "Lambda-Runtime-Function-Error-Body"
)

var (
	errState     = errors.New("state transition is not allowed")
	errRequestID = errors.New("invalid request id")
	errGone      = errors.New("the caller is gone")
)

// runtimeHandler is the Runtime API for all containers: the first segment of a
// path is the container's id, which AWS_LAMBDA_RUNTIME_API carries.
func (s *Service) runtimeHandler() http.Handler {
	mux := http.NewServeMux()
	base := "/{container}/" + apiVersion + "/runtime/"
	handle := func(pattern string, h func(*container, http.ResponseWriter, *http.Request)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			s.mu.Lock()
			c := s.containers[r.PathValue("container")]
			s.mu.Unlock()
			if c == nil {
				runtimeError(w, http.StatusForbidden, "Forbidden", "no such container")
				return
			}
			h(c, w, r)
		})
	}
	handle("GET "+base+"invocation/next", (*container).serveNext)
	handle("POST "+base+"invocation/{request}/response", (*container).serveResponse)
	handle("POST "+base+"invocation/{request}/error", (*container).serveError)
	handle("POST "+base+"init/error", (*container).serveInitError)
	return mux
}

func (c *container) serveNext(w http.ResponseWriter, r *http.Request) {
	inv, deadline, err := c.next(r)
	switch {
	case errors.Is(err, errState):
		runtimeError(w, http.StatusForbidden, "InvalidStateTransition", err.Error())
		return
	case err != nil:
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set(headerRequestID, inv.id)
	h.Set(headerDeadline, strconv.FormatInt(deadline.UnixMilli(), 10))
	h.Set(headerFunctionARN, c.fn.ARN)
	h.Set(headerTraceID, inv.traceID)
	if inv.clientContext != "" {
		h.Set(headerClientContext, inv.clientContext)
	}
	if _, err := w.Write(inv.payload); err != nil {
		slog.WarnContext(r.Context(), "a function took an event and hung up", "function", c.fn.LogicalID, "requestId", inv.id)
	}
}

// next waits for an event. With it the function's time starts to run.
func (c *container) next(r *http.Request) (*invocation, time.Time, error) {
	c.mu.Lock()
	if c.polling || c.current != nil || c.initError != nil {
		c.mu.Unlock()
		return nil, time.Time{}, errState
	}
	c.ready, c.polling = true, true
	c.unwatch()
	c.mu.Unlock()

	var inv *invocation
	select {
	case inv = <-c.inbox:
	case <-r.Context().Done():
	case <-c.exited:
	}

	c.mu.Lock()
	defer c.mu.Unlock()
	c.polling = false
	select {
	case <-c.exited:
		// The end of the process may be known before that of its connection. What
		// becomes of the event is then settled, or about to be, without this call.
		return nil, time.Time{}, errGone
	default:
	}
	if inv == nil {
		return nil, time.Time{}, errGone
	}
	if r.Context().Err() != nil {
		c.inbox <- inv // for the next call; the room is the holder's, so there is room
		return nil, time.Time{}, errGone
	}
	c.current, c.began = inv, time.Now()
	c.watch(c.fn.Timeout)
	close(inv.fetched)
	c.logs.note("START RequestId: %s Version: %s", inv.id, version)
	return inv, c.began.Add(c.fn.Timeout), nil
}

func (c *container) serveResponse(w http.ResponseWriter, r *http.Request) {
	body, ok := c.readAnswer(w, r)
	if !ok {
		return
	}
	result := Result{Payload: body}
	// A runtime that fails while its answer is on its way says so in trailers.
	if r.Trailer.Get(headerErrorType) != "" {
		cause, err := base64.StdEncoding.DecodeString(r.Trailer.Get(trailerErrorBody))
		if err != nil {
			runtimeError(w, http.StatusBadRequest, "InvalidErrorShape", "the trailer's body is not base64")
			return
		}
		result = Result{Payload: cause, FunctionError: unhandled}
	}
	c.finish(w, r, result)
}

func (c *container) serveError(w http.ResponseWriter, r *http.Request) {
	if body, ok := c.readAnswer(w, r); ok {
		c.finish(w, r, Result{Payload: body, FunctionError: unhandled})
	}
}

// readAnswer reads the body of an answer. One too large is the function's
// failure; aws-lambda-go exits on the 413.
func (c *container) readAnswer(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxResponseBytes+1))
	if err != nil {
		// The function hung up in the middle, which is no answer.
		return nil, false
	}
	if len(body) <= maxResponseBytes {
		return body, true
	}
	message := fmt.Sprintf("Response payload size exceeded maximum allowed payload size (%d bytes).", maxResponseBytes)
	if err := c.answer(r.PathValue("request"), failure("Function.ResponseSizeTooLarge", message)); err != nil {
		runtimeError(w, http.StatusBadRequest, "InvalidRequestID", "Invalid request ID")
		return nil, false
	}
	// The rest of the body is discarded up to a limit by net/http, then the connection ends.
	runtimeError(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge",
		fmt.Sprintf("Exceeded maximum allowed payload size (%d bytes).", maxResponseBytes))
	return nil, false
}

func (c *container) finish(w http.ResponseWriter, r *http.Request, result Result) {
	if err := c.answer(r.PathValue("request"), result); err != nil {
		runtimeError(w, http.StatusBadRequest, "InvalidRequestID", "Invalid request ID")
		return
	}
	accepted(w)
}

// answer ends the current invocation. The watchdog stays on guard until the
// function asks for the next one. An answer that comes after the watchdog has
// killed its sender is too late.
func (c *container) answer(requestID string, result Result) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	inv := c.current
	if inv == nil || inv.id != requestID || c.overran != 0 {
		return errRequestID
	}
	c.current = nil
	inv.result = result
	took := float64(time.Since(c.began).Microseconds()) / 1000
	c.logs.note("END RequestId: %s", inv.id)
	c.logs.note("REPORT RequestId: %s\tDuration: %.2f ms\tMemory Size: %d MB\t", inv.id, took, c.fn.MemoryMB)
	inv.logTail = c.logs.tail()
	close(inv.answered)
	return nil
}

// serveInitError takes the function's own account of why it cannot start. Such a
// process is of no more use.
func (c *container) serveInitError(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxResponseBytes))
	if err != nil {
		return
	}
	c.mu.Lock()
	allowed := !c.ready && c.initError == nil
	if allowed {
		c.initError = body
	}
	c.mu.Unlock()
	if !allowed {
		runtimeError(w, http.StatusForbidden, "InvalidStateTransition", errState.Error())
		return
	}
	accepted(w)
	c.stop()
}

func accepted(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	// A function that does not read it has hung up; that shows elsewhere.
	_, _ = io.WriteString(w, `{"status":"OK"}`)
}

func runtimeError(w http.ResponseWriter, status int, errorType, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// As in accepted.
	_ = json.NewEncoder(w).Encode(map[string]string{"errorType": errorType, "errorMessage": message})
}
