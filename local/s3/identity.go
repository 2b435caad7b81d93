package s3

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"time"

	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/s3err"

	"airlock/local/iam"
)

// The gateway asks access who somebody is, for the key to check a signature
// with, and what they may do. All of it is decided in iam.
var (
	_ auth.IAMService         = (*access)(nil)
	_ auth.SigningKeyProvider = (*access)(nil)
	_ auth.PolicyEvaluator    = (*access)(nil)
	_ auth.FixedBucketOwner   = (*access)(nil)
)

// DeriveSigningKey finds the holder of an access key, checks the session token
// that came with it, and derives the key of the signature ("Create a signed
// AWS API request", IAM user guide).
func (a *access) DeriveSigningKey(accessKeyID, sessionToken, date, region, service string) ([]byte, auth.Account, error) {
	principal, c, ok := a.iam.Lookup(accessKeyID)
	if !ok {
		return nil, auth.Account{}, auth.ErrNoSuchUser
	}
	// Both are hashed, since ConstantTimeCompare tells lengths apart.
	want, got := sha256.Sum256([]byte(c.SessionToken)), sha256.Sum256([]byte(sessionToken))
	if subtle.ConstantTimeCompare(want[:], got[:]) != 1 {
		return nil, auth.Account{}, auth.ErrInvalidSessionToken
	}
	if !c.Expires.IsZero() && !time.Now().Before(c.Expires) {
		// S3 API reference, "Error responses".
		return nil, auth.Account{}, s3err.APIError{
			Code:           "ExpiredToken",
			Description:    "The provided token has expired.",
			HTTPStatusCode: http.StatusBadRequest,
		}
	}
	key := []byte("AWS4" + c.SecretAccessKey)
	for _, part := range []string{date, region, service, "aws4_request"} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	return key, account(principal, c), nil
}

// account names somebody by their access key, by which Lookup finds them again.
func account(p *iam.Principal, c iam.Credentials) auth.Account {
	return auth.Account{Access: c.AccessKeyID, Role: auth.RoleUser, Arn: p.ARN}
}

// GetUserAccount finds who holds an access key, without the secret.
func (a *access) GetUserAccount(accessKeyID string) (auth.Account, error) {
	principal, c, ok := a.iam.Lookup(accessKeyID)
	if !ok {
		return auth.Account{}, auth.ErrNoSuchUser
	}
	return account(principal, c), nil
}

// ResolveAccounts returns those of accessKeyIDs that nobody holds.
func (a *access) ResolveAccounts(accessKeyIDs []string) ([]string, error) {
	missing := []string{}
	for _, id := range accessKeyIDs {
		if _, _, ok := a.iam.Lookup(id); !ok {
			missing = append(missing, id)
		}
	}
	return missing, nil
}

// BucketOwner is the AWS account: it owns every bucket, and no access key is
// called like it, so ownership alone never lets anybody in.
func (a *access) BucketOwner() auth.Account {
	return auth.Account{Access: a.accountID, Role: auth.RoleUser}
}

// CreateAccount is refused: credentials come from iam.
func (a *access) CreateAccount(auth.Account) error { return errNoAdmin() }

// UpdateUserAccount is refused.
func (a *access) UpdateUserAccount(string, auth.MutableProps) error { return errNoAdmin() }

// DeleteUserAccount is refused.
func (a *access) DeleteUserAccount(string) error { return errNoAdmin() }

// ListUserAccounts is refused.
func (a *access) ListUserAccounts() ([]auth.Account, error) { return nil, errNoAdmin() }

// Shutdown has nothing to do.
func (a *access) Shutdown() error { return nil }

func errNoAdmin() error { return s3err.GetAPIError(s3err.ErrAdminMethodNotSupported) }
