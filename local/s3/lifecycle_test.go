package s3

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"airlock/local/template"
)

func TestDue(t *testing.T) {
	t.Parallel()
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, test := range []struct {
		since, now string
		days       int
		want       bool
	}{
		// The example of the S3 user guide: created 15 January 10:30, three
		// days, expires at 19 January 00:00.
		{"2014-01-15T10:30:00Z", "2014-01-18T23:59:59Z", 3, false},
		{"2014-01-15T10:30:00Z", "2014-01-19T00:00:00Z", 3, true},
		{"2014-01-15T00:00:00Z", "2014-01-18T00:00:00Z", 3, true},
		{"2014-01-15T23:30:00-02:00", "2014-01-19T00:00:00Z", 3, false},
	} {
		if got := due(at(test.since), test.days, at(test.now)); got != test.want {
			t.Errorf("due(%s, %d, %s) = %t, want %t", test.since, test.days, test.now, got, test.want)
		}
	}
}

func TestExpired(t *testing.T) {
	t.Parallel()
	now := time.Now()
	days := func(n int) time.Time { return now.AddDate(0, 0, -n) }
	history := []version{
		{versionID: "4", created: days(5), latest: true},
		{versionID: "3", created: days(20), marker: true},
		{versionID: "2", created: days(40)},
		{versionID: "1", created: days(90)},
	}
	lonely := []version{{versionID: "1", created: days(1), latest: true, marker: true}}
	for _, test := range []struct {
		name    string
		rule    template.LifecycleRule
		history []version
		want    []string
	}{
		{"nothing set", template.LifecycleRule{}, history, nil},
		{"noncurrent since its successor", template.LifecycleRule{NoncurrentDays: 30}, history, []string{"1"}},
		{"noncurrent, sooner", template.LifecycleRule{NoncurrentDays: 15}, history, []string{"2", "1"}},
		{"current too young", template.LifecycleRule{ExpirationDays: 7}, history, nil},
		{"current", template.LifecycleRule{ExpirationDays: 3}, history, []string{"4"}},
		{"marker over versions", template.LifecycleRule{ExpiredObjectDeleteMarker: true}, append(slices.Clone(lonely), history[1:]...), nil},
		{"marker over nothing", template.LifecycleRule{ExpiredObjectDeleteMarker: true}, lonely, []string{"1"}},
		{"a marker does not expire again", template.LifecycleRule{ExpirationDays: 1}, lonely, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, v := range expired(test.rule, test.history, now) {
				got = append(got, v.versionID)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("expired (-want +got):\n%s", diff)
			}
		})
	}
}

// TestLifecycle applies the product's rules, and an expiration, to real
// objects as if days had gone by.
func TestLifecycle(t *testing.T) {
	buckets := testBuckets()
	buckets[0].Notifications = append(buckets[0].Notifications, template.Notification{Event: "s3:LifecycleExpiration:*", QueueARN: testQueue})
	w := start(t, newFolder(t), func(c *Config) { c.Buckets = buckets })
	c := w.client(w.operator)
	w.put(t, "u/lc/kept", "x")
	w.put(t, "u/lc/replaced", "old")
	kept := w.put(t, "u/lc/replaced", "new").VersionId
	w.put(t, "u/lc/deleted", "x")
	if err := del("u/lc/deleted")(t, c); err != nil {
		t.Fatal(err)
	}
	w.put(t, "tmp/file", "x")
	for _, objectKey := range []string{"u/lc/upload", "tmp/upload"} {
		if _, err := c.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: aws.String(testBucket), Key: &objectKey}); err != nil {
			t.Fatal(err)
		}
	}
	ruled := testBuckets() // the service has the other list
	ruled[0].Lifecycle = []template.LifecycleRule{
		{ID: "old-versions", NoncurrentDays: 30},
		{ID: "leftovers", AbortIncompleteUploadDays: 7, ExpiredObjectDeleteMarker: true},
		{ID: "tmp", Prefix: "tmp/", ExpirationDays: 1},
	}
	sweep := w.store.sweeper(ruled)
	uploads := func() int {
		out, err := c.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: aws.String(testBucket)})
		if err != nil {
			t.Fatal(err)
		}
		return len(out.Uploads)
	}
	if err := sweep(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	if n := len(versionsOf(t, c, "u/lc/replaced")); n != 2 || uploads() != 2 {
		t.Errorf("on the first day, %d versions and %d uploads, want 2 and 2", n, uploads())
	}
	if err := sweep(t.Context(), time.Now().AddDate(0, 0, 32)); err != nil {
		t.Fatal(err)
	}
	if got := versionsOf(t, c, "u/lc/replaced"); len(got) != 1 || got[0] != *kept {
		t.Errorf("a month later, versions = %v, want %s alone", got, *kept)
	}
	if err := get("u/lc/kept", nil)(t, c); err != nil || uploads() != 0 {
		t.Errorf("a month later, GetObject = %v, %d uploads", err, uploads())
	}
	if err := sweep(t.Context(), time.Now().AddDate(0, 0, 33)); err != nil {
		t.Fatal(err)
	}
	if got := versionsOf(t, c, "u/lc/deleted"); len(got) != 0 {
		t.Errorf("a day after that, versions of a deleted object = %v, want none", got)
	}
	for objectKey, want := range map[string][]string{
		"u/lc/replaced": {"LifecycleExpiration:Delete"},
		"u/lc/deleted":  {"LifecycleExpiration:Delete", "LifecycleExpiration:Delete"},
		"tmp/file":      {"LifecycleExpiration:DeleteMarkerCreated"},
	} {
		all := w.inbox.wait(t, objectKey, len(want)+map[string]int{"u/lc/replaced": 2, "u/lc/deleted": 2, "tmp/file": 1}[objectKey])
		var got []string
		for _, e := range all {
			if strings.HasPrefix(e.EventName, "Lifecycle") {
				got = append(got, e.EventName)
			}
		}
		if diff := cmp.Diff(want, got[:min(len(got), len(want))]); diff != "" {
			t.Errorf("lifecycle events of %s (-want +got):\n%s", objectKey, diff)
		}
	}
}

func TestDaily(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.Sleep(9 * time.Hour) // virtual: it is nine in the morning
		var runs []string
		go daily(ctx, func(_ context.Context, now time.Time) error {
			runs = append(runs, now.UTC().Format("02 15:04"))
			return errors.New("a failure does not end the loop")
		})
		time.Sleep(2 * 24 * time.Hour)
		cancel()
		synctest.Wait()
		if diff := cmp.Diff([]string{"01 09:00", "02 00:00", "03 00:00"}, runs); diff != "" {
			t.Errorf("runs (-want +got):\n%s", diff)
		}
	})
}
