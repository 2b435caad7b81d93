package s3

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"airlock/local/iam"
)

// restart ends a service and starts the next over the same folder.
func restart(t *testing.T, w *world, f folder) *world {
	t.Helper()
	if err := w.Close(); err != nil {
		t.Fatalf("Close() = %v", err)
	}
	return start(t, f)
}

func TestRestart(t *testing.T) {
	home, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	f := newFolder(t)
	w := start(t, f)
	version := w.put(t, "u/restart/file.txt", "x").VersionId
	old := w.inbox.wait(t, "u/restart/file.txt", 1)[0].S3.Object.Sequencer
	tested := w.inbox.testEvents(t)
	if len(tested) != 2 || tested[0].Service != "Amazon S3" || tested[0].Bucket != testBucket || tested[0].RequestID == "" || tested[0].HostID == "" || tested[0].Time == "" {
		t.Errorf("test events = %+v, want one for each of two notifications", tested)
	}

	w = restart(t, w, f)
	if err := get("u/restart/file.txt", version)(t, w.client(w.record)); err != nil {
		t.Errorf("after a restart, GetObject = %v", err)
	}
	w.put(t, "u/restart/file.txt", "y")
	if next := w.inbox.wait(t, "u/restart/file.txt", 1)[0].S3.Object.Sequencer; next <= old || len(next) != len(old) {
		t.Errorf("after a restart, the sequencer %s does not follow %s", next, old)
	}
	if again := w.inbox.testEvents(t); len(again) != 0 {
		t.Errorf("after a restart, %d more test events", len(again))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if now, err := os.Getwd(); err != nil || now != home {
		t.Errorf("after Close, the working directory is %s, %v, want %s", now, err, home)
	}
}

func (i *inbox) testEvents(t *testing.T) []testEvent {
	t.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	var out []testEvent
	for _, m := range i.messages {
		var e testEvent
		if err := json.Unmarshal(m, &e); err == nil && e.Event == "s3:TestEvent" {
			out = append(out, e)
		}
	}
	return out
}

// TestRefusedMessages lets the queue be down while objects change, and the
// process end before it is up again.
func TestRefusedMessages(t *testing.T) {
	f := newFolder(t)
	w := start(t, f)
	w.inbox.set(true)
	w.put(t, "u/down/file.txt", "x")
	w.inbox.set(false)
	w.inbox.wait(t, "u/down/file.txt", 1)

	w.inbox.set(true)
	w.put(t, "u/down/other.txt", "x")
	w = restart(t, w, f)
	w.inbox.wait(t, "u/down/other.txt", 1)
}

func (i *inbox) set(refuse bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.refuse = refuse
}

// TestKilled leaves intents behind as a killed process does, before and after
// the object has changed.
func TestKilled(t *testing.T) {
	f := newFolder(t)
	w := start(t, f)
	c := w.client(w.operator)
	stored := w.put(t, "u/killed/stored", "x")
	w.put(t, "u/killed/marked", "x")
	gone := w.put(t, "u/killed/gone", "x")
	w.put(t, "u/killed/kept", "x")
	marked, err := c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String(testBucket), Key: aws.String("u/killed/marked")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String(testBucket), Key: aws.String("u/killed/gone"), VersionId: gone.VersionId}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	events, err := newEvents(Config{DB: f.db})
	if err != nil {
		t.Fatal(err)
	}
	var last uint64
	for _, c := range []change{
		{Event: "ObjectCreated:Put", ObjectKey: "u/killed/stored"},
		{Event: "ObjectCreated:Put", ObjectKey: "u/killed/never"},
		{Event: "ObjectRemoved", ObjectKey: "u/killed/marked"},
		{Event: "ObjectRemoved", ObjectKey: "u/killed/gone", VersionID: *gone.VersionId},
		{Event: "ObjectRemoved", ObjectKey: "u/killed/kept"},
	} {
		c.Bucket, c.Time = testBucket, time.Now()
		if last, err = events.intend(c); err != nil {
			t.Fatal(err)
		}
	}

	w = start(t, f)
	for objectKey, want := range map[string]struct{ event, version string }{
		"u/killed/stored": {"ObjectCreated:Put", *stored.VersionId},
		"u/killed/marked": {"ObjectRemoved:DeleteMarkerCreated", *marked.VersionId},
		"u/killed/gone":   {"ObjectRemoved:Delete", *gone.VersionId},
	} {
		if e := w.inbox.wait(t, objectKey, 1)[0]; e.EventName != want.event || e.S3.Object.VersionID != want.version {
			t.Errorf("the event of %s = %s %s, want %+v", objectKey, e.EventName, e.S3.Object.VersionID, want)
		}
	}
	w.put(t, "u/killed/last", "x")
	if e := w.inbox.wait(t, "u/killed/last", 1)[0]; e.S3.Object.Sequencer <= sequencerText(last) {
		t.Errorf("the sequencer %s does not follow %s", e.S3.Object.Sequencer, sequencerText(last))
	}
	for _, objectKey := range []string{"u/killed/never", "u/killed/kept"} {
		w.inbox.mu.Lock()
		if found := w.inbox.of(t, objectKey); len(found) != 0 {
			t.Errorf("%d events of %s, which did not change", len(found), objectKey)
		}
		w.inbox.mu.Unlock()
	}
	if left, _, err := events.pending(); err != nil || len(left) != 0 {
		t.Errorf("%d intents left, %v", len(left), err)
	}
}

// TestMetadata writes over a delete marker, and after the last version, with
// each kind of metadata; the side-car is for file systems without attributes.
func TestMetadata(t *testing.T) {
	for _, kind := range []string{inXattrs, inSideCar} {
		t.Run(kind, func(t *testing.T) {
			f := newFolder(t)
			if err := os.MkdirAll(f.dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(f.dir, "metadata"), []byte(kind+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			testMetadata(t, f)
		})
	}
}

func testMetadata(t *testing.T, f folder) {
	w := start(t, f)
	const objectKey = "u/metadata/file.txt"
	c := w.client(w.operator)
	once := func() error {
		_, err := c.PutObject(t.Context(), &s3.PutObjectInput{
			Bucket: aws.String(testBucket), Key: aws.String(objectKey), IfNoneMatch: aws.String("*"),
			ContentType: aws.String("text/plain"), Body: strings.NewReader("x"),
		})
		return err
	}
	if err := once(); err != nil {
		t.Fatalf("PutObject = %v", err)
	}
	if err := once(); codeOf(err) != "PreconditionFailed" {
		t.Errorf("second PutObject = %v, want PreconditionFailed", err)
	}
	if err := del(objectKey)(t, c); err != nil {
		t.Errorf("DeleteObject = %v", err)
	}
	if err := get(objectKey, nil)(t, c); codeOf(err) != "NoSuchKey" {
		t.Errorf("GetObject of a deleted object = %v, want NoSuchKey", err)
	}
	if err := once(); err != nil {
		t.Errorf("PutObject over a delete marker = %v", err)
	}
	out, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String(testBucket), Key: aws.String(objectKey)})
	if err != nil || *out.ContentType != "text/plain" {
		t.Fatalf("GetObject of what was stored over a delete marker = %v", err)
	}
	if err := out.Body.Close(); err != nil {
		t.Error(err)
	}
	for _, id := range versionsOf(t, c, objectKey) {
		if _, err := c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String(testBucket), Key: aws.String(objectKey), VersionId: &id}); err != nil {
			t.Errorf("DeleteObject of version %s = %v", id, err)
		}
	}
	if left := versionsOf(t, c, objectKey); len(left) != 0 {
		t.Errorf("versions left: %v", left)
	}
	if err := once(); err != nil {
		t.Errorf("PutObject after all versions are gone = %v", err)
	}
	if err := get(objectKey, nil)(t, c); err != nil {
		t.Errorf("GetObject after all versions were gone = %v", err)
	}
}

func versionsOf(t *testing.T, c *s3.Client, objectKey string) []string {
	t.Helper()
	out, err := c.ListObjectVersions(t.Context(), &s3.ListObjectVersionsInput{Bucket: aws.String(testBucket), Prefix: &objectKey})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, v := range out.Versions {
		ids = append(ids, *v.VersionId)
	}
	for _, m := range out.DeleteMarkers {
		ids = append(ids, *m.VersionId)
	}
	return ids
}

func TestAddressTaken(t *testing.T) {
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	f := newFolder(t)
	s, err := Start(t.Context(), Config{Dir: f.dir, DB: f.db, IAM: iam.NewDirectory(), Region: testRegion, AccountID: testAccount, Addr: l.Addr().String()})
	if err == nil {
		t.Fatal(s.Close(), "Start() on an address in use = nil, want an error")
	}
}

func TestStartRefuses(t *testing.T) {
	f := newFolder(t)
	for name, change := range map[string]func(*Config){
		"an address of the network": func(c *Config) { c.Addr = "0.0.0.0:9001" },
		"a name":                    func(c *Config) { c.Addr = "localhost:9001" },
		"a relative folder":         func(c *Config) { c.Dir = "data" },
		"an unknown event":          func(c *Config) { c.Buckets[0].Notifications[0].Event = "s3:ObjectRestore:*" },
		"an encoded filter":         func(c *Config) { c.Buckets[0].Notifications[0].Prefix = "a%20b" },
		"an unknown policy":         func(c *Config) { c.Buckets[0].Policy = map[string]any{"Statement": "?"} },
		"a bad name":                func(c *Config) { c.Buckets[0].Name = "../x" },
		"an unknown CORS method":    func(c *Config) { c.Buckets[0].CORS[0].AllowedMethods = []string{"PATCH"} },
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{inbox: &inbox{}}
			c := Config{
				Dir: f.dir, DB: f.db, IAM: iam.NewDirectory(), Region: testRegion, AccountID: testAccount,
				Addr: freeAddr(t), Buckets: testBuckets(), Notify: w.inbox.notify,
			}
			change(&c)
			if s, err := Start(t.Context(), c); err == nil {
				_ = s.Close()
				t.Error("Start() = nil, want an error")
			}
		})
	}
}
