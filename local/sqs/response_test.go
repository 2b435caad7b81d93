package sqs

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The cases of "Handling errors for an SQS event source in Lambda", and more.
func responses() []struct {
	response string
	failed   []string // nil: the whole batch
} {
	none := []string{}
	return []struct {
		response string
		failed   []string
	}{
		{``, none},
		{`null`, none},
		{`{}`, none},
		{`{"batchItemFailures":null}`, none},
		{`{"batchItemFailures":[]}`, none},
		{`{"other":1}`, none},
		{`{"batchItemFailures":[{"itemIdentifier":"a"}]}`, []string{"a"}},
		{`{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"b"},{"itemIdentifier":"a"}]}`, []string{"a", "b"}},
		{`{"batchItemFailures":[{"itemIdentifier":""}]}`, nil},
		{`{"batchItemFailures":[{"itemIdentifier":null}]}`, nil},
		{`{"batchItemFailures":[{"ItemIdentifier":"a"}]}`, nil},
		{`{"batchItemFailures":[{"itemIdentifier":"a"},{}]}`, nil},
		{`{"batchItemFailures":[null]}`, nil},
		{`{"batchItemFailures":[{"itemIdentifier":"c"}]}`, nil},
		{`{"batchItemFailures":[{"itemIdentifier":1}]}`, nil},
		{`{"batchItemFailures":["a"]}`, nil},
		{`{"batchItemFailures":"a"}`, nil},
		{`{"batchItemFailures":[{"itemIdentifier":"a"}]`, nil},
		{`{"batchItemFailures":[]} x`, nil},
		{`"ok"`, nil},
		{`[]`, nil},
		{`garbage`, nil},
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	for _, tt := range responses() {
		t.Run(tt.response, func(t *testing.T) {
			t.Parallel()
			failed, err := failures([]byte(tt.response), map[string]bool{"a": true, "b": true})
			if (err != nil) != (tt.failed == nil) {
				t.Fatalf("failures(%s) = %v, %v; want %q", tt.response, failed, err, tt.failed)
			}
			got := slices.Sorted(maps.Keys(failed))
			if tt.failed != nil && !slices.Equal(got, tt.failed) {
				t.Errorf("failures(%s) (-want +got):\n%s", tt.response, cmp.Diff(tt.failed, got))
			}
		})
	}
}

func FuzzFailures(f *testing.F) {
	for _, tt := range responses() {
		f.Add([]byte(tt.response))
	}
	batch := map[string]bool{"a": true, "b": true}
	f.Fuzz(func(t *testing.T, response []byte) {
		failed, err := failures(response, batch)
		for id := range failed {
			if !batch[id] {
				t.Errorf("failures(%q): %q is not of the batch", response, id)
			}
		}
		if err == nil && len(response) > 0 && !json.Valid(response) {
			t.Errorf("failures(%q): malformed, and taken for a success", response)
		}
		if err != nil && failed != nil {
			t.Errorf("failures(%q) = %v and %v", response, failed, err)
		}
	})
}
