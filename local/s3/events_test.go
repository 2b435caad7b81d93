package s3

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func testOddKeys(t *testing.T, w *world) {
	for _, objectKey := range []string{
		"u/odd/ a b+c%&=#?*\"';~", "u/odd/日本語/naïve 😀.txt", "u/odd/%2F%20", "u/odd/a+b", "u/odd/a%2Bb", "u/odd/$,:@[]{}|^`<>!()",
	} {
		t.Run(objectKey, func(t *testing.T) {
			t.Parallel()
			headers := uploadHeaders("x")
			target := w.signedURL(t, w.presign, http.MethodPut, objectKey, headers, 1, time.Minute, time.Now())
			if got := send(t, http.MethodPut, target, headers, "x"); got.status != http.StatusOK {
				t.Fatalf("PUT = %d %s", got.status, got.code)
			}
			w.inbox.wait(t, objectKey, 1) // decodes
			if err := get(objectKey, nil)(t, w.client(w.edge)); err != nil {
				t.Errorf("GetObject = %v", err)
			}
		})
	}
}

func testRefusedKeys(t *testing.T, w *world) {
	w.put(t, "u/refused/y", "x")
	for _, objectKey := range []string{
		"u/refused/x/../y", "u/refused//y", "u/refused/./y", "./u/refused/y", "u/refused/y\x00", "u/refused/\xff", ".sgwtmp/y",
	} {
		for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete} {
			target := w.signedURL(t, w.operator, method, objectKey, http.Header{}, -1, time.Minute, time.Now())
			if got := send(t, method, target, nil, ""); got.status != http.StatusBadRequest || got.code != "InvalidURI" {
				t.Errorf("%s %q = %d %s, want 400 InvalidURI", method, objectKey, got.status, got.code)
			}
		}
	}
	c := w.client(w.operator)
	for _, source := range []string{testBucket + "/u/refused/x/../y", testBucket + "/u/refused//y"} {
		_, err := c.CopyObject(t.Context(), &s3.CopyObjectInput{Bucket: aws.String(testBucket), Key: aws.String("u/refused/copy"), CopySource: &source})
		if codeOf(err) != "InvalidURI" {
			t.Errorf("CopyObject of %q = %v, want InvalidURI", source, err)
		}
	}
	for objectKey, code := range map[string]string{
		"u/refused/y/z":                            "ObjectParentIsFile",
		"u/refused":                                "ExistingObjectIsDirectory",
		"u/refused/" + strings.Repeat("a", 256):    "KeyTooLongError",
		"u/" + strings.Repeat("long/", 250) + "er": "KeyTooLongError",
	} {
		if err := put(objectKey)(t, c); codeOf(err) != code {
			t.Errorf("PutObject(%.20q…) = %v, want %s", objectKey, err, code)
		}
	}
}

func testCORS(t *testing.T, w *world) {
	target := w.URL() + "/" + testBucket + "/u/cors/file.txt"
	preflight := http.Header{"Origin": {"https://app.example"}, "Access-Control-Request-Method": {"PUT"}, "Access-Control-Request-Headers": {"content-type,if-none-match"}}
	got := send(t, http.MethodOptions, target, preflight, "")
	want := map[string]string{
		"Access-Control-Allow-Origin":  "https://app.example",
		"Access-Control-Allow-Methods": "PUT",
		"Access-Control-Max-Age":       "600",
	}
	if got.status != http.StatusOK {
		t.Errorf("preflight = %d %s", got.status, got.code)
	}
	for name, value := range want {
		if got.header.Get(name) != value {
			t.Errorf("preflight %s = %q, want %q", name, got.header.Get(name), value)
		}
	}
	preflight.Set("Origin", "https://evil.example")
	if got := send(t, http.MethodOptions, target, preflight, ""); got.status != http.StatusForbidden {
		t.Errorf("preflight of another origin = %d, want 403", got.status)
	}
	refusal := send(t, http.MethodPut, target, http.Header{"Origin": {"https://app.example"}}, "x")
	if refusal.status != http.StatusForbidden || refusal.header.Get("Access-Control-Allow-Origin") != "https://app.example" {
		t.Errorf("refusal = %d, allowed origin %q: a browser would not show it", refusal.status, refusal.header.Get("Access-Control-Allow-Origin"))
	}
}

func testEvents(t *testing.T, w *world) {
	const objectKey = "u/events/a b.txt"
	out := w.put(t, objectKey, "hello")
	got := w.inbox.wait(t, objectKey, 1)[0]
	size := int64(5)
	want := record{
		EventVersion: "2.3", EventSource: "aws:s3", AWSRegion: testRegion, EventName: "ObjectCreated:Put",
		UserIdentity: identity{"AWS:operator"}, RequestParameters: map[string]string{"sourceIPAddress": "127.0.0.1"},
		S3: recordS3{
			SchemaVersion: "1.0",
			Bucket:        recordBucket{Name: testBucket, OwnerIdentity: identity{testAccount}, ARN: "arn:aws:s3:::" + testBucket},
			Object:        recordObject{Key: "u/events/a+b.txt", Size: &size, ETag: "5d41402abc4b2a76b9719d911017c592", VersionID: *out.VersionId},
		},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(record{}, "EventTime", "ResponseElements"),
		cmpopts.IgnoreFields(recordS3{}, "ConfigurationID"), cmpopts.IgnoreFields(recordObject{}, "Sequencer")); diff != "" {
		t.Errorf("the event of a PUT (-want +got):\n%s", diff)
	}
	if at, err := time.Parse("2006-01-02T15:04:05.000Z", got.EventTime); err != nil || time.Since(at) > time.Minute {
		t.Errorf("eventTime = %q, %v", got.EventTime, err)
	}
	if len(got.S3.Object.Sequencer) < 16 || len(got.S3.ConfigurationID) != 36 || got.ResponseElements["x-amz-request-id"] == "" || got.ResponseElements["x-amz-id-2"] == "" {
		t.Errorf("sequencer %q, configurationId %q, responseElements %v", got.S3.Object.Sequencer, got.S3.ConfigurationID, got.ResponseElements)
	}
	_, err := w.client(w.operator).CopyObject(t.Context(), &s3.CopyObjectInput{Bucket: aws.String(testBucket), Key: aws.String("u/events/copy"), CopySource: aws.String(testBucket + "/u/events/a%20b.txt")})
	if err != nil {
		t.Fatal(err)
	}
	if e := w.inbox.wait(t, "u/events/copy", 1)[0]; e.EventName != "ObjectCreated:Copy" || *e.S3.Object.Size != 5 {
		t.Errorf("the event of a copy = %s, size %d", e.EventName, *e.S3.Object.Size)
	}
}

func testDeletionEvents(t *testing.T, w *world) {
	const objectKey = "u/deletions/file.txt"
	c := w.client(w.operator)
	version := w.put(t, objectKey, "x").VersionId
	marker, err := c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String(testBucket), Key: aws.String(objectKey)})
	if err != nil || !*marker.DeleteMarker || *marker.VersionId == *version {
		t.Fatalf("DeleteObject = %+v, %v, want a delete marker", marker, err)
	}
	for _, id := range []*string{version, marker.VersionId} {
		if _, err := c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String(testBucket), Key: aws.String(objectKey), VersionId: id}); err != nil {
			t.Fatal(err)
		}
	}
	got := w.inbox.wait(t, objectKey, 4)[1:]
	want := []struct{ name, version string }{
		{"ObjectRemoved:DeleteMarkerCreated", *marker.VersionId},
		{"ObjectRemoved:Delete", *version},
		{"ObjectRemoved:Delete", *marker.VersionId},
	}
	for i, e := range got {
		o := e.S3.Object
		if e.EventName != want[i].name || o.VersionID != want[i].version || o.Size != nil || o.ETag != "" {
			t.Errorf("event %d = %s %+v, want %+v without size and eTag", i, e.EventName, o, want[i])
		}
	}
	// What was never there leaves no trace; what comes next proves it.
	if err := del("u/deletions/never")(t, c); err != nil {
		t.Errorf("DeleteObject of nothing = %v", err)
	}
	w.put(t, "u/deletions/never", "x")
	if got := w.inbox.wait(t, "u/deletions/never", 1); got[0].EventName != "ObjectCreated:Put" {
		t.Errorf("first event = %s, want ObjectCreated:Put", got[0].EventName)
	}
}

// testEventOrder writes and deletes one key from many sides at once and checks
// that the greatest sequencer is that of the version which stayed.
func testEventOrder(t *testing.T, w *world) {
	const objectKey, writers = "u/order/file.txt", 12
	c := w.client(w.operator)
	var all sync.WaitGroup
	for i := range writers {
		all.Go(func() {
			if i%4 == 3 {
				if err := del(objectKey)(t, c); err != nil {
					t.Error(err)
				}
				return
			}
			in := &s3.PutObjectInput{Bucket: aws.String(testBucket), Key: aws.String(objectKey), Body: strings.NewReader(strconv.Itoa(i))}
			if _, err := c.PutObject(t.Context(), in); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	versions, err := c.ListObjectVersions(t.Context(), &s3.ListObjectVersionsInput{Bucket: aws.String(testBucket), Prefix: aws.String(objectKey)})
	if err != nil {
		t.Fatal(err)
	}
	current, known := "", make(map[string]bool)
	for _, v := range versions.Versions {
		known[*v.VersionId] = true
		if *v.IsLatest {
			current = *v.VersionId
		}
	}
	for _, m := range versions.DeleteMarkers {
		known[*m.VersionId] = true
		if *m.IsLatest {
			current = *m.VersionId
		}
	}
	var newest record
	for _, e := range w.inbox.wait(t, objectKey, len(known)) {
		if e.S3.Object.Sequencer > newest.S3.Object.Sequencer {
			newest = e
		}
		delete(known, e.S3.Object.VersionID)
	}
	if newest.S3.Object.VersionID != current {
		t.Errorf("the greatest sequencer has version %s, want the current one, %s", newest.S3.Object.VersionID, current)
	}
	if len(known) != 0 {
		t.Errorf("no events of the versions %v", known)
	}
}

// testSlowUpload sends most of a body, lets another client write the same key,
// and then the rest: the slow one must not hold the lock. What is sent first is
// more than sockets buffer, so the gateway is known to have begun.
func testSlowUpload(t *testing.T, w *world) {
	const objectKey, most = "u/slow/file.txt", 24 << 20
	body, rest := io.Pipe()
	target := w.signedURL(t, w.operator, http.MethodPut, objectKey, http.Header{}, most+1, time.Minute, time.Now())
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, target, body)
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = most + 1
	done := make(chan int, 1)
	go func() {
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			done <- 0
			return
		}
		_ = resp.Body.Close()
		done <- resp.StatusCode
	}()
	if _, err := rest.Write(make([]byte, most)); err != nil {
		t.Fatal(err)
	}
	soon, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	quick, err := w.client(w.operator).PutObject(soon, &s3.PutObjectInput{Bucket: aws.String(testBucket), Key: aws.String(objectKey), Body: strings.NewReader("quick")})
	if err != nil {
		t.Fatalf("PutObject while another upload of the key is under way = %v", err)
	}
	if _, err := rest.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	_ = rest.Close()
	if status := <-done; status != http.StatusOK {
		t.Fatalf("slow PUT = %d", status)
	}
	got := w.inbox.wait(t, objectKey, 2)
	if got[0].S3.Object.VersionID != *quick.VersionId || got[1].S3.Object.Sequencer <= got[0].S3.Object.Sequencer {
		t.Errorf("events = %+v, want the quick PUT before the slow one", got)
	}
}

func testBatchDeletion(t *testing.T, w *world) {
	w.put(t, "u/batch/one", "x")
	w.put(t, "u/batch/two", "x")
	id := func(objectKey string) types.ObjectIdentifier {
		return types.ObjectIdentifier{Key: aws.String(objectKey)}
	}
	out, err := w.client(w.operator).DeleteObjects(t.Context(), &s3.DeleteObjectsInput{Bucket: aws.String(testBucket), Delete: &types.Delete{
		Objects: []types.ObjectIdentifier{id("u/batch/one"), id("locked/three"), id("u/batch/x/../two"), id("u/batch/two")},
	}})
	if err != nil {
		t.Fatal(err)
	}
	refused := make(map[string]string)
	for _, e := range out.Errors {
		refused[*e.Key] = *e.Code
	}
	if diff := cmp.Diff(map[string]string{"locked/three": "AccessDenied", "u/batch/x/../two": "InvalidURI"}, refused); diff != "" || len(out.Deleted) != 2 {
		t.Errorf("DeleteObjects deleted %d, refused (-want +got):\n%s", len(out.Deleted), diff)
	}
	for _, objectKey := range []string{"u/batch/one", "u/batch/two"} {
		if e := w.inbox.wait(t, objectKey, 2)[1]; e.EventName != "ObjectRemoved:DeleteMarkerCreated" {
			t.Errorf("event of %s = %s", objectKey, e.EventName)
		}
	}
}

func testBucketsStand(t *testing.T, w *world) {
	out, err := w.client(w.operator).ListBuckets(t.Context(), &s3.ListBucketsInput{})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, b := range out.Buckets {
		names = append(names, *b.Name)
	}
	if diff := cmp.Diff([]string{testBucket, "plain-bucket"}, names); diff != "" {
		t.Errorf("ListBuckets (-want +got):\n%s", diff)
	}
	for name, want := range map[string]types.BucketVersioningStatus{testBucket: "Enabled", "plain-bucket": ""} {
		got, err := w.client(w.operator).GetBucketVersioning(t.Context(), &s3.GetBucketVersioningInput{Bucket: &name})
		if err != nil || got.Status != want {
			t.Errorf("GetBucketVersioning(%s) = %v, %v, want %q", name, got, err, want)
		}
	}
}
