package objectkey

import "errors"

// ErrNoOwner is returned by [New] for a caller without a subject.
var ErrNoOwner = errors.New("an object needs an owner")

// appendOwner writes a token's subject as one path segment. Every byte outside
// [A-Za-z0-9_-] becomes .HH, so a subject can hold neither a slash nor a dot
// segment, and two subjects never share a space: "auth0|7" is "auth0.7C7".
func appendOwner(b []byte, subject string) []byte {
	for i := range len(subject) {
		if c := subject[i]; isPlain(c) {
			b = append(b, c)
		} else {
			b = append(b, '.', upperHex[c>>4], upperHex[c&15])
		}
	}
	return b
}

// isOwner says whether appendOwner could have written s.
func isOwner(s string) bool {
	for i := 0; i < len(s); i++ {
		if isPlain(s[i]) {
			continue
		}
		if s[i] != '.' || i+2 >= len(s) {
			return false
		}
		hi, lo := fromHex(s[i+1]), fromHex(s[i+2])
		if hi < 0 || lo < 0 || isPlain(byte(hi<<4|lo)) { //nolint:gosec // two digits, one byte
			return false
		}
		i += 2
	}
	return s != ""
}

func isPlain(c byte) bool { return isAlphanumeric(c) || c == '_' || c == '-' }

// fromHex is -1 for anything but an upper-case hexadecimal digit.
func fromHex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
