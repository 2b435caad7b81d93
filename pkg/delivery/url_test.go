package delivery

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"flag"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"airlock/pkg/objectkey"
	"airlock/pkg/signingkey"
)

const (
	baseURL   = "https://d111111abcdef8.cloudfront.net"
	keyPairID = "K2JCJMDEHXQW5F"
)

var update = flag.Bool("update", false, "write the golden files")

func readKey(tb testing.TB, pemFile string) signingkey.Key {
	tb.Helper()
	pem, err := os.ReadFile(filepath.Join("..", "signingkey", "testdata", pemFile))
	if err != nil {
		tb.Fatal(err)
	}
	document, err := json.Marshal(map[string]string{"keyPairId": keyPairID, "privateKey": string(pem)})
	if err != nil {
		tb.Fatal(err)
	}
	key, err := signingkey.Parse(document)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

func parseObject(tb testing.TB, s string) objectkey.Key {
	tb.Helper()
	key, err := objectkey.Parse(s)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

func mustSign(tb testing.TB, c Config, key signingkey.Key, object string, t terms) string {
	tb.Helper()
	got, err := signURL(c, key, parseObject(tb, object), t)
	if err != nil {
		tb.Fatalf("signURL(%q, %+v) = %v", object, t, err)
	}
	return got
}

// makeTerms is terms in the words of a vector: 0 and "" are none.
func makeTerms(tb testing.TB, expires, notBefore int64, source string) terms {
	tb.Helper()
	t := terms{expires: time.Unix(expires, 0).UTC()}
	if notBefore != 0 {
		t.notBefore = time.Unix(notBefore, 0).UTC()
	}
	if source != "" {
		var err error
		if t.source, err = parseSource(source); err != nil {
			tb.Fatal(err)
		}
	}
	return t
}

// policy is a policy statement as CloudFront documents it.
type policy struct {
	Statement []statement
}

type statement struct {
	Resource  string
	Condition condition
}

type condition struct {
	DateLessThan    *epoch  `json:",omitempty"`
	DateGreaterThan *epoch  `json:",omitempty"`
	IpAddress       *source `json:",omitempty"`
}

type epoch struct {
	Time int64 `json:"AWS:EpochTime"`
}

type source struct {
	IP string `json:"AWS:SourceIp"`
}

// signed is a signed URL taken apart: as the edge does, by the documents alone.
type signed struct {
	resource  string // in front of the query
	query     url.Values
	policy    []byte // what was signed, decoded or rebuilt
	signature []byte
}

func takeApart(tb testing.TB, s string) signed {
	tb.Helper()
	resource, query, ok := strings.Cut(s, "?")
	values, err := url.ParseQuery(query)
	if !ok || err != nil {
		tb.Fatalf("%s is no URL with a query: %v", s, err)
	}
	out := signed{resource: resource, query: values, signature: decode(tb, values.Get("Signature"))}
	if values.Has("Policy") {
		out.policy = decode(tb, values.Get("Policy"))
	} else {
		out.policy = []byte(`{"Statement":[{"Resource":"` + resource + `","Condition":{"DateLessThan":{"AWS:EpochTime":` + values.Get("Expires") + `}}}]}`)
	}
	return out
}

func decode(tb testing.TB, s string) []byte {
	tb.Helper()
	out, err := base64.StdEncoding.DecodeString(strings.NewReplacer("-", "+", "_", "=", "~", "/").Replace(s))
	if err != nil {
		tb.Fatalf("%q is not CloudFront's base64: %v", s, err)
	}
	return out
}

// statements reads a policy, which may hold nothing but what is documented.
func statements(tb testing.TB, text []byte) []statement {
	tb.Helper()
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	var p policy
	if err := decoder.Decode(&p); err != nil || decoder.More() {
		tb.Fatalf("policy %s: %v", text, err)
	}
	return p.Statement
}

// verify checks the signature by Go's crypto alone.
func (s signed) verify(public crypto.PublicKey) bool {
	sum := sha1.Sum(s.policy)
	digest, hash := sum[:], crypto.SHA1
	if s.query.Get("Hash-Algorithm") == "SHA256" {
		sum := sha256.Sum256(s.policy)
		digest, hash = sum[:], crypto.SHA256
	}
	switch public := public.(type) {
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(public, hash, digest, s.signature) == nil
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(public, digest, s.signature)
	}
	return false
}

func TestSignURLGolden(t *testing.T) {
	t.Parallel()
	key := readKey(t, "rsa-pkcs1.pem")
	const object = "u/alice/mysubpath/hello world.txt"
	var b strings.Builder
	for _, hash := range []signingkey.Hash{signingkey.SHA256, signingkey.SHA1} {
		for _, terms := range []terms{
			makeTerms(t, 2_000_000_000, 0, ""),
			makeTerms(t, 2_000_000_000, 1_900_000_000, "203.0.113.0/24"),
		} {
			b.WriteString(mustSign(t, Config{BaseURL: baseURL, Hash: hash}, key, object, terms) + "\n")
		}
	}
	golden := filepath.Join("testdata", "signed-urls.golden")
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("signURL (-want +got):\n%s", diff)
	}
}

func TestSignURLPolicy(t *testing.T) {
	t.Parallel()
	key := readKey(t, "ec-sec1.pem")
	const path = "/mysubpath/hello.txt"
	end := &epoch{2_000_000_000}
	tests := []struct {
		name      string
		notBefore int64
		source    string
		hash      signingkey.Hash
		want      condition
		query     string // its names, in their order
	}{
		{"canned", 0, "", signingkey.SHA256, condition{DateLessThan: end}, "Expires Signature Key-Pair-Id Hash-Algorithm"},
		{"canned, SHA-1", 0, "", signingkey.SHA1, condition{DateLessThan: end}, "Expires Signature Key-Pair-Id"},
		{"start", 1, "", signingkey.SHA256, condition{DateLessThan: end, DateGreaterThan: &epoch{1}}, "Policy Signature Key-Pair-Id Hash-Algorithm"},
		{"source", 0, "203.0.113.0/24", signingkey.SHA1, condition{DateLessThan: end, IpAddress: &source{"203.0.113.0/24"}}, "Policy Signature Key-Pair-Id"},
		{"both", 1_900_000_000, "0.0.0.0/0", signingkey.SHA256, condition{end, &epoch{1_900_000_000}, &source{"0.0.0.0/0"}}, "Policy Signature Key-Pair-Id Hash-Algorithm"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			terms := makeTerms(t, end.Time, tt.notBefore, tt.source)
			got := mustSign(t, Config{BaseURL: baseURL, Hash: tt.hash}, key, path[1:], terms)
			parts := takeApart(t, got)
			if diff := cmp.Diff([]statement{{baseURL + path, tt.want}}, statements(t, parts.policy)); diff != "" {
				t.Errorf("policy of %s (-want +got):\n%s", got, diff)
			}
			var names []string
			for pair := range strings.SplitSeq(got[strings.IndexByte(got, '?')+1:], "&") {
				name, _, _ := strings.Cut(pair, "=")
				names = append(names, name)
			}
			if query := strings.Join(names, " "); query != tt.query || parts.query.Get("Key-Pair-Id") != keyPairID {
				t.Errorf("query of %s is %s, want %s and key pair %s", got, query, tt.query, keyPairID)
			}
			if bytes.ContainsAny(parts.policy, " \t\r\n") || !parts.verify(key.Public()) {
				t.Errorf("signURL(%+v) = %s, which does not verify, or has white space in its policy", terms, got)
			}
		})
	}
}

func TestSignURLTooLong(t *testing.T) {
	t.Parallel()
	key := readKey(t, "rsa-pkcs1.pem")
	object := strings.Repeat("é", objectkey.MaxBytes/2) // three times as long in a URL
	custom := makeTerms(t, 2_000_000_000, 1_900_000_000, "203.0.113.0/24")
	fits := Config{BaseURL: baseURL}
	if got := mustSign(t, fits, key, object, custom); len(got) > maxURLBytes {
		t.Errorf("URL of the longest key has %d bytes, want at most %d", len(got), maxURLBytes)
	}
	// Canned URLs grow by a byte with each of the host's.
	canned := makeTerms(t, 2_000_000_000, 0, "")
	spare := maxURLBytes - len(mustSign(t, fits, key, object, canned))
	longest := Config{BaseURL: baseURL + strings.Repeat("x", spare)}
	if got := mustSign(t, longest, key, object, canned); len(got) != maxURLBytes {
		t.Errorf("URL has %d bytes, want %d", len(got), maxURLBytes)
	}
	const want = "invalid_object_key: the URL of a key would be longer than the 8192 bytes CloudFront takes"
	for name, tt := range map[string]struct {
		config Config
		terms  terms
	}{
		"canned": {Config{BaseURL: longest.BaseURL + "x"}, canned},
		"custom": {Config{BaseURL: baseURL + strings.Repeat("x", 220)}, custom},
	} {
		if got, err := signURL(tt.config, key, parseObject(t, object), tt.terms); err == nil || err.Error() != want || got != "" {
			t.Errorf("signURL of an overlong %s URL = %d bytes, %v; want error %q", name, len(got), err, want)
		}
	}
	if _, err := signURL(fits, signingkey.Key{}, parseObject(t, object), canned); err == nil {
		t.Error("signURL with the zero Key = nil, want an error")
	}
}

// Whatever a key is called, its policy is for that one object.
func FuzzSignURL(f *testing.F) {
	for _, s := range []string{
		"a", "*", "?", `"`, `\`, `","Condition":{}}]}`, "%2A", "%", "é日本🎈", "u/*/x", "a?Expires=1&Signature=x", "a#b", "a b+c&d=e",
		"//", "../..", "<>&\u2028", "\x00\n\r", "'();:@,$[]{}|^`~!",
	} {
		f.Add(s, int64(2_000_000_000), int64(0), uint32(0), 33)
		f.Add(s, int64(2_000_000_000), int64(1_900_000_000), uint32(0xcb007100), 24)
	}
	key := readKey(f, "ec-sec1.pem")
	f.Fuzz(func(t *testing.T, s string, expires, notBefore int64, address uint32, bits int) {
		object, err := objectkey.Parse(s)
		if err != nil || expires < 1 || notBefore < 0 || notBefore >= expires {
			return
		}
		terms := makeTerms(t, expires, notBefore, "")
		want := condition{DateLessThan: &epoch{expires}}
		if notBefore > 0 {
			want.DateGreaterThan = &epoch{notBefore}
		}
		if bits >= 0 && bits <= 32 {
			addr := netip.AddrFrom4([4]byte{byte(address >> 24), byte(address >> 16), byte(address >> 8), byte(address)})
			terms.source = netip.PrefixFrom(addr, bits).Masked()
			want.IpAddress = &source{terms.source.String()}
		}
		got, err := signURL(Config{BaseURL: baseURL}, key, object, terms)
		if err != nil {
			t.Fatalf("signURL(%q, %+v) = %v", s, terms, err)
		}
		parts := takeApart(t, got)
		if diff := cmp.Diff([]statement{{parts.resource, want}}, statements(t, parts.policy)); diff != "" {
			t.Errorf("policy of %s (-want +got):\n%s", got, diff)
		}
		if strings.ContainsAny(parts.resource, `*?"\#&`) || !parts.verify(key.Public()) {
			t.Errorf("signURL(%q) = %s, which holds a wildcard or does not verify", s, got)
		}
		// The key is what the viewer's path says, and S3 gets.
		path, err := url.PathUnescape(strings.TrimPrefix(parts.resource, baseURL+"/"))
		if err != nil || path != s {
			t.Errorf("signURL(%q) = %s, which is for %q, %v", s, got, path, err)
		}
	})
}
