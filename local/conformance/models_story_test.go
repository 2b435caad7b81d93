package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"airlock/local/stack"
	"airlock/local/story"
)

// playEverything makes the functions call all that they ever call.
func playEverything(t *testing.T, s *stack.Stack, p *tap) {
	t.Helper()
	steps := append(story.Main(), story.Operator()...)
	if _, err := story.Play(t.Context(), s.Target(), steps, func(story.Result) {}); err != nil {
		t.Fatal(err)
	}
	playUploads(t, s)
	playRemovals(t, s, p)
	playOldEvents(t, s, p)
	playRotation(t, s, p)
}

// playUploads stores what presign grants under names that URLs and headers give a
// meaning to, and a file of nothing.
func playUploads(t *testing.T, s *stack.Stack) {
	t.Helper()
	token, err := s.Issuer.Sign(map[string]any{"sub": "auth0|7"})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"a+b=c&d;e,f  g.txt": "plus", `100%25 "q" 'r'#~!@$^():[]{}|<>.txt`: "percent", "ÿ日本🎈.bin": "wide", "nothing.txt": "",
	} {
		in, err := json.Marshal(map[string]any{"name": name, "folder": "ä ö?", "contentType": "text/plain", "contentLength": len(content)})
		if err != nil {
			t.Fatal(err)
		}
		status, body, err := send(t.Context(), http.MethodPost, s.Endpoints.API+"/uploads", token, bytes.NewReader(in))
		var grant struct {
			ObjectKey, URL string
			Headers        map[string]string
		}
		if err != nil || status != http.StatusCreated || json.Unmarshal(body, &grant) != nil {
			t.Fatalf("POST /uploads %s = %d, %v, want 201 and a grant", in, status, err)
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, grant.URL, strings.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		for header, value := range grant.Headers {
			r.Header.Set(header, value)
		}
		res, err := direct.Do(r)
		if err != nil {
			t.Fatal("PUT as granted: no answer") // the error has the URL
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusOK {
			t.Fatalf("PUT %q as granted = %d, want 200", name, res.StatusCode)
		}
		until(t, func() string {
			if recorded, err := s.Target().Recorded(t.Context(), grant.ObjectKey); err != nil || !recorded {
				return fmt.Sprintf("row of %q: %t, %v", grant.ObjectKey, recorded, err)
			}
			return ""
		})
	}
}

// playRemovals deletes an object, and then for good.
func playRemovals(t *testing.T, s *stack.Stack, p *tap) {
	t.Helper()
	key := "models/removed.txt"
	client := s3.NewFromConfig(s.AWS(s.Endpoints.S3))
	put, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &s.Endpoints.Bucket, Key: &key, Body: strings.NewReader("gone")})
	if err != nil {
		t.Fatal(err)
	}
	p.await(t, "PutItem", key, *put.VersionId)
	if _, err := client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &s.Endpoints.Bucket, Key: &key}); err != nil {
		t.Fatal(err)
	}
	p.await(t, "PutItem", key, "deleted")
	if _, err := client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &s.Endpoints.Bucket, Key: &key, VersionId: put.VersionId}); err != nil {
		t.Fatal(err)
	}
	p.await(t, "UpdateItem", key, *put.VersionId)
}

// playOldEvents tells record of objects without a version, as those are that are
// older than the bucket's versioning, and without a sequencer.
func playOldEvents(t *testing.T, s *stack.Stack, p *tap) {
	t.Helper()
	const sequencer = `,"sequencer":"0055AED6DCD90281E5"`
	for _, tt := range []struct{ event, object, more string }{
		{"ObjectCreated:Put", "models/unversioned.txt", `,"eTag":"d41d8cd98f00b204e9800998ecf8427e"` + sequencer},
		{"ObjectCreated:Put", "models/bare.txt", ""},
		{"ObjectRemoved:Delete", "models/unversioned.txt", `,"versionId":"null"` + sequencer},
	} {
		message := `{"Records":[{"eventVersion":"2.1","eventSource":"aws:s3","eventTime":"2026-01-01T00:00:00.000Z","eventName":"` + tt.event +
			`","s3":{"bucket":{"name":"` + s.Endpoints.Bucket + `"},"object":{"size":4,"key":"` + tt.object + `"` + tt.more + `}}}]}`
		for _, f := range s.Template.Functions {
			for _, q := range f.Queues {
				if _, err := s.Queue.Send(q.QueueARN, []byte(message)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	p.await(t, "HEAD", "If-Match", "models/unversioned.txt")
	p.await(t, "PutItem", "models/bare.txt", "attribute_not_exists(#space)")
	p.await(t, "UpdateItem", "models/unversioned.txt", "attribute_not_exists(versionId)")
}
