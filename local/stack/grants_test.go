package stack_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"airlock/local/iam"
	"airlock/local/stack"
	"airlock/local/template"
)

// byLambda are the actions that Lambda takes in a function's name; on AWS it
// needs the role for them, here nobody asks. Polling a queue is the event source
// mapping's ("Configuring permissions", Using Lambda with Amazon SQS), log lines
// and traces are the execution environment's ("Working with Lambda execution
// roles").
var byLambda = []string{"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "logs:CreateLogStream", "logs:PutLogEvents", "xray:PutTraceSegments", "xray:PutTelemetryRecords"}

// permission is one action on one resource that a role is given.
type permission struct {
	action, resource string
	policy           iam.Policy
}

// permissionsOf takes the policies of a role apart.
func permissionsOf(policies []any) ([]permission, error) {
	var all []permission
	for _, p := range policies {
		document, _ := p.(map[string]any)
		for _, s := range list(document["Statement"]) {
			statement, ok := s.(map[string]any)
			if !ok || statement["Effect"] != "Allow" {
				continue // what is denied is missed as a denied call
			}
			for _, action := range list(statement["Action"]) {
				for _, resource := range list(statement["Resource"]) {
					one := maps.Clone(statement)
					one["Action"], one["Resource"] = action, resource
					policy, err := iam.ParsePolicy(map[string]any{"Version": document["Version"], "Statement": one})
					if err != nil {
						return nil, err
					}
					all = append(all, permission{fmt.Sprint(action), fmt.Sprint(resource), policy})
				}
			}
		}
	}
	return all, nil
}

// list is what a policy may write without brackets where it is one.
func list(v any) []any {
	if l, ok := v.([]any); ok {
		return l
	}
	return []any{v}
}

// compareGrants says where the calls of a function and its role's policies part.
func compareGrants(f template.Function, calls map[call]iam.Request) ([]string, error) {
	permissions, err := permissionsOf(f.Policies)
	if err != nil {
		return nil, err
	}
	var problems []string
	used := make([]bool, len(permissions))
	for c, r := range calls {
		if c.function != f.LogicalID {
			continue
		}
		granted := false
		for i, p := range permissions {
			if p.policy.Evaluate(f.RoleARN, r) == iam.Allow {
				granted, used[i] = true, true
			}
		}
		switch {
		case !granted && !c.allowed && c.action == "s3:ListBucket":
			// No call: S3 asks it to choose between 404 and 403 for a missing object.
		case !granted || !c.allowed:
			problems = append(problems, fmt.Sprintf("%s called %s on %s: granted %t, allowed %t", f.LogicalID, c.action, c.resource, granted, c.allowed))
		}
	}
	for i, p := range permissions {
		switch lambdas := slices.Contains(byLambda, p.action); {
		case used[i] && lambdas:
			problems = append(problems, fmt.Sprintf("%s itself called %s on %s, which was taken for Lambda's", f.LogicalID, p.action, p.resource))
		case !used[i] && !lambdas:
			problems = append(problems, fmt.Sprintf("%s never needed %s on %s", f.LogicalID, p.action, p.resource))
		}
	}
	return problems, nil
}

// testGrants holds what functions have called so far to what their roles grant:
// no more, and no less. It then looks with one permission less, and with one
// more, and wants that noticed. It looks at the functions that of picks.
func testGrants(t *testing.T, s *stack.Stack, w *witness, of func(logicalID string) bool) {
	w.mu.Lock()
	calls := maps.Clone(w.calls)
	w.mu.Unlock()
	compare := func(f template.Function) []string {
		t.Helper()
		problems, err := compareGrants(f, calls)
		if err != nil {
			t.Fatal(err)
		}
		return problems
	}
	actions := map[string]map[string]int{}
	for c := range calls {
		if actions[c.function] == nil {
			actions[c.function] = map[string]int{}
		}
		actions[c.function][c.action]++
	}
	t.Logf("resources by action: %v", actions)
	looked := 0
	for _, f := range s.Template.Functions {
		if !of(f.LogicalID) {
			continue
		}
		looked++
		for _, problem := range compare(f) {
			t.Error(problem)
		}
		permissions, err := permissionsOf(f.Policies)
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range permissions {
			if slices.Contains(byLambda, p.action) {
				continue
			}
			less := f
			less.Policies = nil
			for _, other := range slices.Delete(slices.Clone(permissions), i, i+1) {
				less.Policies = append(less.Policies, allow(other.action, other.resource))
			}
			if problems := compare(less); !mention(problems, "called "+p.action+" on") {
				t.Errorf("%s without %s on %s: %q, want that its calls are noticed", f.LogicalID, p.action, p.resource, problems)
			}
		}
		more := f
		more.Policies = append(slices.Clone(f.Policies), allow("s3:DeleteObject", "*"))
		if problems := compare(more); !mention(problems, "never needed s3:DeleteObject on *") {
			t.Errorf("%s with s3:DeleteObject: %q, want that nobody needs it", f.LogicalID, problems)
		}
	}
	if looked == 0 {
		t.Error("no function was looked at")
	}
}

func allow(action, resource string) any {
	return map[string]any{"Version": "2012-10-17", "Statement": map[string]any{"Effect": "Allow", "Action": action, "Resource": resource}}
}

func mention(problems []string, what string) bool {
	return slices.ContainsFunc(problems, func(p string) bool { return strings.Contains(p, what) })
}

// testEventsWithoutVersion lets S3 report an object without its version, as it
// does of one that is older than the bucket's versioning, and one that is gone.
func testEventsWithoutVersion(t *testing.T, s *stack.Stack) {
	for _, tt := range []struct{ key, contentType string }{{"old/there.txt", "text/plain"}, {"old/gone.txt", ""}} {
		if tt.contentType != "" {
			_, err := operatorS3(s).PutObject(t.Context(), &s3.PutObjectInput{
				Bucket: &s.Endpoints.Bucket, Key: &tt.key, Body: strings.NewReader("old"), ContentType: &tt.contentType,
			})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := awaitRow(t.Context(), s, tt.key, "versionId"); err != nil {
				t.Fatal(err)
			}
		}
		event := `{"Records":[{"eventVersion":"2.1","eventSource":"aws:s3","eventTime":"2026-01-01T00:00:00.000Z","eventName":"ObjectCreated:Put",` +
			`"s3":{"bucket":{"name":"` + s.Endpoints.Bucket + `"},"object":{"key":"` + tt.key + `","size":3,"sequencer":"FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"}}}]}`
		if _, err := s.Queue.Send(queueOf(t, s), []byte(event)); err != nil {
			t.Fatal(err)
		}
		var got map[string]string
		err := await(t.Context(), func() (ok bool, err error) {
			got, err = row(t.Context(), s, tt.key)
			return got["created"] == "2026-01-01T00:00:00.000Z" && got["versionId"] == "", err
		})
		if err != nil || got["contentType"] != tt.contentType {
			t.Errorf("row of %s = %v, %v, want one of no version and type %q", tt.key, got, err, tt.contentType)
		}
		status := http.StatusOK
		if tt.contentType == "" {
			status = http.StatusForbidden
		}
		a, err := as(t, s, map[string]any{"sub": "reader", "scope": readAnyScope}).sign(t.Context(), tt.key)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := get(t.Context(), a[0], nil); err != nil || got.status != status {
			t.Errorf("GET of %s = %v, %v, want %d", tt.key, got, err, status)
		}
	}
}
