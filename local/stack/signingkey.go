package stack

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"

	"airlock/local/cloudfront"
)

// signingDocument is what the signing key's secret holds.
type signingDocument struct {
	KeyPairID  string `json:"keyPairId"`
	PrivateKey string `json:"privateKey"`
}

// signingKeys does what an operator does once on AWS: it puts a private key into
// the secret, if there is none or another is asked for, and its public half into
// the key group.
func (s *Stack) signingKeys() ([]cloudfront.PublicKey, error) {
	secret := s.Template.Secrets[0].ARN
	var d signingDocument
	current, stored := s.secrets.Current(secret)
	if stored && json.Unmarshal([]byte(current), &d) != nil {
		s.log.Warn("the secret holds no signing key", slog.String("secret", secret))
	}
	switch wanted := s.options.SigningKey; {
	case wanted != nil && d.PrivateKey != string(wanted):
		d = signingDocument{newKeyPairID(), string(wanted)}
	case stored:
		return publicHalf(d)
	default:
		generated, err := generateSigningKey()
		if err != nil {
			return nil, err
		}
		d = signingDocument{newKeyPairID(), generated}
	}
	keys, err := publicHalf(d)
	if err != nil {
		return nil, err
	}
	document, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	if _, err := s.secrets.Put(secret, string(document)); err != nil {
		return nil, fmt.Errorf("storing the signing key: %w", err)
	}
	return keys, nil
}

// publicHalf is the key group of a secret's document. A secret an operator put
// there by hand may be unusable: then the group is empty, and the stack starts
// to show what happens.
func publicHalf(d signingDocument) ([]cloudfront.PublicKey, error) {
	private, err := parsePrivateKey(d.PrivateKey)
	if err != nil {
		return nil, nil
	}
	der, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		return nil, err
	}
	return []cloudfront.PublicKey{{ID: d.KeyPairID, PEM: pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})}}, nil
}

func generateSigningKey() (string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", err
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), nil
}

// newKeyPairID looks like an id of CloudFront's.
func newKeyPairID() string { return "K" + rand.Text()[:13] }

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
