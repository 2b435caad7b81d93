package upload

import (
	"fmt"
	"mime"
	"strings"

	"airlock/pkg/api"
)

// MediaTypes is a list of media types and ranges: "image/png", "image/*", "*/*".
type MediaTypes []string

// ParseMediaTypes checks a list from the environment. Parameters are refused:
// a type is matched by its name alone.
func ParseMediaTypes(list []string) (MediaTypes, error) {
	types := make(MediaTypes, len(list))
	for i, s := range list {
		main, sub, _ := strings.Cut(s, "/")
		if !isRangePart(main) || !isRangePart(sub) || (main == "*" && sub != "*") {
			return nil, fmt.Errorf("has %q, which is neither a media type nor a range such as image/*", s)
		}
		types[i] = strings.ToLower(s)
	}
	return types, nil
}

func isRangePart(s string) bool { return s == "*" || isToken(s) && !strings.Contains(s, "*") }

// maxContentTypeBytes is generous: the longest registered media types have 80.
const maxContentTypeBytes = 255

// check returns a content type S3 can be told to insist on, byte for byte.
func (m MediaTypes) check(contentType string) (string, error) {
	if !isContentType(contentType) {
		return "", api.Refuse(api.UnsupportedContentType, "contentType is a media type such as image/png, with parameters or without")
	}
	if !m.match(contentType) {
		return "", api.Refuse(api.UnsupportedContentType, "files of this contentType are not taken here")
	}
	return contentType, nil
}

// match compares the media type alone, without its parameters.
func (m MediaTypes) match(contentType string) bool {
	mediaType, _, _ := strings.Cut(contentType, ";")
	mediaType = strings.ToLower(strings.TrimRight(mediaType, " "))
	main, _, _ := strings.Cut(mediaType, "/")
	for _, t := range m {
		if t == "*/*" || t == mediaType || t == main+"/*" {
			return true
		}
	}
	return false
}

// isContentType accepts what travels in a header unchanged: printable ASCII, no
// space at either end and no two in a row, which signers and servers collapse
// each in their own way.
func isContentType(s string) bool {
	if len(s) > maxContentTypeBytes || strings.Contains(s, "  ") || s != strings.TrimSpace(s) {
		return false
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	mediaType, _, err := mime.ParseMediaType(s)
	if err != nil {
		return false
	}
	main, sub, ok := strings.Cut(mediaType, "/")
	// '*' is a token's character, but a file has a type, not a range of them;
	// browsers guess what "*/*" is, and may guess HTML.
	return ok && isToken(main) && isToken(sub) && !strings.Contains(mediaType, "*")
}

// isToken is RFC 9110's token.
func isToken(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c > '~' || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return s != ""
}
