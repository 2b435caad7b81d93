package api

import (
	"fmt"
	"net/http"
	"time"
)

// Code is the stable name of a refusal, what apps decide by. docs/errors.md
// lists them all. Capabilities refuse by code; only this package knows statuses.
type Code string

// The codes. They are never renamed: installed apps live for years.
const (
	MalformedBody          Code = "malformed_body"
	InvalidName            Code = "invalid_name"
	InvalidObjectKey       Code = "invalid_object_key"
	InvalidIPAddress       Code = "invalid_ip_address"
	InvalidContentLength   Code = "invalid_content_length"
	UnsupportedContentType Code = "unsupported_content_type"
	InvalidChecksum        Code = "invalid_checksum"
	ContentTooLarge        Code = "content_too_large"
	InvalidExpiry          Code = "invalid_expiry"
	Unauthenticated        Code = "unauthenticated"
	NotFound               Code = "not_found"
	Unavailable            Code = "unavailable"
	Internal               Code = "internal"
)

// statuses is the only place where a code meets HTTP.
var statuses = map[Code]int{
	MalformedBody:          http.StatusBadRequest,
	InvalidName:            http.StatusBadRequest,
	InvalidObjectKey:       http.StatusBadRequest,
	InvalidIPAddress:       http.StatusBadRequest,
	InvalidContentLength:   http.StatusBadRequest,
	UnsupportedContentType: http.StatusUnsupportedMediaType,
	InvalidChecksum:        http.StatusBadRequest,
	ContentTooLarge:        http.StatusRequestEntityTooLarge,
	InvalidExpiry:          http.StatusBadRequest,
	Unauthenticated:        http.StatusUnauthorized,
	NotFound:               http.StatusNotFound,
	Unavailable:            http.StatusServiceUnavailable,
	Internal:               http.StatusInternalServerError,
}

// Error is a refusal the client is told about: its code, and a detail that says
// which rule was broken without repeating what the client sent.
type Error struct {
	Code   Code
	Detail string

	// RetryAfter is when to ask again; set with Unavailable only.
	RetryAfter time.Duration
	// Cause is logged and never sent.
	Cause error
}

// Refuse returns an [*Error] with a formatted detail. Format the rule and its
// limits, never the input.
func Refuse(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Detail: fmt.Sprintf(format, args...)}
}

// ErrNotFound is the answer for somebody else's file and for no file at all:
// one value, so that the two cannot be told apart.
var ErrNotFound = Refuse(NotFound, "there is no such file, or it is not yours")

// Down returns the refusal for a dependency that does not answer.
func Down(cause error, retryAfter time.Duration) *Error {
	return &Error{
		Code: Unavailable, Detail: "a service this depends on does not answer; try again",
		RetryAfter: retryAfter, Cause: cause,
	}
}

func (e *Error) Error() string {
	if e.Cause != nil {
		return fmt.Sprintf("%s: %v", e.Code, e.Cause)
	}
	return fmt.Sprintf("%s: %s", e.Code, e.Detail)
}

func (e *Error) Unwrap() error { return e.Cause }
