package rotation

import (
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"

	"airlock/pkg/lambdaenv"
)

// publicKey is what CloudFront lists of a public key.
type publicKey struct {
	id, name, pem string
	created       time.Time
}

// keyName names the key first held by the secret's version token. A version has
// two where it is the first; the current one's name then ends in _first.
func (h *Handler) keyName(token string) string { return h.Prefix + "_" + token }

const firstKey = "_first"

// token returns the version of a key of ours, "" for others.
func (h *Handler) token(name string) string {
	token, ok := strings.CutPrefix(strings.TrimSuffix(name, firstKey), h.Prefix+"_")
	if !ok || !isToken(token) {
		return ""
	}
	return token
}

// publicKeys lists the account's public keys by id.
func (h *Handler) publicKeys(ctx context.Context) (map[string]publicKey, error) {
	keys := make(map[string]publicKey)
	pages := cloudfront.NewListPublicKeysPaginator(h.CloudFront, &cloudfront.ListPublicKeysInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("listing public keys: %w", lambdaenv.Cause(err))
		}
		if page.PublicKeyList == nil {
			break
		}
		for _, k := range page.PublicKeyList.Items {
			id := aws.ToString(k.Id)
			keys[id] = publicKey{id, aws.ToString(k.Name), aws.ToString(k.EncodedKey), aws.ToTime(k.CreatedTime)}
		}
	}
	return keys, nil
}

// createKey hands a public key to CloudFront and returns its id.
func (h *Handler) createKey(ctx context.Context, name, publicPEM string) (string, error) {
	out, err := h.CloudFront.CreatePublicKey(ctx, &cloudfront.CreatePublicKeyInput{
		PublicKeyConfig: &types.PublicKeyConfig{
			// The client's own retries repeat it; another attempt under that name has another key.
			CallerReference: aws.String(hexSHA256(publicPEM)), Name: &name, EncodedKey: &publicPEM,
			Comment: aws.String("Airlock's signing key"),
		},
	})
	switch {
	case err == nil:
		if out.PublicKey == nil || aws.ToString(out.PublicKey.Id) == "" {
			return "", errors.New("creating a public key: the answer has no id")
		}
		return *out.PublicKey.Id, nil
	case hasCode(err, "TooManyPublicKeys"):
		return "", refuse("the account has no room for another CloudFront public key (quota 10): delete unused ones, or ask AWS for more")
	case hasCode(err, "PublicKeyAlreadyExists"):
		// The client has tried again where the first answer was lost.
		return h.findKey(ctx, name, publicPEM)
	}
	return "", fmt.Errorf("creating a public key: %w", lambdaenv.Cause(err))
}

func (h *Handler) findKey(ctx context.Context, name, publicPEM string) (string, error) {
	keys, err := h.publicKeys(ctx)
	if err != nil {
		return "", err
	}
	for id, k := range keys {
		if k.name == name && strings.TrimSpace(k.pem) == strings.TrimSpace(publicPEM) {
			return id, nil
		}
	}
	return "", errors.New("creating a public key: its name is taken")
}

func hexSHA256(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// deleteKey deletes a public key; one that is gone is deleted.
func (h *Handler) deleteKey(ctx context.Context, id string) error {
	got, err := h.CloudFront.GetPublicKey(ctx, &cloudfront.GetPublicKeyInput{Id: &id})
	if err == nil {
		_, err = h.CloudFront.DeletePublicKey(ctx, &cloudfront.DeletePublicKeyInput{Id: &id, IfMatch: got.ETag})
	}
	if err != nil && !hasCode(err, "NoSuchPublicKey") {
		return fmt.Errorf("deleting public key %s: %w", id, lambdaenv.Cause(err))
	}
	return nil
}

// public parses what CloudFront has of a key.
func (k publicKey) public() (crypto.PublicKey, error) {
	block, _ := pem.Decode([]byte(k.pem))
	if block == nil {
		return nil, fmt.Errorf("public key %s at CloudFront is not PEM", k.id)
	}
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("public key %s at CloudFront is damaged", k.id)
	}
	return public, nil
}
