package lambda

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"airlock/local/iam"
)

const (
	version          = "$LATEST"
	functionsPath    = "/2015-03-31/functions"
	maxClientContext = 3583 // base64 bytes ("Invoke")
)

// invokeAPI routes the operations that exist here. A pattern without a method
// catches the rest, other methods on the same paths included.
func (s *Service) invokeAPI() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+functionsPath+"/{name}/invocations", s.serveInvoke)
	mux.HandleFunc("GET "+functionsPath, s.serveList)
	mux.HandleFunc("GET "+functionsPath+"/{$}", s.serveList) // as older SDKs write it
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		writeError(w, &Error{
			"UnknownOperationException", http.StatusNotFound,
			"The embedded Lambda knows Invoke and ListFunctions only, not " + r.Method + " " + r.URL.Path,
		})
	})
	return mux
}

func (s *Service) serveInvoke(w http.ResponseWriter, r *http.Request) {
	f, inv, err := s.readInvoke(r)
	if err != nil {
		writeError(w, err)
		return
	}
	w.Header().Set("X-Amzn-Requestid", inv.id)
	switch kind := r.Header.Get("X-Amz-Invocation-Type"); kind {
	case "DryRun":
		w.WriteHeader(http.StatusNoContent)
	case "Event":
		inv.clientContext = "" // "for synchronous invocations only"
		if err := s.enqueue(f, inv); err != nil {
			writeError(w, err)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	default:
		s.invokeNow(w, r, f, inv)
	}
}

// readInvoke checks everything about a request to invoke, in AWS's order: who,
// may they, is there such a function, and is the request sound.
func (s *Service) readInvoke(r *http.Request) (*function, *invocation, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxRequestBytes+1))
	if err != nil {
		return nil, nil, invalidContent("Could not read the request body.")
	}
	if len(body) > maxRequestBytes {
		return nil, nil, tooLarge(maxRequestBytes)
	}
	name, qualifier, err := s.parseName(r.PathValue("name"), r.URL.Query().Get("Qualifier"))
	if err != nil {
		return nil, nil, err
	}
	f := s.find(name)
	arn := s.arn(name)
	if f != nil {
		arn = f.ARN
	}
	if err := s.authorize(r, body, "lambda:InvokeFunction", arn); err != nil {
		return nil, nil, err
	}
	if f == nil {
		return nil, nil, notFound(arn)
	}
	if qualifier != "" && qualifier != version {
		return nil, nil, notFound(arn + ":" + qualifier)
	}

	switch kind := r.Header.Get("X-Amz-Invocation-Type"); kind {
	case "", "RequestResponse", "DryRun":
	case "Event":
		if len(body) > maxEventBytes {
			return nil, nil, tooLarge(maxEventBytes)
		}
	default:
		return nil, nil, invalidParameter("invocation type " + kind + " is none of RequestResponse, Event, DryRun")
	}
	switch kind := r.Header.Get("X-Amz-Log-Type"); kind {
	case "", "None", "Tail":
	default:
		return nil, nil, invalidParameter("log type " + kind + " is none of None, Tail")
	}
	if len(body) > 0 && !json.Valid(body) {
		return nil, nil, invalidContent("Could not parse request body into json: invalid JSON")
	}
	clientContext, err := parseClientContext(r.Header.Get("X-Amz-Client-Context"))
	if err != nil {
		return nil, nil, err
	}
	inv := newInvocation(body)
	inv.clientContext = clientContext
	return f, inv, nil
}

// authorize verifies the signature and asks the caller's policies.
func (s *Service) authorize(r *http.Request, body []byte, action, resource string) error {
	p, err := s.cfg.IAM.Authenticate(r, body, s.cfg.Region, "lambda")
	if err != nil {
		return err
	}
	return p.Authorize(iam.Request{Action: action, Resource: resource})
}

// invokeNow runs inv, unless the function is busy, and writes its answer.
func (s *Service) invokeNow(w http.ResponseWriter, r *http.Request, f *function, inv *invocation) {
	if !f.tryEnter() {
		writeError(w, &Error{"TooManyRequestsException", http.StatusTooManyRequests, "Rate Exceeded."})
		return
	}
	if err := s.launch(f, inv); err != nil {
		writeError(w, err)
		return
	}
	if err := inv.wait(r.Context()); err != nil {
		writeError(w, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("X-Amz-Executed-Version", version)
	h.Set("X-Amzn-Trace-Id", inv.traceID)
	if inv.result.FunctionError != "" {
		h.Set("X-Amz-Function-Error", inv.result.FunctionError)
	}
	if r.Header.Get("X-Amz-Log-Type") == "Tail" {
		h.Set("X-Amz-Log-Result", base64.StdEncoding.EncodeToString(inv.logTail))
	}
	// A caller that hangs up gets nothing; the function has run.
	_, _ = w.Write(inv.result.Payload)
}

// parseName takes a function's name from what Invoke accepts for one: a name, an
// ARN or the end of one (account:function:name), each with or without a
// qualifier, which a query parameter may name, too.
func (s *Service) parseName(text, qualifier string) (name, resolved string, err error) {
	rest := strings.TrimPrefix(text, "arn:aws:lambda:"+s.cfg.Region+":")
	rest = strings.TrimPrefix(rest, s.cfg.AccountID+":function:")
	rest = strings.TrimPrefix(rest, "function:")
	name, own, _ := strings.Cut(rest, ":")
	if name == "" || strings.Contains(own, ":") || name == "arn" {
		return "", "", notFound(text)
	}
	if own != "" && qualifier != "" && own != qualifier {
		return "", "", invalidParameter("The derived qualifier from the function name does not match the specified qualifier.")
	}
	if own == "" {
		own = qualifier
	}
	return name, own, nil
}

// find knows a function by its physical name, as AWS does, and by its logical
// id, so that a person need not look the other up.
func (s *Service) find(name string) *function {
	for _, f := range s.functions {
		if f.Name == name {
			return f
		}
	}
	return s.byID[name]
}

func (s *Service) arn(name string) string {
	return "arn:aws:lambda:" + s.cfg.Region + ":" + s.cfg.AccountID + ":function:" + name
}

// parseClientContext decodes the caller's context, and puts it on one line: the
// function reads it from a header.
func parseClientContext(header string) (string, error) {
	if header == "" {
		return "", nil
	}
	if len(header) > maxClientContext {
		return "", invalidContent("Client context must be at most 3583 bytes of base64.")
	}
	text, err := base64.StdEncoding.DecodeString(header)
	if err != nil {
		return "", invalidContent("Client context must be a valid Base64-encoded JSON object.")
	}
	var line bytes.Buffer
	if err := json.Compact(&line, text); err != nil {
		return "", invalidContent("Client context must be a valid Base64-encoded JSON object.")
	}
	return line.String(), nil
}

func invalidContent(message string) *Error {
	return &Error{"InvalidRequestContentException", http.StatusBadRequest, message}
}

func invalidParameter(message string) *Error {
	return &Error{"InvalidParameterValueException", http.StatusBadRequest, message}
}

// writeError answers in Lambda's shape: the code is in a header, and the body
// says whose fault it is. The message has two spellings in the service's model
// (Message in ResourceNotFoundException, message elsewhere); SDKs read both.
func writeError(w http.ResponseWriter, err error) {
	var refusal *Error
	var denial *iam.Error
	fault := "User"
	switch {
	case errors.As(err, &refusal):
	case errors.As(err, &denial):
		refusal = &Error{denial.Code, denial.Status, denial.Message}
	default:
		fault = "Service"
		refusal = &Error{"ServiceException", http.StatusInternalServerError, "Service is shutting down."}
	}
	body := map[string]string{"Type": fault}
	switch refusal.Code {
	case "ResourceNotFoundException":
		body["Message"] = refusal.Message
	case "TooManyRequestsException":
		body["Reason"] = "ReservedFunctionConcurrentInvocationLimitExceeded"
		body["message"] = refusal.Message
	default:
		body["message"] = refusal.Message
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Amzn-Errortype", refusal.Code)
	w.WriteHeader(refusal.Status)
	// A caller that hangs up gets nothing.
	_ = json.NewEncoder(w).Encode(body)
}
