// Package rotation makes the first signing key of a stack and changes it for
// the next one without refusing a single URL that is still valid.
//
// Nothing waits for an edge: the next key is in the key group, and so at the
// edges, long before anything is signed with it, and the old one stays until its
// last URL has expired. The secret's document is the whole state.
//
//	{"keyPairId":"K1","privateKey":"…",
//	 "next":{"keyPairId":"K2","privateKey":"…","published":"2026-01-02T03:04:05Z"},
//	 "retired":[{"keyPairId":"K0","until":"2026-01-03T04:09:05Z"}]}
//
// One function plays three parts, told apart by its event: the custom resource
// that makes keys and key group when the stack is made, Secrets Manager's four
// rotation steps, and a daily run that takes out what has had its time. Each may
// be repeated, and die after any of its calls: the next one mends what is left.
//
// A public key is named <prefix>_<token> after the secret's version whose
// document first held its private half, and is ours by that name alone. One that
// no document mentions is a crash's leftover where no such version has a value,
// and is deleted; otherwise URLs may have been signed with it (an operator has
// put a key in its place), and it is retired like any other. Keys under other
// names are an operator's: one is taken out of the group once it is retired, and
// never deleted.
//
// Environment: SIGNING_KEY_SECRET, KEY_NAME_PREFIX, KEY_ALGORITHM,
// SIGNED_URL_MAX_TTL, SIGNING_KEY_CACHE_TTL (docs/operations.md).
//
// IAM: secretsmanager:DescribeSecret, secretsmanager:GetSecretValue,
// secretsmanager:PutSecretValue and secretsmanager:UpdateSecretVersionStage on
// the one secret; cloudfront:ListPublicKeys, cloudfront:CreatePublicKey,
// cloudfront:GetPublicKey, cloudfront:DeletePublicKey, cloudfront:ListKeyGroups,
// cloudfront:CreateKeyGroup, cloudfront:GetKeyGroup, cloudfront:UpdateKeyGroup
// and cloudfront:DeleteKeyGroup, which know no resources.
//
// Limits: 5 keys a group, 10 an account, shared with other stacks ("Quotas",
// Amazon CloudFront Developer Guide). Where they leave no room a rotation is
// refused: no live key makes room for another.
//
// Trusted: who may invoke the function (CloudFormation, Secrets Manager, the
// schedule), and the address an event names for its answer.
package rotation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"airlock/pkg/lambdaenv"
	"airlock/pkg/signingkey"
)

const (
	// propagation is how old the next key must be to sign: AWS documents no time
	// in which edges learn of a changed group, 15 minutes are assumed, and 5 added.
	propagation = 20 * time.Minute
	// finishWithin is how long a rotation's new document is good for. What it says
	// of the old key's end counts from the moment it was made, so it says so much
	// later, and is refused when it would come into force later still.
	finishWithin = time.Hour
	// containerLife stands for a cache that is never read again. Lambda states no
	// figure; containers have been seen to live for hours.
	containerLife = 24 * time.Hour
)

// Config is what [New] needs. [Read] takes it from the environment.
type Config struct {
	SecretID  string // ARN
	Prefix    string // of the names of keys, and the key group's name
	Algorithm signingkey.Algorithm
	// MaxTTL is the longest life of a URL; CacheTTL how long a signer may go on
	// with a key it has read, 0 for as long as its container lives.
	MaxTTL, CacheTTL time.Duration

	Secrets    *secretsmanager.Client
	CloudFront *cloudfront.Client
	// HTTP answers CloudFormation.
	HTTP *http.Client
	Log  *slog.Logger
}

// prefixPattern leaves out the underscore, which ends the prefix within a name:
// else the keys of stack "a-b" could be taken for those of "a".
var prefixPattern = regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`)

// Read takes the configuration from the environment.
func Read(env *lambdaenv.Env) Config {
	c := Config{
		SecretID:   env.String("SIGNING_KEY_SECRET"),
		Prefix:     env.String("KEY_NAME_PREFIX"),
		MaxTTL:     env.Duration("SIGNED_URL_MAX_TTL", 24*time.Hour, time.Second, 365*24*time.Hour),
		CacheTTL:   env.Duration("SIGNING_KEY_CACHE_TTL", 5*time.Minute, 0, 24*time.Hour),
		Secrets:    secretsmanager.NewFromConfig(env.AWS(lambdaenv.SecretsManager)),
		CloudFront: cloudfront.NewFromConfig(env.AWS(lambdaenv.CloudFront)),
		HTTP:       &http.Client{Timeout: answerTimeout},
	}
	if c.Prefix != "" && !prefixPattern.MatchString(c.Prefix) {
		env.Add("KEY_NAME_PREFIX", errors.New("must be 1 to 64 letters, digits and hyphens"))
	}
	c.Algorithm, _ = signingkey.ParseAlgorithm(env.OneOf("KEY_ALGORITHM", "ECDSA_P256", "RSA_2048"))
	return c
}

// lifetime is how long after a promotion the old key's last URL may be in use.
func (c Config) lifetime() time.Duration {
	cache := c.CacheTTL
	if cache == 0 {
		cache = containerLife
	}
	return c.MaxTTL + cache + finishWithin
}

// Handler handles the function's events. Events of one secret are not meant to
// overlap, and Secrets Manager and CloudFormation don't let theirs; where they
// do, conditions on each write keep one from undoing another's.
type Handler struct {
	Config
}

// New returns a Handler.
func New(c Config) *Handler { return &Handler{c} }

// RefusedError says why nothing was done: what was asked makes no sense, not
// yet, or not any more. Its text is for a person and holds no secret.
type RefusedError struct {
	reason string
}

func (e *RefusedError) Error() string { return e.reason }

func refuse(format string, args ...any) error {
	return &RefusedError{fmt.Sprintf(format, args...)}
}

// FailedError says what went wrong underway. The same event may be sent again.
type FailedError struct {
	err error
}

func (e *FailedError) Error() string { return e.err.Error() }

// Unwrap returns the cause.
func (e *FailedError) Unwrap() error { return e.err }

// HandleEvent handles an event and returns an empty JSON object. The error,
// already logged, is a [*RefusedError] or a [*FailedError]. A custom resource's
// outcome goes to CloudFormation instead, and the error says only that it could
// not be told.
func (h *Handler) HandleEvent(ctx context.Context, payload []byte) ([]byte, error) {
	log := h.Log.With(slog.String("requestId", lambdaenv.RequestID(ctx)))
	e, err := decode(payload)
	if err == nil {
		log = log.With(slog.String("event", e.name()))
		switch {
		case e.resource != nil:
			err = h.customResource(ctx, log, e.resource)
		case e.step != nil:
			err = h.rotate(ctx, e.step)
		default:
			err = h.retire(ctx, log)
		}
	}
	if err != nil {
		log.LogAttrs(ctx, slog.LevelError, "rotation failed", slog.String("error", err.Error()))
		if refused, ok := errors.AsType[*RefusedError](err); ok {
			return nil, refused
		}
		return nil, &FailedError{err}
	}
	log.LogAttrs(ctx, slog.LevelInfo, "done")
	return []byte("{}"), nil
}

// wallNow is the time without Go's monotonic reading, in the precision of the
// document.
func wallNow() time.Time { return time.Now().Round(0).UTC().Truncate(time.Second) }
