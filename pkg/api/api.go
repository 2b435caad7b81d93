// Package api stands between API Gateway's events (HTTP API, payload format
// 2.0) and typed functions. It decides who is calling, reads bodies strictly,
// and is the only place that knows HTTP's status codes and problem documents
// (RFC 9457).
//
// What it trusts: requestContext.authorizer.jwt, which API Gateway fills in
// after it checked the token, and nothing else of the event. Where no
// authorizer ran (sam local, a route left open by mistake) there are no claims,
// and every route answers 401.
//
// It needs no environment and no IAM action.
package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"airlock/pkg/lambdaenv"
	"airlock/pkg/metric"
)

// Request is what an endpoint knows of a request besides its body.
type Request struct {
	Caller Caller
}

// Endpoint serves one route. [JSON] makes one.
type Endpoint func(ctx context.Context, r Request, e *event) (status int, answer any, err error)

// JSON makes an endpoint of a function from a JSON body to a JSON answer, sent
// with the given status. Fields of In may carry a tag `code:"…"`: the refusal
// when their JSON value is of the wrong type; and `over:"…"`: that when it is a
// number beyond those the field's type has.
//
// fn refuses with an [*Error]; any other error is logged and answered as an
// opaque 500.
func JSON[In, Out any](status int, fn func(context.Context, Request, In) (Out, error)) Endpoint {
	return func(ctx context.Context, r Request, e *event) (int, any, error) {
		var in In
		if err := decodeBody(e, &in); err != nil {
			return 0, nil, err
		}
		out, err := fn(ctx, r, in)
		return status, out, err
	}
}

// Counted is an answer that counts in the metrics: what it grants, and how much.
type Counted interface {
	Counts() (name string, n int)
}

// Handler is a Lambda function behind an HTTP API. It is safe for concurrent use.
type Handler struct {
	log    *slog.Logger
	routes map[string]Endpoint
}

// NewHandler serves routes, keyed as API Gateway keys them: "POST /uploads".
func NewHandler(log *slog.Logger, routes map[string]Endpoint) *Handler {
	return &Handler{log: log, routes: routes}
}

// event is the part of an APIGatewayV2HTTPRequest that is used. Decoding no more
// than that makes a request a quarter cheaper, strictness included, than
// events.APIGatewayV2HTTPRequest with encoding/json (BenchmarkDecode).
type event struct {
	RouteKey        string            `json:"routeKey"`
	Headers         map[string]string `json:"headers"`
	Body            jsontext.Value    `json:"body"` // a JSON string; read by decodeBody
	IsBase64Encoded bool              `json:"isBase64Encoded"`
	RequestContext  struct {
		RequestID  string         `json:"requestId"`
		Authorizer jsontext.Value `json:"authorizer"` // read by identify
	} `json:"requestContext"`
}

// response is an APIGatewayV2HTTPResponse. Body is the JSON text, in a string.
type response struct {
	StatusCode int               `json:"statusCode"`
	Headers    map[string]string `json:"headers"`
	Body       string            `json:"body"`
}

// problem is a problem document (RFC 9457).
type problem struct {
	Type      string `json:"type"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Detail    string `json:"detail"`
	Code      Code   `json:"code"`
	RequestID string `json:"requestId"`
}

// MalformedEventError reports a payload that is no HTTP API event. Lambda shows
// the name of this type as the error's.
type MalformedEventError struct{ cause error }

func (e *MalformedEventError) Error() string { return "decoding an HTTP API event: " + e.cause.Error() }

// Unwrap returns what was wrong, without the text that was.
func (e *MalformedEventError) Unwrap() error { return e.cause }

// Invoke implements lambda.Handler. The payload is an HTTP API event; anything
// else is an error of the function, since no client can cause it.
func (h *Handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	var e event
	// What a client can send, such as a query parameter or a body that is not
	// UTF-8, must not fail the envelope it came in. Body and authorizer are kept as
	// they came and read strictly, with a refusal of their own.
	err := json.Unmarshal(payload, &e, jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
	if err != nil {
		return nil, &MalformedEventError{redactJSON(err)}
	}
	requestID := e.RequestContext.RequestID
	if requestID == "" {
		requestID = lambdaenv.RequestID(ctx)
	}
	status, answer, err := h.serve(ctx, &e)
	if err == nil {
		var out []byte
		if out, err = encode(status, "application/json", nil, answer); err == nil {
			h.answered(ctx, answer, status, e.RouteKey, requestID)
			return out, nil
		}
	}
	return h.refuse(ctx, err, e.RouteKey, requestID)
}

// internalDetail is all a client learns of an unknown cause.
const internalDetail = "something went wrong on our side"

func (h *Handler) serve(ctx context.Context, e *event) (status int, answer any, err error) {
	caller, err := identify(e)
	if err != nil {
		return 0, nil, err
	}
	endpoint, ok := h.routes[e.RouteKey]
	if !ok {
		return 0, nil, ErrNotFound
	}
	return endpoint(ctx, Request{Caller: caller}, e)
}

// answered logs what was granted, and counts it.
func (h *Handler) answered(ctx context.Context, answer any, status int, route, requestID string) {
	attrs := []slog.Attr{slog.String("route", route), slog.String("requestId", requestID), slog.Int("status", status)}
	if c, ok := answer.(Counted); ok {
		attrs = append(attrs, metric.Attrs("", metric.Count(c.Counts()))...)
	}
	h.log.LogAttrs(ctx, slog.LevelInfo, "answered", attrs...)
}

// refuse turns an error into a problem document and logs it, once.
func (h *Handler) refuse(ctx context.Context, err error, route, requestID string) ([]byte, error) {
	var refusal *Error
	if !errors.As(err, &refusal) {
		refusal = &Error{Code: Internal, Detail: internalDetail, Cause: err}
	}
	status, ok := statuses[refusal.Code]
	if !ok {
		// A code nobody listed, from a tag perhaps: a mistake of ours.
		refusal = &Error{Code: Internal, Detail: internalDetail, Cause: fmt.Errorf("no status for the code of: %w", err)}
		status = statuses[Internal]
	}
	attrs := []slog.Attr{
		slog.String("route", route), slog.String("requestId", requestID),
		slog.Int("status", status), slog.String("code", string(refusal.Code)),
	}
	level := slog.LevelInfo
	if refusal.Cause != nil {
		level = slog.LevelError
		attrs = append(attrs, slog.String("cause", refusal.Cause.Error()))
	}
	attrs = append(attrs, metric.Attrs("code", metric.Count("Refusals", 1))...)
	h.log.LogAttrs(ctx, level, "refused", attrs...)

	var headers map[string]string
	switch {
	case refusal.Code == Unauthenticated:
		headers = map[string]string{"www-authenticate": "Bearer"}
	case refusal.RetryAfter > 0:
		seconds := int(math.Ceil(refusal.RetryAfter.Seconds()))
		headers = map[string]string{"retry-after": strconv.Itoa(seconds)}
	}
	return encode(status, "application/problem+json", headers, problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status,
		Detail: refusal.Detail, Code: refusal.Code, RequestID: requestID,
	})
}

func encode(status int, contentType string, headers map[string]string, answer any) ([]byte, error) {
	// In order, so that the same grant reads the same each time.
	body, err := json.Marshal(answer, json.Deterministic(true))
	if err != nil {
		return nil, fmt.Errorf("encoding an answer: %w", err)
	}
	r := response{StatusCode: status, Body: string(body), Headers: map[string]string{
		"content-type": contentType,
		// Answers hold URLs that are as good as the file itself.
		"cache-control": "no-store",
	}}
	for name, value := range headers {
		r.Headers[name] = value
	}
	return json.Marshal(r)
}
