// Package iam knows who is calling the embedded AWS and what they may do: it
// keeps credentials, verifies Signature Version 4, and evaluates the policies
// of roles and resources the way AWS documents.
//
// Limits: a Directory lives in memory, for as long as the process. Only the
// Authorization header with AWS4-HMAC-SHA256 is read; presigned queries and
// SigV4A are refused (S3 verifies its own). Policies are those of a single
// account: no permission boundaries, session or organisation policies, no
// policy variables, no set operators; ParsePolicy refuses what it does not
// know, so that nothing is ever granted by a statement half understood.
//
// Trusted: the services of this module, which name actions, resources and
// condition keys. Nothing that came over the wire is, until Authenticate has
// answered.
//
// Sources: "Create a signed AWS API request", "Policy evaluation logic" and
// "IAM JSON policy elements" in the IAM user guide.
package iam

import "net/http"

// Error is a refusal in AWS's words.
type Error struct {
	Code    string // UnrecognizedClientException, InvalidSignatureException, ExpiredTokenException, AccessDeniedException …
	Status  int    // 400, or 403 where AWS says so
	Message string // for the caller; never holds a secret, a token or a signature
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

func refuse(service, code, message string) *Error {
	return &Error{Code: code, Status: refusalStatus(service), Message: message}
}

// refusalStatus is how a service answers whom it doesn't let in: those that
// speak AWS JSON 1.0 and 1.1 with a 400, those with REST protocols (Lambda,
// CloudFront) with a 403. Each service's "Common errors" lists it.
func refusalStatus(service string) int {
	switch service {
	case "dynamodb", "secretsmanager", "sqs":
		return http.StatusBadRequest
	default:
		return http.StatusForbidden
	}
}
