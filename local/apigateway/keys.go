package apigateway

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	// "API Gateway can cache the public key for two hours."
	keysTTL = 2 * time.Hour
	// AWS does not say how soon it looks again for a key it has not seen.
	unknownKeyInterval = time.Minute

	issuerTimeout     = 1500 * time.Millisecond
	maxIssuerResponse = 150000

	// The first two are AWS's words.
	discoveryError  = "OIDC discovery endpoint communication error"
	keysError       = "JWKS communication error"
	unknownKeyError = "the token's key is unknown"
)

// keySet holds an issuer's public keys. It is safe for concurrent use; requests
// whose key is known never wait for a fetch.
type keySet struct {
	issuer string
	client *http.Client

	mu      sync.Mutex
	keys    map[string]publicKey
	fetched time.Time // of keys
	tried   time.Time // last attempt, good or bad
	running *fetch    // nil: none
}

// fetch is a call for the keys that several requests may wait for.
type fetch struct {
	done chan struct{}
	keys map[string]publicKey
	err  error
}

func newKeySet(issuer string) *keySet {
	return &keySet{issuer: issuer, client: &http.Client{
		// A document elsewhere is not the issuer's.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// find returns the key that a token names. An error is a *denial.
func (s *keySet) find(ctx context.Context, kid, algorithm string) (*rsa.PublicKey, error) {
	if kid == "" {
		return nil, invalidToken("the token has no kid")
	}
	key, running, err := s.lookUp(kid)
	if err != nil {
		return nil, err
	}
	if running != nil {
		select {
		case <-running.done:
		case <-ctx.Done():
			return nil, invalidToken(keysError)
		}
		if running.err != nil {
			return nil, running.err
		}
		var ok bool
		if key, ok = running.keys[kid]; !ok {
			return nil, invalidToken(unknownKeyError)
		}
	}
	if key.algorithm != "" && key.algorithm != algorithm {
		return nil, invalidToken("the token's algorithm is not its key's")
	}
	return key.key, nil
}

// lookUp returns a cached key, or the fetch to wait for. Keys whose two hours
// are over are not used, even while the issuer is away.
func (s *keySet) lookUp(kid string) (publicKey, *fetch, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fresh := s.keys != nil && time.Since(s.fetched) < keysTTL
	if key, ok := s.keys[kid]; ok && fresh {
		return key, nil, nil
	}
	if s.running == nil {
		if fresh && time.Since(s.tried) < unknownKeyInterval {
			return publicKey{}, nil, invalidToken(unknownKeyError)
		}
		s.tried = time.Now()
		s.running = &fetch{done: make(chan struct{})}
		go s.fill(s.running)
	}
	return publicKey{}, s.running, nil
}

// fill carries a fetch out. A failed one is not remembered.
func (s *keySet) fill(f *fetch) {
	f.keys, f.err = s.fetch(context.Background())
	s.mu.Lock()
	if f.err == nil {
		s.keys, s.fetched = f.keys, time.Now()
	}
	s.running = nil
	s.mu.Unlock()
	close(f.done)
}

// fetch asks the issuer where its keys are, and then for them.
func (s *keySet) fetch(ctx context.Context) (map[string]publicKey, error) {
	var discovery struct {
		Issuer  string `json:"issuer"`
		JWKSURI string `json:"jwks_uri"`
	}
	// OpenID Connect Discovery 1.0, 4.1: a slash at the issuer's end goes
	// first. 4.3: the document must name the issuer it was asked of.
	body, err := s.get(ctx, strings.TrimSuffix(s.issuer, "/")+"/.well-known/openid-configuration")
	if err != nil || json.Unmarshal(body, &discovery) != nil || discovery.Issuer != s.issuer || discovery.JWKSURI == "" {
		return nil, invalidToken(discoveryError)
	}
	body, err = s.get(ctx, discovery.JWKSURI)
	if err != nil {
		return nil, invalidToken(keysError)
	}
	keys, err := parseJWKS(body)
	if err != nil {
		return nil, invalidToken(keysError)
	}
	return keys, nil
}

func (s *keySet) get(ctx context.Context, url string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, issuerTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fmt.Errorf("asking the issuer: %w", err)
	}
	request.Header.Set("Accept", "application/json")
	response, err := s.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("asking the issuer: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("asking the issuer: status %d", response.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxIssuerResponse+1))
	if err != nil {
		return nil, fmt.Errorf("reading the issuer's answer: %w", err)
	}
	if len(body) > maxIssuerResponse {
		return nil, errors.New("the issuer's answer is over the limit")
	}
	return body, nil
}
