package upload_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"airlock/pkg/api"
	"airlock/pkg/upload"
)

func TestContentType(t *testing.T) {
	t.Parallel()
	long := "text/plain;a=" + strings.Repeat("a", 255-len("text/plain;a="))
	all, some := upload.MediaTypes{"*/*"}, upload.MediaTypes{"image/*", "text/plain"}
	tests := []struct {
		types       upload.MediaTypes
		contentType string
		granted     bool
	}{
		{all, "text/plain", true},
		{all, "application/vnd.oasis.opendocument.text", true},
		{all, "image/svg+xml", true},
		{all, "TEXT/Plain", true},
		{all, "text/plain;charset=utf-8", true},
		{all, "text/plain; charset=UTF-8", true},
		{all, "text/plain ; charset=utf-8", true},
		{all, `multipart/mixed; boundary="a b;c"`, true},
		{all, long, true},

		{all, long + "a", false},
		{all, "", false},
		{all, " ", false},
		{all, "text", false},
		{all, "text/", false},
		{all, "/plain", false},
		{all, "text/plain/x", false},
		{all, "text plain", false},
		{all, "text/pl ain", false},
		{all, "text/plain,text/html", false},
		{all, "text/plain;a=b,text/html", false},
		{all, "text/plain;a=b;a=c", false},
		{all, "text/plain; charset", false},
		{all, ";charset=utf-8", false},
		{all, " text/plain", false},
		{all, "text/plain ", false},
		{all, "text/plain;  charset=utf-8", false},
		{all, `multipart/mixed; boundary="a  b"`, false},
		{all, "text/plain;\tcharset=utf-8", false},
		{all, "text/plain\t", false},
		{all, "text/plain\r\n", false},
		{all, "text/plain;a=b\r\nx-amz-acl: public-read", false},
		{all, "text/plain\x00", false},
		{all, "text/plain;a=\"\x7f\"", false},
		{all, "text/plain;name=\"ÿ\"", false},
		{all, "text/plaïn", false},
		{all, "text/plain\u00a0", false},
		// Ranges are what a list has, not what a file is.
		{all, "*/*", false},
		{all, "text/*", false},
		{some, "image/*", false},

		{some, "image/png", true},
		{some, "IMAGE/PNG", true},
		{some, "image/svg+xml;charset=utf-8", true},
		{some, "Text/Plain;charset=utf-8", true},
		{some, "text/plain ;charset=utf-8", true},
		{some, "text/html", false},
		{some, "text/plainer", false},
		{some, "imagex/png", false},
		{some, "application/image", false},
		{some, "text/html;a=text/plain", false},
		{nil, "text/plain", false},
	}
	for _, tt := range tests {
		t.Run(tt.contentType, func(t *testing.T) {
			t.Parallel()
			in := hello(func(r *upload.Request) { r.ContentType = tt.contentType })
			got, err := newGranter(t, func(c *upload.Config) { c.Types = tt.types }).CreateUpload(t.Context(), from("alice"), in)
			if !tt.granted {
				if codeOf(err) != api.UnsupportedContentType {
					t.Errorf("%q where %q are taken: error %v, want %s", tt.contentType, tt.types, err, api.UnsupportedContentType)
				}
				return
			}
			if err != nil || got.Headers["Content-Type"] != tt.contentType {
				t.Errorf("%q where %q are taken: Content-Type %q, %v, want it as it is", tt.contentType, tt.types, got.Headers["Content-Type"], err)
			}
		})
	}
}

func TestParseMediaTypes(t *testing.T) {
	t.Parallel()
	got, err := upload.ParseMediaTypes([]string{"Image/PNG", "audio/*", "*/*", "application/vnd.api+json"})
	if diff := cmp.Diff(upload.MediaTypes{"image/png", "audio/*", "*/*", "application/vnd.api+json"}, got); err != nil || diff != "" {
		t.Errorf("ParseMediaTypes: %v (-want +got):\n%s", err, diff)
	}
	for _, s := range []string{
		"", "*", "image", "image/", "/png", "*/png", "image/p*", "im*/png", "image/**", "image/png/x",
		"image/png;q=1", "image/png ", " image/png", "image png", "image/png,text/plain", "ïmage/png", "image/png\n", ".jpg",
	} {
		if got, err := upload.ParseMediaTypes([]string{"text/plain", s}); err == nil {
			t.Errorf("ParseMediaTypes(%q) = %q, want an error", s, got)
		}
	}
}
