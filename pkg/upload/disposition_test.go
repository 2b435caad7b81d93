package upload

import (
	"mime"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestDisposition(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, want string }{
		{"hello.txt", `filename="hello.txt"; filename*=UTF-8''hello.txt`},
		{"a b.txt", `filename="a b.txt"; filename*=UTF-8''a%20b.txt`},
		{" a   b ", `filename=" a b "; filename*=UTF-8''%20a%20%20%20b%20`},
		{`say "hi".txt`, `filename="say _hi_.txt"; filename*=UTF-8''say%20%22hi%22.txt`},
		{`"; filename="x.exe`, `filename="_; filename=_x.exe"; filename*=UTF-8''%22%3B%20filename%3D%22x.exe`},
		{"100%.txt", `filename="100_.txt"; filename*=UTF-8''100%25.txt`},
		{"%41.txt", `filename="_41.txt"; filename*=UTF-8''%2541.txt`},
		{"naïve 日本.txt", `filename="na_ve __.txt"; filename*=UTF-8''na%C3%AFve%20%E6%97%A5%E6%9C%AC.txt`},
		{"😀", `filename="_"; filename*=UTF-8''%F0%9F%98%80`},
		{"it's (1)*,;=@:.txt", `filename="it's (1)*,;=@:.txt"; filename*=UTF-8''it%27s%20%281%29%2A%2C%3B%3D%40%3A.txt`},
		{"!#$&+-.^_`|~", "filename=\"!#$&+-.^_`|~\"; filename*=UTF-8''!#$&+-.^_`|~"},
	}
	for _, tt := range tests {
		for inline, word := range map[bool]string{true: "inline", false: "attachment"} {
			got := disposition(inline, tt.name)
			if want := word + "; " + tt.want; got != want {
				t.Errorf("disposition(%v, %q) = %s, want %s", inline, tt.name, got, want)
			}
			if err := checkDisposition(got, inline, tt.name); err != "" {
				t.Errorf("disposition(%v, %q) = %s: %s", inline, tt.name, got, err)
			}
		}
	}
}

func TestInline(t *testing.T) {
	t.Parallel()
	inline, err := ParseMediaTypes([]string{
		"image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "audio/*", "video/*", "text/plain",
	})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		contentType string
		want        bool
	}{
		{"image/png", true},
		{"IMAGE/JPEG", true},
		{"audio/mpeg", true},
		{"video/mp4;codecs=\"avc1\"", true},
		{"text/plain", true},
		{"text/plain;charset=utf-8", true},
		{"Text/Plain ; charset=utf-8", true},
		{"image/svg+xml", false},
		{"text/html", false},
		{"text/html;a=text/plain", false},
		{"text/xml", false},
		{"application/pdf", false},
		{"application/xhtml+xml", false},
		{"application/javascript", false},
		{"application/octet-stream", false},
		{"model/gltf-binary", false},
	}
	for _, tt := range tests {
		if got := inline.match(tt.contentType); got != tt.want {
			t.Errorf("%q inline = %v, want %v", tt.contentType, got, tt.want)
		}
	}
}

// checkDisposition says what is wrong with a header, or "".
func checkDisposition(header string, inline bool, name string) string {
	for _, c := range []byte(header) {
		if c < ' ' || c > '~' {
			return "not printable ASCII"
		}
	}
	if strings.Contains(header, "  ") || header != strings.TrimSpace(header) {
		return "spaces that a signer or a server would drop"
	}
	// A client that knows filename* sees the name itself.
	word, params, err := mime.ParseMediaType(header)
	if err != nil || (word == "inline") != inline || (word == "attachment") == inline {
		return "not the disposition that was meant"
	}
	if len(params) != 1 || params["filename"] != name {
		return "another name than was given"
	}
	// One that does not reads a single quoted string.
	plain, exact, ok := strings.Cut(header, "; filename*=UTF-8''")
	_, params, err = mime.ParseMediaType(plain)
	if !ok || err != nil || len(params) != 1 || strings.ContainsAny(params["filename"], `"%`) {
		return "a fallback that may be misread"
	}
	if decoded, err := url.PathUnescape(exact); err != nil || decoded != name || strings.ContainsAny(exact, `"'()*,/:;<=>?@[\]{} `) {
		return "filename* is not ext-value"
	}
	return ""
}

func FuzzDisposition(f *testing.F) {
	for _, name := range []string{"hello.txt", " a   b ", `"; x="`, "a\r\nx-amz-acl: public-read", "%0d%0a", "日本 😀", "\x00\x7f\u0085", `it's`} {
		f.Add(true, name)
		f.Add(false, name)
	}
	f.Fuzz(func(t *testing.T, inline bool, name string) {
		// What objectkey lets through and more: names with control characters
		// are refused there, and must do no harm here.
		if !utf8.ValidString(name) || strings.Contains(name, `\`) || name == "" {
			return
		}
		got := disposition(inline, name)
		if err := checkDisposition(got, inline, name); err != "" {
			t.Errorf("disposition(%v, %q) = %s: %s", inline, name, got, err)
		}
	})
}
