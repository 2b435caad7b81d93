package signingkey

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// Algorithm is a kind of key pair that CloudFront takes. The zero Algorithm is
// none.
type Algorithm int

// The algorithms of key groups.
const (
	_ Algorithm = iota
	ECDSAP256
	RSA2048
)

// ParseAlgorithm reads the value of KEY_ALGORITHM.
func ParseAlgorithm(s string) (Algorithm, error) {
	switch s {
	case "ECDSA_P256":
		return ECDSAP256, nil
	case "RSA_2048":
		return RSA2048, nil
	}
	return 0, errors.New("must be ECDSA_P256 or RSA_2048")
}

// Generate makes a key pair: the private half in PKCS#8 as a secret's document
// has it, which nothing redacts, and the public half in PKIX as CloudFront's
// CreatePublicKey takes it.
func Generate(a Algorithm) (privatePEM, publicPEM string, err error) {
	var key crypto.Signer
	switch a {
	case ECDSAP256:
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case RSA2048:
		key, err = rsa.GenerateKey(rand.Reader, rsaBits)
	default:
		err = fmt.Errorf("unknown algorithm %d", int(a))
	}
	if err != nil {
		return "", "", fmt.Errorf("generating a key pair: %w", err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", "", fmt.Errorf("encoding a private key: %w", err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return "", "", fmt.Errorf("encoding a public key: %w", err)
	}
	return encodePEM("PRIVATE KEY", private), encodePEM("PUBLIC KEY", public), nil
}

func encodePEM(blockType string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: blockType, Bytes: der}))
}
