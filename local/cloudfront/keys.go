package cloudfront

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"time"
)

// maxKeysPerGroup and maxGroupsPerBehavior are CloudFront's quotas.
const (
	maxKeysPerGroup      = 5
	maxGroupsPerBehavior = 4
)

// PublicKey is a member of a key group.
type PublicKey struct {
	ID  string // what a signed URL calls Key-Pair-Id
	PEM []byte // "PUBLIC KEY" (PKIX): RSA with 2048 bits, or ECDSA on P-256
}

// lookupKey finds a key by its id in groups, and is nil where there is none.
func (s *Service) lookupKey(groups []string, id string, now time.Time) crypto.PublicKey {
	for _, group := range groups {
		if key, ok := s.groups[group][id]; ok {
			return key
		}
	}
	if s.keys == nil {
		return nil
	}
	return s.keys.key(groups, id, now)
}

// parseKeyGroup takes what CloudFront takes. A group may be empty: then nobody's
// signature is good.
func parseKeyGroup(id string, keys []PublicKey) (map[string]crypto.PublicKey, error) {
	if id == "" {
		return nil, errors.New("cloudfront: a key group has no id")
	}
	if len(keys) > maxKeysPerGroup {
		return nil, fmt.Errorf("cloudfront: key group %s has %d keys, more than %d", id, len(keys), maxKeysPerGroup)
	}
	group := make(map[string]crypto.PublicKey, len(keys))
	for _, k := range keys {
		if _, twice := group[k.ID]; twice || k.ID == "" {
			return nil, fmt.Errorf("cloudfront: key group %s has a key with the id %q, empty or there twice", id, k.ID)
		}
		key, err := parsePublicKey(k.PEM)
		if err != nil {
			return nil, fmt.Errorf("cloudfront: reading public key %s of key group %s: %w", k.ID, id, err)
		}
		group[k.ID] = key
	}
	return group, nil
}

// parsePublicKey takes what CloudFront takes for signed URLs ("Specify signers
// that can create signed URLs and signed cookies").
func parsePublicKey(text []byte) (crypto.PublicKey, error) {
	block, rest := pem.Decode(text)
	if block == nil || block.Type != "PUBLIC KEY" || len(bytes.TrimSpace(rest)) > 0 ||
		!bytes.HasPrefix(bytes.TrimSpace(text), []byte("-----BEGIN ")) { // Decode skips what is before
		return nil, errors.New("it is not one PEM block of type PUBLIC KEY")
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	switch key := parsed.(type) {
	case *rsa.PublicKey:
		if key.N.BitLen() != 2048 {
			return nil, fmt.Errorf("it is RSA with %d bits, not 2048", key.N.BitLen())
		}
	case *ecdsa.PublicKey:
		if key.Curve != elliptic.P256() {
			return nil, fmt.Errorf("it is ECDSA on %s, not P-256", key.Curve.Params().Name)
		}
	default:
		return nil, errors.New("it is neither RSA nor ECDSA")
	}
	return parsed, nil
}
