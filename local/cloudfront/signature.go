package cloudfront

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // CloudFront's documented default hash
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/netip"
	"strings"
	"time"
)

// verify admits a request when the reserved parameters of t let viewer have it now,
// signed by a key of one of groups.
func (s *Service) verify(t target, groups []string, viewer netip.Addr, now time.Time) refusal {
	keyID := t.reserved[paramKeyPairID]
	switch {
	case keyID == "":
		return missingKey
	case t.duplicated != "":
		return accessDenied
	}
	key := s.lookupKey(groups, keyID, now)
	if key == nil {
		return unknownKey
	}

	resource := t.resource(s.base)
	p, signed, err := signedPolicy(t, resource)
	if err != nil {
		return malformedPolicy
	}
	signature, err := decodeBase64(t.reserved[paramSignature])
	if err != nil {
		return malformedSignature
	}
	hash, ok := hashOf(t)
	if !ok || !validSignature(key, hash, signed, signature) || !p.allows(resource, viewer, now) {
		return accessDenied
	}
	return admitted
}

// signedPolicy is the policy of a signed URL and the text that its signature
// stands for. Exactly one of Expires and Policy must be there.
func signedPolicy(t target, resource string) (policy, []byte, error) {
	expires, canned := t.reserved[paramExpires]
	encoded, custom := t.reserved[paramPolicy]
	switch {
	case canned && !custom:
		notAfter, err := parseEpoch(expires)
		// The rebuilt text names the resource itself: nothing is left to match,
		// and its stars and question marks are no wildcards.
		return policy{notAfter: notAfter}, []byte(cannedPolicy(resource, expires)), err
	case custom && !canned:
		text, err := decodeBase64(encoded)
		if err != nil {
			return policy{}, nil, err
		}
		p, err := parsePolicy(text)
		return p, text, err
	default:
		return policy{}, nil, errors.New("the URL has not exactly one of Expires and Policy")
	}
}

// decodeBase64 reads base64 in CloudFront's alphabet for URLs: - for +, _ for
// =, ~ for /. An empty value, or one without its padding, is an error.
func decodeBase64(s string) ([]byte, error) {
	if s == "" || strings.ContainsAny(s, "+=/\r\n") {
		return nil, errors.New("the value is not in CloudFront's base64")
	}
	s = strings.NewReplacer("-", "+", "_", "=", "~", "/").Replace(s)
	return base64.StdEncoding.Strict().DecodeString(s)
}

// hashOf is the hash that was signed: SHA-1 unless Hash-Algorithm says SHA256.
func hashOf(t target) (crypto.Hash, bool) {
	switch name, present := t.reserved[paramHash]; {
	case !present:
		return crypto.SHA1, true
	case name == "SHA256":
		return crypto.SHA256, true
	default:
		return 0, false
	}
}

func validSignature(key crypto.PublicKey, hash crypto.Hash, text, signature []byte) bool {
	var digest []byte
	if hash == crypto.SHA256 {
		sum := sha256.Sum256(text)
		digest = sum[:]
	} else {
		sum := sha1.Sum(text) //nolint:gosec // see the import
		digest = sum[:]
	}
	switch key := key.(type) {
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(key, hash, digest, signature) == nil
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(key, digest, signature)
	default:
		return false
	}
}
