package rotation_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"

	"airlock/pkg/signingkey"
)

// signedURL is one URL of many, really signed.
type signedURL struct {
	keyPairID, policy string
	signature         []byte
	expires           time.Time
}

// sign signs a URL as the product does, and lets the edge look at those signed
// before: now, and once more when they are about to expire.
func (s *simulation) sign(t *testing.T) {
	t.Helper()
	key, err := signingkey.Parse([]byte(s.values[s.holder("AWSCURRENT")]))
	if err != nil {
		t.Fatal(err)
	}
	u := signedURL{keyPairID: key.ID(), expires: time.Now().Add(maxTTL)}
	u.policy = fmt.Sprintf(`{"Statement":[{"Resource":"https://cdn.example/a","Condition":{"DateLessThan":{"AWS:EpochTime":%d}}}]}`, u.expires.Unix())
	if u.signature, err = key.AppendSignature(nil, signingkey.SHA256, []byte(u.policy)); err != nil {
		t.Fatal(err)
	}
	s.signed = append(s.signed, u)
	for len(s.signed) > 0 && time.Until(s.signed[0].expires) <= 0 {
		s.signed = s.signed[1:]
	}
	for _, u := range s.signed {
		if err := s.edge(u); err != nil {
			t.Fatalf("the edge at %v: %v", time.Now(), err)
		}
	}
}

// edge verifies with the standard library what the public half at CloudFront says.
func (s *simulation) edge(u signedURL) error {
	k := s.keys[u.keyPairID]
	if k == nil || !s.ours().verifies(u.keyPairID, s.propagation) {
		return fmt.Errorf("key pair %s is not trusted", u.keyPairID)
	}
	block, _ := pem.Decode([]byte(k.EncodedKey))
	if block == nil || block.Type != "PUBLIC KEY" {
		return fmt.Errorf("key pair %s is not PEM", u.keyPairID)
	}
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return err
	}
	signature, err := base64.StdEncoding.DecodeString(strings.NewReplacer("-", "+", "_", "=", "~", "/").Replace(string(u.signature)))
	if err != nil {
		return err
	}
	digest := sha256.Sum256([]byte(u.policy))
	switch public := public.(type) {
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], signature)
	case *ecdsa.PublicKey:
		if ecdsa.VerifyASN1(public, digest[:], signature) {
			return nil
		}
	}
	return fmt.Errorf("the signature of key pair %s is wrong", u.keyPairID)
}
