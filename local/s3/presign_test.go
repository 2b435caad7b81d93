package s3

import (
	"bytes"
	"crypto/rand"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

func uploadHeaders(body string) http.Header {
	return http.Header{
		"Content-Type":          {"text/plain"},
		"Content-Disposition":   {`inline; filename="hello.txt"`},
		"If-None-Match":         {"*"},
		"X-Amz-Checksum-Sha256": {checksum(body)},
	}
}

func testPresignedPut(t *testing.T, w *world) {
	const body = "Hello, world!"
	now := time.Now()
	for _, test := range []struct {
		name   string
		key    string
		at     time.Time
		change func(target *string, h http.Header, body *string)
		status int
		code   string
	}{
		{name: "exact", status: 200},
		{name: "other bytes", change: func(_ *string, _ http.Header, b *string) { *b = "Hello, World?" }, status: 400, code: "BadDigest"},
		{name: "one byte more", change: func(_ *string, _ http.Header, b *string) { *b += "!" }, status: 403, code: "SignatureDoesNotMatch"},
		{name: "one byte less", change: func(_ *string, _ http.Header, b *string) { *b = (*b)[1:] }, status: 403, code: "SignatureDoesNotMatch"},
		{name: "other type", change: func(_ *string, h http.Header, _ *string) { h.Set("Content-Type", "text/html") }, status: 403, code: "SignatureDoesNotMatch"},
		{name: "other disposition", change: func(_ *string, h http.Header, _ *string) { h.Set("Content-Disposition", "inline") }, status: 403, code: "SignatureDoesNotMatch"},
		{name: "without condition", change: func(_ *string, h http.Header, _ *string) { h.Del("If-None-Match") }, status: 403},
		{name: "without checksum", change: func(_ *string, h http.Header, _ *string) { h.Del("X-Amz-Checksum-Sha256") }, status: 403},
		{name: "x-amz header added", change: func(_ *string, h http.Header, _ *string) { h.Set("X-Amz-Meta-Owner", "mallory") }, status: 403, code: "AccessDenied"},
		{name: "expired", at: now.Add(-time.Hour), status: 403, code: "AccessDenied"},
		{name: "other key", change: func(u *string, _ http.Header, _ *string) { *u = strings.Replace(*u, "hello", "hallo", 1) }, status: 403, code: "SignatureDoesNotMatch"},
		{name: "not allowed key", key: "other/hello.txt", status: 403, code: "AccessDenied"},
		{name: "token left out", change: func(u *string, _ http.Header, _ *string) {
			*u = strings.Replace(*u, "X-Amz-Security-Token=", "X-Other=", 1)
		}, status: 400, code: "InvalidToken"},
		{name: "token changed", change: func(u *string, _ http.Header, _ *string) {
			*u = strings.Replace(*u, "X-Amz-Security-Token=", "X-Amz-Security-Token=a", 1)
		}, status: 400, code: "InvalidToken"},
		{name: "date repeated", change: func(u *string, _ http.Header, _ *string) {
			*u += "&X-Amz-Date=20990101T000000Z"
		}, status: 400, code: "AuthorizationQueryParametersError"},
		{name: "two authorizations", change: func(_ *string, h http.Header, _ *string) {
			h.Set("Authorization", "AWS4-HMAC-SHA256 Credential=mallory")
		}, status: 400, code: "InvalidArgument"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			objectKey, at := test.key, test.at
			if objectKey == "" {
				objectKey = "u/alice/" + strings.ReplaceAll(test.name, " ", "-") + "/hello.txt"
			}
			if at.IsZero() {
				at = now
			}
			headers, sent := uploadHeaders(body), body
			target := w.signedURL(t, w.presign, http.MethodPut, objectKey, headers, int64(len(body)), 15*time.Minute, at)
			if want := "content-disposition%3Bcontent-length%3Bcontent-type%3Bhost%3Bif-none-match%3Bx-amz-checksum-sha256"; !strings.Contains(target, want) {
				t.Fatalf("the signed headers are not %s", want)
			}
			if test.change != nil {
				test.change(&target, headers, &sent)
			}
			got := send(t, http.MethodPut, target, headers, sent)
			if got.status != test.status || test.code != "" && got.code != test.code {
				t.Fatalf("PUT = %d %s, want %d %s", got.status, got.code, test.status, test.code)
			}
			out, err := w.client(w.operator).GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String(testBucket), Key: &objectKey})
			if test.status != http.StatusOK {
				if codeOf(err) != "NoSuchKey" {
					t.Fatalf("after a refusal, GetObject = %v, want NoSuchKey", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			stored, err := io.ReadAll(out.Body)
			if err != nil || string(stored) != body {
				t.Errorf("stored %q, %v, want %q", stored, err, body)
			}
			if *out.ContentType != "text/plain" || *out.ContentDisposition != headers.Get("Content-Disposition") {
				t.Errorf("stored as %q, %q", *out.ContentType, *out.ContentDisposition)
			}
			if again := send(t, http.MethodPut, target, headers, sent); again.status != http.StatusPreconditionFailed || again.code != "PreconditionFailed" {
				t.Errorf("second PUT = %d %s, want 412 PreconditionFailed", again.status, again.code)
			}
		})
	}
}

func testRacingPuts(t *testing.T, w *world) {
	const objectKey, body = "u/race/hello.txt", "Hello, world!"
	headers := uploadHeaders(body)
	target := w.signedURL(t, w.presign, http.MethodPut, objectKey, headers, int64(len(body)), time.Minute, time.Now())
	var mu sync.Mutex
	statuses := make(map[int]int)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			got := send(t, http.MethodPut, target, headers, body)
			mu.Lock()
			defer mu.Unlock()
			statuses[got.status]++
		})
	}
	all.Wait()
	if statuses[200] != 1 || statuses[412]+statuses[409] != 7 {
		t.Errorf("eight racing PUTs = %v, want one 200 and seven refusals", statuses)
	}
	// Whatever comes later of the same key comes after what came of the race.
	w.put(t, objectKey, "again")
	if got := w.inbox.wait(t, objectKey, 2); len(got) != 2 {
		t.Errorf("events = %d, want 2: one of the race, one of the PUT after it", len(got))
	}
}

func testLargeBody(t *testing.T, w *world) {
	const objectKey = "u/large/film.bin"
	body := make([]byte, 16<<20)
	_, _ = rand.Read(body) // never fails
	headers := uploadHeaders(string(body))
	target := w.signedURL(t, w.presign, http.MethodPut, objectKey, headers, int64(len(body)), time.Minute, time.Now())
	if got := send(t, http.MethodPut, target, headers, string(body)); got.status != http.StatusOK {
		t.Fatalf("PUT = %d %s", got.status, got.code)
	}
	out, err := w.client(w.edge).GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String(testBucket), Key: aws.String(objectKey)})
	if err != nil {
		t.Fatal(err)
	}
	if stored, err := io.ReadAll(out.Body); err != nil || !bytes.Equal(stored, body) {
		t.Errorf("stored %d bytes, %v, want the %d sent", len(stored), err, len(body))
	}
	if e := w.inbox.wait(t, objectKey, 1)[0]; *e.S3.Object.Size != int64(len(body)) {
		t.Errorf("size in the event = %d, want %d", *e.S3.Object.Size, len(body))
	}
}
