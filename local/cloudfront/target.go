package cloudfront

import (
	"errors"
	"net/url"
	"strings"
)

// maxURLBytes is the longest URL CloudFront takes, scheme and host included
// ("Quotas").
const maxURLBytes = 8192

// The query parameters that CloudFront keeps for itself. Their names are case
// sensitive.
const (
	paramExpires   = "Expires"
	paramPolicy    = "Policy"
	paramSignature = "Signature"
	paramKeyPairID = "Key-Pair-Id"
	paramHash      = "Hash-Algorithm"
)

// target is a request target in origin form, split but never decoded: a
// signature covers the bytes on the wire.
type target struct {
	path string // begins with /
	rest string // the query without the reserved parameters, in order

	reserved   map[string]string // the reserved parameters
	duplicated string            // the name of one that came twice, or ""
}

// parseTarget splits the target of a request. What RFC 3986 does not let stand
// unencoded in a path or a query is an error: CloudFront asks for encoded URLs
// ("Customize the URL format for files in CloudFront"), and a quotation mark
// could otherwise end the Resource of a rebuilt policy.
func parseTarget(uri string) (target, error) {
	var t target
	path, query, _ := strings.Cut(uri, "?")
	t.path = path // for the log, also where the next line refuses it
	if !strings.HasPrefix(path, "/") || !encoded(path, false) || !encoded(query, true) {
		return t, errors.New("cloudfront: the request target is not an encoded path and query")
	}

	var rest []string
	for piece := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(piece, "=")
		switch name {
		case paramExpires, paramPolicy, paramSignature, paramKeyPairID, paramHash:
			if t.reserved == nil {
				t.reserved = make(map[string]string, 5)
			}
			if _, twice := t.reserved[name]; twice {
				t.duplicated = name
			}
			t.reserved[name] = value
		default:
			rest = append(rest, piece)
		}
	}
	t.rest = strings.Join(rest, "&")
	return t, nil
}

// resource is the URL that a policy names for this target: without the
// reserved parameters, and without a question mark that nothing follows.
func (t target) resource(base string) string {
	if t.rest == "" {
		return base + t.path
	}
	return base + t.path + "?" + t.rest
}

// objectKey is the key that S3 reads out of the path. ok is false where a
// segment is empty, "." or "..": S3 takes those literally, a gateway that
// keeps objects as files would walk them, and a signature for one path must
// never serve another. The segment after a last slash may be empty.
func (t target) objectKey() (key string, ok bool) {
	key, err := url.PathUnescape(t.path[1:])
	if err != nil {
		return "", false
	}
	segments := strings.Split(key, "/")
	for i, s := range segments {
		if s == "." || s == ".." || s == "" && i < len(segments)-1 {
			return "", false
		}
	}
	return key, true
}

// encoded reports whether s is made of what RFC 3986 allows in a path or, with
// query, in a query.
func encoded(s string, query bool) bool {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case unreserved(c) || strings.IndexByte("!$&'()*+,;=:@/", c) >= 0:
		case c == '?' && query:
		case c == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			i += 2
		default:
			return false
		}
	}
	return true
}

// normalizePath writes an encoded path the way RFC 3986, section 6.2.2, asks:
// upper-case escapes, none for unreserved characters, no dot segments; and with
// runs of slashes made one, as people have seen it. CloudFront chooses the
// behavior by it and sends the path as it came to the origin ("Cache behavior
// settings", path pattern).
func normalizePath(path string) string {
	var b strings.Builder
	for i := 0; i < len(path); i++ {
		if path[i] != '%' {
			b.WriteByte(path[i])
			continue
		}
		if c := unhex(path[i+1])<<4 | unhex(path[i+2]); unreserved(c) {
			b.WriteByte(c)
		} else {
			writeEscape(&b, c)
		}
		i += 2
	}
	return removeDotSegments(b.String())
}

func removeDotSegments(path string) string {
	segments := strings.Split(path[1:], "/")
	out := make([]string, 0, len(segments))
	for i, s := range segments {
		if s == ".." && len(out) > 0 {
			out = out[:len(out)-1]
		}
		if s == "." || s == ".." {
			s = ""
		}
		// An empty segment at the end is a trailing slash.
		if last := i == len(segments)-1; s != "" || last {
			out = append(out, s)
		}
	}
	return "/" + strings.Join(out, "/")
}

// escapeKey writes an object key into a URL path as Signature Version 4 wants
// it for S3: everything but unreserved characters and slashes escaped.
func escapeKey(key string) string {
	var b strings.Builder
	for i := 0; i < len(key); i++ {
		if c := key[i]; unreserved(c) || c == '/' {
			b.WriteByte(c)
		} else {
			writeEscape(&b, c)
		}
	}
	return b.String()
}

func writeEscape(b *strings.Builder, c byte) {
	const digits = "0123456789ABCDEF"
	b.WriteByte('%')
	b.WriteByte(digits[c>>4])
	b.WriteByte(digits[c&15])
}

func unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '-' || c == '.' || c == '_' || c == '~'
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func unhex(c byte) byte {
	switch {
	case c >= 'a':
		return c - 'a' + 10
	case c >= 'A':
		return c - 'A' + 10
	default:
		return c - '0'
	}
}
