package bucketevent_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"airlock/pkg/bucketevent"
	"airlock/pkg/objectkey"
)

// notification is one of a single record that has what every test needs and,
// inside its object, what the test is about.
func notification(event, object string) string {
	return fmt.Sprintf(`{"Records":[{"eventVersion":"2.1","eventSource":"aws:s3","eventName":%q,`+
		`"eventTime":"2026-03-01T09:30:15.123Z","s3":{"bucket":{"name":"media"},"object":{%s}}}]}`, event, object)
}

func objectKey(tb testing.TB, s string) objectkey.Key {
	tb.Helper()
	k, err := objectkey.Parse(s)
	if err != nil {
		tb.Fatalf("objectkey.Parse(%q): %v", s, err)
	}
	return k
}

func sequencer(tb testing.TB, s string) bucketevent.Sequencer {
	tb.Helper()
	q, err := bucketevent.ParseSequencer(s)
	if err != nil {
		tb.Fatalf("ParseSequencer(%q): %v", s, err)
	}
	return q
}

func diff(got, want any) string {
	return cmp.Diff(want, got, cmp.Comparer(func(a, b objectkey.Key) bool { return a == b }),
		cmp.Comparer(func(a, b bucketevent.Sequencer) bool { return a == b }))
}

func TestDecodeWholeNotification(t *testing.T) {
	t.Parallel()
	message, err := os.ReadFile("testdata/put.json")
	if err != nil {
		t.Fatal(err)
	}
	got, errs := bucketevent.Decode(message)
	if len(errs) > 0 {
		t.Fatalf("Decode(put.json) = %v, want no error", errs)
	}
	want := []bucketevent.Change{{
		Kind:          bucketevent.Created,
		Bucket:        "media",
		ObjectKey:     objectKey(t, "u/alice/summer 2026/a+b.txt"),
		VersionID:     "096fKKXTRTtl3on89fVO.nfljtsv6qko",
		Sequencer:     sequencer(t, "0055AED6DCD90281E5"),
		Time:          time.Date(2026, 3, 1, 9, 30, 15, 123e6, time.UTC),
		ContentLength: 13,
		ETag:          "bf77a1e6c7b2f2f4f2c1f3f7a3e5d6c8",
	}}
	if d := diff(got, want); d != "" {
		t.Errorf("Decode(put.json) (-want +got):\n%s", d)
	}
}

func TestDecodeRecord(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 9, 30, 15, 123e6, time.UTC)
	created := func(key string) bucketevent.Change {
		return bucketevent.Change{
			Kind: bucketevent.Created, Bucket: "media", ObjectKey: objectKey(t, key), Time: at, ContentLength: 1,
		}
	}
	removed := func(kind bucketevent.Kind, versionID string) bucketevent.Change {
		return bucketevent.Change{
			Kind: kind, Bucket: "media", ObjectKey: objectKey(t, "a"), Time: at, VersionID: versionID,
		}
	}
	with := func(c bucketevent.Change, set func(*bucketevent.Change)) bucketevent.Change {
		set(&c)
		return c
	}
	tests := []struct {
		name, message string
		want          bucketevent.Change
	}{
		{"post", notification("ObjectCreated:Post", `"key":"a","size":1`), created("a")},
		{"copy", notification("ObjectCreated:Copy", `"key":"a","size":1`), created("a")},
		{"multipart", notification("ObjectCreated:CompleteMultipartUpload", `"key":"a","size":1`), created("a")},
		{
			"empty object", notification("ObjectCreated:Put", `"key":"a","size":0`),
			with(created("a"), func(c *bucketevent.Change) { c.ContentLength = 0 }),
		},
		{
			"beyond 32 bits", notification("ObjectCreated:Put", `"key":"a","size":53687091200000`),
			with(created("a"), func(c *bucketevent.Change) { c.ContentLength = 53687091200000 }),
		},

		{"plus is a space", notification("ObjectCreated:Put", `"key":"a+b","size":1`), created("a b")},
		{"escaped plus", notification("ObjectCreated:Put", `"key":"a%2Bb%2bc","size":1`), created("a+b+c")},
		{"decoded once", notification("ObjectCreated:Put", `"key":"a%2520b","size":1`), created("a%20b")},
		{"unicode", notification("ObjectCreated:Put", `"key":"%E2%82%AC/gr%C3%BCn","size":1`), created("€/grün")},
		{"unescaped unicode", notification("ObjectCreated:Put", `"key":"€","size":1`), created("€")},
		{"slashes", notification("ObjectCreated:Put", `"key":"a%2F/b//","size":1`), created("a//b//")},

		{
			"bare ETag", notification("ObjectCreated:Put", `"key":"a","size":1,"eTag":"abc-2"`),
			with(created("a"), func(c *bucketevent.Change) { c.ETag = "abc-2" }),
		},
		{
			"quoted ETag", notification("ObjectCreated:Put", `"key":"a","size":1,"eTag":"\"abc\""`),
			with(created("a"), func(c *bucketevent.Change) { c.ETag = "abc" }),
		},
		{"version null", notification("ObjectCreated:Put", `"key":"a","size":1,"versionId":null`), created("a")},
		{"version called null", notification("ObjectCreated:Put", `"key":"a","size":1,"versionId":"null"`), created("a")},
		{
			"short sequencer", notification("ObjectCreated:Put", `"key":"a","size":1,"sequencer":"0a"`),
			with(created("a"), func(c *bucketevent.Change) { c.Sequencer = sequencer(t, "A") }),
		},
		{"empty sequencer", notification("ObjectCreated:Put", `"key":"a","size":1,"sequencer":""`), created("a")},
		{"first minor", strings.Replace(notification("ObjectCreated:Put", `"key":"a","size":1`), "2.1", "2.0", 1), created("a")},
		{"today's minor", strings.Replace(notification("ObjectCreated:Put", `"key":"a","size":1`), "2.1", "2.6", 1), created("a")},
		{"later minor", strings.Replace(notification("ObjectCreated:Put", `"key":"a","size":1`), "2.1", "2.17", 1), created("a")},
		{"time without zone", strings.Replace(notification("ObjectCreated:Put", `"key":"a","size":1`), ".123Z", ".123", 1), created("a")},
		{"time of another zone", strings.Replace(notification("ObjectCreated:Put", `"key":"a","size":1`),
			"09:30:15.123Z", "10:30:15.123+01:00", 1), created("a")},
		{"unknown members", notification("ObjectCreated:Put", `"key":"a","size":1,"new":{"a":[1]}`), created("a")},

		{"removed, no versions", notification("ObjectRemoved:Delete", `"key":"a"`), removed(bucketevent.Removed, "")},
		{"removed, empty version", notification("ObjectRemoved:Delete", `"key":"a","versionId":""`), removed(bucketevent.Removed, "")},
		{"removed, with a size", notification("ObjectRemoved:Delete", `"key":"a","size":9,"eTag":"x"`), removed(bucketevent.Removed, "")},
		{"delete marker", notification("ObjectRemoved:DeleteMarkerCreated", `"key":"a","versionId":"m1"`), removed(bucketevent.Removed, "m1")},
		{"null delete marker", notification("ObjectRemoved:DeleteMarkerCreated", `"key":"a","versionId":"null"`), removed(bucketevent.Removed, "")},
		{"version removed", notification("ObjectRemoved:Delete", `"key":"a","versionId":"v1"`), removed(bucketevent.VersionRemoved, "v1")},
		{"null version removed", notification("ObjectRemoved:Delete", `"key":"a","versionId":"null"`), removed(bucketevent.VersionRemoved, "")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, errs := bucketevent.Decode([]byte(tt.message))
			if len(errs) > 0 {
				t.Fatalf("Decode(%s) = %v, want no error", tt.message, errs)
			}
			if d := diff(got, []bucketevent.Change{tt.want}); d != "" {
				t.Errorf("Decode(%s) (-want +got):\n%s", tt.message, d)
			}
		})
	}
}

func TestDecodeRefusesRecord(t *testing.T) {
	t.Parallel()
	const secret = "payslip"
	good := notification("ObjectCreated:Put", `"key":"`+secret+`","size":1`)
	tests := []struct{ name, message, want string }{
		{"bad escape", notification("ObjectCreated:Put", `"key":"payslip%zz","size":1`), "not form-encoded"},
		{"cut escape", notification("ObjectCreated:Put", `"key":"payslip%2","size":1`), "not form-encoded"},
		{"key of bad UTF-8", notification("ObjectCreated:Put", `"key":"payslip%FF","size":1`), "1,024 bytes of UTF-8"},
		{"long key", notification("ObjectCreated:Put", `"key":"payslip`+strings.Repeat("a", 1018)+`","size":1`), "1,024 bytes of UTF-8"},
		{"no key", notification("ObjectCreated:Put", `"size":1`), "no object key"},
		{"key in another case", notification("ObjectCreated:Put", `"Key":"payslip","size":1`), "no object key"},
		{"no size", notification("ObjectCreated:Put", `"key":"payslip"`), "no size"},
		{"negative size", notification("ObjectCreated:Put", `"key":"payslip","size":-1`), "no size"},
		{"size is text", notification("ObjectCreated:Put", `"key":"payslip","size":"1"`), `"/s3/object/size" has the wrong type`},
		{"size is no integer", notification("ObjectCreated:Put", `"key":"payslip","size":1.5`), `"/s3/object/size" has the wrong type`},
		{"sequencer not hexadecimal", notification("ObjectCreated:Put", `"key":"payslip","size":1,"sequencer":"0G"`), "hexadecimal"},
		{"sequencer with a sign", notification("ObjectCreated:Put", `"key":"payslip","size":1,"sequencer":"-1"`), "hexadecimal"},
		{"sequencer too long", notification("ObjectCreated:Put", `"key":"payslip","size":1,"sequencer":"`+strings.Repeat("0", 33)+`"`), "at most 32"},
		{"duplicate member", notification("ObjectCreated:Put", `"key":"a","key":"payslip","size":1`), "occurs twice"},
		{"bad UTF-8", notification("ObjectCreated:Put", `"key":"payslip`+"\xff"+`","size":1`), "invalid UTF-8"},
		{"lone surrogate", notification("ObjectCreated:Put", `"key":"payslip\ud800","size":1`), "invalid UTF-8"},
		{"removal of all kinds", notification("ObjectRemoved:*", `"key":"payslip"`), `event "ObjectRemoved:*"`},
		{"lifecycle", notification("LifecycleExpiration:Delete", `"key":"payslip"`), `event "LifecycleExpiration:Delete"`},
		{"no event name", notification("", `"key":"payslip"`), `event ""`},
		{"configured, not reported, name", notification("s3:ObjectCreated:Put", `"key":"payslip","size":1`), "neither"},
		{"no version", strings.Replace(good, `"eventVersion":"2.1",`, "", 1), "no event version"},
		{"version 3", strings.Replace(good, "2.1", "3.0", 1), `event version "3.0"`},
		{"version 20", strings.Replace(good, "2.1", "20.1", 1), `event version "20.1"`},
		{"version 3 of another shape", `{"Records":[{"eventVersion":"3.0","s3":"payslip"}]}`, `event version "3.0"`},
		{"another source", strings.Replace(good, "aws:s3", "aws:sqs", 1), `source "aws:sqs"`},
		{"no bucket", strings.Replace(good, `"name":"media"`, "", 1), "no bucket"},
		{"no time", strings.Replace(good, "2026-03-01T09:30:15.123Z", "", 1), "event time"},
		{"time of another form", strings.Replace(good, "2026-03-01T09:30:15.123Z", "Sun, 01 Mar 2026 09:30:15 GMT", 1), "event time"},
		{"no object", `{"Records":["payslip"]}`, "wrong type"},
		{"null", `{"Records":[null]}`, "no event version"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			// A good record on either side must come through.
			record := strings.TrimSuffix(strings.TrimPrefix(tt.message, `{"Records":[`), `]}`)
			other := strings.TrimSuffix(strings.TrimPrefix(notification("ObjectRemoved:Delete", `"key":"other"`), `{"Records":[`), `]}`)
			message := `{"Records":[` + other + "," + record + "," + other + `]}`
			changes, errs := bucketevent.Decode([]byte(message))
			if len(changes) != 2 || len(errs) != 1 {
				t.Fatalf("Decode(%s) = %d changes, errors %v; want 2 changes and 1 error", message, len(changes), errs)
			}
			got := errs[0].Error()
			if !strings.HasPrefix(got, "read record 1: ") || !strings.Contains(got, tt.want) {
				t.Errorf("Decode(%s) = %q, want it to be of record 1 and contain %q", message, got, tt.want)
			}
			if strings.Contains(got, secret) || strings.Contains(got, "%zz") {
				t.Errorf("Decode(%s) = %q, which repeats the object's key", message, got)
			}
		})
	}
}

func TestDecodeMessage(t *testing.T) {
	t.Parallel()
	record := strings.TrimSuffix(strings.TrimPrefix(notification("ObjectRemoved:Delete", `"key":"a"`), `{"Records":[`), `]}`)
	tests := []struct {
		name, message string
		changes       int
		want          string // part of the only error
	}{
		{"test message", `{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2026-03-01T09:30:15.123Z",` +
			`"Bucket":"media","RequestId":"8C1","HostId":"8cL"}`, 0, ""},
		{"no record", `{"Records":[]}`, 0, ""},
		{"three records", `{"Records":[` + record + "," + record + "," + record + `]}`, 3, ""},
		{"spaces and other members", " {\"New\": {\"a\": [1]},\n \"Records\" : [ " + record + " ] } ", 1, ""},

		{"empty", "", 0, "not a JSON object"},
		{"text", "hello", 0, "not a JSON object"},
		{"list", "[" + record + "]", 0, "not a JSON object"},
		{"another event", `{"Event":"s3:OtherEvent"}`, 0, "no records"},
		{"EventBridge", `{"version":"0","detail-type":"Object Created","source":"aws.s3","detail":{}}`, 0, "no records"},
		{"records in another case", `{"records":[` + record + `]}`, 0, "no records"},
		{"records null", `{"Records":null}`, 0, "not a list"},
		{"records twice", `{"Records":[` + record + `],"Records":[]}`, 0, "twice"},
		{"records twice, one escaped", `{"Records":[` + record + `],"\u0052ecords":[]}`, 0, "twice"},
		{"another member twice", `{"a":1,"a":2,"Records":[` + record + `]}`, 0, "twice"},
		{"cut off", `{"Records":[` + record, 0, "read notification"},
		{"cut off in a record", `{"Records":[` + record + `,{"eventVersion"`, 0, "read notification"},
		{"text after", `{"Records":[` + record + `]}{}`, 0, "text after"},
		{"no text after", `{"Records":[` + record + `]}]`, 0, "text after"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			changes, errs := bucketevent.Decode([]byte(tt.message))
			if len(changes) != tt.changes {
				t.Errorf("Decode(%s) = %d changes, want %d", tt.message, len(changes), tt.changes)
			}
			if tt.want == "" {
				if len(errs) > 0 {
					t.Errorf("Decode(%s) = %v, want no error", tt.message, errs)
				}
				return
			}
			if len(errs) != 1 || !strings.Contains(errs[0].Error(), tt.want) {
				t.Errorf("Decode(%s) = %v, want one error with %q", tt.message, errs, tt.want)
			}
		})
	}
}

func TestDecodeErrorTypes(t *testing.T) {
	t.Parallel()
	only := func(message string) error {
		_, errs := bucketevent.Decode([]byte(message))
		return errors.Join(errs...)
	}
	good := notification("ObjectCreated:Put", `"key":"a","size":1`)

	version, ok := errors.AsType[*bucketevent.UnsupportedVersionError](only(strings.Replace(good, "2.1", "3.0", 1)))
	if !ok || version.Version != "3.0" {
		t.Errorf("version 3.0: %+v, %t; want an *UnsupportedVersionError", version, ok)
	}
	event, ok := errors.AsType[*bucketevent.UnknownEventError](only(strings.Replace(good, "ObjectCreated:Put", "ObjectRestore:Post", 1)))
	if !ok || event.Name != "ObjectRestore:Post" {
		t.Errorf("ObjectRestore: %+v, %t; want an *UnknownEventError", event, ok)
	}
	err := only(notification("ObjectCreated:Put", `"key":"a","size":1,"sequencer":"x"`))
	if !errors.Is(err, bucketevent.ErrInvalidSequencer) {
		t.Errorf("sequencer x: %v, want ErrInvalidSequencer", err)
	}
}

// FuzzDecode holds Decode to what Change promises, and to not repeating keys.
func FuzzDecode(f *testing.F) {
	for _, object := range []string{
		`"key":"a+b%2B","size":1,"eTag":"\"x\"","versionId":"null","sequencer":"0055aed6dcd90281e5"`,
		`"key":"u/alice/x","size":0`, `"key":"%zz","size":1`, `"key":"\ud800"`, `"key":"a","key":"b"`,
	} {
		for _, event := range []string{"ObjectCreated:Put", "ObjectRemoved:Delete", "ObjectRemoved:DeleteMarkerCreated"} {
			f.Add([]byte(notification(event, object)))
		}
	}
	f.Add([]byte(`{"Event":"s3:TestEvent"}`))
	f.Add([]byte(`{"Records":[5,{"eventVersion":"3.0"},null],"Event":{}}`))
	f.Fuzz(func(t *testing.T, message []byte) {
		changes, errs := bucketevent.Decode(message)
		for _, err := range errs {
			if len(err.Error()) > 400 {
				t.Errorf("error of %d bytes: it repeats its input", len(err.Error()))
			}
		}
		for _, c := range changes {
			if c.Kind != bucketevent.Created && c.Kind != bucketevent.Removed && c.Kind != bucketevent.VersionRemoved {
				t.Errorf("kind %v", c.Kind)
			}
			if _, err := objectkey.Parse(c.ObjectKey.String()); err != nil {
				t.Errorf("object key: %v", err)
			}
			if again, err := bucketevent.ParseSequencer(c.Sequencer.String()); err != nil || again != c.Sequencer {
				t.Errorf("sequencer %q reads as %q, %v", c.Sequencer, again, err)
			}
			if c.Bucket == "" || c.ContentLength < 0 || c.VersionID == "null" || c.Time.Location() != time.UTC {
				t.Errorf("change %+v", c)
			}
			if c.Kind != bucketevent.Created && (c.ContentLength != 0 || c.ETag != "") {
				t.Errorf("removal with content: %+v", c)
			}
		}
	})
}

// BenchmarkBucketEvent reads a notification of one record, as S3 sends them.
func BenchmarkBucketEvent(b *testing.B) {
	message, err := os.ReadFile("testdata/put.json")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(message)))
	for b.Loop() {
		if changes, errs := bucketevent.Decode(message); len(changes) != 1 || len(errs) > 0 {
			b.Fatal(errs)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N), "ns/record")
}
