package conformance

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	secretsSeed  = 20260301
	secretsRuns  = 10 // each with a secret of its own, empty at first, after the stories
	secretsSteps = 14
)

// randomStep draws from few values, so that tokens, labels and values meet again;
// a move mostly starts where the label is.
func randomStep(r *rand.Rand, name string, labels map[string][]string) secretStep {
	pick := func(from ...string) string { return from[r.IntN(len(from))] }
	version := func() string { return secretVersion(pick("1", "2", "3")) }
	stage := func() string { return pick("AWSCURRENT", "AWSCURRENT", "AWSPENDING", "AWSPREVIOUS", "mine") }
	rarely := func() bool { return r.IntN(12) == 0 }
	s := secretStep{Name: name, ByARN: r.IntN(3) == 0}
	if rarely() {
		s.Name, s.ByARN = "airlock/unknown", false
	}
	switch r.IntN(12) {
	case 0, 1, 2, 3, 4:
		s.Operation, s.Version = "PutSecretValue", version()
		if kind := r.IntN(20); kind > 3 {
			s.Text = pick("one", "two")
		} else if kind > 0 {
			s.Binary = pick("one", "\x00\xff")
		}
		for range r.IntN(3) {
			s.Stages = append(s.Stages, stage())
		}
		switch r.IntN(20) { // one mistake at a time: which of two is named is left open
		case 0:
			s.Version, s.Text, s.Binary = "short", "one", ""
		case 1:
			s.Text, s.Binary = "one", "two"
		}
	case 5, 6, 7:
		s.Operation = "GetSecretValue"
		if r.IntN(2) == 0 {
			s.Version = version()
		}
		if r.IntN(3) > 0 {
			s.Stages = []string{stage()}
		}
	case 8, 9:
		s.Operation, s.Stages = "UpdateSecretVersionStage", []string{stage()}
		if r.IntN(4) > 0 {
			s.Version = version()
		}
		if at := holders(labels, s.Stages[0]); len(at) == 1 && r.IntN(3) > 0 {
			s.From = at[0]
		} else if r.IntN(3) > 0 {
			s.From = version()
		}
	case 10:
		s.Operation, s.Deprecated, s.Max = "ListSecretVersionIds", r.IntN(2) == 0, 1+r.Int32N(3)
	case 11:
		s.Operation, s.Max = pick("ListSecrets", "DescribeSecret"), 7+r.Int32N(40)
	}
	return s
}

// secretStories come before the random runs: what a rotation does, and its refusals.
var secretStories = [][]secretStep{
	{
		{Operation: "GetSecretValue"},
		{Operation: "UpdateSecretVersionStage", Stages: []string{"AWSCURRENT"}, Version: secretVersion("1")},
		{Operation: "PutSecretValue", Version: secretVersion("1"), Text: "one"},
		{Operation: "PutSecretValue", Version: secretVersion("2"), Text: "two", Stages: []string{"AWSPENDING"}},
		{Operation: "GetSecretValue", Stages: []string{"AWSPENDING"}, Version: secretVersion("2")},
		{Operation: "UpdateSecretVersionStage", Stages: []string{"AWSCURRENT"}, Version: secretVersion("2"), From: secretVersion("1")},
		{Operation: "UpdateSecretVersionStage", Stages: []string{"AWSCURRENT"}, Version: secretVersion("2")},
		{Operation: "UpdateSecretVersionStage", Stages: []string{"AWSPENDING"}, From: secretVersion("2")},
		{Operation: "GetSecretValue", Stages: []string{"AWSCURRENT"}},
		{Operation: "GetSecretValue", Stages: []string{"AWSPREVIOUS"}},
		{Operation: "GetSecretValue"},
		{Operation: "UpdateSecretVersionStage", Stages: []string{"AWSCURRENT"}, Version: secretVersion("1"), From: secretVersion("2")}, // back again
		{Operation: "UpdateSecretVersionStage", Stages: []string{"AWSCURRENT"}, From: secretVersion("1")},
	},
	{
		{Operation: "PutSecretValue", Version: secretVersion("1"), Text: "one"},
		{Operation: "PutSecretValue", Version: secretVersion("2"), Binary: "\x00\xff"},
		{Operation: "PutSecretValue", Version: secretVersion("3"), Text: "three"},
		{Operation: "GetSecretValue", Version: secretVersion("1")}, // has no label any more
		{Operation: "GetSecretValue", Version: secretVersion("2")},
		{Operation: "ListSecretVersionIds", Deprecated: true, Max: 2},
		{Operation: "ListSecretVersionIds", Max: 2},
		{Operation: "DescribeSecret", ByARN: true},
		{Operation: "DescribeSecret", Name: "airlock/unknown"},
		{Operation: "UpdateSecretVersionStage", Stages: []string{"AWSCURRENT"}, Version: secretVersion("3"), From: secretVersion("3")},
	},
	{
		{Operation: "ListSecretVersionIds", Name: "airlock/unknown", Max: 1},
		{Operation: "PutSecretValue", Version: secretVersion("1"), Text: "one", Binary: "two"},
	},
	{
		{Operation: "PutSecretValue", Version: secretVersion("1"), Text: "one"},
		{Operation: "GetSecretValue", Version: secretVersion("1"), Stages: []string{"mine"}},
		{Operation: "UpdateSecretVersionStage", Stages: []string{"mine"}, Version: secretVersion("3")},
		{Operation: "UpdateSecretVersionStage", Stages: []string{"mine"}},
		{Operation: "PutSecretValue", Version: secretVersion("2"), Text: "two", Stages: []string{"AWSPENDING"}},
		{Operation: "PutSecretValue", Version: secretVersion("2"), Text: "other", Stages: []string{"AWSPENDING"}},
		{Operation: "PutSecretValue", Version: secretVersion("3"), Text: "three", Stages: []string{"AWSCURRENT", "AWSPENDING"}},
	},
	{
		{Operation: "PutSecretValue", Version: secretVersion("1"), Text: "one", Stages: []string{"mine"}},
		{Operation: "PutSecretValue", Version: secretVersion("2"), Text: "two"},
	},
	{
		{Operation: "PutSecretValue", Version: secretVersion("1"), Text: "one", Stages: []string{"mine"}},
		{Operation: "PutSecretValue", Version: secretVersion("2"), Text: "two", Stages: []string{"AWSPENDING"}},
		{Operation: "UpdateSecretVersionStage", Stages: []string{"mine"}, Version: secretVersion("2")},
	},
}

// told is one step of a story, of a secret unless the story names one.
func told(story []secretStep, j int, name string) (s secretStep, more bool) {
	if j == len(story) {
		return s, false
	}
	if s = story[j]; s.Name == "" {
		s.Name = name
	}
	return s, true
}

func secretVersion(digit string) string {
	return strings.Repeat(digit, 8) + "-0000-4000-8000-000000000000"
}

// The same calls to both: they agree, or moto is wrong in a way listed in
// motoFaults. Where the two then hold different labels a run ends.
func TestSecretsManagerAgainstMoto(t *testing.T) {
	needPython(t)
	var names []string
	for i := range len(secretStories) + secretsRuns {
		names = append(names, fmt.Sprintf("airlock/run-%03d", i))
	}
	ours, moto := embeddedSecrets(t, names), motoSecrets(t, names)
	agreed, excused := make(map[string]int), make(map[string]int)
	for i, name := range names {
		r := rand.New(rand.NewPCG(secretsSeed, uint64(i)))
		var history []string
		var before map[string][]string
		next := func(j int) (secretStep, bool) { return randomStep(r, name, before), j < secretsSteps }
		if i < len(secretStories) {
			next = func(j int) (secretStep, bool) { return told(secretStories[i], j, name) }
		}
		for j := 0; ; j++ {
			s, more := next(j)
			if !more {
				break
			}
			history = append(history, fmt.Sprintf("%+v", s))
			got, err := ours.do(t.Context(), s)
			if err != nil {
				t.Fatalf("%+v = %v", s, err)
			}
			theirs, err := moto.do(t.Context(), s)
			if err != nil {
				t.Fatalf("moto: %+v = %v", s, err)
			}
			diff := cmp.Diff(theirs, got)
			if diff == "" {
				agreed[s.Operation+" "+got.Code]++
				if got.After != nil {
					before = got.After
				}
				continue
			}
			fault := motoFault(secretDifference{s, before, got, theirs})
			if fault == "" {
				t.Errorf("seed %d, run %d: after\n%s\n(-moto +embedded):\n%s", secretsSeed, i, strings.Join(history, "\n"), diff)
				break
			}
			excused[fault]++
			if cmp.Diff(theirs.After, got.After) != "" {
				break
			}
		}
	}
	t.Logf("agreed %v, moto's faults %v", agreed, excused)
	for _, f := range motoFaults {
		if excused[f.name] == 0 {
			t.Errorf("moto's fault %q was never seen", f.name)
		}
	}
	// Agreement about nothing would be none.
	for _, want := range []string{
		"PutSecretValue ", "PutSecretValue ResourceExistsException", "PutSecretValue ResourceNotFoundException", "PutSecretValue InvalidParameterException",
		"GetSecretValue ", "GetSecretValue ResourceNotFoundException", "GetSecretValue InvalidRequestException",
		"UpdateSecretVersionStage ", "UpdateSecretVersionStage ResourceNotFoundException", "UpdateSecretVersionStage InvalidParameterException",
		"DescribeSecret ", "DescribeSecret ResourceNotFoundException", "ListSecretVersionIds ", "ListSecrets ",
	} {
		if agreed[want] == 0 {
			t.Errorf("the two never agreed on %q", want)
		}
	}
}
