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

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// useOwnSigningKey does what an operator does to sign with a key of their own:
// its public half goes to CloudFront and into the key group first, and then the
// private one into the secret. The key there before stays in the group, until
// rotate's daily run has retired it.
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
	if _, err := secrets.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: &secret, SecretString: aws.String(string(document))}); err != nil {
		return fmt.Errorf("storing the signing key: %w", err)
	}
	return nil
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
	id, err := publicKey(ctx, client, der)
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
	config.Items = append(config.Items, id)
	_, err = client.UpdateKeyGroup(ctx, &cloudfront.UpdateKeyGroupInput{Id: &groups[0], IfMatch: group.ETag, KeyGroupConfig: config})
	return id, err
}

// publicKey gives CloudFront a key, if it has not got it, and returns its id.
func publicKey(ctx context.Context, client *cloudfront.Client, der []byte) (string, error) {
	sum := sha256.Sum256(der)
	name := "operator-" + hex.EncodeToString(sum[:])
	made, err := client.CreatePublicKey(ctx, &cloudfront.CreatePublicKeyInput{PublicKeyConfig: &types.PublicKeyConfig{
		Name: &name, CallerReference: &name,
		EncodedKey: aws.String(string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))),
	}})
	if err == nil {
		return *made.PublicKey.Id, nil
	}
	if _, exists := errors.AsType[*types.PublicKeyAlreadyExists](err); !exists {
		return "", err
	}
	listed, err := client.ListPublicKeys(ctx, &cloudfront.ListPublicKeysInput{})
	if err != nil {
		return "", err
	}
	for _, k := range listed.PublicKeyList.Items {
		if *k.Name == name {
			return *k.Id, nil
		}
	}
	return "", fmt.Errorf("CloudFront says that there is a public key %s, and lists none", name)
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
