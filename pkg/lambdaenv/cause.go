package lambdaenv

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Cause makes the error of an AWS client fit for a log: it prints the API's
// error code and the HTTP status, or what kept an answer away, and no more.
// AWS's own text names accounts, roles and resources, and the request's URL
// names files. What errors.Is and errors.As find is as before; nil stays nil.
func Cause(err error) error {
	if err == nil {
		return nil
	}
	return &awsError{err}
}

type awsError struct{ err error }

func (e *awsError) Unwrap() error { return e.err }

func (e *awsError) Error() string {
	text := "no answer"
	// Where nothing came back the SDK has a ResponseError too, of status 0.
	if response, ok := errors.AsType[*smithyhttp.ResponseError](e.err); ok && response.HTTPStatusCode() != 0 {
		text = fmt.Sprintf("status %d", response.HTTPStatusCode())
	}
	if api, ok := errors.AsType[smithy.APIError](e.err); ok {
		return api.ErrorCode() + ", " + text
	}
	if errors.Is(e.err, context.DeadlineExceeded) {
		return text + ", timed out"
	}
	if errors.Is(e.err, context.Canceled) {
		return text + ", cancelled"
	}
	// The transport's own errors name a host at most, once url.Error's URL is off.
	if transport, ok := errors.AsType[*url.Error](e.err); ok {
		return text + ", " + transport.Err.Error()
	}
	if transport, ok := errors.AsType[net.Error](e.err); ok && transport.Timeout() {
		return text + ", timed out"
	}
	return fmt.Sprintf("%s, %T", text, innermost(e.err))
}

// innermost follows the chain of an error whose text can't be trusted, to tell
// at least its type.
func innermost(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}
