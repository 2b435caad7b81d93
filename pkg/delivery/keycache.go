package delivery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"airlock/pkg/lambdaenv"
	"airlock/pkg/metric"
	"airlock/pkg/signingkey"
)

const (
	// fetchTimeout bounds one fetch, all of the client's attempts together.
	fetchTimeout = 3 * time.Second
	// retryBackoff is the longest pause between a fetch's attempts. The SDK's own
	// would eat up fetchTimeout, and "timed out" hide what went wrong.
	retryBackoff = 500 * time.Millisecond
	// refreshPatience is how long a request waits for a fetch while it has a key
	// that works: a healthy answer takes a tenth of that.
	refreshPatience = 300 * time.Millisecond
	// refreshBackoff keeps a dead Secrets Manager from slowing every request.
	refreshBackoff = 30 * time.Second
	// retryAfter is what a client is told when there is no key at all.
	retryAfter = 2 * time.Second
)

// KeyCacheConfig is what [NewKeyCache] needs. [ReadKeyCache] takes it from the
// environment.
type KeyCacheConfig struct {
	SecretID string
	// TTL is the age at which the secret is read again. 0: never, the key is kept
	// for the life of the container.
	TTL    time.Duration
	Client *secretsmanager.Client
}

// ReadKeyCache takes the configuration from the environment.
func ReadKeyCache(env *lambdaenv.Env) KeyCacheConfig {
	return KeyCacheConfig{
		SecretID: env.String("SIGNING_KEY_SECRET"),
		TTL:      env.Duration("SIGNING_KEY_CACHE_TTL", 5*time.Minute, 0, 24*time.Hour),
		Client:   secretsmanager.NewFromConfig(env.AWS(lambdaenv.SecretsManager)),
	}
}

// KeyCache holds the parsed signing key of a container.
//
// There is never more than one fetch under way, and it belongs to nobody: a
// caller that gives up takes no other with it, and no lock is held over the
// network. A first fetch that fails is not remembered. Once there is a key,
// nothing Secrets Manager does takes it away: outages and unusable new secrets
// are logged, and the old key goes on signing.
type KeyCache struct {
	config KeyCacheConfig
	log    *slog.Logger

	mu       sync.Mutex
	key      signingkey.Key
	loaded   bool
	readNext time.Time // wall clock: a frozen container's monotonic one may stand still
	fetching *fetch    // nil: none under way
}

// fetch is one reading of the secret. key and err may be read once done is closed.
type fetch struct {
	done chan struct{}
	key  signingkey.Key
	err  error
}

// NewKeyCache returns an empty cache. [KeyCache.Get] fills it; calling that
// while the container starts, when Lambda does not throttle the CPU, spares the
// first request the wait.
func NewKeyCache(c KeyCacheConfig, log *slog.Logger) *KeyCache {
	return &KeyCache{config: c, log: log}
}

// Get returns the signing key. The error says why there is none: the secret
// could not be read, or holds no usable key, or ctx ended first.
func (c *KeyCache) Get(ctx context.Context) (signingkey.Key, error) {
	c.mu.Lock()
	key, loaded := c.key, c.loaded
	// Where somebody else waits for the fresh one, the old one is good meanwhile.
	if loaded && (!c.isDue() || c.fetching != nil) {
		c.mu.Unlock()
		return key, nil
	}
	f := c.fetching
	if f == nil {
		f = c.start(ctx)
	}
	c.mu.Unlock()

	if !loaded {
		select {
		case <-f.done:
			return f.key, f.err
		case <-ctx.Done():
			return signingkey.Key{}, fmt.Errorf("waiting for the signing key: %w", ctx.Err())
		}
	}
	patience := time.NewTimer(refreshPatience)
	defer patience.Stop()
	select {
	case <-f.done:
		if f.err == nil {
			key = f.key
		}
	case <-patience.C:
	case <-ctx.Done():
	}
	return key, nil
}

// isDue says whether the key has reached its TTL. The caller holds mu.
func (c *KeyCache) isDue() bool {
	return !c.readNext.IsZero() && !wallNow().Before(c.readNext)
}

// start begins a fetch that outlives its caller. The caller holds mu.
func (c *KeyCache) start(ctx context.Context) *fetch {
	f := &fetch{done: make(chan struct{})}
	c.fetching = f
	began := wallNow()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
	go func() {
		defer cancel()
		f.key, f.err = c.read(ctx)
		c.finish(f, began)
		close(f.done)
	}()
	return f
}

func (c *KeyCache) finish(f *fetch, began time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fetching = nil
	switch {
	case f.err == nil:
		c.key, c.loaded, c.readNext = f.key, true, time.Time{}
		if c.config.TTL > 0 {
			// Counted from the question, not the answer: what changed after it is
			// still seen within the TTL.
			c.readNext = began.Add(c.config.TTL)
		}
	case c.loaded:
		c.readNext = wallNow().Add(refreshBackoff)
		attrs := append([]slog.Attr{slog.String("keyPairId", c.key.ID()), slog.String("cause", f.err.Error())},
			metric.Attrs("", metric.Count("StaleSigningKeys", 1))...)
		c.log.LogAttrs(context.Background(), slog.LevelWarn, "signing key is stale", attrs...)
	}
}

// read fetches and parses the secret. Its errors print nothing of it, nor of
// what AWS says about accounts and roles.
func (c *KeyCache) read(ctx context.Context) (signingkey.Key, error) {
	out, err := c.config.Client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{
		SecretId: aws.String(c.config.SecretID),
	}, func(o *secretsmanager.Options) {
		o.Retryer = retry.AddWithMaxBackoffDelay(o.Retryer, retryBackoff)
	})
	if err != nil {
		return signingkey.Key{}, fmt.Errorf("reading the signing key's secret: %w", lambdaenv.Cause(err))
	}
	if out.SecretString == nil {
		return signingkey.Key{}, errors.New("the signing key's secret is binary; it must be a JSON document")
	}
	key, err := signingkey.Parse([]byte(*out.SecretString))
	if err != nil {
		return signingkey.Key{}, fmt.Errorf("the signing key's secret is unusable: %w", err)
	}
	return key, nil
}

// wallNow is the time without Go's monotonic reading, which a frozen container
// may not advance.
func wallNow() time.Time { return time.Now().Round(0) }
