package stack_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// kind is what was found where it must not stand.
type kind string

const (
	signingKey   kind = "part of the signing key"
	secretKey    kind = "a secret access key"
	token        kind = "a token"
	privateForm  kind = "what looks like a private key or a token"
	sessionToken kind = "a session token"
	signature    kind = "a signature"
)

const windowSize = 16

// finder finds secrets in texts, and pieces of them. Its zero value knows those
// that have a form of their own.
type finder struct {
	needles map[[windowSize]byte][]needle // by their beginning
}

type needle struct {
	kind kind
	text string
}

// forms are recognised without knowing the secret. A token begins with the
// base64 of {"alg":, {"typ": or {"kid":; of {" alone random ids begin, too. What
// makes a signature is harmless without the signature.
var forms = []struct {
	kind kind
	form *regexp.Regexp
}{
	{privateForm, regexp.MustCompile(`-----BEGIN|eyJ(?:hbGciOi|0eXAiOi|raWQiOi)|Bearer [A-Za-z0-9._-]{16,}|"?(privateKey|secretAccessKey|sessionToken)\\?"?:`)},
	{sessionToken, regexp.MustCompile(`(?i)X-Amz-Security-Token(=|%3D|: )`)},
	{signature, regexp.MustCompile(`Signature(=|%3D)`)},
}

// find is every kind that text holds, with the place of the first.
func (f finder) find(text string) map[kind]int {
	found := map[kind]int{}
	add := func(k kind, at int) {
		if first, ok := found[k]; !ok || at < first {
			found[k] = at
		}
	}
	for i := 0; i+windowSize <= len(text); i++ {
		for _, n := range f.needles[[windowSize]byte([]byte(text[i:i+windowSize]))] {
			if strings.HasPrefix(text[i:], n.text) {
				add(n.kind, i)
			}
		}
	}
	for _, form := range forms {
		if at := form.form.FindStringIndex(text); at != nil {
			add(form.kind, at[0])
		}
	}
	return found
}

// know adds a text to look for: all of it, which is at least a window.
func (f *finder) know(k kind, text string) {
	if f.needles == nil {
		f.needles = map[[windowSize]byte][]needle{}
	}
	start := [windowSize]byte([]byte(text[:windowSize]))
	for _, n := range f.needles[start] {
		if n == (needle{k, text}) {
			return
		}
	}
	f.needles[start] = append(f.needles[start], needle{k, text})
}

// knowText adds every window of a text that is itself the secret.
func (f *finder) knowText(k kind, text string) {
	for i := 0; i+windowSize <= len(text); i++ {
		f.know(k, text[i:i+windowSize])
	}
}

// knowBytes adds every window of a secret, in each way somebody could write it.
func (f *finder) knowBytes(k kind, secret []byte) {
	for i := 0; i+windowSize <= len(secret); i++ {
		window := secret[i : i+windowSize]
		f.know(k, string(window))
		f.know(k, hex.EncodeToString(window))
		f.know(k, strings.ToUpper(hex.EncodeToString(window)))
		f.know(k, strings.Trim(fmt.Sprint(window), "[]"))
		for before := range 3 {
			// The letters that the window alone decides, wherever base64's groups of
			// three bytes begin.
			padded := append(make([]byte, before), window...)
			first, end := (8*before+5)/6, 8*len(padded)/6
			f.know(k, base64.RawStdEncoding.EncodeToString(padded)[first:end])
			f.know(k, base64.RawURLEncoding.EncodeToString(padded)[first:end])
		}
	}
}

// TestFinder plants every kind of secret in every form, so that a finder that
// finds nothing is noticed.
func TestFinder(t *testing.T) {
	der := make([]byte, 121)
	for i := range der {
		der[i] = byte(i*i*7 + 250)
	}
	const secret, session, jwt = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "IQoJb3JpZ2luX2VjEA/+token==", "header.payload-of-a-token.signature"
	var f finder
	f.knowBytes(signingKey, der)
	f.knowText(secretKey, secret)
	f.knowText(sessionToken, session)
	f.knowText(token, jwt)
	f.know(signature, "0123456789abcdef0123456789abcdef")
	type planted struct {
		about, text string
		want        kind
	}
	plants := []planted{
		{"PEM", "-----BEGIN EC PRIVATE KEY-----", privateForm},
		{"JWT", "token eyJhbGciOiJSUzI1NiJ9", privateForm},
		{"JWT, its type first", "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9", privateForm},
		{"JWT, its key first", "eyJraWQiOiIxIiwiYWxnIjoiUlMyNTYifQ", privateForm},
		{"Authorization", "Bearer 0123456789abcdef", privateForm},
		{"the secret's document", `{"keyPairId":"K","privateKey":""}`, privateForm},
		{"the secret's document in a log line", `{"line":"{\"privateKey\":\"\"}"}`, privateForm},
		{"presigned", "?X-Amz-Signature=ab", signature},
		{"signed", "&Signature=ab", signature},
		{"escaped", "%26Signature%3Dab", signature},
		{"its session token", "&X-Amz-Security-Token=ab", sessionToken},
		{"a session token as a header", "x-amz-security-token: ab", sessionToken},
		{"a known signature", "it was 0123456789abcdef0123456789abcdef", signature},
		{"a session token", "it was " + session, sessionToken},
		{"the middle of a session token", session[5:21], sessionToken},
		{"a secret access key", "it was " + secret, secretKey},
		{"the end of a secret access key", secret[len(secret)-16:], secretKey},
		{"a token", jwt[3:], token},
	}
	for from := range 4 {
		piece := der[40+from:]
		for about, text := range map[string]string{
			"raw": string(piece), "hex": fmt.Sprintf("%x", piece), "HEX": fmt.Sprintf("%X", piece), "decimal": fmt.Sprint(piece),
			"a window": string(piece[:windowSize]), "a window in hex": fmt.Sprintf("%x", piece[:windowSize]),
			"a window in decimal": fmt.Sprint(piece[:windowSize]),
			"base64":              base64.StdEncoding.EncodeToString(piece), "base64url": base64.RawURLEncoding.EncodeToString(piece),
			"a window in base64": base64.RawStdEncoding.EncodeToString(piece[:windowSize]),
		} {
			plants = append(plants, planted{fmt.Sprintf("%s from %d on", about, from), text, signingKey})
		}
	}
	for _, p := range plants {
		if found := f.find(" before " + p.text + " after"); len(found) != 1 || !has(found, p.want) {
			t.Errorf("find in %s (%q) = %v, want %s alone", p.about, p.text, found, p.want)
		}
	}
	for _, harmless := range []string{
		"", "0123456789abcde", string(der[:windowSize-1]), secret[:windowSize-1], "0123456789abcdef0123456789abcdee",
		`Bearer scope="" error="invalid_token"`, "SignatureDoesNotMatch", "Missing Key-Pair-Id query parameter",
	} {
		if found := f.find(harmless); len(found) != 0 {
			t.Errorf("find in %q = %v, want nothing", harmless, found)
		}
	}
}

func has(found map[kind]int, k kind) bool {
	_, ok := found[k]
	return ok
}
