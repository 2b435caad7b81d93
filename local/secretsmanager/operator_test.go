package secretsmanager

import (
	"fmt"
	"log/slog"

	"github.com/google/uuid"
)

// Current is the value labelled AWSCURRENT, without a request. secretID is a name or an ARN. ok is false if there is no
// such secret, it has no value, or that is binary.
func (s *Service) Current(secretID string) (text string, ok bool) {
	secret, ok := s.find(secretID)
	if !ok {
		return "", false
	}
	r, err := s.read(secret.Name)
	if err != nil {
		slog.Error("secretsmanager: reading the current value", "error", err)
		return "", false
	}
	_, v, ok := r.holderOf(stageCurrent)
	if !ok || v.String == nil {
		return "", false
	}
	return *v.String, true
}

// Put stores a value as PutSecretValue does, without a request, in a version of
// its own, and says which that is.
func (s *Service) Put(secretID, text string) (versionID string, err error) {
	secret, ok := s.find(secretID)
	if !ok {
		return "", fmt.Errorf("putting a secret value: there is no secret %s", secretID)
	}
	if len(text) == 0 || len(text) > maxValueBytes {
		return "", fmt.Errorf("putting a secret value: it has %d bytes, not 1 to %d", len(text), maxValueBytes)
	}
	versionID = uuid.NewString()
	err = s.change(secret.Name, func(r *record) error {
		return r.put(versionID, value{text: &text}, []string{stageCurrent}, secret.ARN)
	})
	if err != nil {
		return "", fmt.Errorf("putting a secret value: %w", err)
	}
	return versionID, nil
}
