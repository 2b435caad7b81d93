package upload_test

import (
	"encoding/base64"
	"os/exec"
	"strings"
	"testing"
	"time"

	"airlock/pkg/api"
	"airlock/pkg/objectkey"
	"airlock/pkg/upload"
)

// FuzzCreateUpload: whatever is asked, it is refused with a code, or S3 takes
// what a client makes of the answer.
func FuzzCreateUpload(f *testing.F) {
	f.Add("alice", "mysubpath", "hello.txt", "text/plain", int64(13), []byte(nil))
	f.Add("auth0|7", "a b/c+d", "50% off + more.pdf", "application/pdf", int64(1), make([]byte, 32))
	f.Add("zoë", "%2F/%", "a=b&c=d?e#f;g@h:i$j,k", "text/plain; charset=utf-8", int64(0), []byte(nil))
	f.Add("..", "日本", " two  spaces ", `multipart/mixed; boundary="a b"`, int64(4096), make([]byte, 31))
	f.Add("alice", strings.Repeat("f", 255), strings.Repeat("日", 85), "image/png", int64(1), []byte(nil))
	f.Add("a", "", "x\r\ny", "text/plain\r\n", int64(-1), []byte{})
	f.Fuzz(func(t *testing.T, subject, folder, name, contentType string, contentLength int64, checksum []byte) {
		in := hello(func(r *upload.Request) {
			r.Folder, r.Name, r.ContentType, r.ContentLength = folder, name, contentType, &contentLength
			if checksum != nil {
				r.ChecksumSHA256 = new(base64.StdEncoding.EncodeToString(checksum))
			}
		})
		g := newGranter(t, func(c *upload.Config) { c.MaxBytes = 4096 })
		got, err := g.CreateUpload(t.Context(), from(subject), in)
		switch code := codeOf(err); code {
		case "":
		case api.InvalidName, api.UnsupportedContentType, api.InvalidContentLength, api.ContentTooLarge, api.InvalidChecksum:
			return
		default:
			t.Fatalf("CreateUpload(%q, %+v) = error %v", subject, in, err)
		}
		key, err := objectkey.ParseID(got.ID)
		if err != nil || key.String() != got.ObjectKey || !key.OwnedBy(subject) {
			t.Errorf("CreateUpload(%q, %+v) = id %q, key %q: %v, want the user's own", subject, in, got.ID, got.ObjectKey, err)
		}
		r, err := arrive(got, contentLength)
		if err != nil {
			t.Fatalf("CreateUpload(%q, %+v) = %+v cannot be sent: %v", subject, in, got, err)
		}
		if r.URL.Path != "/"+got.ObjectKey {
			t.Errorf("CreateUpload(%q, %+v) = a URL of %q, want %q", subject, in, r.URL.Path, got.ObjectKey)
		}
		for name, value := range got.Headers {
			if r.Header.Get(name) != value {
				t.Errorf("CreateUpload(%q, %+v): %s arrives as %q, sent as %q", subject, in, name, r.Header.Get(name), value)
			}
		}
		if err := verify(r, credentials, "eu-west-1", time.Now()); err != nil {
			t.Errorf("CreateUpload(%q, %+v) = %+v: %v", subject, in, got, err)
		}
		if want, err := signedBySDK(got, contentLength, credentials, "eu-west-1"); err != nil || got.URL != want {
			t.Errorf("CreateUpload(%q, %+v) =\n%s, by the SDK\n%s, %v", subject, in, got.URL, want, err)
		}
	})
}

// TestNoClientIsLinked keeps the function small: it computes, and calls nothing.
func TestNoClientIsLinked(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "airlock/functions/presign").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	deps := string(out)
	if !strings.Contains(deps, "airlock/pkg/upload\n") {
		t.Fatalf("go list -deps airlock/functions/presign = %s, want pkg/upload in it", deps)
	}
	for dep := range strings.Lines(deps) {
		if strings.Contains(dep, "/aws-sdk-go-v2/service/") || strings.Contains(dep, "/aws-sdk-go-v2/aws/signer") || strings.Contains(dep, "/aws-sdk-go-v2/config") {
			t.Errorf("functions/presign links %s", dep)
		}
	}
}
