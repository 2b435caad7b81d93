package issuer

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	maxValueBytes = 255
	maxFormBytes  = 10 << 10
)

// tokenRequest is a checked request for a token.
type tokenRequest struct {
	life   time.Duration
	values map[string]string // claims by name
}

// claims are what the request adds to, or changes of, the defaults.
func (t tokenRequest) claims() map[string]any {
	claims := map[string]any{"exp": time.Now().Add(t.life).Unix()}
	for name, value := range t.values {
		claims[name] = value
	}
	return claims
}

// parseTokenRequest reads the parameters of a GET's query, or of a POST's form.
func parseTokenRequest(w http.ResponseWriter, r *http.Request) (tokenRequest, error) {
	raw := r.URL.RawQuery
	if r.Method == http.MethodPost {
		if raw != "" {
			return tokenRequest{}, errors.New("a POST has its parameters in the body")
		}
		if mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || mediaType != "application/x-www-form-urlencoded" {
			return tokenRequest{}, errors.New("the body must be application/x-www-form-urlencoded")
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxFormBytes))
		if err != nil {
			return tokenRequest{}, errors.New("the body could not be read")
		}
		raw = string(body)
	}
	query, err := url.ParseQuery(raw)
	if err != nil {
		return tokenRequest{}, errors.New("the parameters are not URL-encoded")
	}
	return newTokenRequest(query)
}

func newTokenRequest(query url.Values) (tokenRequest, error) {
	t := tokenRequest{life: defaultLife, values: make(map[string]string)}
	for _, name := range slices.Sorted(maps.Keys(query)) {
		if len(query[name]) > 1 {
			return tokenRequest{}, fmt.Errorf("%q is repeated", name)
		}
		value := query.Get(name)
		switch name {
		case "sub", "aud", "client_id", "token_use", "scope":
			if name == "scope" && value == "" {
				continue // as good as left out, which a form cannot say
			}
			if err := checkValue(value); err != nil {
				return tokenRequest{}, fmt.Errorf("%s %w", name, err)
			}
			t.values[name] = value
		case "expires_in":
			seconds, err := strconv.Atoi(value)
			if err != nil || seconds < 1 || seconds > int(maxLife/time.Second) {
				return tokenRequest{}, fmt.Errorf("expires_in must be 1 to %d seconds", int(maxLife/time.Second))
			}
			t.life = time.Duration(seconds) * time.Second
		default:
			return tokenRequest{}, fmt.Errorf("%q is not a parameter", name)
		}
	}
	if t.values["sub"] == "" {
		return tokenRequest{}, errors.New("sub is required")
	}
	return t, nil
}

func checkValue(value string) error {
	switch {
	case value == "" || len(value) > maxValueBytes:
		return fmt.Errorf("must be 1 to %d bytes", maxValueBytes)
	case !utf8.ValidString(value):
		return errors.New("must be UTF-8")
	}
	for _, r := range value {
		if unicode.IsControl(r) {
			return errors.New("must not have control characters")
		}
	}
	return nil
}

func newTokenID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process first
	return base64.RawURLEncoding.EncodeToString(b[:])
}
