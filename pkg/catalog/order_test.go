package catalog_test

import (
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Idempotent and commutative: however often and in whatever order the changes
// of a key arrive, once all have, the row is that of the last one. Walking from
// every state the row can be in covers every sequence of deliveries, of any
// length, with few calls.
func TestApplyAnyOrder(t *testing.T) {
	t.Parallel()
	const key = "u/alice/a"
	create := func(sequencer string) string { return created(key, sequencer) }
	remove := func(sequencer string) string {
		return record("ObjectRemoved:DeleteMarkerCreated", key, fmt.Sprintf(`,"versionId":"m","sequencer":%q`, sequencer))
	}
	none := record("ObjectCreated:Put", key, `,"size":13,"eTag":"none"`)
	tests := []struct {
		name string
		last int // of all; comparing the sequencers as they come would choose another
		all  []string
	}{
		{"ends created", 3, []string{create("0a9"), create("f"), remove("00000000000000AA"), create("Ab0"), none}},
		{"ends removed", 2, []string{create("9"), create("0aF"), remove("1000"), create("fff"), none}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			fake := &fakeAWS{}
			c := fake.catalog(io.Discard)
			apply := func(before item, i int) item {
				clear(fake.rows)
				if before != nil {
					fake.rows["u/alice\na"] = before
				}
				if err := c.Apply(t.Context(), change(t, tt.all[i])); err != nil {
					t.Fatalf("Apply(%s) = %v", tt.all[i], err)
				}
				return fake.row("u/alice", "a")
			}
			want := apply(nil, tt.last)

			type state struct {
				row       string // printed
				delivered int    // bit i: change i
			}
			type step struct {
				row   item
				order []int
			}
			everything := 1<<len(tt.all) - 1
			visited, ends := make(map[state]bool), 0
			for todo := []step{{}}; len(todo) > 0; todo = todo[1:] {
				at := todo[0]
				now := state{row: fmt.Sprint(at.row)}
				for _, i := range at.order {
					now.delivered |= 1 << i
				}
				if visited[now] {
					continue
				}
				visited[now] = true
				if now.delivered == everything {
					ends++
					if d := cmp.Diff(want, at.row); d != "" {
						t.Fatalf("row after deliveries %v (-want +got):\n%s", at.order, d)
					}
				}
				for i := range tt.all {
					todo = append(todo, step{apply(at.row, i), append(slices.Clone(at.order), i)})
				}
			}
			if ends != 1 || len(visited) <= everything {
				t.Errorf("walked %d states with %d ends, want more than %d and 1 end", len(visited), ends, everything)
			}
		})
	}
}

// Versions removed for good never hide one that is there, whatever comes first.
// Where the order of arrival does show, it does as the package's limits say.
func TestApplyVersionsRemoved(t *testing.T) {
	t.Parallel()
	const key = "u/alice/a"
	version := func(v, sequencer string) string {
		return record("ObjectCreated:Put", key, fmt.Sprintf(`,"size":13,"versionId":%q,"sequencer":%q`, v, sequencer))
	}
	gone := func(v, sequencer string) string {
		return record("ObjectRemoved:Delete", key, fmt.Sprintf(`,"versionId":%q,"sequencer":%q`, v, sequencer))
	}
	tests := []struct {
		name      string
		arrivals  []string
		sequencer string // of the row they end in
		live      bool
	}{
		{"removal after its creation", []string{version("v1", "1"), gone("v1", "3")}, "1", false},
		{"removal before its creation", []string{gone("v1", "3"), version("v1", "1")}, "1", true},
		{"removal before its creation over another", []string{version("v1", "1"), gone("v2", "3"), version("v2", "2")}, "2", true},
		{"removal of an older version before a newer creation", []string{version("v1", "1"), gone("v1", "3"), version("v2", "2")}, "2", true},
		{"removal of an older version after a newer creation", []string{version("v1", "1"), version("v2", "2"), gone("v1", "3")}, "2", true},
		{"without a sequencer, created first", []string{record("ObjectCreated:Put", key, `,"size":1`), record("ObjectRemoved:Delete", key, "")}, "", true},
		{"without a sequencer, removed first", []string{record("ObjectRemoved:Delete", key, ""), record("ObjectCreated:Put", key, `,"size":1`)}, "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			fake := &fakeAWS{}
			c := fake.catalog(io.Discard)
			for _, r := range tt.arrivals {
				if err := c.Apply(t.Context(), change(t, r)); err != nil {
					t.Fatalf("Apply(%s) = %v", r, err)
				}
			}
			got := fake.row("u/alice", "a")
			want := ""
			if tt.sequencer != "" {
				want = padded(tt.sequencer)
			}
			if _, live := got["created"]; live != tt.live || got["sequencer"]["S"] != want {
				t.Errorf("row = %v, want live %v with sequencer %q", got, tt.live, want)
			}
		})
	}
}
