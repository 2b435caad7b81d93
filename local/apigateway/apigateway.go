// Package apigateway is API Gateway's HTTP API: it routes a request, checks its
// token, hands it to a function in payload format 2.0 and answers with what the
// function returned.
//
// Limits are those of "Quotas for configuring and running an HTTP API": 10 MB
// of body, 10,240 bytes of request line and header values, 30 seconds for the
// function, 1.5 seconds and 150,000 bytes for an issuer's documents. Throttling
// is not imitated.
//
// Known are: one stage ($default), JWT authorizers that read
// $request.header.Authorization, and Lambda proxy integrations. Nothing the
// client sends is trusted before the authorizer has passed it, and claims are
// only ever those of a verified token. Requests that do not name a loopback
// host are refused, so that a page on the web cannot reach this API by DNS
// rebinding.
//
// Functions see the API as it is deployed: its own host, https, port 443. The
// loopback address stands in for those and never appears in an event.
package apigateway

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"airlock/local/loopback"
	"airlock/local/template"
)

const (
	maxBodyBytes   = 10 << 20
	maxHeaderBytes = 10240

	integrationTimeout = 30 * time.Second
)

// Route is a route of the template and the function behind it, by logical id.
type Route struct {
	template.Route
	Function string
}

// Entry is a line of the access log. It holds nothing that came in a header, a
// query or a token.
type Entry struct {
	RequestID string
	Method    string
	RouteKey  string // "" if no route matched
	Status    int
	Duration  time.Duration
	Problem   string // why the gateway itself answered; "" if the function did
}

// Config says which API to serve. All fields but AccessLog are required.
type Config struct {
	API       template.HTTPAPI
	Routes    []Route
	Region    string
	AccountID string

	// Invoke calls a function. functionError is Lambda's: not empty if the
	// function ran and failed. err means that it could not be run at all, or
	// that the context ended; Invoke must return when it does.
	Invoke func(ctx context.Context, function string, payload []byte) (response []byte, functionError string, err error)

	// AccessLog is called once per request, after the answer.
	AccessLog func(Entry)
}

// Service is one HTTP API. It is safe for concurrent use.
type Service struct {
	config Config
	routes []route
	cors   *cors
}

// New checks the configuration as CreateApi, CreateRoute and CreateAuthorizer
// would, and contacts nobody: issuers are asked for their keys when the first
// token arrives.
func New(config Config) (*Service, error) {
	if config.Invoke == nil || config.API.ID == "" || config.API.Host == "" || config.AccountID == "" || config.Region == "" {
		return nil, errors.New("configuring the HTTP API: an id, a host, a region, an account and a way to invoke are required")
	}
	authorizers := make(map[string]*authorizer, len(config.API.Authorizers))
	for _, a := range config.API.Authorizers {
		if authorizers[a.Name] != nil {
			return nil, fmt.Errorf("configuring the HTTP API: authorizer %q is there twice", a.Name)
		}
		made, err := newAuthorizer(a)
		if err != nil {
			return nil, fmt.Errorf("configuring authorizer %q: %w", a.Name, err)
		}
		authorizers[a.Name] = made
	}
	routes, err := compile(config.API.LogicalID, config.Routes, authorizers)
	if err != nil {
		return nil, fmt.Errorf("configuring the routes: %w", err)
	}
	cors, err := newCORS(config.API.CORS)
	if err != nil {
		return nil, fmt.Errorf("configuring CORS: %w", err)
	}
	return &Service{config: config, routes: routes, cors: cors}, nil
}

// ServeHTTP answers one request.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	entry := Entry{RequestID: newRequestID(), Method: r.Method}
	a := s.answer(r, start, &entry)

	header := w.Header()
	for name, values := range a.header {
		header[http.CanonicalHeaderKey(name)] = values
	}
	if loopback.IsHost(r.Host) {
		s.cors.apply(header, r, a.preflight)
	}
	header.Set("Apigw-Requestid", entry.RequestID)
	a.writeTo(w)

	entry.Status, entry.Problem, entry.Duration = a.status, a.problem, time.Since(start)
	if s.config.AccessLog != nil {
		s.config.AccessLog(entry)
	}
}

// answer takes the request through the gateway's stations, in AWS's order:
// limits, route, authorizer, integration.
func (s *Service) answer(r *http.Request, start time.Time, entry *Entry) answer {
	if !loopback.IsHost(r.Host) {
		return refuse(http.StatusForbidden, "the host is not a loopback name")
	}
	if requestHeadBytes(r) > maxHeaderBytes {
		return refuse(http.StatusRequestHeaderFieldsTooLarge, "request line and header values are over the limit")
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBodyBytes+1))
	if len(body) > maxBodyBytes {
		return refuse(http.StatusRequestEntityTooLarge, "the body is over the limit")
	}
	if err != nil {
		return refuse(http.StatusBadRequest, "reading the body: "+err.Error())
	}
	in, err := newIncoming(r, body)
	if err != nil {
		return refuse(http.StatusBadRequest, err.Error())
	}

	matched, params := match(s.routes, r.Method, in.path)
	if matched == nil {
		// "If you configure CORS for an API, API Gateway automatically sends a
		// response to preflight OPTIONS requests, even if there isn't an
		// OPTIONS route" (Configure CORS for HTTP APIs). If there is one, be it
		// ANY or $default, it is used: the same page tells of a preflight that
		// a $default route with an authorizer refuses.
		if r.Method == http.MethodOptions && s.cors != nil {
			return answer{status: http.StatusNoContent, preflight: true}
		}
		return refuse(http.StatusNotFound, "no route matches")
	}
	entry.RouteKey = matched.key

	var granted *grant
	if matched.authorizer != nil {
		granted, err = matched.authorizer.authorize(r, matched.scopes)
		var denial *denial
		if errors.As(err, &denial) {
			a := refuse(denial.status, "authorizer: "+denial.reason())
			a.header.Set("Www-Authenticate", denial.challenge(matched.scopes))
			return a
		}
		if err != nil {
			return refuse(http.StatusInternalServerError, "authorizer: "+err.Error())
		}
	}

	payload, err := s.event(in, matched, params, granted, entry.RequestID, start)
	if err != nil {
		return refuse(http.StatusInternalServerError, err.Error())
	}
	return s.integrate(r.Context(), matched.function, payload)
}

// integrate calls the function and reads its answer.
//
// A function that fails, or answers what cannot be understood, is a 500
// (Troubleshooting issues with HTTP API Lambda integrations); one that cannot
// be run, or does not answer in time, is a 503.
func (s *Service) integrate(ctx context.Context, function string, payload []byte) answer {
	// The function is not stopped because its client has gone: on AWS it would
	// run to its end, and so do its side effects.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), integrationTimeout)
	defer cancel()

	response, functionError, err := s.config.Invoke(ctx, function, payload)
	switch {
	case ctx.Err() != nil:
		return refuse(http.StatusServiceUnavailable, "the function did not answer within 30 seconds")
	case err != nil:
		return refuse(http.StatusServiceUnavailable, "invoking the function: "+err.Error())
	case functionError != "":
		return refuse(http.StatusInternalServerError, "the function failed: "+functionError)
	}
	a, err := decodeResponse(response)
	if err != nil {
		return refuse(http.StatusInternalServerError, "the function's response: "+err.Error())
	}
	return a
}

// requestHeadBytes is the quota's "total combined size of request line and
// header values".
func requestHeadBytes(r *http.Request) int {
	n := len(r.Method) + len(" ") + len(r.RequestURI) + len(" ") + len(r.Proto) + len(r.Host)
	for _, values := range r.Header {
		for _, value := range values {
			n += len(value)
		}
	}
	return n
}

// newRequestID makes an id of AWS's form: 16 characters, as in Mc7UVioPPHcEKPA=.
func newRequestID() string {
	var b [11]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process first
	return base64.StdEncoding.EncodeToString(b[:])
}
