package bucketevent

import (
	"errors"
	"strings"
)

// sequencerDigits is how wide sequencers are made. S3 documents no length, only
// that the shorter of two is to be padded on the left; those seen have 16 to 18.
const sequencerDigits = 32

// ErrInvalidSequencer is returned for a sequencer that is not a hexadecimal
// number of at most 32 digits.
var ErrInvalidSequencer = errors.New("a sequencer is at most 32 hexadecimal digits")

// Sequencer is S3's number for a change, in the one spelling in which comparing
// strings compares numbers. It orders the changes of one object and says
// nothing about two. The zero Sequencer stands for none; sequencers compare
// with ==.
type Sequencer struct{ padded string }

// ParseSequencer reads a sequencer as S3 writes it, in either case and of any
// length up to 32 digits. The empty string is the zero Sequencer. The error is
// [ErrInvalidSequencer].
func ParseSequencer(s string) (Sequencer, error) {
	if s == "" {
		return Sequencer{}, nil
	}
	if len(s) > sequencerDigits {
		return Sequencer{}, ErrInvalidSequencer
	}
	for i := range len(s) {
		switch c := s[i]; {
		case '0' <= c && c <= '9', 'a' <= c && c <= 'f', 'A' <= c && c <= 'F':
		default:
			return Sequencer{}, ErrInvalidSequencer
		}
	}
	return Sequencer{strings.Repeat("0", sequencerDigits-len(s)) + strings.ToUpper(s)}, nil
}

// String returns 32 upper-case digits, or nothing for the zero Sequencer.
func (s Sequencer) String() string { return s.padded }

// IsZero says whether there is no sequencer.
func (s Sequencer) IsZero() bool { return s.padded == "" }
