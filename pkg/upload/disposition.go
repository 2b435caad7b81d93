package upload

import "strings"

// disposition writes the Content-Disposition the object is stored with (RFC
// 6266): how a browser is to treat it, and the name a downloader sees. The plain
// form is for old clients and holds ASCII only; filename* is exact.
func disposition(inline bool, name string) string {
	b := make([]byte, 0, 48+4*len(name))
	if inline {
		b = append(b, "inline"...)
	} else {
		b = append(b, "attachment"...)
	}
	b = append(b, `; filename="`...)
	b = appendFallback(b, name)
	b = append(b, `"; filename*=UTF-8''`...)
	return string(appendExtValue(b, name))
}

// appendFallback replaces what old clients misread: bytes outside ASCII, the
// quote that would end the string, and % which some decode. S3 signs runs of
// spaces as one, so only one is sent.
func appendFallback(b []byte, name string) []byte {
	space := false
	for _, r := range name {
		if r == ' ' {
			if !space {
				b = append(b, ' ')
			}
			space = true
			continue
		}
		space = false
		if r < ' ' || r > '~' || r == '"' || r == '%' {
			r = '_'
		}
		b = append(b, byte(r))
	}
	return b
}

// appendExtValue percent-encodes all but attr-char (RFC 8187, section 3.2.1).
func appendExtValue(b []byte, name string) []byte {
	const hex = "0123456789ABCDEF"
	for i := range len(name) {
		c := name[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("!#$&+-.^_`|~", c) >= 0 {
			b = append(b, c)
		} else {
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return b
}
