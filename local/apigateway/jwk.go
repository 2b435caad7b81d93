package apigateway

import (
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
)

// publicKey is a key that may verify tokens, and the only algorithm it may be
// used with; "": any RSA one.
type publicKey struct {
	key       *rsa.PublicKey
	algorithm string
}

// parseJWKS reads a JSON Web Key Set (RFC 7517, 5) and keeps the RSA keys for
// signatures that have a kid, by it. Others are passed over, as the RFC wants.
func parseJWKS(document []byte) (map[string]publicKey, error) {
	var set struct {
		Keys []struct {
			Type      string `json:"kty"`
			Use       string `json:"use"`
			KeyID     string `json:"kid"`
			Algorithm string `json:"alg"`
			Modulus   string `json:"n"`
			Exponent  string `json:"e"`
		} `json:"keys"`
	}
	if err := json.Unmarshal(document, &set); err != nil {
		return nil, fmt.Errorf("reading the key set: %w", err)
	}
	if set.Keys == nil {
		return nil, errors.New("reading the key set: it has no keys")
	}
	keys := make(map[string]publicKey, len(set.Keys))
	for _, k := range set.Keys {
		if k.Type != "RSA" || k.Use != "" && k.Use != "sig" || k.KeyID == "" {
			continue
		}
		key, err := rsaKey(k.Modulus, k.Exponent)
		if err != nil {
			continue
		}
		keys[k.KeyID] = publicKey{key: key, algorithm: k.Algorithm}
	}
	return keys, nil
}

// rsaKey decodes n and e (RFC 7518, 6.3.1). RS256 wants 2048 bits or more
// (3.3 there); over 8192, checking a signature would be somebody's lever.
func rsaKey(modulus, exponent string) (*rsa.PublicKey, error) {
	n, err := base64.RawURLEncoding.DecodeString(modulus)
	if err != nil {
		return nil, fmt.Errorf("decoding the modulus: %w", err)
	}
	e, err := base64.RawURLEncoding.DecodeString(exponent)
	if err != nil {
		return nil, fmt.Errorf("decoding the exponent: %w", err)
	}
	key := &rsa.PublicKey{N: new(big.Int).SetBytes(n)}
	if bits := key.N.BitLen(); bits < 2048 || bits > 8192 {
		return nil, fmt.Errorf("a modulus of %d bits", bits)
	}
	value := new(big.Int).SetBytes(e)
	if value.BitLen() > 31 || value.Int64() < 3 || value.Bit(0) == 0 {
		return nil, errors.New("an exponent that is none")
	}
	key.E = int(value.Int64())
	return key, nil
}
