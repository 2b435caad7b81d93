package objectkey

import (
	"encoding/base64"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"
)

func TestNew(t *testing.T) {
	t.Parallel()
	tests := []struct{ owner, folder, name, want string }{
		{"alice", "", "hello.txt", "u/alice/hello.txt"},
		{"alice", "mysubpath", "hello.txt", "u/alice/mysubpath/hello.txt"},
		{"alice", "a/b/c", "x", "u/alice/a/b/c/x"},
		{"auth0|7", "f", "x", "u/auth0.7C7/f/x"},
		{"../../etc", "f", "x", "u/.2E.2E.2F.2E.2E.2Fetc/f/x"},
		{"a.b", "f", "x", "u/a.2Eb/f/x"},
		{"zoë", "f", "x", "u/zo.C3.AB/f/x"},
		{"alice", "f", `a b+c%&=#?*"';~`, `u/alice/f/a b+c%&=#?*"';~`},
		{"alice", "f", "ÿ日本.txt", "u/alice/f/ÿ日本.txt"},
		{"alice", "f", strings.Repeat("n", 255), "u/alice/f/" + strings.Repeat("n", 255)},
		{"alice", "f", "...", "u/alice/f/..."},
	}
	for _, tt := range tests {
		got, err := New(tt.owner, tt.folder, tt.name)
		if err != nil || got.String() != tt.want {
			t.Errorf("New(%q, %q, %q) = %q, %v, want %q", tt.owner, tt.folder, tt.name, got, err, tt.want)
		}
		if !got.OwnedBy(tt.owner) {
			t.Errorf("%q is not owned by %q", got, tt.owner)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct{ folder, name, want string }{
		{"f", "", "name is empty, or has an empty segment"},
		{"f", "a/b", "name has a slash or backslash inside a segment"},
		{"f", `a\b`, "name has a slash or backslash inside a segment"},
		{"f", ".", "name has a dot segment"},
		{"f", "..", "name has a dot segment"},
		{"f", "a\x00b", "name has a control character"},
		{"f", "a\nb", "name has a control character"},
		{"f", "a\x7fb", "name has a control character"},
		{"f", "a\u0085b", "name has a control character"},
		{"f", "a\u2028b", "name has a control character"},
		{"f", "a\uffffb", "name has a control character"},
		{"f", "a\u202egpj.exe", "name has a bidirectional control character"},
		{"f", "a\u2066b", "name has a bidirectional control character"},
		{"f", "a\u200fb", "name has a bidirectional control character"},
		{"f", "a\xffb", "name is not valid UTF-8"},
		{"f", strings.Repeat("n", 256), "name has a segment of more than 255 bytes"},
		{"a//b", "x", "folder is empty, or has an empty segment"},
		{"/a", "x", "folder is empty, or has an empty segment"},
		{"a/", "x", "folder is empty, or has an empty segment"},
		{"a/../b", "x", "folder has a dot segment"},
		{"a/.", "x", "folder has a dot segment"},
		{`a\b`, "x", "folder has a slash or backslash inside a segment"},
		{strings.Repeat("f/", 512) + "f", "x", ErrTooLong.Error()},
	}
	for _, tt := range tests {
		if got, err := New("alice", tt.folder, tt.name); err == nil || err.Error() != tt.want {
			t.Errorf("New(alice, %q, %q) = %q, %v, want error %q", tt.folder, tt.name, got, err, tt.want)
		}
	}
	if _, err := New("", "f", "x"); !errors.Is(err, ErrNoOwner) {
		t.Errorf("New without an owner: %v, want %v", err, ErrNoOwner)
	}
}

func TestSpaceAndPath(t *testing.T) {
	t.Parallel()
	tests := []struct{ key, space, path string }{
		{"u/alice/f/x", "u/alice", "f/x"},
		{"u/alice/x", "u/alice", "x"},
		{"u/auth0.7C7/f/x", "u/auth0.7C7", "f/x"},
		{"mysubpath/hello.txt", "shared", "mysubpath/hello.txt"},
		{"shared/x", "shared", "shared/x"},
		{"u/", "shared", "u/"},
		{"u/alice", "shared", "u/alice"},
		{"u/alice/", "shared", "u/alice/"},
		{"u//x", "shared", "u//x"},
		{"U/alice/x", "shared", "U/alice/x"},
		// Spellings of an owner that no token leads to.
		{"u/.41/x", "shared", "u/.41/x"},
		{"u/auth0.7c7/x", "shared", "u/auth0.7c7/x"},
		{"u/a.7/x", "shared", "u/a.7/x"},
		{"u/a b/x", "shared", "u/a b/x"},
		{"u/../x", "shared", "u/../x"},
	}
	for _, tt := range tests {
		k, err := Parse(tt.key)
		if err != nil || k.Space() != tt.space || k.Path() != tt.path {
			t.Errorf("Parse(%q) = %q + %q, %v, want %q + %q", tt.key, k.Space(), k.Path(), err, tt.space, tt.path)
		}
	}
}

func TestOwnedBy(t *testing.T) {
	t.Parallel()
	tests := []struct {
		key, subject string
		want         bool
	}{
		{"u/alice/f/x", "alice", true},
		{"u/alice/f/x", "alic", false},
		{"u/alice/f/x", "alice2", false},
		{"u/alice/f/x", "Alice", false},
		{"u/alice/f/x", "alice/f", false},
		{"u/alice/f/x", "", false},
		{"u/alice/../bob/x", "alice", false},
		{"u/alice/..", "alice", false},
		{"u/alice/./x", "alice", false},
		{"u/alice/.../x", "alice", true},
		{"u/alice/a//b", "alice", true},
		{"u//x", "", false},
		{"u/alice/", "alice", false},
		{"u/alice", "alice", false},
		{"mysubpath/hello.txt", "mysubpath", false},
		{"u/a.2Eb/x", "a.b", true},
		{"u/a.2Eb/x", "a.2Eb", false},
		{"u/" + strings.Repeat(".7C", 200) + "/x", strings.Repeat("|", 200), true},
	}
	for _, tt := range tests {
		k, err := Parse(tt.key)
		if got := k.OwnedBy(tt.subject); err != nil || got != tt.want {
			t.Errorf("Parse(%q).OwnedBy(%q) = %v, %v, want %v", tt.key, tt.subject, got, err, tt.want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "a\xff", strings.Repeat("x", MaxBytes+1)} {
		if k, err := Parse(s); !errors.Is(err, ErrInvalidKey) {
			t.Errorf("Parse(%q) = %q, %v, want %v", s, k, err, ErrInvalidKey)
		}
	}
}

func TestParseID(t *testing.T) {
	t.Parallel()
	id := Key{"u/alice/f/x"}.ID()
	for _, bad := range []string{
		"", id + "=", id + "\n", id[:4] + "\r\n" + id[4:], id + "!", "dS+h", "YQ==", "YR",
		base64.RawURLEncoding.EncodeToString([]byte{0xff}),
	} {
		if k, err := ParseID(bad); !errors.Is(err, ErrInvalidKey) {
			t.Errorf("ParseID(%q) = %q, %v, want %v", bad, k, err, ErrInvalidKey)
		}
	}
}

func TestURLPath(t *testing.T) {
	t.Parallel()
	k := Key{"u/a.b/f-_~/a b+c%&=#?*\"';é!$'(),:@[]{}|^`\\<>"}
	want := "u/a.b/f-_~/a%20b%2Bc%25%26%3D%23%3F%2A%22%27%3B%C3%A9%21%24%27%28%29%2C%3A%40%5B%5D%7B%7D%7C%5E%60%5C%3C%3E"
	if got := string(k.AppendURLPath(nil)); got != want {
		t.Errorf("path = %s\nwant   %s", got, want)
	}
}

func TestUniqueFolder(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 1)
	synctest.Test(t, func(t *testing.T) {
		uuid := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
		var all []string
		for range 100 {
			u := UniqueFolder()
			if !uuid.MatchString(u) {
				t.Fatalf("UniqueFolder() = %q, not a UUIDv7", u)
			}
			all = append(all, u)
			time.Sleep(time.Millisecond)
		}
		if !slices.IsSorted(all) {
			t.Error("folders do not come in the order of time")
		}
		// RFC 9562: the first 48 bits are Unix milliseconds; synctest begins at 2000-01-01.
		if want := "00dc6acf-ac00-7"; !strings.HasPrefix(all[0], want) {
			t.Errorf("UniqueFolder() = %q, want it to begin with %q", all[0], want)
		}
	})
}

// FuzzKey holds whatever Parse accepts to its round trips: id, catalog row, URL.
func FuzzKey(f *testing.F) {
	for _, s := range []string{"u/alice/f/x", "mysubpath/hello.txt", "u/.41/x", "a b+c%&=#?*\"';~é", "u//", "../x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		k, err := Parse(s)
		if err != nil {
			return
		}
		if back, err := ParseID(k.ID()); err != nil || back != k {
			t.Errorf("ParseID(ID()) = %q, %v, want %q", back, err, k)
		}
		row := k.Path()
		if space := k.Space(); space != sharedSpace {
			row = space + "/" + row
		}
		if row != s {
			t.Errorf("space and path make %q, want %q", row, s)
		}
		path := string(k.AppendURLPath(nil))
		if back, err := url.PathUnescape(path); err != nil || back != s {
			t.Errorf("unescaped path = %q, %v, want %q", back, err, s)
		}
		if strings.ContainsAny(path, "?#*\"\\<>& +") {
			t.Errorf("path %q holds a character with a meaning of its own", path)
		}
	})
}

// FuzzNew looks for two users that share a space, and for names that leave it.
func FuzzNew(f *testing.F) {
	f.Add("auth0|7", "f", "x", "auth0.7C7")
	f.Add("a/b", "..", "x", "a")
	f.Fuzz(func(t *testing.T, owner, folder, name, other string) {
		k, err := New(owner, folder, name)
		if err != nil {
			return
		}
		if _, err := Parse(k.String()); err != nil && strings.ToValidUTF8(owner, "") == owner {
			t.Errorf("New gave %q, which Parse refuses: %v", k, err)
		}
		if !k.OwnedBy(owner) {
			t.Errorf("%q is not its owner's", k)
		}
		if owner != other && k.OwnedBy(other) {
			t.Errorf("%q of %q is also %q's", k, owner, other)
		}
		if k.Space() == sharedSpace || !strings.HasSuffix(k.Path(), name) {
			t.Errorf("%q lies in %q at %q", k, k.Space(), k.Path())
		}
		if slices.Contains(strings.Split(k.String(), "/"), "..") {
			t.Errorf("%q has a dot segment", k)
		}
	})
}
