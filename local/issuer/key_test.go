package issuer

import (
	"crypto/rsa"
	"encoding/base64"
	"math/big"
	"net/url"
	"path/filepath"
	"testing"
	"time"
	"unicode/utf8"

	"go.etcd.io/bbolt"
)

// The example of RFC 7638, 3.1.
func TestThumbprint(t *testing.T) {
	t.Parallel()
	const modulus = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMs" +
		"tn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbI" +
		"SD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
	n, err := base64.RawURLEncoding.DecodeString(modulus)
	if err != nil {
		t.Fatalf("decoding the modulus: %v", err)
	}
	got := thumbprint(&rsa.PublicKey{N: new(big.Int).SetBytes(n), E: 65537})
	if want := "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"; got != want {
		t.Errorf("thumbprint = %q, want %q", got, want)
	}
}

func TestLoadKeyRefusesADamagedOne(t *testing.T) {
	t.Parallel()
	db, err := bbolt.Open(filepath.Join(t.TempDir(), "db"), 0o600, nil)
	if err != nil {
		t.Fatalf("bbolt.Open: %v", err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if _, err := loadKey(db); err != nil {
		t.Fatalf("loadKey: %v", err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte("issuer/keys")).Put([]byte("signing"), []byte("damaged"))
	})
	if err != nil {
		t.Fatalf("damaging the key: %v", err)
	}
	if _, err := loadKey(db); err == nil {
		t.Errorf("loadKey made a new key in place of a damaged one: every token would die without a word")
	}
}

func FuzzNewTokenRequest(f *testing.F) {
	f.Add("sub=alice&scope=a+b&expires_in=60")
	f.Add("sub=%00")
	f.Add("sub=a&sub=b")
	f.Fuzz(func(t *testing.T, raw string) {
		query, err := url.ParseQuery(raw)
		if err != nil {
			return
		}
		request, err := newTokenRequest(query)
		if err != nil {
			if !utf8.ValidString(err.Error()) {
				t.Errorf("newTokenRequest(%q) fails with %q, which JSON cannot carry", raw, err)
			}
			return
		}
		if request.values["sub"] == "" || request.life < time.Second || request.life > maxLife {
			t.Errorf("newTokenRequest(%q) = %+v", raw, request)
		}
		for name, value := range request.values {
			if checkValue(value) != nil {
				t.Errorf("newTokenRequest(%q) let %s = %q through", raw, name, value)
			}
		}
	})
}
