package bucketevent_test

import (
	"strings"
	"testing"

	"airlock/pkg/bucketevent"
)

func TestSequencerOrder(t *testing.T) {
	t.Parallel()
	// Ascending; of each pair plain comparison of strings gets some wrong.
	ascending := []string{"0", "9", "a", "F", "10", "00ab", "0055aed6dcd90281e5", "0055AED6DCD90281E6", "1" + strings.Repeat("0", 31)}
	for i := 1; i < len(ascending); i++ {
		a, b := sequencer(t, ascending[i-1]), sequencer(t, ascending[i])
		if a.String() >= b.String() {
			t.Errorf("%q as %q is not below %q as %q", ascending[i-1], a, ascending[i], b)
		}
	}
	if a, b := sequencer(t, "00Ab"), sequencer(t, "aB"); a != b {
		t.Errorf("00Ab = %q and aB = %q, want them equal", a, b)
	}
}

func TestSequencerZero(t *testing.T) {
	t.Parallel()
	if none := sequencer(t, ""); !none.IsZero() || none.String() != "" || none != (bucketevent.Sequencer{}) {
		t.Errorf("ParseSequencer of nothing = %q, want the zero Sequencer", none)
	}
	if zero := sequencer(t, "0"); zero.IsZero() {
		t.Error("ParseSequencer(0) is the zero Sequencer; it is a number like any other")
	}
}

func TestSequencerRefused(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"g", " 1", "0x1", "-1", "1_0", "٣", strings.Repeat("0", 33)} {
		if got, err := bucketevent.ParseSequencer(s); err == nil {
			t.Errorf("ParseSequencer(%q) = %q, want an error", s, got)
		}
	}
}

func TestKindString(t *testing.T) {
	t.Parallel()
	for kind, want := range map[bucketevent.Kind]string{
		bucketevent.Created: "created", bucketevent.Removed: "removed",
		bucketevent.VersionRemoved: "version removed", 0: "Kind(0)",
	} {
		if got := kind.String(); got != want {
			t.Errorf("Kind.String() = %q, want %q", got, want)
		}
	}
}
