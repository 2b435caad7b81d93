package dynamodb

import (
	"errors"
	"fmt"
	"net/http"
)

// What stands before the # of __type. Three layers of the real service answer,
// and each has its own: the front end that knows protocols and callers, its
// validation, and the database.
const (
	frontEnd   = "com.amazon.coral.service"
	validation = "com.amazon.coral.validate"
	database   = "com.amazonaws.dynamodb.v20120810"
)

// refusal is an error in DynamoDB's words, on its way to the client.
type refusal struct {
	namespace string
	code      string
	message   string
	status    int
	// item is what stood in the way of a condition, if the caller asked for it.
	item item
}

func (r *refusal) Error() string { return r.code + ": " + r.message }

// asRefusal finds the refusal in err.
func asRefusal(err error) (*refusal, bool) {
	var r *refusal
	ok := errors.As(err, &r)
	return r, ok
}

// invalid is a ValidationException.
func invalid(format string, args ...any) *refusal {
	return &refusal{validation, "ValidationException", fmt.Sprintf(format, args...), http.StatusBadRequest, nil}
}

// malformed is a SerializationException: JSON that is none, or of other types
// than the operation's.
func malformed(format string, args ...any) *refusal {
	return &refusal{frontEnd, "SerializationException", fmt.Sprintf(format, args...), http.StatusBadRequest, nil}
}

func unknownOperation() *refusal {
	return &refusal{frontEnd, "UnknownOperationException", "", http.StatusBadRequest, nil}
}

func tableNotFound() *refusal {
	return &refusal{database, "ResourceNotFoundException", "Requested resource not found", http.StatusBadRequest, nil}
}

func conditionFailed(found item) *refusal {
	return &refusal{database, "ConditionalCheckFailedException", "The conditional request failed", http.StatusBadRequest, found}
}

// internal is what a client sees of an error nobody foresaw: nothing.
func internal() *refusal {
	return &refusal{database, "InternalServerError", "Internal server error", http.StatusInternalServerError, nil}
}
