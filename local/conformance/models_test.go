package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"airlock/local/stack"
)

// verdict is what the model of its service says about a request.
type verdict struct {
	Operation  string
	Parameters []string // names of those it has, in order
	Findings   []string
}

// consult asks AWS's models, as botocore has them, about each request.
func consult(t *testing.T, requests []sentRequest) []verdict {
	t.Helper()
	var lines bytes.Buffer
	for _, r := range requests {
		if err := json.NewEncoder(&lines).Encode(r); err != nil {
			t.Fatal(err)
		}
	}
	answers := json.NewDecoder(bytes.NewReader(run(t, lines.Bytes(), "python3", "testdata/models.py")))
	verdicts := make([]verdict, len(requests))
	for i := range verdicts {
		if err := answers.Decode(&verdicts[i]); err != nil {
			t.Fatalf("answer %d of %d: %v", i, len(requests), err)
		}
	}
	return verdicts
}

// action is the permission that the request of a verdict needs.
func (v verdict) action(service string) string {
	if service == "s3" && v.Operation == "HeadObject" {
		// "HeadObject", Amazon S3 API Reference, "Permissions".
		if slices.Contains(v.Parameters, "VersionId") {
			return "s3:GetObjectVersion"
		}
		return "s3:GetObject"
	}
	return service + ":" + v.Operation
}

// TestBotocoreModels holds whatever the functions send to AWS in the product's
// story and beside it, and what users send to S3 with presign's grants, to AWS's
// models of its services: the operation, its parameters' names, types and
// limits, and how botocore would have written the same.
func TestBotocoreModels(t *testing.T) {
	needPython(t)
	p := newTap(t)
	s := startStack(t, stack.Options{Environment: p.environment})
	playEverything(t, s, p)

	requests := p.all()
	excuses := newExcuses()
	seen := map[string]map[string]int{} // actions by function
	problems := map[string]int{}
	for i, v := range consult(t, requests) {
		r := requests[i]
		excuses.called(r.Service)
		for _, finding := range v.Findings {
			if !excuses.accept(r.Service, finding) {
				problems[fmt.Sprintf("%s to %s, %s: %s", r.function, r.Service, v.Operation, finding)]++
			}
		}
		if seen[r.function] == nil {
			seen[r.function] = map[string]int{}
		}
		if v.Operation != "" {
			seen[r.function][v.action(r.Service)]++
		}
	}
	t.Logf("%d requests, by function and action: %v", len(requests), seen)
	for problem, times := range problems {
		t.Errorf("%s (%d times)", problem, times)
	}
	for _, idle := range excuses.idle() {
		t.Errorf("legal, but never seen: %s", idle)
	}
	for _, f := range s.Template.Functions {
		actions := allowedActions(f.Policies)
		if len(actions) == 0 {
			t.Errorf("the role of %s allows nothing", f.LogicalID)
		}
		for _, action := range actions {
			if seen[f.LogicalID][action] == 0 {
				t.Errorf("%s never needed %s", f.LogicalID, action)
			}
		}
	}
}

// byLambda are the services that Lambda calls in a function's name.
var byLambda = []string{"logs", "sqs", "xray"}

// allowedActions are those a role allows its function's own clients.
func allowedActions(policies []any) (all []string) {
	for _, p := range policies {
		document, _ := p.(map[string]any)
		for _, s := range list(document["Statement"]) {
			statement, _ := s.(map[string]any)
			if statement["Effect"] != "Allow" {
				continue
			}
			for _, a := range list(statement["Action"]) {
				action := fmt.Sprint(a)
				if service, _, _ := strings.Cut(action, ":"); !slices.Contains(byLambda, service) {
					all = append(all, action)
				}
			}
		}
	}
	return all
}

// list is what a policy may write without brackets where it is one.
func list(v any) []any {
	if l, ok := v.([]any); ok {
		return l
	}
	return []any{v}
}
