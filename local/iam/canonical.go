package iam

import (
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
)

// canonicalRequest is the text under a signature ("Create a canonical
// request"), and false where the request can't be what was signed: a signed
// header is missing, or the query can't be read.
func canonicalRequest(r *http.Request, signedHeaders []string, payloadHash string) (string, bool) {
	query, ok := canonicalQuery(r.URL.RawQuery)
	if !ok {
		return "", false
	}
	lines := []string{r.Method, canonicalURI(r.URL), query}
	for _, name := range signedHeaders {
		value, ok := canonicalHeader(r, name)
		if !ok {
			return "", false
		}
		lines = append(lines, name+":"+value)
	}
	return strings.Join(append(lines, "", strings.Join(signedHeaders, ";"), payloadHash), "\n"), true
}

// canonicalURI escapes the escaped path once more, after taking dot segments
// and doubled slashes out: every service but S3 wants that.
func canonicalURI(u *url.URL) string {
	escaped := u.EscapedPath()
	if escaped == "" {
		return "/"
	}
	clean := path.Clean("/" + escaped)
	if clean != "/" && strings.HasSuffix(escaped, "/") {
		clean += "/"
	}
	return escape(clean, "/")
}

func canonicalQuery(raw string) (string, bool) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return "", false
	}
	var pairs []string
	for name, list := range values {
		for _, value := range list {
			pairs = append(pairs, escape(name, "")+"="+escape(value, ""))
		}
	}
	// '=' sorts before none of the unreserved characters that could continue a
	// name only if those are compared first, so sort by name, then by value.
	slices.SortFunc(pairs, func(a, b string) int {
		aName, aValue, _ := strings.Cut(a, "=")
		bName, bValue, _ := strings.Cut(b, "=")
		if c := strings.Compare(aName, bName); c != 0 {
			return c
		}
		return strings.Compare(aValue, bValue)
	})
	return strings.Join(pairs, "&"), true
}

func canonicalHeader(r *http.Request, name string) (string, bool) {
	switch values := r.Header.Values(name); {
	case name != strings.ToLower(name):
		return "", false
	case name == "host" && r.Host != "":
		return r.Host, true
	case name == "host":
		return r.URL.Host, true // a client's request, handed over without a socket
	case len(values) > 0:
		trimmed := make([]string, len(values))
		for i, value := range values {
			trimmed[i] = strings.Join(strings.FieldsFunc(value, func(c rune) bool { return c == ' ' || c == '\t' }), " ")
		}
		return strings.Join(trimmed, ","), true
	case name == "content-length":
		return strconv.FormatInt(r.ContentLength, 10), true
	default:
		return "", false
	}
}

const upperHex = "0123456789ABCDEF"

// escape leaves RFC 3986's unreserved characters and those of also alone.
func escape(s, also string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' ||
			strings.IndexByte("-_.~", c) >= 0 || strings.IndexByte(also, c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.Write([]byte{'%', upperHex[c>>4], upperHex[c&15]})
	}
	return b.String()
}
