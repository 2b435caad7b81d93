package signingkey_test

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"

	"airlock/pkg/signingkey"
)

func TestGenerate(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name      string
		algorithm signingkey.Algorithm
		public    x509.PublicKeyAlgorithm
	}{
		{"ECDSA_P256", signingkey.ECDSAP256, x509.ECDSA},
		{"RSA_2048", signingkey.RSA2048, x509.RSA},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if a, err := signingkey.ParseAlgorithm(tt.name); err != nil || a != tt.algorithm {
				t.Errorf("ParseAlgorithm(%s) = %v, %v, want %v", tt.name, a, err, tt.algorithm)
			}
			private, public, err := signingkey.Generate(tt.algorithm)
			if err != nil {
				t.Fatal(err)
			}
			// What was made is read as any key is, which refuses what CloudFront would.
			key := parse(t, private)
			block, rest := pem.Decode([]byte(public))
			if block == nil || block.Type != "PUBLIC KEY" || len(rest) != 0 || !strings.HasPrefix(private, "-----BEGIN PRIVATE KEY-----\n") {
				t.Fatalf("Generate(%s) = %d bytes and %q, want PKCS#8 and PKIX", tt.name, len(private), public)
			}
			half, err := x509.ParsePKIXPublicKey(block.Bytes)
			if err != nil {
				t.Fatal(err)
			}
			if own, ok := half.(interface{ Equal(crypto.PublicKey) bool }); !ok || !own.Equal(key.Public()) {
				t.Errorf("Generate(%s) = halves that don't belong together", tt.name)
			}
			other, _, err := signingkey.Generate(tt.algorithm)
			if err != nil || other == private {
				t.Errorf("Generate(%s), again = the same key, %v", tt.name, err)
			}
		})
	}
}

func TestUnknownAlgorithm(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "ecdsa_p256", "RSA_4096", "ED25519"} {
		if a, err := signingkey.ParseAlgorithm(s); err == nil {
			t.Errorf("ParseAlgorithm(%q) = %v, want an error", s, a)
		}
	}
	if private, public, err := signingkey.Generate(0); err == nil || private+public != "" {
		t.Errorf("Generate(0) = %d bytes, %v, want an error", len(private+public), err)
	}
}
