package secretsmanager

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func text(s string) value { return value{text: &s} }

// labels draws a record's labels as "a:AWSPREVIOUS b:AWSCURRENT,mine".
func labels(r *record) string {
	var parts []string
	for _, id := range slices.Sorted(maps.Keys(r.Versions)) {
		parts = append(parts, id+":"+strings.Join(r.Versions[id].Stages, ","))
	}
	return strings.Join(parts, " ")
}

// drawn is the reverse of labels.
func drawn(drawing string) *record {
	r := &record{Versions: make(map[string]*version)}
	for part := range strings.FieldsSeq(drawing) {
		id, stages, _ := strings.Cut(part, ":")
		content := id
		v := &version{String: &content}
		if stages != "" {
			v.Stages = strings.Split(stages, ",")
		}
		r.Versions[id] = v
	}
	return r
}

func TestRecordPut(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, before, id, content string
		stages                    string
		want                      string // labels, or the code of an error
	}{
		{"the first", "", "a", "a", "AWSCURRENT", "a:AWSCURRENT"},
		{"the first, pending", "", "a", "a", "AWSPENDING", "a:AWSCURRENT,AWSPENDING"},
		{"the second", "a:AWSCURRENT", "b", "b", "AWSCURRENT", "a:AWSPREVIOUS b:AWSCURRENT"},
		{"the third", "a:AWSPREVIOUS b:AWSCURRENT", "c", "c", "AWSCURRENT", "a: b:AWSPREVIOUS c:AWSCURRENT"},
		{"pending", "a:AWSCURRENT", "b", "b", "AWSPENDING", "a:AWSCURRENT b:AWSPENDING"},
		{"a label of one's own moves", "a:AWSCURRENT,mine", "b", "b", "mine", "a:AWSCURRENT b:mine"},
		{"with a label twice", "a:AWSCURRENT", "b", "b", "mine,mine", "a:AWSCURRENT b:mine"},
		{"current and previous", "a:AWSCURRENT", "b", "b", "AWSCURRENT,AWSPREVIOUS", "a: b:AWSCURRENT,AWSPREVIOUS"},
		{"previous and current", "a:AWSCURRENT", "b", "b", "AWSPREVIOUS,AWSCURRENT", "a: b:AWSCURRENT,AWSPREVIOUS"},
		{"again", "a:AWSPREVIOUS b:AWSCURRENT", "a", "a", "AWSCURRENT", "a:AWSPREVIOUS b:AWSCURRENT"},
		{"again, otherwise", "a:AWSPREVIOUS b:AWSCURRENT", "a", "x", "AWSCURRENT", "ResourceExistsException"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := drawn(test.before)
			err := r.put(test.id, text(test.content), strings.Split(test.stages, ","), keyARN)
			checkRecord(t, r, err, test.before, test.want)
		})
	}
}

// A place that rotation took is filled once.
func TestRecordPutIntoPlace(t *testing.T) {
	t.Parallel()
	r := drawn("a:AWSCURRENT b:AWSPENDING")
	r.Versions["b"].String = nil
	if _, _, err := r.choose(nil, &r.Versions["b"].Stages[0]); err == nil {
		t.Error("choose found a version without a value")
	}
	if err := r.put("b", text("b"), []string{"AWSPENDING"}, keyARN); err != nil {
		t.Fatal(err)
	}
	checkRecord(t, r, nil, "", "a:AWSCURRENT b:AWSPENDING")
	if id, v, err := r.choose(nil, &r.Versions["b"].Stages[0]); id != "b" || err != nil || *v.String != "b" {
		t.Errorf("choose = %s, %v, %v, want what was put", id, v, err)
	}
	checkRecord(t, r, r.put("b", text("x"), []string{"AWSPENDING"}, keyARN), "", "ResourceExistsException")
}

func TestRecordMove(t *testing.T) {
	t.Parallel()
	full := make([]string, maxStages)
	for i := range full {
		full[i] = fmt.Sprintf("s%02d", i)
	}
	tests := []struct{ name, before, stage, from, to, want string }{
		{"finish a rotation", "a:AWSCURRENT b:AWSPENDING", "AWSCURRENT", "a", "b", "a:AWSPREVIOUS b:AWSCURRENT,AWSPENDING"},
		{"and again", "a:AWSPREVIOUS b:AWSCURRENT", "AWSCURRENT", "", "b", "a:AWSPREVIOUS b:AWSCURRENT"},
		{"to where it is", "a:AWSCURRENT", "AWSCURRENT", "a", "a", "a:AWSCURRENT"},
		{"roll back", "a:AWSPREVIOUS b:AWSCURRENT", "AWSCURRENT", "b", "a", "a:AWSCURRENT b:AWSPREVIOUS"},
		{"a new label", "a:AWSCURRENT", "mine", "", "a", "a:AWSCURRENT,mine"},
		{"take a label off", "a:AWSCURRENT b:AWSPENDING", "AWSPENDING", "b", "", "a:AWSCURRENT b:"},
		{"move a label", "a:AWSCURRENT,mine b:", "mine", "a", "b", "a:AWSCURRENT b:mine"},
		{"onto a version without current", "a:AWSPENDING", "AWSCURRENT", "", "a", "a:AWSCURRENT,AWSPENDING"},
		{"nowhere", "a:AWSCURRENT", "AWSCURRENT", "", "", "InvalidParameterException"},
		{"current off", "a:AWSCURRENT", "AWSCURRENT", "a", "", "InvalidParameterException"},
		{"without saying from where", "a:AWSCURRENT b:", "AWSCURRENT", "", "b", "InvalidParameterException"},
		{"from elsewhere", "a:AWSCURRENT b: c:", "AWSCURRENT", "c", "b", "InvalidParameterException"},
		{"from elsewhere, off", "a:AWSCURRENT b:mine", "mine", "a", "", "InvalidParameterException"},
		{"a label nobody has, off", "a:AWSCURRENT", "mine", "a", "", "InvalidParameterException"},
		{"to no version", "a:AWSCURRENT", "AWSCURRENT", "a", "x", "ResourceNotFoundException"},
		{"from no version", "a:AWSCURRENT", "AWSCURRENT", "x", "a", "ResourceNotFoundException"},
		{"one too many", "a:" + strings.Join(full, ","), "mine", "", "a", "LimitExceededException"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := drawn(test.before)
			checkRecord(t, r, r.move(test.stage, test.from, test.to), test.before, test.want)
		})
	}
}

// checkRecord compares labels, or an error's code; after an error nothing may
// have changed.
func checkRecord(t *testing.T, r *record, err error, before, want string) {
	t.Helper()
	if refused := (*refusal)(nil); errors.As(err, &refused) {
		if refused.code != want || before != "" && labels(r) != before {
			t.Errorf("error %v, labels %s, want %s", refused, labels(r), want)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, labels(r)); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
}

func TestRecordMakesRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &record{}
		put := func(i int) error {
			return r.put(fmt.Sprintf("%03d", i), text("x"), []string{stageCurrent}, keyARN)
		}
		for i := range maxVersions {
			if err := put(i); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		if err := put(100); err == nil || !strings.HasPrefix(err.Error(), "LimitExceededException") {
			t.Errorf("the 101st version within a day: %v, want LimitExceededException", err)
		}
		time.Sleep(deprecatedAfter)
		if err := put(100); err != nil {
			t.Error(err)
		}
		ids := r.inOrder()
		if len(ids) != maxVersions || ids[0] != "001" || ids[maxVersions-1] != "100" {
			t.Errorf("%d versions, from %s to %s, want the oldest gone", len(ids), ids[0], ids[len(ids)-1])
		}
	})
}

// The oldest version stays when a label is on it.
func TestRecordKeepsLabelled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &record{}
		for i := range maxVersions {
			stages := []string{stageCurrent}
			if i == 0 {
				stages = append(stages, "keep")
			}
			if err := r.put(fmt.Sprintf("%03d", i), text("x"), stages, keyARN); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		time.Sleep(deprecatedAfter)
		if err := r.put("100", text("x"), []string{stageCurrent}, keyARN); err != nil {
			t.Fatal(err)
		}
		if ids := r.inOrder(); ids[0] != "000" || ids[1] != "002" {
			t.Errorf("the oldest are %v, want 000 kept and 001 gone", ids[:2])
		}
	})
}
