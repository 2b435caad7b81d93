package catalog_test

import (
	"context"
	"io"
	"maps"
	"net/http"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// fault takes the place of AWS's answer to a request, which serve would give.
type fault func(r *http.Request, serve http.RoundTripper) (*http.Response, error)

// faults are what can happen to a call. Where lasting, every try meets it.
var faults = []struct {
	name    string
	fault   fault
	lasting bool
	written bool // although the answer does not say so
}{
	{"refused", answering(http.StatusBadRequest, "AccessDeniedException"), true, false},
	{"throttled for good", answering(http.StatusBadRequest, "ThrottlingException"), true, false},
	{"throttled once", answering(http.StatusBadRequest, "ThrottlingException"), false, false},
	{"no answer", func(r *http.Request, _ http.RoundTripper) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}, true, false},
	{"connection reset", func(*http.Request, http.RoundTripper) (*http.Response, error) {
		return nil, syscall.ECONNRESET
	}, true, false},
	{"answer lost for good", loseAnswer, true, true},
	{"answer lost once", loseAnswer, false, true},
	{"500 for good", answering(http.StatusInternalServerError, "InternalServerError"), true, false},
	{"500 once", answering(http.StatusInternalServerError, "InternalServerError"), false, false},
	{"garbage", func(r *http.Request, _ http.RoundTripper) (*http.Response, error) {
		return respond(r, http.StatusOK, nil, "<html>"), nil
	}, true, false},
}

func answering(status int, code string) fault {
	return func(r *http.Request, _ http.RoundTripper) (*http.Response, error) {
		res := awsError(r, code, "by a test")
		res.StatusCode = status
		return res, nil
	}
}

func loseAnswer(r *http.Request, serve http.RoundTripper) (*http.Response, error) {
	if _, err := serve.RoundTrip(r); err != nil {
		return nil, err
	}
	return nil, io.ErrUnexpectedEOF
}

// operation is what a request asks for, in AWS's words.
func operation(r *http.Request) string {
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		return target
	}
	return r.Method + " of S3"
}

// faulty stands between the clients and AWS, and notes which operations it sees.
type faulty struct {
	aws  http.RoundTripper
	on   string // operation
	do   fault  // nil: none
	once bool

	mu   sync.Mutex
	seen []string
}

func (f *faulty) RoundTrip(r *http.Request) (*http.Response, error) {
	name := operation(r)
	f.mu.Lock()
	do := f.do
	if f.seen = append(f.seen, name); name != f.on {
		do = nil
	} else if f.once {
		f.do = nil
	}
	f.mu.Unlock()
	if do == nil {
		return f.aws.RoundTrip(r)
	}
	return do(r, f.aws)
}

// The batch of which every call meets every fault: a creation, and the removal for
// good of a version that is stored.
var (
	faultBefore = created("u/alice/old", "1")
	faultBatch  = sqsEvent(
		notification(created("u/alice/new", "1")),
		notification(record("ObjectRemoved:Delete", "u/alice/old", `,"versionId":"v1","sequencer":"2"`)))
)

const newRow, oldRow = "u/alice\nnew", "u/alice\nold"

// deliver hands the batch to a catalog behind f, and once more without the fault.
// It returns what failed and the rows, both times.
func (f *faulty) deliver(t *testing.T) (ids [2][]string, rows [2]map[string]item) {
	t.Helper()
	fake := &fakeAWS{objects: map[string]http.Header{"u/alice/new@v1": headers("Content-Type", "text/plain")}}
	if err := fake.catalog(io.Discard).Apply(t.Context(), change(t, faultBefore)); err != nil {
		t.Fatal(err)
	}
	f.aws = fake
	c := newCatalog(f, io.Discard)
	for i := range ids {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		got, err := c.HandleEvent(ctx, faultBatch)
		if deadline, _ := ctx.Deadline(); err != nil || time.Until(deadline) < 300*time.Millisecond {
			t.Errorf("HandleEvent = %v, %v before the deadline, want at least 300ms", err, time.Until(deadline))
		}
		cancel()
		for _, failure := range got.BatchItemFailures {
			ids[i] = append(ids[i], failure.ItemIdentifier)
		}
		rows[i] = maps.Clone(fake.rows)
		f.do = nil
	}
	return ids, rows
}

// TestFaults meets every call the catalog makes with every fault. Which calls
// those are is seen on the wire, so that a new one fails here until it is said
// what its faults do. The message the call was for comes back, unless a retry
// helped, and no other; delivered again, the rows are those of a day without
// faults. Only S3's answer is never waited for: without it the type is not known.
func TestFaults(t *testing.T) {
	t.Parallel()
	const put, update, head = "DynamoDB_20120810.PutItem", "DynamoDB_20120810.UpdateItem", "HEAD of S3"
	stored := &fakeAWS{}
	if err := stored.catalog(io.Discard).Apply(t.Context(), change(t, faultBefore)); err != nil {
		t.Fatal(err)
	}
	well := &faulty{}
	ids, rows := well.deliver(t)
	want := rows[0]
	seen := slices.Compact(slices.Sorted(slices.Values(well.seen)))
	if d := cmp.Diff([]string{put, update, head}, seen); d != "" {
		t.Errorf("the catalog's calls (-with faults below +seen):\n%s", d)
	}
	if len(ids[0]) > 0 || want[newRow]["contentType"] == nil || want[oldRow]["deleted"] == nil {
		t.Fatalf("without faults %v fail and the rows are %v, want none, one created and one buried", ids[0], want)
	}
	tests := []struct {
		operation string
		lost      func(rows map[string]item) // what is not there after a fault
		id        string                     // of the message that fails; "" for none
	}{
		{put, func(rows map[string]item) { delete(rows, newRow) }, "m0"},
		{update, func(rows map[string]item) { rows[oldRow] = stored.rows[oldRow] }, "m1"},
		{head, func(rows map[string]item) {
			rows[newRow] = maps.Clone(rows[newRow])
			delete(rows[newRow], "contentType")
		}, ""},
	}
	for _, tt := range tests {
		for _, fault := range faults {
			t.Run(tt.operation+" "+fault.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					wantRows, wantAgain := maps.Clone(want), want
					var wantIDs [2][]string
					if tt.id == "" {
						tt.lost(wantRows)
						wantAgain = wantRows
					} else if fault.lasting {
						wantIDs[0] = []string{tt.id}
						if !fault.written {
							tt.lost(wantRows)
						}
					}
					f := &faulty{on: tt.operation, do: fault.fault, once: !fault.lasting}
					ids, rows := f.deliver(t)
					if d := cmp.Diff(wantIDs, ids); d != "" {
						t.Errorf("messages that failed at the first delivery and the second (-want +got):\n%s", d)
					}
					if d := cmp.Diff([2]map[string]item{wantRows, wantAgain}, rows); d != "" {
						t.Errorf("rows after the first delivery and the second (-want +got):\n%s", d)
					}
				})
			})
		}
	}
}
