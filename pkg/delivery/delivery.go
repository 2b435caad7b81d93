// Package delivery hands files out: it answers POST /signed-urls with CloudFront
// signed URLs, made with a private key it reads from Secrets Manager and keeps
// for the life of the container.
//
// Environment: DELIVERY_BASE_URL, SIGNED_URL_TTL, SIGNED_URL_MAX_TTL,
// SIGNING_HASH, SIGNING_KEY_CACHE_TTL, SIGNING_KEY_SECRET, READ_ANY_SCOPE
// (docs/operations.md).
//
// IAM: secretsmanager:GetSecretValue on the one secret. A warm container calls
// nothing.
//
// Limits: a URL has at most 8,192 bytes ("Quotas", Amazon CloudFront Developer
// Guide). Whether a file exists is not looked up: the edge answers 403 where
// nothing is.
//
// Trusted: the caller's subject and scopes, which API Gateway verified.
package delivery

import (
	"context"
	"time"

	"airlock/pkg/api"
	"airlock/pkg/lambdaenv"
	"airlock/pkg/objectkey"
	"airlock/pkg/signingkey"
)

// MaxKeys is how many URLs one request may ask for.
const MaxKeys = 100

// maxTTL is a year: a URL that should live longer wants another kind of link.
const maxTTL = 365 * 24 * time.Hour

// Config is what [New] needs. [Read] takes it from the environment.
type Config struct {
	BaseURL      string // https://d111111abcdef8.cloudfront.net, no slash at its end
	Hash         signingkey.Hash
	TTL          time.Duration // default life of a URL
	MaxTTL       time.Duration // longest life
	ReadAnyScope string
}

// Read takes the configuration from the environment.
func Read(env *lambdaenv.Env) Config {
	c := Config{
		BaseURL:      env.Origin("DELIVERY_BASE_URL"),
		MaxTTL:       env.Duration("SIGNED_URL_MAX_TTL", 24*time.Hour, time.Second, maxTTL),
		ReadAnyScope: env.StringOr("READ_ANY_SCOPE", "airlock/read.any"),
	}
	c.TTL = env.Duration("SIGNED_URL_TTL", min(time.Hour, c.MaxTTL), time.Second, c.MaxTTL)
	c.Hash, _ = signingkey.ParseHash(env.OneOf("SIGNING_HASH", "SHA256", "SHA1"))
	return c
}

// Signer answers POST /signed-urls. It is safe for concurrent use.
type Signer struct {
	config Config
	keys   *KeyCache
}

// New returns a Signer that signs with the key of keys.
func New(c Config, keys *KeyCache) *Signer { return &Signer{config: c, keys: keys} }

// SignedURLsRequest is the body of POST /signed-urls.
type SignedURLsRequest struct {
	ObjectKeys       []string `json:"objectKeys" code:"invalid_object_key"`
	ExpiresInSeconds *int64   `json:"expiresInSeconds" code:"invalid_expiry"` // default: [Config.TTL]
	// NotBefore is when the URLs begin to work, RFC 3339; left out, at once.
	NotBefore *string `json:"notBefore" code:"invalid_expiry"`
	// IPAddress is an IPv4 address or CIDR range the download must come from.
	IPAddress *string `json:"ipAddress" code:"invalid_ip_address"`
}

// SignedURLs is the answer, in the order of the request.
type SignedURLs struct {
	SignedURLs []SignedURL `json:"signedURLs"`
}

// Counts implements [api.Counted].
func (s SignedURLs) Counts() (name string, n int) { return "URLsSigned", len(s.SignedURLs) }

// SignedURL is one way to a file, for as long as it lasts.
type SignedURL struct {
	ObjectKey string `json:"objectKey"`
	URL       string `json:"url"`
	Expires   string `json:"expires"` // RFC 3339, UTC
}

// CreateSignedURLs answers POST /signed-urls. One key that is not the caller's
// to read refuses them all, with [api.ErrNotFound]. Other errors are
// [*api.Error] too: [api.Unavailable] when there is no signing key to be had.
func (s *Signer) CreateSignedURLs(ctx context.Context, r api.Request, in SignedURLsRequest) (SignedURLs, error) {
	terms, err := s.config.terms(in)
	if err != nil {
		return SignedURLs{}, err
	}
	keys, err := s.readable(r.Caller, in.ObjectKeys)
	if err != nil {
		return SignedURLs{}, err
	}
	signingKey, err := s.keys.Get(ctx)
	if err != nil {
		return SignedURLs{}, api.Down(err, retryAfter)
	}
	out := SignedURLs{SignedURLs: make([]SignedURL, len(keys))}
	expires := terms.expires.Format(time.RFC3339)
	for i, key := range keys {
		url, err := signURL(s.config, signingKey, key, terms)
		if err != nil {
			return SignedURLs{}, err
		}
		out.SignedURLs[i] = SignedURL{ObjectKey: key.String(), URL: url, Expires: expires}
	}
	return out, nil
}

// readable parses the keys and lets through those the caller may read: their
// own, or all with the read-any scope.
func (s *Signer) readable(caller api.Caller, names []string) ([]objectkey.Key, error) {
	if len(names) == 0 || len(names) > MaxKeys {
		return nil, api.Refuse(api.InvalidObjectKey, "objectKeys has 1 to %d keys", MaxKeys)
	}
	all := caller.HasScope(s.config.ReadAnyScope)
	keys := make([]objectkey.Key, len(names))
	for i, name := range names {
		key, err := objectkey.Parse(name)
		if err != nil {
			return nil, api.Refuse(api.InvalidObjectKey, "%v", err)
		}
		if !all && !key.OwnedBy(caller.Subject) {
			return nil, api.ErrNotFound
		}
		keys[i] = key
	}
	return keys, nil
}
