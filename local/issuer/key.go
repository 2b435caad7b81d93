package issuer

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"

	"go.etcd.io/bbolt"
)

const keyBits = 2048

// loadKey returns the key of the database. Two that ask at once get the same.
func loadKey(db *bbolt.DB) (*rsa.PrivateKey, error) {
	var key *rsa.PrivateKey
	err := db.Update(func(tx *bbolt.Tx) error {
		bucket, err := tx.CreateBucketIfNotExists([]byte("issuer/keys"))
		if err != nil {
			return err
		}
		name := []byte("signing")
		if der := bucket.Get(name); der != nil {
			if key, err = parseKey(der); err != nil {
				return err
			}
			return nil
		}
		if key, err = rsa.GenerateKey(rand.Reader, keyBits); err != nil {
			return err
		}
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return err
		}
		return bucket.Put(name, der)
	})
	if err != nil {
		return nil, fmt.Errorf("loading the issuer's signing key: %w", err)
	}
	return key, nil
}

func parseKey(der []byte) (*rsa.PrivateKey, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, err
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("the stored key is not an RSA key")
	}
	return key, nil
}

// publicJWK is the public half as RFC 7517 writes it.
func publicJWK(key *rsa.PublicKey, keyID string) map[string]string {
	n, e := jwkMembers(key)
	return map[string]string{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": keyID, "n": n, "e": e}
}

// thumbprint is RFC 7638's: the SHA-256 of the required members, in
// lexicographic order and without white space.
func thumbprint(key *rsa.PublicKey) string {
	n, e := jwkMembers(key)
	sum := sha256.Sum256([]byte(`{"e":"` + e + `","kty":"RSA","n":"` + n + `"}`))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func jwkMembers(key *rsa.PublicKey) (n, e string) {
	return base64.RawURLEncoding.EncodeToString(key.N.Bytes()),
		base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes())
}
