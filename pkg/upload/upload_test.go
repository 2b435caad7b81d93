package upload_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/cryptotest"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"airlock/pkg/api"
	"airlock/pkg/upload"
)

// TestGolden holds the whole answer still, byte for byte. That its signatures
// are right is what the tests beside it say (sigv4_test.go).
func TestGolden(t *testing.T) {
	tests := []struct{ file, body string }{
		{"plain", `{"name":"hello.txt","folder":"mysubpath","contentType":"text/plain","contentLength":13}`},
		{"checksum", `{"name":"hello.txt","folder":"mysubpath","contentType":"text/plain","contentLength":13,` +
			`"checksumSHA256":"MV9b23bQeMQ7isAGTkoBZGErH853yGk0W/yUx1iU7dM=","expiresInSeconds":60}`},
		{"empty", `{"name":"hello.txt","folder":"mysubpath","contentType":"text/plain","contentLength":0}`},
		{"unique-folder", `{"name":"naïve  100% \"a\"+b.pdf","contentType":"application/pdf","contentLength":5368709120}`},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			cryptotest.SetGlobalRandom(t, 1)
			synctest.Test(t, func(t *testing.T) {
				got, log := post(t, newGranter(t), tt.body)
				if !strings.Contains(log, `"UploadsGranted":1}`) {
					t.Errorf("the log is %s, want the grant counted", log)
				}
				var b bytes.Buffer
				encoder := json.NewEncoder(&b)
				encoder.SetEscapeHTML(false)
				encoder.SetIndent("", "  ")
				if err := encoder.Encode(got); err != nil {
					t.Fatal(err)
				}
				golden(t, filepath.Join("testdata", tt.file+".golden.json"), b.Bytes())
			})
		})
	}
}

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func TestObjectKey(t *testing.T) {
	t.Parallel()
	g := newGranter(t)
	tests := []struct{ subject, folder, name, want string }{
		{"alice", "mysubpath", "hello.txt", "u/alice/mysubpath/hello.txt"},
		{"alice", "a/b/c", "x", "u/alice/a/b/c/x"},
		{"auth0|7", "f", "x", "u/auth0.7C7/f/x"},
		{"../bob", "f", "x", "u/.2E.2E.2Fbob/f/x"},
		{"zoë", "f", "日本 100%+.txt", "u/zo.C3.AB/f/日本 100%+.txt"},
	}
	for _, tt := range tests {
		in := hello(func(r *upload.Request) { r.Folder, r.Name = tt.folder, tt.name })
		got, err := g.CreateUpload(t.Context(), from(tt.subject), in)
		if err != nil || got.ObjectKey != tt.want {
			t.Errorf("CreateUpload(%q, %+v) = objectKey %q, %v, want %q", tt.subject, in, got.ObjectKey, err, tt.want)
		}
	}
}

func TestNoFolderIsAUniqueOne(t *testing.T) {
	t.Parallel()
	uuidV7 := regexp.MustCompile(`^u/alice/[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/hello\.txt$`)
	g := newGranter(t)
	seen := make(map[string]bool)
	for range 100 {
		got, err := g.CreateUpload(t.Context(), from("alice"), hello(func(r *upload.Request) { r.Folder = "" }))
		if err != nil || !uuidV7.MatchString(got.ObjectKey) || seen[got.ObjectKey] {
			t.Fatalf("CreateUpload without a folder = objectKey %q, %v, want a new one that matches %s", got.ObjectKey, err, uuidV7)
		}
		seen[got.ObjectKey] = true
	}
	// On the wire, left out, null and empty are the same.
	for _, folder := range []string{``, `"folder":null,`, `"folder":"",`} {
		body := `{"name":"hello.txt",` + folder + `"contentType":"text/plain","contentLength":13}`
		got, _ := post(t, g, body)
		var grant upload.Grant
		if err := json.Unmarshal(got.Body, &grant); err != nil || !uuidV7.MatchString(grant.ObjectKey) {
			t.Errorf("POST %s = %d, %s, %v, want an objectKey that matches %s", body, got.StatusCode, got.Body, err, uuidV7)
		}
	}
}

// TestInvalidName needs only one example per source of the refusal; the rules
// themselves are objectkey's to test.
func TestInvalidName(t *testing.T) {
	t.Parallel()
	segment := strings.Repeat("f", 255)
	tests := []struct{ subject, folder, name string }{
		{"alice", "f", ""},
		{"alice", "f", "a/b"},
		{"alice", "f", "a\r\nx-amz-acl: public-read"},
		{"alice", "f/../../bob", "x"},
		{"alice", "/", "x"},
		{"", "f", "x"},
		// Each segment is short enough; "u/alice/" and four of them are not.
		{"alice", segment + "/" + segment + "/" + segment, strings.Repeat("n", 1025-8-3*256)},
		// The owner counts as it is written: three bytes for each of these.
		{strings.Repeat("|", 255), segment, "n"},
	}
	g := newGranter(t)
	for _, tt := range tests {
		in := hello(func(r *upload.Request) { r.Folder, r.Name = tt.folder, tt.name })
		if _, err := g.CreateUpload(t.Context(), from(tt.subject), in); codeOf(err) != api.InvalidName {
			t.Errorf("CreateUpload(%q, %+v) = error %v, want %s", tt.subject, in, err, api.InvalidName)
		}
	}
	longest := hello(func(r *upload.Request) {
		r.Folder, r.Name = segment+"/"+segment+"/"+segment, strings.Repeat("n", 1024-8-3*256)
	})
	if got, err := g.CreateUpload(t.Context(), from("alice"), longest); err != nil || len(got.ObjectKey) != 1024 {
		t.Errorf("CreateUpload(%+v) = a key of %d bytes, %v, want 1024", longest, len(got.ObjectKey), err)
	}
}

func TestContentLength(t *testing.T) {
	t.Parallel()
	g := newGranter(t, func(c *upload.Config) { c.MaxBytes = 1000 })
	tests := []struct {
		json string // a member of the body, or nothing
		want api.Code
	}{
		{`"contentLength":0`, ""},
		{`"contentLength":1`, ""},
		{`"contentLength":1000`, ""},
		{`"contentLength":1001`, api.ContentTooLarge},
		{`"contentLength":9223372036854775807`, api.ContentTooLarge},
		{`"contentLength":9223372036854775808`, api.ContentTooLarge},
		{`"contentLength":-1`, api.InvalidContentLength},
		{`"contentLength":1.5`, api.InvalidContentLength},
		{`"contentLength":1.0`, api.InvalidContentLength},
		{`"contentLength":1e2`, api.InvalidContentLength},
		{`"contentLength":"13"`, api.InvalidContentLength},
		{`"contentLength":[13]`, api.InvalidContentLength},
		{`"contentLength":true`, api.InvalidContentLength},
		{`"contentLength":null`, api.InvalidContentLength},
		{``, api.InvalidContentLength},
	}
	for _, tt := range tests {
		t.Run(tt.json, func(t *testing.T) {
			t.Parallel()
			body := `{"name":"x","folder":"f","contentType":"text/plain"` + strings.TrimSuffix(","+tt.json, ",") + `}`
			status := map[api.Code]int{"": 201, api.ContentTooLarge: 413, api.InvalidContentLength: 400}[tt.want]
			got, _ := post(t, g, body)
			if got.code(t) != tt.want || got.StatusCode != status {
				t.Errorf("POST %s = %d, %s, want %d %q", body, got.StatusCode, got.Body, status, tt.want)
			}
		})
	}
}

// TestRefusalsOnTheWire sees that each field's refusal keeps its code and gets
// its status, also when the value has the wrong type.
func TestRefusalsOnTheWire(t *testing.T) {
	t.Parallel()
	g := newGranter(t, func(c *upload.Config) { c.Types = upload.MediaTypes{"text/*"} })
	tests := []struct {
		body   string
		status int
		want   api.Code
	}{
		{`{"name":1,"contentType":"text/plain","contentLength":1}`, 400, api.InvalidName},
		{`{"contentType":"text/plain","contentLength":1}`, 400, api.InvalidName},
		{`{"name":"x","folder":["a","b"],"contentType":"text/plain","contentLength":1}`, 400, api.InvalidName},
		{`{"name":"x","folder":"a//b","contentType":"text/plain","contentLength":1}`, 400, api.InvalidName},
		{`{"name":"x","contentLength":1}`, 415, api.UnsupportedContentType},
		{`{"name":"x","contentType":null,"contentLength":1}`, 415, api.UnsupportedContentType},
		{`{"name":"x","contentType":{},"contentLength":1}`, 415, api.UnsupportedContentType},
		{`{"name":"x","contentType":"image/png","contentLength":1}`, 415, api.UnsupportedContentType},
		{`{"name":"x","contentType":"text/plain","contentLength":1,"checksumSHA256":7}`, 400, api.InvalidChecksum},
		{`{"name":"x","contentType":"text/plain","contentLength":1,"checksumSHA256":""}`, 400, api.InvalidChecksum},
		{`{"name":"x","contentType":"text/plain","contentLength":1,"expiresInSeconds":"60"}`, 400, api.InvalidExpiry},
		{`{"name":"x","contentType":"text/plain","contentLength":1,"expiresInSeconds":901}`, 400, api.InvalidExpiry},
		{`{"name":"x","contentType":"text/plain","contentLength":1,"acl":"public-read"}`, 400, api.MalformedBody},
	}
	for _, tt := range tests {
		t.Run(tt.body, func(t *testing.T) {
			t.Parallel()
			got, _ := post(t, g, tt.body)
			if got.StatusCode != tt.status || got.code(t) != tt.want || got.Headers["content-type"] != "application/problem+json" {
				t.Errorf("POST %s = %d, %v, %s, want problem %d %q", tt.body, got.StatusCode, got.Headers, got.Body, tt.status, tt.want)
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for _, bucketURL := range []string{"", "media", "/media/", "https:///media/", "https://media.s3.eu-west-1.amazonaws.com", "http://127.0.0.1:9000/media", "http://[::1/"} {
		if _, err := upload.New(testConfig(func(c *upload.Config) { c.BucketURL = bucketURL })); err == nil {
			t.Errorf("New with BucketURL %q succeeded, want an error", bucketURL)
		}
	}
}
