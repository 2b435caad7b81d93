package secretsmanager

import "fmt"

// refusal is an error in Secrets Manager's words, answered with a 400.
type refusal struct {
	code    string
	message string
}

func (r *refusal) Error() string { return r.code + ": " + r.message }

func refuse(code, format string, args ...any) *refusal {
	return &refusal{code, fmt.Sprintf(format, args...)}
}

func invalidParameter(format string, args ...any) *refusal {
	return refuse("InvalidParameterException", format, args...)
}

func invalidRequest(message string) *refusal {
	return &refusal{"InvalidRequestException", message}
}

// noValue says that a secret has no such version, or one that is still empty.
func noValue(kind, name string) *refusal {
	return refuse("ResourceNotFoundException", "Secrets Manager can't find the specified secret value for %s: %s", kind, name)
}
