package apigateway

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/golang-jwt/jwt/v5"

	"airlock/local/template"
)

// authorizer is a JWT authorizer that reads $request.header.Authorization. It
// makes the checks of "Control access to HTTP APIs with JWT authorizers".
type authorizer struct {
	audience []string
	parser   *jwt.Parser
	keys     *keySet
}

func newAuthorizer(config template.JWTAuthorizer) (*authorizer, error) {
	u, err := url.Parse(config.Issuer)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("the issuer is not a URL")
	}
	if len(config.Audience) == 0 || slices.Contains(config.Audience, "") {
		return nil, errors.New("an audience is required")
	}
	return &authorizer{
		audience: config.Audience,
		keys:     newKeySet(config.Issuer),
		parser: jwt.NewParser(
			// "Currently, only RSA-based algorithms are supported."
			jwt.WithValidMethods([]string{"RS256", "RS384", "RS512"}),
			jwt.WithIssuer(config.Issuer),
			jwt.WithExpirationRequired(),
			jwt.WithIssuedAt(),
			jwt.WithJSONNumber(),
			jwt.WithStrictDecoding(),
		),
	}, nil
}

// denial is a request that the authorizer turns away.
type denial struct {
	status      int
	code        string // of RFC 6750; "" if no token was there
	description string
}

func (d *denial) Error() string { return d.reason() }

// reason is what AWS writes to $context.authorizer.error.
func (d *denial) reason() string {
	if d.code == "" {
		return "missing: token not provided"
	}
	return d.code + ": " + d.description
}

// challenge is the www-authenticate header. Its form, and the description for a
// wrong audience, are documented ("Troubleshooting issues with HTTP API JWT
// authorizers"); the other descriptions are ours where nobody has seen AWS's.
func (d *denial) challenge(scopes []string) string {
	if d.code == "" {
		return "Bearer"
	}
	return `Bearer scope="` + strings.Join(scopes, " ") + `" error="` + d.code + `" error_description="` + d.description + `"`
}

func invalidToken(description string) *denial {
	return &denial{status: http.StatusUnauthorized, code: "invalid_token", description: description}
}

// authorize checks the request's token, and that it has one of the scopes if
// there are any. An error is a *denial.
func (a *authorizer) authorize(r *http.Request, scopes []string) (*grant, error) {
	// More than one header is one value with a comma in it, and no token.
	token := strings.Join(r.Header["Authorization"], ",")
	// "The identitySource can include only the token, or the token prefixed
	// with Bearer." Written so: any other case is taken for a part of the token.
	token = strings.TrimSpace(strings.TrimPrefix(token, "Bearer "))
	if token == "" || token == "Bearer" {
		return nil, &denial{status: http.StatusUnauthorized}
	}
	claims, err := a.verify(r.Context(), token)
	if err != nil {
		return nil, err
	}
	granted := &grant{Claims: claimStrings(claims)}
	if len(scopes) > 0 {
		granted.Scopes = tokenScopes(claims)
		if !intersect(scopes, granted.Scopes) {
			return nil, &denial{
				status: http.StatusForbidden, code: "insufficient_scope",
				description: "the token does not have a required scope",
			}
		}
	}
	return granted, nil
}

// verify returns the claims of a token that is the issuer's, for us, and valid
// now. There is no leeway: none is documented.
func (a *authorizer) verify(ctx context.Context, token string) (jwt.MapClaims, error) {
	claims := make(jwt.MapClaims)
	_, err := a.parser.ParseWithClaims(token, claims, func(t *jwt.Token) (any, error) {
		if _, ok := t.Header["crit"]; ok {
			// RFC 7515, 4.1.11: an extension that must be understood, and is not.
			return nil, invalidToken("the token has a critical header")
		}
		kid, _ := t.Header["kid"].(string)
		return a.keys.find(ctx, kid, t.Method.Alg())
	})
	if err != nil {
		return nil, tokenError(err)
	}
	if !a.intended(claims) {
		return nil, invalidToken("the token does not have a valid audience")
	}
	return claims, nil
}

// intended reports whether the token is for this API. "API Gateway validates
// client_id only if aud is not present."
func (a *authorizer) intended(claims jwt.MapClaims) bool {
	if _, ok := claims["aud"]; ok {
		audience, err := claims.GetAudience()
		return err == nil && intersect(a.audience, audience)
	}
	client, ok := claims["client_id"].(string)
	return ok && slices.Contains(a.audience, client)
}

func intersect(a, b []string) bool {
	return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}

// tokenError says which check failed without a word from the token.
func tokenError(err error) *denial {
	var d *denial
	switch {
	case errors.As(err, &d):
		return d
	case errors.Is(err, jwt.ErrTokenExpired):
		return invalidToken("the token has expired")
	case errors.Is(err, jwt.ErrTokenNotValidYet):
		return invalidToken("the token is not valid yet")
	case errors.Is(err, jwt.ErrTokenUsedBeforeIssued):
		return invalidToken("the token is used before issued")
	case errors.Is(err, jwt.ErrTokenInvalidIssuer):
		return invalidToken("issuer does not match")
	case errors.Is(err, jwt.ErrTokenRequiredClaimMissing):
		return invalidToken("the token lacks a required claim")
	case errors.Is(err, jwt.ErrTokenSignatureInvalid), errors.Is(err, jwt.ErrTokenUnverifiable):
		return invalidToken("the token's signature is invalid")
	default:
		return invalidToken("the token is malformed")
	}
}
