// Package signingkey is one CloudFront key pair: read from its secret, checked
// to be one CloudFront takes, used to sign, and never shown.
//
// The secret is one JSON document, so that id and key can never drift apart:
//
//	{"keyPairId":"K2JCJMDEHXQW5F","privateKey":"-----BEGIN PRIVATE KEY-----\n…"}
//
// Members that only rotation uses are left to it. The PEM may be PKCS#8, PKCS#1
// or SEC 1, as today's openssl and yesterday's write them.
//
// Limits: key groups take RSA of 2048 bits and ECDSA on P-256 ("Specify signers
// that can create signed URLs and signed cookies", Amazon CloudFront Developer
// Guide). Everything else is refused here, with a message that says so: the
// edge would only answer 403.
package signingkey

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // CloudFront's default hash; used where SIGNING_HASH=SHA1 asks for it
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
)

// Hash is what a signature is made over.
type Hash int

// The hashes CloudFront verifies.
const (
	SHA256 Hash = iota // announced as Hash-Algorithm=SHA256
	SHA1               // what the edge assumes where nothing is announced
)

// ParseHash reads the value of SIGNING_HASH.
func ParseHash(s string) (Hash, error) {
	switch s {
	case "SHA256":
		return SHA256, nil
	case "SHA1":
		return SHA1, nil
	}
	return 0, errors.New("must be SHA256 or SHA1")
}

// Key is a private key and the id its public half has at CloudFront. It prints
// as [redacted] in every form and is safe for concurrent use. The zero Key signs
// nothing; [Parse] makes usable ones.
type Key struct {
	id  string
	key crypto.Signer // *rsa.PrivateKey or *ecdsa.PrivateKey
}

// ID is the id of the public key, sent as Key-Pair-Id. It is no secret.
func (k Key) ID() string { return k.id }

// Public is the public half, or nil for the zero Key.
func (k Key) Public() crypto.PublicKey {
	if k.key == nil {
		return nil
	}
	return k.key.Public()
}

// AppendSignature appends the signature over message in CloudFront's base64,
// whose - _ ~ stand for + = /. RSA signs by PKCS #1 v1.5; ECDSA gives ASN.1 DER
// and differs each time.
func (k Key) AppendSignature(b []byte, h Hash, message []byte) ([]byte, error) {
	digest, hash := digest(h, message)
	var signature []byte
	var err error
	switch key := k.key.(type) {
	case *rsa.PrivateKey:
		signature, err = rsa.SignPKCS1v15(nil, key, hash, digest)
	case *ecdsa.PrivateKey:
		signature, err = ecdsa.SignASN1(rand.Reader, key, digest)
	default:
		err = errors.New("the key is empty")
	}
	if err != nil {
		return nil, fmt.Errorf("signing with key pair %s: %w", k.id, err)
	}
	return AppendBase64(b, signature), nil
}

func digest(h Hash, message []byte) ([]byte, crypto.Hash) {
	if h == SHA1 {
		sum := sha1.Sum(message) //nolint:gosec // see the import
		return sum[:], crypto.SHA1
	}
	sum := sha256.Sum256(message)
	return sum[:], crypto.SHA256
}

// AppendBase64 appends src in the base64 CloudFront reads from a query: + is -,
// = is _ and / is ~ ("Create a signed URL using a custom policy").
func AppendBase64(b, src []byte) []byte {
	start := len(b)
	b = base64.StdEncoding.AppendEncode(b, src)
	for i := start; i < len(b); i++ {
		switch b[i] {
		case '+':
			b[i] = '-'
		case '=':
			b[i] = '_'
		case '/':
			b[i] = '~'
		}
	}
	return b
}
