package cloudfront

import (
	"encoding/json"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"
)

// TestVectors verifies URLs that other implementations signed, once: botocore
// 1.43 (RSA with SHA-1 is all it does), OpenSSL 3 (policies written by hand,
// the custom ones with white space and a final newline) and
// @aws-sdk/cloudfront-signer 3.1166. Their private keys are gone.
func TestVectors(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Expires int64
		Keys    map[string]string
		Vectors []struct{ Maker, Name, URL string }
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	const base = "https://d111111abcdef8.cloudfront.net"
	c := config(t)
	c.URL = base
	c.KeyGroups["group"] = nil
	for id, pem := range file.Keys {
		c.KeyGroups["group"] = append(c.KeyGroups["group"], PublicKey{ID: id, PEM: []byte(pem)})
	}
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}

	viewer := netip.MustParseAddr("192.0.2.7")
	expires := time.Unix(file.Expires, 0)
	for _, v := range file.Vectors {
		t.Run(v.Maker+" "+v.Name, func(t *testing.T) {
			t.Parallel()
			uri := strings.TrimPrefix(v.URL, base)
			for name, test := range map[string]struct {
				uri  string
				now  time.Time
				want refusal
			}{
				"as signed":      {uri, expires.Add(-time.Nanosecond), admitted},
				"expired":        {uri, expires, accessDenied},
				"another path":   {"/x" + uri, expires.Add(-time.Hour), accessDenied},
				"another hash":   {toggleHash(uri), expires.Add(-time.Hour), accessDenied},
				"another bit":    {strings.Replace(uri, "Signature=", "Signature=AAAA", 1), expires.Add(-time.Hour), accessDenied},
				"another key id": {strings.Replace(uri, "Key-Pair-Id=K", "Key-Pair-Id=J", 1), expires.Add(-time.Hour), unknownKey},
			} {
				target, err := parseTarget(test.uri)
				if err != nil {
					t.Fatal(err)
				}
				if got := s.verify(target, []string{"group"}, viewer, test.now); got != test.want {
					t.Errorf("%s: verify = %v, want %v", name, got.answer(), test.want.answer())
				}
			}
		})
	}
}

func toggleHash(uri string) string {
	const parameter = "&Hash-Algorithm=SHA256"
	if strings.Contains(uri, parameter) {
		return strings.Replace(uri, parameter, "", 1)
	}
	return uri + parameter
}
