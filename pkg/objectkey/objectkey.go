// Package objectkey is the one place that knows how an object is named: whose
// it is, what a downloader calls it, and how the name travels in JSON, in the
// catalog and in a URL.
//
//	u/<owner>/<folder>/<name>    an object of a user
//	anything else                an object of no user, put there by an operator
//
// A [Key] is always a key S3 accepts; only [New] makes keys that also hold to
// the rules for users' names. Nothing outside this package is trusted: every
// function checks what it is given, and no error repeats it.
//
// Limits: a key has at most 1,024 bytes of UTF-8 ("Naming Amazon S3 objects",
// Amazon S3 User Guide), a segment at most 255, what file systems allow.
package objectkey

import (
	"encoding/base64"
	"errors"
	"strings"
	"unicode/utf8"
)

// MaxBytes is the longest key S3 takes.
const MaxBytes = 1024

const (
	userPrefix  = "u/"
	sharedSpace = "shared"
)

// ErrInvalidKey is returned for a string that cannot be an S3 object key, or
// for an id that names none.
var ErrInvalidKey = errors.New("an object key is 1 to 1,024 bytes of UTF-8")

// ErrTooLong is returned by [New] when owner, folder and name together exceed
// [MaxBytes].
var ErrTooLong = errors.New("owner, folder and name together exceed 1,024 bytes")

// Key is the key of an object. The zero Key names nothing; keys compare with ==.
type Key struct{ s string }

// Parse takes any key S3 could hold, users' or not. The error is [ErrInvalidKey].
func Parse(s string) (Key, error) {
	if s == "" || len(s) > MaxBytes || !utf8.ValidString(s) {
		return Key{}, ErrInvalidKey
	}
	return Key{s}, nil
}

// New builds the key of a user's object. owner is the subject of the user's
// token, taken as it is; folder is zero or more segments joined by slashes.
// Errors: [*SegmentError] for the folder or the name, [ErrTooLong], or
// [ErrNoOwner].
func New(owner, folder, name string) (Key, error) {
	if owner == "" {
		return Key{}, ErrNoOwner
	}
	if err := checkSegment(partName, name); err != nil {
		return Key{}, err
	}
	k := append(appendOwner([]byte(userPrefix), owner), '/')
	if folder != "" {
		for segment := range strings.SplitSeq(folder, "/") {
			if err := checkSegment(partFolder, segment); err != nil {
				return Key{}, err
			}
		}
		k = append(append(k, folder...), '/')
	}
	k = append(k, name...)
	if len(k) > MaxBytes {
		return Key{}, ErrTooLong
	}
	return Key{string(k)}, nil
}

// String returns the key as S3 knows it.
func (k Key) String() string { return k.s }

// OwnedBy says whether the object lies in the space of the user with that
// token subject. The empty subject owns nothing, and nobody owns a key with dot
// segments, which [New] never makes: whoever resolved those of
// "u/alice/../bob/x" would be led to bob's file.
func (k Key) OwnedBy(subject string) bool {
	if subject == "" {
		return false
	}
	var buf [128]byte
	space := append(appendOwner(append(buf[:0], userPrefix...), subject), '/')
	if len(k.s) <= len(space) || k.s[:len(space)] != string(space) {
		return false
	}
	for segment := range strings.SplitSeq(k.s[len(space):], "/") {
		if segment == "." || segment == ".." {
			return false
		}
	}
	return true
}

// Space is the part of the catalog the object belongs to: "u/<owner>" for a
// user's object and "shared" for all others.
func (k Key) Space() string {
	space, _ := k.split()
	return space
}

// Path is the rest of the key after the space: "<folder>/<name>" for a user's
// object, the whole key for all others.
func (k Key) Path() string {
	_, path := k.split()
	return path
}

// split needs an owner in the one spelling [New] gives it, so that "u/.41/x",
// which no user can reach, is not filed under user A.
func (k Key) split() (space, path string) {
	rest, ok := strings.CutPrefix(k.s, userPrefix)
	if !ok {
		return sharedSpace, k.s
	}
	owner, path, ok := strings.Cut(rest, "/")
	if !ok || path == "" || !isOwner(owner) {
		return sharedSpace, k.s
	}
	return userPrefix + owner, path
}

// ID is the key in the form that stands in URL paths: unpadded base64url, whose
// characters every gateway passes unchanged.
func (k Key) ID() string { return base64.RawURLEncoding.EncodeToString([]byte(k.s)) }

// ParseID reads what [Key.ID] wrote. The error is [ErrInvalidKey].
func ParseID(id string) (Key, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(id)
	// encoding/base64 skips line breaks, and two ids must not mean one object.
	if err != nil || strings.ContainsAny(id, "\r\n") {
		return Key{}, ErrInvalidKey
	}
	return Parse(string(b))
}

// AppendURLPath appends the key to b as it stands in the path of a URL, without
// a leading slash: RFC 3986's unreserved characters and '/' as they are, every
// other byte as %HH. S3 signs exactly this form ("Create a canonical request",
// IAM User Guide), and no character is left that CloudFront would take for a
// wildcard or the start of a query.
func (k Key) AppendURLPath(b []byte) []byte {
	for i := range len(k.s) {
		if c := k.s[i]; isUnreserved(c) || c == '/' {
			b = append(b, c)
		} else {
			b = append(b, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return b
}

const upperHex = "0123456789ABCDEF"

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

func isUnreserved(c byte) bool {
	return isAlphanumeric(c) || c == '-' || c == '.' || c == '_' || c == '~'
}
