package apigateway

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

// claimStrings renders claims as an HTTP API passes them on: every one a
// string, numbers in decimal, arrays as "[a b]", objects as JSON, and null not
// at all. AWS documents none of it; observed: floci-io/floci#2011,
// aws-solutions-library-samples/guidance-for-claude-code-with-amazon-bedrock#802.
func claimStrings(claims jwt.MapClaims) map[string]string {
	out := make(map[string]string, len(claims))
	for name, value := range claims {
		if value != nil {
			out[name] = claimString(value)
		}
	}
	return out
}

func claimString(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case json.Number:
		return decimal(v)
	case []any:
		parts := make([]string, len(v))
		for i, element := range v {
			parts[i] = claimString(element)
		}
		return "[" + strings.Join(parts, " ") + "]"
	default:
		// An object that came from JSON can be made JSON again.
		text, _ := json.Marshal(v)
		return string(text)
	}
}

// decimal writes 1.7e9 as 1700000000, and an integer as it stands: a float
// would round one over 2^53.
func decimal(n json.Number) string {
	if !strings.ContainsAny(n.String(), ".eE") {
		return n.String()
	}
	f, err := n.Float64()
	if err != nil {
		return n.String()
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

// tokenScopes are the token's scopes: "scope or scp". scope is RFC 6749's list
// with spaces; scp is an array, and as a string a single scope: AWS does not
// split it (aws/aws-cdk#19027).
func tokenScopes(claims jwt.MapClaims) []string {
	switch scp := claims["scp"].(type) {
	case []any:
		return stringsOf(scp)
	case string:
		return []string{scp}
	}
	switch scope := claims["scope"].(type) {
	case []any:
		return stringsOf(scope)
	case string:
		return strings.Fields(scope)
	}
	return nil
}

func stringsOf(values []any) []string {
	out := make([]string, 0, len(values))
	for _, value := range values {
		if s, ok := value.(string); ok {
			out = append(out, s)
		}
	}
	return out
}
