package stack

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// useOwnSigningKey does what an operator does to sign with a key of their own:
// its public half goes to CloudFront and into the key group first, and then the
// private one into the secret. A key of rotate's making that was there before
// stays in the group until its daily run has retired it. One of the operator's
// stays as long as there is room: nothing says when its last URL expires.
func (s *Stack) useOwnSigningKey(ctx context.Context) error {
	if s.options.SigningKey == nil {
		return nil
	}
	wanted := string(s.options.SigningKey)
	secrets := secretsmanager.NewFromConfig(s.AWS(s.Endpoints.SecretsManager))
	secret := s.Template.Secrets[0].ARN
	var stored signingDocument
	out, err := secrets.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &secret})
	if err == nil && json.Unmarshal([]byte(aws.ToString(out.SecretString)), &stored) == nil && stored.PrivateKey == wanted {
		return nil
	}
	id, err := s.trust(ctx, wanted)
	if err != nil {
		return fmt.Errorf("the signing key: %w", err)
	}
	document, err := json.Marshal(signingDocument{id, wanted})
	if err != nil {
		return err
	}
	if err := StoreSigningKey(ctx, secrets, secret, string(document)); err != nil {
		return fmt.Errorf("storing the signing key: %w", err)
	}
	return nil
}

// StoreSigningKey puts a document in the place of the one that signs. AWSPENDING,
// which a rotation that has ended leaves on the version before, is taken from it:
// it would pass for a rotation that has not.
func StoreSigningKey(ctx context.Context, client *secretsmanager.Client, secret, document string) error {
	const pending, current = "AWSPENDING", "AWSCURRENT"
	before, err := client.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &secret})
	if err != nil {
		return err
	}
	if _, err := client.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: &secret, SecretString: &document}); err != nil {
		return err
	}
	for version, stages := range before.VersionIdsToStages {
		if slices.Contains(stages, pending) && slices.Contains(stages, current) {
			_, err = client.UpdateSecretVersionStage(ctx, &secretsmanager.UpdateSecretVersionStageInput{
				SecretId: &secret, VersionStage: aws.String(pending), RemoveFromVersionId: &version,
			})
		}
	}
	return err
}

// signingDocument is what an operator puts into the secret.
type signingDocument struct {
	KeyPairID  string `json:"keyPairId"`
	PrivateKey string `json:"privateKey"`
}

// trust lets the distribution take signatures of a key, whose id it returns.
func (s *Stack) trust(ctx context.Context, privatePEM string) (string, error) {
	private, err := parsePrivateKey(privatePEM)
	if err != nil {
		return "", err
	}
	der, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		return "", err
	}
	client := cloudfront.NewFromConfig(s.AWS(s.Endpoints.CloudFront))
	id, theirs, err := publicKey(ctx, client, der)
	if err != nil {
		return "", err
	}
	groups := s.Template.Distributions[0].Default.TrustedKeyGroups
	if len(groups) != 1 {
		return "", fmt.Errorf("the distribution trusts %d key groups, and one is known", len(groups))
	}
	group, err := client.GetKeyGroup(ctx, &cloudfront.GetKeyGroupInput{Id: &groups[0]})
	if err != nil {
		return "", err
	}
	config := group.KeyGroup.KeyGroupConfig
	if slices.Contains(config.Items, id) {
		return id, nil
	}
	if len(config.Items) == groupSize {
		config.Items = slices.DeleteFunc(config.Items, func(id string) bool { return slices.Contains(theirs, id) })
	}
	config.Items = append(config.Items, id)
	_, err = client.UpdateKeyGroup(ctx, &cloudfront.UpdateKeyGroupInput{Id: &groups[0], IfMatch: group.ETag, KeyGroupConfig: config})
	return id, err
}

// groupSize is how many keys a key group takes.
const groupSize = 5

// publicKey gives CloudFront a key, if it has not got it, and returns its id, and
// those of all other keys that came to it in this way.
func publicKey(ctx context.Context, client *cloudfront.Client, der []byte) (id string, others []string, err error) {
	const prefix = "operator-"
	sum := sha256.Sum256(der)
	name := prefix + hex.EncodeToString(sum[:])
	listed, err := client.ListPublicKeys(ctx, &cloudfront.ListPublicKeysInput{})
	if err != nil {
		return "", nil, err
	}
	for _, k := range listed.PublicKeyList.Items {
		switch {
		case *k.Name == name:
			id = *k.Id
		case strings.HasPrefix(*k.Name, prefix):
			others = append(others, *k.Id)
		}
	}
	if id != "" {
		return id, others, nil
	}
	made, err := client.CreatePublicKey(ctx, &cloudfront.CreatePublicKeyInput{PublicKeyConfig: &types.PublicKeyConfig{
		Name: &name, CallerReference: &name,
		EncodedKey: aws.String(string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))),
	}})
	if err != nil {
		return "", nil, err
	}
	return *made.PublicKey.Id, others, nil
}

// parsePrivateKey reads what openssl writes, PKCS#8, PKCS#1 or SEC 1, if
// CloudFront takes its public half. Errors hold nothing of it.
func parsePrivateKey(text string) (crypto.Signer, error) {
	block, rest := pem.Decode([]byte(text))
	if block != nil && block.Type == "EC PARAMETERS" { // `openssl ecparam -genkey` writes them first
		block, _ = pem.Decode(rest)
	}
	if block == nil {
		return nil, errors.New("not PEM")
	}
	var key any
	var err error
	switch block.Type {
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	}
	if err != nil {
		return nil, errors.New("not an unencrypted private key in PKCS#8, PKCS#1 or SEC 1")
	}
	switch k := key.(type) {
	case *rsa.PrivateKey:
		if k.N.BitLen() == 2048 {
			return k, nil
		}
	case *ecdsa.PrivateKey:
		if k.Curve == elliptic.P256() {
			return k, nil
		}
	}
	return nil, errors.New("CloudFront takes RSA with 2048 bits and ECDSA on P-256 only")
}
