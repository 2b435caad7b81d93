package s3

import (
	"net/url"
	"strings"
	"testing"

	"airlock/local/template"
)

func TestEncodeKey(t *testing.T) {
	t.Parallel()
	for objectKey, want := range map[string]string{
		"u/alice/hello.txt": "u/alice/hello.txt",
		"a b/c+d":           "a+b/c%2Bd",
		"%2F":               "%252F",
		"ü*'()~":            "%C3%BC%2A%27%28%29~",
	} {
		if got := encodeKey(objectKey); got != want {
			t.Errorf("encodeKey(%q) = %q, want %q", objectKey, got, want)
		}
	}
}

func FuzzEncodeKey(f *testing.F) {
	for _, s := range []string{"", "a/b", " +%&=", "日本/x", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, objectKey string) {
		got := encodeKey(objectKey)
		if back, err := url.QueryUnescape(got); err != nil || back != objectKey {
			t.Errorf("encodeKey(%q) = %q, which decodes to %q, %v", objectKey, got, back, err)
		}
		if strings.Count(got, "/") != strings.Count(objectKey, "/") {
			t.Errorf("encodeKey(%q) = %q has lost a slash", objectKey, got)
		}
	})
}

func TestWants(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		notification     template.Notification
		event, objectKey string
		want             bool
	}{
		{template.Notification{Event: "s3:ObjectCreated:*"}, "ObjectCreated:Put", "a", true},
		{template.Notification{Event: "s3:ObjectCreated:*"}, "ObjectRemoved:Delete", "a", false},
		{template.Notification{Event: "s3:ObjectCreated:Put"}, "ObjectCreated:Put", "a", true},
		{template.Notification{Event: "s3:ObjectCreated:Put"}, "ObjectCreated:Copy", "a", false},
		{template.Notification{Event: "s3:ObjectCreated:*", Prefix: "u/"}, "ObjectCreated:Put", "u/a", true},
		{template.Notification{Event: "s3:ObjectCreated:*", Prefix: "u/"}, "ObjectCreated:Put", "a", false},
		{template.Notification{Event: "s3:ObjectCreated:*", Suffix: ".jpg"}, "ObjectCreated:Put", "a.jpg", true},
		{template.Notification{Event: "s3:ObjectCreated:*", Suffix: ".jpg"}, "ObjectCreated:Put", "a.png", false},
	} {
		if got := wants(test.notification, test.event, test.objectKey); got != test.want {
			t.Errorf("wants(%+v, %s, %s) = %t, want %t", test.notification, test.event, test.objectKey, got, test.want)
		}
	}
}

func FuzzCheckKey(f *testing.F) {
	for _, s := range []string{"a", "a/", "a/../b", "a//b", "./a", "/a", "..", "a/b/", ".sgwtmp/x", "a\x00", strings.Repeat("a", 1025)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, objectKey string) {
		if checkKey(objectKey) != nil {
			return
		}
		// What is accepted names one file below the bucket, and only one.
		name := strings.TrimSuffix(objectKey, "/")
		for segment := range strings.SplitSeq(name, "/") {
			if segment == "" || segment == "." || segment == ".." {
				t.Errorf("checkKey(%q) = nil", objectKey)
			}
		}
	})
}
