package signingkey

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
)

const rsaBits = 2048

// Parse reads a secret's document. Errors say what to do about it and hold
// nothing of the document.
func Parse(document []byte) (Key, error) {
	var d struct {
		KeyPairID  string `json:"keyPairId"`
		PrivateKey string `json:"privateKey"`
	}
	if err := json.Unmarshal(document, &d); err != nil {
		// The error would quote the document.
		return Key{}, errors.New(`the secret is not a JSON document {"keyPairId":"K...","privateKey":"-----BEGIN..."}`)
	}
	if !isKeyPairID(d.KeyPairID) {
		return Key{}, errors.New("keyPairId is not the id of a CloudFront public key: 1 to 64 letters and digits")
	}
	key, err := parsePEM(d.PrivateKey)
	if err != nil {
		return Key{}, fmt.Errorf("privateKey %w", err)
	}
	return Key{id: d.KeyPairID, key: key}, nil
}

// isKeyPairID keeps out what would change the meaning of a URL's query.
func isKeyPairID(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

// parsePEM reads exactly one private key. Its errors continue "privateKey …".
func parsePEM(s string) (crypto.Signer, error) {
	switch s = strings.TrimSpace(s); {
	case s == "":
		return nil, errors.New("is missing")
	case strings.Contains(s, `\n`):
		return nil, errors.New(`has the two characters \n where line breaks should be: it was escaped twice`)
	}
	block, rest, err := nextBlock(s)
	if err != nil {
		return nil, err
	}
	if block.Type == "EC PARAMETERS" {
		// "openssl ecparam -genkey" writes the curve's name in front of the key,
		// which names it again.
		if block, rest, err = nextBlock(rest); err != nil {
			return nil, err
		}
	}
	switch {
	case rest != "":
		return nil, errors.New("has other text after the PEM")
	case block.Headers["DEK-Info"] != "" || block.Type == "ENCRYPTED PRIVATE KEY":
		return nil, errors.New("is encrypted: store it without a passphrase, Secrets Manager encrypts it")
	}
	parsed, err := parseDER(block)
	if err != nil {
		return nil, err
	}
	switch key := parsed.(type) {
	case *rsa.PrivateKey:
		if bits := key.N.BitLen(); bits != rsaBits {
			return nil, fmt.Errorf("is RSA of %d bits: CloudFront takes %d", bits, rsaBits)
		}
		return key, nil
	case *ecdsa.PrivateKey:
		if key.Curve != elliptic.P256() {
			return nil, fmt.Errorf("is ECDSA on %s: CloudFront takes P-256", key.Curve.Params().Name)
		}
		return key, nil
	}
	return nil, errors.New("is neither RSA nor ECDSA: CloudFront takes RSA of 2048 bits and ECDSA on P-256")
}

// nextBlock reads the block that s begins with. It is stricter than pem.Decode,
// which skips what it can't read.
func nextBlock(s string) (block *pem.Block, rest string, err error) {
	const begin = "-----BEGIN "
	block, left := pem.Decode([]byte(s))
	switch {
	case block == nil, strings.Count(s[:len(s)-len(left)], begin) != 1:
		return nil, "", errors.New("is not PEM, was cut short, or lost its line breaks")
	case !strings.HasPrefix(s, begin):
		return nil, "", errors.New("has other text before the PEM")
	}
	return block, strings.TrimSpace(string(left)), nil
}

func parseDER(block *pem.Block) (any, error) {
	var key any
	var err error
	switch block.Type {
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	case "PUBLIC KEY", "RSA PUBLIC KEY", "CERTIFICATE":
		return nil, errors.New("is a public key or a certificate: the private half is needed")
	default:
		return nil, errors.New("is PEM of another kind: a PRIVATE KEY (PKCS#8), RSA PRIVATE KEY (PKCS#1) or EC PRIVATE KEY (SEC 1) is needed")
	}
	if err != nil {
		// The parser's own text may hold pieces of the key.
		return nil, errors.New("is damaged, or a key of a kind CloudFront does not take")
	}
	return key, nil
}
