package objectkey

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	maxSegmentBytes = 255

	partName   = "name"
	partFolder = "folder"
)

// SegmentError says which part of a user's key breaks which rule. It never
// holds the offending text.
type SegmentError struct {
	Part   string // "name" or "folder"
	Reason string
}

func (e *SegmentError) Error() string { return e.Part + " " + e.Reason }

// checkSegment holds users' names to what every file system, header and
// terminal shows as it is.
func checkSegment(part, s string) error {
	switch {
	case s == "":
		return &SegmentError{part, "is empty, or has an empty segment"}
	case len(s) > maxSegmentBytes:
		return &SegmentError{part, "has a segment of more than 255 bytes"}
	case s == "." || s == "..":
		return &SegmentError{part, "has a dot segment"}
	case !utf8.ValidString(s):
		return &SegmentError{part, "is not valid UTF-8"}
	}
	for _, r := range s {
		switch {
		case r == '/' || r == '\\':
			return &SegmentError{part, "has a slash or backslash inside a segment"}
		case unicode.IsControl(r), r == '\u2028', r == '\u2029', r == '\ufffe', r == '\uffff':
			// The last four are no controls to Unicode, but break lines, or S3's XML.
			return &SegmentError{part, "has a control character"}
		case unicode.Is(unicode.Bidi_Control, r):
			// "photo<RLO>gpj.exe" shows as "photoexe.jpg" (CVE-2021-42574).
			return &SegmentError{part, "has a bidirectional control character"}
		}
	}
	return nil
}

// UniqueFolder returns a fresh UUIDv7 (RFC 9562, section 5.7): names under it
// never collide, and listings come in the order of time.
func UniqueFolder() string {
	var u [16]byte
	ms := uint64(time.Now().UnixMilli()) // the clock of a container is past 1970
	binary.BigEndian.PutUint64(u[:], ms<<16)
	_, _ = rand.Read(u[6:]) // never fails since Go 1.24
	u[6] = u[6]&0x0f | 0x70
	u[8] = u[8]&0x3f | 0x80

	var s [36]byte
	hex.Encode(s[0:8], u[0:4])
	hex.Encode(s[9:13], u[4:6])
	hex.Encode(s[14:18], u[6:8])
	hex.Encode(s[19:23], u[8:10])
	hex.Encode(s[24:36], u[10:16])
	s[8], s[13], s[18], s[23] = '-', '-', '-', '-'
	return string(s[:])
}
