package cloudfront

import (
	"crypto"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseTarget(t *testing.T) {
	t.Parallel()
	for uri, want := range map[string]target{
		"/":                 {path: "/"},
		"/a%20b/c":          {path: "/a%20b/c"},
		"/a?":               {path: "/a"},
		"/a?&":              {path: "/a", rest: "&"},
		"/a?x":              {path: "/a", rest: "x"},
		"/a?b=c&Expires=1":  {path: "/a", rest: "b=c", reserved: map[string]string{"Expires": "1"}},
		"/a?Expires=1&b=c?": {path: "/a", rest: "b=c?", reserved: map[string]string{"Expires": "1"}},
		"/a?Policy":         {path: "/a", reserved: map[string]string{"Policy": ""}},
		"/a?Policy=a=b":     {path: "/a", reserved: map[string]string{"Policy": "a=b"}},
		"/a?expires=1":      {path: "/a", rest: "expires=1"},
		"/a?%45xpires=1":    {path: "/a", rest: "%45xpires=1"},
		"/a?Expires=1&x&Hash-Algorithm=b&y=1&Key-Pair-Id=c&Signature=d": {
			path: "/a", rest: "x&y=1",
			reserved: map[string]string{"Expires": "1", "Hash-Algorithm": "b", "Key-Pair-Id": "c", "Signature": "d"},
		},
		"/a?Expires=1&Expires=1": {path: "/a", reserved: map[string]string{"Expires": "1"}, duplicated: "Expires"},
	} {
		got, err := parseTarget(uri)
		if err != nil {
			t.Errorf("parseTarget(%q): %v", uri, err)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(target{})); diff != "" {
			t.Errorf("parseTarget(%q) (-want +got):\n%s", uri, diff)
		}
	}
	for _, uri := range []string{
		"", "*", "a", "http://h/a", "/a b", "/a#b", `/a"b`, `/a\b`, "/a%", "/a%4", "/a%4g", "/é", "/a?b c", `/a?"`, "/a?#", "/a?%x", "/a\x00",
		"/a[0]", "/a|b", "/a^b", "/a{b}", "/a`b", "/a<b",
	} {
		if got, err := parseTarget(uri); err == nil {
			t.Errorf("parseTarget(%q) = %+v, want an error", uri, got)
		}
	}
}

func TestNormalizePath(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/":                      "/",
		"/a/b/":                  "/a/b/",
		"/a//b":                  "/a/b",
		"//a":                    "/a",
		"/a/./b":                 "/a/b",
		"/a/../b":                "/b",
		"/../b":                  "/b",
		"/a/b/..":                "/a/",
		"/a/b/.":                 "/a/b/",
		"/a/%2e%2E/b":            "/b",
		"/public/%2e./private/x": "/private/x",
		"/a%2fb":                 "/a%2Fb",
		"/%61%7e%2a":             "/a~%2A",
	} {
		if got := normalizePath(path); got != want {
			t.Errorf("normalizePath(%q) = %q, want %q", path, got, want)
		}
	}
}

func TestObjectKey(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/":                 "",
		"/a/b":              "a/b",
		"/a/":               "a/",
		"/a+b%20c%2B%25":    "a+b c+%",
		"/%C3%A9":           "é",
		"/a%2Fb":            "a/b",
		"/a/.hidden/..more": "a/.hidden/..more",
	} {
		if got, ok := (target{path: path}).objectKey(); got != want || !ok {
			t.Errorf("objectKey of %q = %q, %v, want %q", path, got, ok, want)
		}
	}
	for _, path := range []string{"//", "/a//b", "//a", "/.", "/..", "/a/../b", "/a/%2e%2E/b", "/a%2F..%2Fb", "/a/%2e", "/a%2F%2Fb"} {
		if got, ok := (target{path: path}).objectKey(); ok {
			t.Errorf("objectKey of %q = %q, want none", path, got)
		}
	}
}

// FuzzOtherTarget: a signature for one resource never lets another in, and
// what is let in names that resource's object.
func FuzzOtherTarget(f *testing.F) {
	const base, resource, expires = "http://127.0.0.1:9002", "/u/alice/a%20b.txt?v=1", "4000000000"
	c := config(f)
	c.URL = base
	s, err := New(c)
	if err != nil {
		f.Fatal(err)
	}
	signature := sign(f, ecdsaID, crypto.SHA256, cannedPolicy(base+resource, expires))
	query := "&Expires=" + expires + "&Signature=" + signature + "&Key-Pair-Id=" + ecdsaID + "&Hash-Algorithm=SHA256"

	for _, prefix := range []string{
		resource, "/u/alice/a b.txt?v=1", "/u/alice/a%20b.txt", "/u/alice/../bob/a%20b.txt?v=1", "/u/alice/a+b.txt?v=1",
		"/u/alice/a%20b.txt?v=%31", "/u%2Falice/a%20b.txt?v=1", "/u/alice/a%20b.txt?v=1#", `/u/alice/a%20b.txt?v=1","Resource":"*`,
		"//127.0.0.1:9002/u/alice/a%20b.txt?v=1", "/u/alice/a%20b.txt?v=1&Expires=1",
	} {
		f.Add(prefix)
	}
	f.Fuzz(func(t *testing.T, prefix string) {
		got, err := parseTarget(prefix + query)
		if err != nil {
			return
		}
		admits := s.verify(got, []string{"group"}, netip.Addr{}, time.Unix(3999999999, 0)) == admitted
		if same := got.resource(base) == base+resource && got.duplicated == ""; admits != same {
			t.Fatalf("verify(%q) admits: %v; it names what was signed: %v", prefix, admits, same)
		}
		if key, ok := got.objectKey(); admits && (!ok || key != "u/alice/a b.txt") {
			t.Errorf("%q is let in and names %q", prefix, key)
		}
	})
}

// FuzzPath: the key in S3's encoding is read back as itself, and the path by
// which a behavior is chosen is normal already.
func FuzzPath(f *testing.F) {
	f.Add("/a%2f../b+c/%7e")
	f.Add("/a//./../%2E%2e/")
	f.Fuzz(func(t *testing.T, path string) {
		got, err := parseTarget(path)
		if err != nil {
			return
		}
		if key, ok := got.objectKey(); ok {
			if back, err := url.PathUnescape(escapeKey(key)); err != nil || back != key {
				t.Errorf("the key %q comes back as %q, %v", key, back, err)
			}
		}
		normal := normalizePath(got.path)
		if again := normalizePath(normal); again != normal || !encoded(normal, false) {
			t.Errorf("normalizePath(%q) = %q, and again %q", got.path, normal, again)
		}
		for s := range strings.SplitSeq(normal, "/") {
			if s == "." || s == ".." {
				t.Errorf("normalizePath(%q) = %q has a dot segment", got.path, normal)
			}
		}
	})
}
