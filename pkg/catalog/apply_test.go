package catalog_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"airlock/pkg/bucketevent"
	"airlock/pkg/catalog"
)

// change decodes the only change of a record, as the catalog gets it.
func change(tb testing.TB, record string) bucketevent.Change {
	tb.Helper()
	changes, errs := bucketevent.Decode([]byte(notification(record)))
	if len(changes) != 1 || len(errs) > 0 {
		tb.Fatalf("Decode(%s) = %d changes, %v", record, len(changes), errs)
	}
	return changes[0]
}

func s(value string) map[string]string { return map[string]string{"S": value} }
func n(value string) map[string]string { return map[string]string{"N": value} }

func padded(sequencer string) string {
	return strings.Repeat("0", 32-len(sequencer)) + sequencer
}

const (
	sha256    = "MV9b23bQeMQ7isAGTkoBZGErH853yGk0W/yUx1iU7dM="
	composite = "MV9b23bQeMQ7isAGTkoBZGErH853yGk0W/yUx1iU7dM=-2"
)

func headers(pairs ...string) http.Header {
	h := make(http.Header)
	for i := 0; i < len(pairs); i += 2 {
		h.Set(pairs[i], pairs[i+1])
	}
	return h
}

func TestApplyCreated(t *testing.T) {
	t.Parallel()
	const key = "u/alice/summer+2026/a%2Bb.txt"
	plain := item{
		"space": s("u/alice"), "path": s("summer 2026/a+b.txt"), "sequencer": s(padded("1A")), "eTag": s("e1"),
		"contentLength": n("13"), "versionId": s("v1"), "created": s("2026-03-01T09:30:15.120Z"),
	}
	with := func(more item, without ...string) item {
		i := maps.Clone(plain)
		maps.Copy(i, more)
		for _, name := range without {
			delete(i, name)
		}
		return i
	}
	versioned := record("ObjectCreated:Put", key, `,"size":13,"eTag":"e1","versionId":"v1","sequencer":"1a"`)
	unversioned := record("ObjectCreated:Put", key, `,"size":13,"eTag":"e1","sequencer":"1a"`)
	const decoded = "u/alice/summer 2026/a+b.txt"
	full := headers("Content-Type", "text/plain", "ETag", `"e1"`, "X-Amz-Checksum-Sha256", sha256, "X-Amz-Checksum-Type", "FULL_OBJECT")
	tests := []struct {
		name   string
		record string
		fake   *fakeAWS
		want   item
		level  string // of the only log line
	}{
		{
			"all of it", versioned,
			&fakeAWS{objects: map[string]http.Header{decoded + "@v1": full}},
			with(item{"contentType": s("text/plain"), "checksumSHA256": s(sha256)}), "",
		},
		{
			"the version's, not the latest", versioned,
			&fakeAWS{objects: map[string]http.Header{
				decoded:         headers("Content-Type", "image/png"),
				decoded + "@v1": headers("Content-Type", "text/plain"),
			}},
			with(item{"contentType": s("text/plain")}), "",
		},
		{
			"composite checksum", versioned,
			&fakeAWS{objects: map[string]http.Header{decoded + "@v1": headers("Content-Type", "text/plain",
				"X-Amz-Checksum-Sha256", composite, "X-Amz-Checksum-Type", "COMPOSITE")}},
			with(item{"contentType": s("text/plain")}), "",
		},
		{
			"checksum of unknown type", versioned,
			&fakeAWS{objects: map[string]http.Header{decoded + "@v1": headers("X-Amz-Checksum-Sha256", sha256)}},
			plain, "",
		},
		{
			"no versions", unversioned,
			&fakeAWS{objects: map[string]http.Header{decoded: full}},
			with(item{"contentType": s("text/plain"), "checksumSHA256": s(sha256)}, "versionId"), "",
		},
		{
			"no versions, replaced since", unversioned,
			&fakeAWS{objects: map[string]http.Header{decoded: headers("Content-Type", "image/png", "ETag", `"e2"`)}},
			with(nil, "versionId"), "INFO",
		},
		{
			"no ETag", record("ObjectCreated:Put", key, `,"size":0,"sequencer":"1a"`),
			&fakeAWS{objects: map[string]http.Header{decoded: full}},
			with(item{
				"contentLength": n("0"), "contentType": s("text/plain"), "checksumSHA256": s(sha256),
			}, "versionId", "eTag"), "",
		},
		{
			"no sequencer", record("ObjectCreated:Put", key, `,"size":13,"eTag":"e1","versionId":"v1"`),
			&fakeAWS{objects: map[string]http.Header{decoded + "@v1": headers("Content-Type", "text/plain")}},
			with(item{"contentType": s("text/plain")}, "sequencer"), "",
		},
		{
			"of no user", record("ObjectCreated:Put", "mysubpath/hello.txt", `,"size":13,"eTag":"e1","versionId":"v1","sequencer":"1a"`),
			&fakeAWS{objects: map[string]http.Header{"mysubpath/hello.txt@v1": headers()}},
			with(item{"space": s("shared"), "path": s("mysubpath/hello.txt")}), "",
		},
		{"HeadObject 403", versioned, &fakeAWS{headStatus: 403}, plain, "WARN"},
		{"HeadObject 404", versioned, &fakeAWS{headStatus: 404}, plain, "INFO"},
		{"HeadObject 500", versioned, &fakeAWS{headStatus: 500}, plain, "WARN"},
		{"HeadObject 503", versioned, &fakeAWS{headStatus: 503}, plain, "WARN"},
		{"HeadObject's connection reset", versioned, &fakeAWS{headStatus: -1}, plain, "WARN"},
		{"HeadObject hangs", versioned, &fakeAWS{headDelay: time.Hour}, plain, "WARN"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				fake := tt.fake
				start := time.Now()
				if err := fake.catalog(&log).Apply(t.Context(), change(t, tt.record)); err != nil {
					t.Fatalf("Apply(%s) = %v", tt.record, err)
				}
				if got, limit := time.Since(start), time.Second; got > limit {
					t.Errorf("Apply took %v, more than %v: HeadObject held it up", got, limit)
				}
				if fake.heads != 1 {
					t.Errorf("HeadObject called %d times, want once", fake.heads)
				}
				if d := cmp.Diff(tt.want, fake.row(tt.want["space"]["S"], tt.want.path())); d != "" {
					t.Errorf("row after Apply(%s) (-want +got):\n%s", tt.record, d)
				}
				lines := logLines(t, &log)
				if tt.level == "" && len(lines) == 0 {
					return
				}
				if len(lines) != 1 || lines[0]["level"] != tt.level {
					t.Errorf("log = %v, want one line of level %q", lines, tt.level)
				}
				for _, secret := range []string{"a+b", "summer", "amazonaws", "HeadObject", "Signature"} {
					if strings.Contains(log.String(), secret) {
						t.Errorf("log %s holds %q", log.String(), secret)
					}
				}
			})
		})
	}
}

func TestApplyRemoved(t *testing.T) {
	t.Parallel()
	const key = "u/alice/a"
	tombstone := func(sequencer string) item {
		i := item{
			"space": s("u/alice"), "path": s("a"),
			"deleted":   s("2026-03-01T09:30:15.120Z"),
			"expiresAt": n("1777541415"), // 2026-04-30T09:30:15Z
		}
		if sequencer != "" {
			i["sequencer"] = s(padded(sequencer))
		}
		return i
	}
	stored := created(key, "5") // version v5
	unversioned := record("ObjectCreated:Put", key, `,"size":13,"eTag":"e5","sequencer":"5"`)
	unsequenced := record("ObjectCreated:Put", key, `,"size":13,"eTag":"e5","versionId":"v5"`)
	tests := []struct {
		name    string
		records []string
		want    item // nil: what the first record left
	}{
		{"delete marker", []string{stored, record("ObjectRemoved:DeleteMarkerCreated", key, `,"versionId":"m","sequencer":"6"`)}, tombstone("6")},
		{"no versions", []string{unversioned, record("ObjectRemoved:Delete", key, `,"sequencer":"6"`)}, tombstone("6")},
		{"nothing there", []string{record("ObjectRemoved:Delete", key, `,"sequencer":"6"`)}, nil},
		{"late", []string{stored, record("ObjectRemoved:Delete", key, `,"sequencer":"4"`)}, nil},
		{"no sequencer", []string{stored, record("ObjectRemoved:Delete", key, "")}, nil},
		{"no sequencer, nothing there", []string{record("ObjectRemoved:Delete", key, ""), record("ObjectCreated:Put", key, `,"size":1`)}, nil},
		{"then created", []string{record("ObjectRemoved:Delete", key, `,"sequencer":"4"`), unversioned}, item{
			"space": s("u/alice"), "path": s("a"), "sequencer": s(padded("5")), "eTag": s("e5"),
			"contentLength": n("13"), "created": s("2026-03-01T09:30:15.120Z"),
		}},

		{"that version", []string{stored, record("ObjectRemoved:Delete", key, `,"versionId":"v5","sequencer":"6"`)}, tombstone("5")},
		{"that version, late", []string{stored, record("ObjectRemoved:Delete", key, `,"versionId":"v5","sequencer":"4"`)}, nil},
		{"that version, no sequencer", []string{stored, record("ObjectRemoved:Delete", key, `,"versionId":"v5"`)}, nil},
		{"that version, stored without sequencer", []string{unsequenced, record("ObjectRemoved:Delete", key, `,"versionId":"v5","sequencer":"6"`)}, tombstone("")},
		{"another version", []string{stored, record("ObjectRemoved:Delete", key, `,"versionId":"v4","sequencer":"6"`)}, nil},
		{"null version, another stored", []string{stored, record("ObjectRemoved:Delete", key, `,"versionId":"null","sequencer":"6"`)}, nil},
		{"null version", []string{unversioned, record("ObjectRemoved:Delete", key, `,"versionId":"null","sequencer":"6"`)}, tombstone("5")},
		{"null version, a tombstone stored", []string{
			record("ObjectRemoved:Delete", key, `,"sequencer":"5"`), record("ObjectRemoved:Delete", key, `,"versionId":"null","sequencer":"6"`),
		}, nil},
		{"a version, null stored", []string{unversioned, record("ObjectRemoved:Delete", key, `,"versionId":"v5","sequencer":"6"`)}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			fake := &fakeAWS{}
			c := fake.catalog(io.Discard)
			want := tt.want
			for i, r := range tt.records {
				if err := c.Apply(t.Context(), change(t, r)); err != nil {
					t.Fatalf("Apply(%s) = %v", r, err)
				}
				if i == 0 && want == nil {
					want = fake.row("u/alice", "a")
				}
			}
			if d := cmp.Diff(want, fake.row("u/alice", "a")); d != "" {
				t.Errorf("row after %v (-want +got):\n%s", tt.records, d)
			}
		})
	}
}

// A version removed for good that was never recorded leaves no tombstone: it
// could hide the version that shows from now on.
func TestApplyVersionRemovedOfNothing(t *testing.T) {
	t.Parallel()
	for _, object := range []string{
		`,"versionId":"v1","sequencer":"6"`, `,"versionId":"null","sequencer":"6"`, `,"versionId":"v1"`, `,"versionId":"null"`,
	} {
		fake := &fakeAWS{}
		r := record("ObjectRemoved:Delete", "u/alice/a", object)
		if err := fake.catalog(io.Discard).Apply(t.Context(), change(t, r)); err != nil {
			t.Errorf("Apply(%s) = %v", r, err)
		}
		if got := fake.row("u/alice", "a"); got != nil {
			t.Errorf("row after Apply(%s) = %v, want none", r, got)
		}
	}
}

func TestApplyRefuses(t *testing.T) {
	t.Parallel()
	fake := &fakeAWS{putFails: map[string]bool{"b": true}}
	c := fake.catalog(io.Discard)

	other := change(t, created("u/alice/a", "1"))
	other.Bucket = "other"
	wrong, ok := errors.AsType[*catalog.WrongBucketError](c.Apply(t.Context(), other))
	if !ok || wrong.Bucket != "other" {
		t.Errorf("Apply of another bucket's change = %+v, %t; want a *WrongBucketError", wrong, ok)
	}
	unknown := change(t, created("u/alice/a", "1"))
	unknown.Kind = 0
	if err := c.Apply(t.Context(), unknown); err == nil {
		t.Error("Apply of an unknown kind = nil")
	}
	err := c.Apply(t.Context(), change(t, created("u/alice/b", "1")))
	if err == nil || err.Error() != "put row: AccessDeniedException, status 400" {
		t.Errorf("Apply without access = %v, want DynamoDB's refusal", err)
	}
	if len(fake.rows) > 0 {
		t.Errorf("rows = %v, want none", fake.rows)
	}
}

// What was written although the answer was lost is not written differently, and
// not reported as a failure, when the event comes again.
func TestApplyAgainAfterLostAnswer(t *testing.T) {
	t.Parallel()
	fake := &fakeAWS{putFails: map[string]bool{"a": true}, persist: true}
	c := fake.catalog(io.Discard)
	first := change(t, created("u/alice/a", "1"))
	if err := c.Apply(t.Context(), first); err == nil {
		t.Fatal("Apply whose answer is lost = nil")
	}
	want := fake.row("u/alice", "a")
	if err := c.Apply(t.Context(), first); err != nil || want == nil {
		t.Errorf("Apply again = %v, row %v; want the row of the first time and no error", err, want)
	}
	if d := cmp.Diff(want, fake.row("u/alice", "a")); d != "" {
		t.Errorf("row after Apply again (-first +second):\n%s", d)
	}
}

func TestApplyGivesUpPutItem(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fake := &fakeAWS{putDelay: time.Hour}
		start := time.Now()
		err := fake.catalog(io.Discard).Apply(t.Context(), change(t, created("u/alice/a", "1")))
		if err == nil || time.Since(start) > 7*time.Second {
			t.Errorf("Apply with a hanging PutItem = %v after %v, want an error within 7s", err, time.Since(start))
		}
	})
}

func TestApplyKeepsTimeForTheRow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fake := &fakeAWS{headDelay: time.Hour, putDelay: 200 * time.Millisecond}
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		if err := fake.catalog(io.Discard).Apply(ctx, change(t, created("u/alice/a", "1"))); err != nil {
			t.Errorf("Apply with 500ms and a hanging HeadObject = %v, want the row written in the other half", err)
		}
	})
}
