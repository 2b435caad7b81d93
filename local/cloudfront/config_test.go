package cloudfront

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"

	"airlock/local/template"
)

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	origin := func(change func(*Origin)) func(*Config) {
		return func(c *Config) {
			o := c.Origins["bucket"]
			change(&o)
			c.Origins["bucket"] = o
		}
	}
	headers := func(p template.ResponseHeadersPolicy) func(*Config) {
		return func(c *Config) { c.Distribution.Default.ResponseHeaders = &p }
	}
	for name, test := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"no URL":             {func(c *Config) { c.URL = "" }, "URL"},
		"a URL with a path":  {func(c *Config) { c.URL = "http://127.0.0.1:9002/" }, "URL"},
		"a URL with a query": {func(c *Config) { c.URL = "http://127.0.0.1:9002?a" }, "URL"},
		"another scheme":     {func(c *Config) { c.URL = "ftp://127.0.0.1" }, "URL"},

		"an origin nobody knows":     {func(c *Config) { c.Distribution.Default.TargetOriginID = "web" }, `origin "web"`},
		"an origin without OAC":      {func(c *Config) { c.Distribution.Origins[0].OAC = false }, "origin access control"},
		"an origin without address":  {func(c *Config) { c.Origins = nil }, "nothing says where"},
		"an origin that is no URL":   {origin(func(o *Origin) { o.URL = "bucket" }), "not a bucket's"},
		"an origin with a query":     {origin(func(o *Origin) { o.URL += "?a=b" }), "not a bucket's"},
		"an origin without a region": {origin(func(o *Origin) { o.Region = "" }), "region"},
		"an origin without a secret": {origin(func(o *Origin) { o.Credentials.SecretAccessKey = "" }), "credentials"},

		"a method it cannot allow": {func(c *Config) { c.Distribution.Default.AllowedMethods = []string{"GET", "HEAD", "OPTIONS"} }, "OPTIONS"},
		"a group nobody knows":     {func(c *Config) { c.Distribution.Default.TrustedKeyGroups = []string{"missing"} }, `"missing"`},
		"five groups": {func(c *Config) {
			c.Distribution.Default.TrustedKeyGroups = strings.Split("group,others,group,others,group", ",")
		}, "5 key groups"},
		"a second default":    {func(c *Config) { c.Distribution.Behaviors = []template.Behavior{c.Distribution.Default} }, "path pattern"},
		"a root with a slash": {func(c *Config) { c.Distribution.DefaultRootObject = "/index.html" }, "slash"},

		"a bad key":             {func(c *Config) { c.KeyGroups["group"] = []PublicKey{{ID: "K"}} }, "public key K"},
		"a group without an id": {func(c *Config) { c.KeyGroups[""] = nil }, "no id"},

		"Via removed":            {headers(template.ResponseHeadersPolicy{Remove: []string{"via"}}), "cannot remove via"},
		"X-Amz-Cf-Pop removed":   {headers(template.ResponseHeadersPolicy{Remove: []string{"X-Amz-Cf-Pop"}}), "cannot remove X-Amz-Cf-Pop"},
		"a star inside a label":  {headers(template.ResponseHeadersPolicy{CORS: &template.ResponseCORS{AllowOrigins: []string{"https://exa*mple.org"}}}), "star"},
		"a star as the last one": {headers(template.ResponseHeadersPolicy{CORS: &template.ResponseCORS{AllowOrigins: []string{"example.*"}}}), "star"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := config(t)
			test.change(&c)
			if _, err := New(c); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("New = %v, want an error about %q", err, test.want)
			}
		})
	}
	if _, err := New(config(t)); err != nil {
		t.Errorf("New of the same without a change: %v", err)
	}
}

func TestPublicKeys(t *testing.T) {
	t.Parallel()
	encode := func(kind string, der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}) }
	// 1024 bits are enough to be refused; 3072 take seconds to make.
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	edwards, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(keyPairs()[ecdsaID])
	if err != nil {
		t.Fatal(err)
	}
	good := publicKey(t, rsaID)
	six := make([]PublicKey, 6)
	for i := range six {
		six[i] = PublicKey{ID: string(rune('A' + i)), PEM: good.PEM}
	}

	for name, test := range map[string]struct {
		keys []PublicKey
		want string
	}{
		"RSA with 1024 bits":  {[]PublicKey{{ID: "K", PEM: publicPEM(t, small.Public())}}, "1024 bits"},
		"ECDSA on P-384":      {[]PublicKey{{ID: "K", PEM: publicPEM(t, p384.Public())}}, "P-384"},
		"Ed25519":             {[]PublicKey{{ID: "K", PEM: publicPEM(t, edwards)}}, "neither"},
		"a private key":       {[]PublicKey{{ID: "K", PEM: encode("PRIVATE KEY", private)}}, "PUBLIC KEY"},
		"PKCS#1":              {[]PublicKey{{ID: "K", PEM: encode("RSA PUBLIC KEY", []byte{0})}}, "PUBLIC KEY"},
		"rubbish in PEM":      {[]PublicKey{{ID: "K", PEM: encode("PUBLIC KEY", []byte("hello"))}}, "public key K"},
		"no PEM":              {[]PublicKey{{ID: "K", PEM: []byte("hello")}}, "PUBLIC KEY"},
		"two PEM blocks":      {[]PublicKey{{ID: "K", PEM: append(append([]byte(nil), good.PEM...), good.PEM...)}}, "PUBLIC KEY"},
		"a key without an id": {[]PublicKey{{PEM: good.PEM}}, "empty or there twice"},
		"an id twice":         {[]PublicKey{good, good}, "empty or there twice"},
		"six keys":            {six, "6 keys"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := parseKeyGroup("group", test.keys); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("parseKeyGroup = %v, want an error about %q", err, test.want)
			}
		})
	}
	if group, err := parseKeyGroup("group", six[:5]); err != nil || len(group) != 5 {
		t.Errorf("parseKeyGroup of five keys: %d, %v", len(group), err)
	}
}
