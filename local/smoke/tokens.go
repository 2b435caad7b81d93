package smoke

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"airlock/local/story"
)

// claims are what the refusals depend on. A scope is a string of words, or a list.
type claims struct {
	Subject string `json:"sub"`
	Scope   any    `json:"scope"`
	Scopes  any    `json:"scp"`
}

// given checks that the tokens of o can show what the story shows, and returns
// who hands them out. That they are good is for the stack to say.
func given(o Options, readAnyScope string) (func(context.Context, string) (string, error), error) {
	one, err := parseToken(o.Token, "TOKEN", readAnyScope)
	if err != nil {
		return nil, err
	}
	tokens := map[string]string{"alice": o.Token}
	if o.OtherToken != "" {
		other, err := parseToken(o.OtherToken, "TOKEN_OTHER", readAnyScope)
		if err != nil {
			return nil, err
		}
		if one.Subject == other.Subject {
			return nil, errors.New("TOKEN and TOKEN_OTHER are tokens of one user: give another user's")
		}
		tokens["bob"] = o.OtherToken
	}
	return func(_ context.Context, subject string) (string, error) {
		if tokens[subject] == "" {
			return "", fmt.Errorf("%w for %s: give TOKEN_OTHER, another user's", story.ErrNoToken, subject)
		}
		return tokens[subject], nil
	}, nil
}

// parseToken reads a token without checking it. Its errors hold nothing of it.
func parseToken(token, name, readAnyScope string) (claims, error) {
	var c claims
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return c, fmt.Errorf("%s is no JSON web token", name)
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(payload, &c) != nil {
		return c, fmt.Errorf("%s is no JSON web token", name)
	}
	words := strings.NewReplacer("[", " ", "]", " ").Replace(fmt.Sprint(c.Scope, " ", c.Scopes))
	if slices.Contains(strings.Fields(words), readAnyScope) {
		return c, fmt.Errorf("%s has the scope %s, to which nothing is refused: give one without", name, readAnyScope)
	}
	return c, nil
}
