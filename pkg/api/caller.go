package api

import (
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Caller is the user a checked token speaks for.
type Caller struct {
	// Subject is the token's sub, as the issuer wrote it.
	Subject string
	scopes  []string
}

// NewCaller returns the caller a token with that subject and those scopes
// speaks for.
func NewCaller(subject string, scopes ...string) Caller {
	return Caller{Subject: subject, scopes: scopes}
}

// HasScope says whether the token carries a scope.
func (c Caller) HasScope(scope string) bool { return slices.Contains(c.scopes, scope) }

// maxSubjectBytes is OpenID Connect's own limit for sub (Core 1.0, section 2).
const maxSubjectBytes = 255

// identify reads who is calling from the claims API Gateway verified.
func identify(e *event) (Caller, error) {
	var authorizer struct {
		JWT struct {
			Claims map[string]jsontext.Value `json:"claims"`
		} `json:"jwt"`
	}
	// Strict, unlike the rest of the event: claims that could be read in two ways,
	// and those of no authorizer, are none.
	if err := json.Unmarshal(e.RequestContext.Authorizer, &authorizer); err != nil {
		return Caller{}, errNoToken()
	}
	claims := authorizer.JWT.Claims
	claim := func(name string) string {
		var s string
		// Every claim arrives as a string; another type is as good as none.
		if err := json.Unmarshal(claims[name], &s); err != nil {
			return ""
		}
		return s
	}
	if len(claims) == 0 {
		return Caller{}, errNoToken()
	}
	// The authorizer cannot tell an id token, which is made to be shown around,
	// from an access token; Cognito's tokens say which they are.
	if _, ok := claims["token_use"]; ok && claim("token_use") != "access" {
		return Caller{}, Refuse(Unauthenticated, "an access token is needed, not another kind of token")
	}
	subject := claim("sub")
	if subject == "" || len(subject) > maxSubjectBytes {
		return Caller{}, Refuse(Unauthenticated, "the token names no usable subject")
	}
	return Caller{Subject: subject, scopes: scopes(claim("scope"), claim("scp"))}, nil
}

func errNoToken() error { return Refuse(Unauthenticated, "a valid access token is needed") }

// scopes reads both spellings of the claim: "a b", and an array, which API
// Gateway flattens to "[a b]".
func scopes(claims ...string) []string {
	var all []string
	for _, s := range claims {
		if list, ok := strings.CutPrefix(s, "["); ok {
			s = strings.TrimSuffix(list, "]")
		}
		all = append(all, strings.Fields(s)...)
	}
	return all
}
