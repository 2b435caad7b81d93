// Package issuer is an OpenID provider for development: whoever asks gets a
// token for whatever name they give. It stands where Cognito, or any other
// provider, does on AWS.
//
// It serves a discovery document, a key set and /token, on loopback names only.
// There are no users, passwords or sessions, and no other endpoint of OpenID
// Connect. The signing key stays in the database, so that tokens and caches
// outlive a restart. Everybody who can reach the listener is trusted; what the
// tokens open is this machine's embedded AWS and nothing else.
package issuer

import (
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"go.etcd.io/bbolt"

	"github.com/golang-jwt/jwt/v5"

	"airlock/local/loopback"
)

const (
	defaultLife = time.Hour
	maxLife     = 24 * time.Hour
)

// Config is what an issuer needs. All fields are required.
type Config struct {
	URL      string // its own base, which is the tokens' iss to the letter
	Audience string // the aud of a token that asks for no other
	DB       *bbolt.DB
}

// Service is the provider, an http.Handler. It is safe for concurrent use.
type Service struct {
	config Config
	key    *rsa.PrivateKey
	keyID  string
	mux    *http.ServeMux
}

// New reads the signing key, or makes it if there is none yet.
func New(config Config) (*Service, error) {
	u, err := url.Parse(config.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("configuring the issuer: its URL must be a scheme and a host")
	}
	if config.Audience == "" || config.DB == nil {
		return nil, errors.New("configuring the issuer: an audience and a database are required")
	}
	key, err := loadKey(config.DB)
	if err != nil {
		return nil, err
	}
	s := &Service{config: config, key: key, keyID: thumbprint(&key.PublicKey), mux: http.NewServeMux()}
	s.mux.HandleFunc("GET /.well-known/openid-configuration", s.serveDiscovery)
	s.mux.HandleFunc("GET /.well-known/jwks.json", s.serveKeys)
	s.mux.HandleFunc("GET /token", s.serveToken)
	s.mux.HandleFunc("POST /token", s.serveToken)
	return s, nil
}

// ServeHTTP answers one request. Pages of any origin may read the answers: the
// development page is one, and whoever can connect may ask anyway.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !loopback.IsHost(r.Host) {
		// A public name that resolves to this machine is how a page on the web
		// would pose as our own origin.
		http.Error(w, "the host is not a loopback name", http.StatusForbidden)
		return
	}
	w.Header().Set("Access-Control-Allow-Origin", "*")
	if r.Method == http.MethodOptions {
		w.Header().Set("Access-Control-Allow-Methods", "GET,POST")
		w.Header().Set("Access-Control-Allow-Headers", "*")
		w.WriteHeader(http.StatusNoContent)
		return
	}
	s.mux.ServeHTTP(w, r)
}

// serveDiscovery names what OpenID Connect Discovery 1.0, 3, requires. There is
// no authorization endpoint to name: /token alone gives tokens.
func (s *Service) serveDiscovery(w http.ResponseWriter, _ *http.Request) {
	base := strings.TrimSuffix(s.config.URL, "/")
	writeJSON(w, http.StatusOK, map[string]any{
		"issuer":                                s.config.URL,
		"jwks_uri":                              base + "/.well-known/jwks.json",
		"token_endpoint":                        base + "/token",
		"response_types_supported":              []string{"token"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
	})
}

func (s *Service) serveKeys(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{"keys": []any{publicJWK(&s.key.PublicKey, s.keyID)}})
}

// serveToken gives a token to whoever asks. Answer and errors have the form of
// OAuth 2.0 (RFC 6749, 5.1 and 5.2).
func (s *Service) serveToken(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	request, err := parseTokenRequest(w, r)
	if err != nil {
		writeJSON(w, http.StatusBadRequest, map[string]any{
			"error": "invalid_request", "error_description": err.Error(),
		})
		return
	}
	token, err := s.Sign(request.claims())
	if err != nil {
		writeJSON(w, http.StatusInternalServerError, map[string]any{"error": "server_error"})
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"access_token": token, "token_type": "Bearer", "expires_in": int(request.life / time.Second),
	})
}

// Sign makes a token of any claims. They stand over the defaults iss, aud, iat,
// exp, jti and token_use; one whose value is nil is left out.
func (s *Service) Sign(claims map[string]any) (string, error) {
	now := time.Now()
	all := jwt.MapClaims{
		"iss":       s.config.URL,
		"aud":       s.config.Audience,
		"iat":       now.Unix(),
		"exp":       now.Add(defaultLife).Unix(),
		"jti":       newTokenID(),
		"token_use": "access",
	}
	for name, value := range claims {
		if value == nil {
			delete(all, name)
		} else {
			all[name] = value
		}
	}
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, all)
	token.Header["kid"] = s.keyID
	signed, err := token.SignedString(s.key)
	if err != nil {
		return "", fmt.Errorf("signing a token: %w", err)
	}
	return signed, nil
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		http.Error(w, "encoding the answer failed", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that has gone is no concern of ours
}
