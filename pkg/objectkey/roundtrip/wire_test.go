package roundtrip

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// What AWS does to keys, written down from its documents and not with net/url,
// so that the product's reading and this one can disagree.

const hexDigits = "0123456789ABCDEF"

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// kept is a set of bytes that an encoding leaves as they are.
type kept [256]bool

func keep(more string) *kept {
	var k kept
	for c := range k {
		k[c] = isAlphanumeric(byte(c)) || strings.IndexByte(more, byte(c)) >= 0
	}
	return &k
}

var (
	// A form's encoding with the slashes left, and one that escapes all it may.
	keptInEvents, keptInForms = keep("-_.*/ "), keep("")
	// RFC 3986's unreserved characters and slashes, and all but what would end
	// the path or be read as an escape: how a careless client spells it.
	keptInPaths, keptIfCareless = keep("-_.~/"), keep(`!"$&'()*,-./:;<=>@[\]^_{|}~` + "`")
)

// escape writes every byte as %HH that is not kept.
func escape(s string, keep *kept) string {
	b := make([]byte, 0, 3*len(s))
	for i := range len(s) {
		if c := s[i]; keep[c] {
			b = append(b, c)
		} else {
			b = append(b, '%', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return string(b)
}

// s3Path is the key S3 finds in the path of a URL: %HH is a byte, and a bare +
// a space, as it is to S3 even outside of a query.
func s3Path(path string) (string, error) {
	key := make([]byte, 0, len(path))
	for i := 0; i < len(path); i++ {
		switch c := path[i]; {
		case c == '%':
			if i+2 >= len(path) {
				return "", fmt.Errorf("an escape is cut off at %d", i)
			}
			hi, lo := strings.IndexByte(hexDigits, path[i+1]), strings.IndexByte(hexDigits, path[i+2])
			if hi < 0 || lo < 0 {
				return "", fmt.Errorf("no escape at %d", i)
			}
			key = append(key, byte(hi<<4|lo))
			i += 2
		case c == '+':
			key = append(key, ' ')
		case c <= ' ' || c >= 0x7f:
			return "", fmt.Errorf("byte %#x stands bare at %d", c, i)
		default:
			key = append(key, c)
		}
	}
	return string(key), nil
}

// eventKeys are a key in two spellings S3's notifications may have: its own
// ("Event message structure", Amazon S3 User Guide), and one with all escaped.
func eventKeys(key string) [2]string {
	return [2]string{strings.ReplaceAll(escape(key, keptInEvents), " ", "+"), escape(key, keptInForms)}
}

// requestURLs are the addresses at which clients ask the CDN for a key.
func requestURLs(key string) [2]string {
	return [2]string{cdnURL + "/" + escape(key, keptInPaths), cdnURL + "/" + escape(key, keptIfCareless)}
}

// covering says which URLs a policy's Resource covers. Without a wildcard that is
// the one URL: the same as matches says, in a tenth of the time.
func covering(resource string) func(url string) bool {
	if strings.ContainsAny(resource, "*?") {
		return func(url string) bool { return matches(resource, url) }
	}
	return func(url string) bool { return resource == url }
}

// matches says whether a policy's Resource covers a URL: * is any run of
// characters, ? exactly one, and \? a question mark ("Values that you specify in
// the policy statement for a signed URL that uses a custom policy", Amazon
// CloudFront Developer Guide).
func matches(resource, url string) bool {
	r, u := 0, 0
	star, retry := -1, 0 // after the last *, and where its run ends for now
	for {
		switch {
		case r == len(resource) && u == len(url):
			return true
		case r < len(resource) && resource[r] == '*':
			r++
			star, retry = r, u
			continue
		case u < len(url) && strings.HasPrefix(resource[r:], `\?`) && url[u] == '?':
			r, u = r+2, u+1
			continue
		case u < len(url) && r < len(resource) && !strings.HasPrefix(resource[r:], `\?`) && (resource[r] == '?' || resource[r] == url[u]):
			r, u = r+1, u+1
			continue
		}
		if star < 0 || retry == len(url) {
			return false
		}
		retry++
		r, u = star, retry
	}
}

// pieces is what keys are made of: first what some reader on the way takes for
// something else, then the harmless.
var pieces = []string{
	"*", "?", "%", "+", "#", "&", "=", `"`, " ", "'", ".", "..", "~", ";", ":", "@", "$", ",", "!", "(", "[", "{", "|", "^", "`", "<",
	"%2F", "%2e", "%00", "%41", "%zz", "%25", "&amp;", "  ", "a+b", "é", "e\u0301", "ß", "日本", "\u00a0", "\U0001F600", "İ",
	"a", "B", "0", "-", "_", "x.txt", "K",
}

// forbidden are pieces that no user's name may have, and an operator's key may.
var forbidden = []string{`\`, `\?`, "\n", "\x00", "\x7f", "\u202e", "\u2028", "\ufffe", "//", "/./", "/../"}

// text is a text of exactly n bytes.
func text(random *rand.Rand, n int, from ...[]string) string {
	var b strings.Builder
	for b.Len() < n {
		alphabet := from[random.IntN(len(from))]
		piece := alphabet[random.IntN(len(alphabet))]
		if b.Len()+len(piece) > n {
			piece = pieces[random.IntN(10)] // one byte each
		}
		b.WriteString(piece)
	}
	return b.String()
}

// length is of any size, mostly small.
func length(random *rand.Rand, most int) int {
	if random.IntN(4) > 0 {
		most = 64
	}
	return 1 + random.IntN(most)
}

// userPath is a folder of zero or more segments, and a name, n bytes together.
func userPath(random *rand.Rand, n int) (folder, name string) {
	var segments []string
	for n > 0 {
		length := 1 + random.IntN(min(n, 255))
		if n-length == 1 { // there would be a slash and nothing behind it
			if length < 255 {
				length++
			} else {
				length--
			}
		}
		segment := text(random, length, pieces)
		if segment == "." || segment == ".." {
			segment = strings.Repeat("*", length)
		}
		segments = append(segments, segment)
		n -= length + 1
	}
	last := len(segments) - 1
	return strings.Join(segments[:last], "/"), segments[last]
}

// mutations are keys that a policy for key would also open if some reader took
// one of its characters for more than it is: a few of them, at random.
func mutations(random *rand.Rand, key string) []string {
	at := random.IntN(len(key))
	for !utf8.RuneStart(key[at]) {
		at--
	}
	all := []string{
		strings.Replace(key, "*", "", 1), strings.Replace(key, "*", "x", 1), strings.Replace(key, "*", "any/run", 1),
		strings.Replace(key, "?", "x", 1), strings.Replace(key, "?", "*", 1), strings.Replace(key, `\?`, "?", 1),
		strings.Replace(key, "+", " ", 1), strings.Replace(key, " ", "+", 1),
		strings.Replace(key, "%41", "A", 1), strings.Replace(key, "%2e", ".", 1), strings.Replace(key, "%2F", "/", 1), strings.Replace(key, "%", "%25", 1),
		beforeFirst(key, "?"), beforeFirst(key, "#"), beforeFirst(key, "&"), beforeFirst(key, `"`), beforeFirst(key, "\x00"),
		key[:at], key[:at] + "*" + key[at:], key[:at] + "x" + key[at:], key + "x", key + "/", key + "/x", "x" + key,
		strings.ToLower(key), strings.ToUpper(key),
	}
	all = slices.DeleteFunc(all, func(other string) bool { return other == "" || other == key })
	first := random.IntN(len(all))
	return all[first:min(first+2, len(all))]
}

func beforeFirst(s, what string) string {
	before, _, _ := strings.Cut(s, what)
	return before
}

func TestMatches(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		resource, url string
		want          bool
	}{
		{"a", "a", true},
		{"a", "ab", false},
		{"a*", "a", true},
		{"a*c*", "abcbcd", true},
		{"a*c", "abcb", false},
		{"a?", "ab", true},
		{"a?", "a", false},
		{"a?", "abc", false},
		{`a\?b`, "a?b", true},
		{`a\?b`, "axb", false},
		{`*\?`, "ab?", true},
	} {
		t.Run(tt.resource+" "+tt.url, func(t *testing.T) {
			t.Parallel()
			if got := matches(tt.resource, tt.url); got != tt.want {
				t.Errorf("matches(%q, %q) = %v, want %v", tt.resource, tt.url, got, tt.want)
			}
		})
	}
}
