package drift

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"airlock/local/template"
)

// withoutResource are the actions that IAM knows no resource for ("Actions,
// resources, and condition keys" for Amazon CloudFront and for AWS X-Ray, Service
// Authorization Reference).
var withoutResource = []string{
	"cloudfront:ListPublicKeys", "cloudfront:CreatePublicKey", "cloudfront:GetPublicKey", "cloudfront:DeletePublicKey",
	"cloudfront:ListKeyGroups", "cloudfront:CreateKeyGroup", "cloudfront:GetKeyGroup", "cloudfront:UpdateKeyGroup", "cloudfront:DeleteKeyGroup",
	"xray:PutTraceSegments", "xray:PutTelemetryRecords",
}

// TestNarrowPolicies: a role names its actions, and for each the resource, where
// AWS has one.
func TestNarrowPolicies(t *testing.T) {
	t.Parallel()
	stack, err := deploy(map[string]string{"Tracing": "Active"})
	if err != nil {
		t.Fatal(err)
	}
	everywhere := 0
	for _, f := range stack.Functions {
		problems, n := wide(f)
		everywhere += n
		for _, problem := range problems {
			t.Errorf("%s: %s", f.LogicalID, problem)
		}
	}
	if want := 9 + 2*len(stack.Functions); everywhere != want {
		t.Errorf("%d permissions are for every resource, want %d: those there are no resources for", everywhere, want)
	}
	// That it would be seen.
	for _, statement := range []map[string]any{
		{"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::b/u/*"},
		{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"},
		{"Effect": "Allow", "Action": []any{"s3:GetObject"}, "Resource": []any{"arn:aws:s3:::b", "*"}},
		{"Effect": "Allow", "NotAction": "s3:GetObject", "Resource": "arn"},
		{"Effect": "Allow", "Action": "dynamodb:PutItem", "Resource": "arn:aws:dynamodb:*:123456789012:table/t"},
	} {
		if problems, _ := wide(template.Function{Policies: []any{map[string]any{"Statement": []any{statement}}}}); len(problems) == 0 {
			t.Errorf("%v passes", statement)
		}
	}
}

// wide says what is too wide in a function's policies, and how many permissions
// are for every resource.
func wide(f template.Function) (problems []string, everywhere int) {
	for _, p := range f.Policies {
		for _, s := range p.(map[string]any)["Statement"].([]any) {
			statement := s.(map[string]any)
			actions, resources := texts(statement["Action"]), texts(statement["Resource"])
			if len(actions) == 0 || len(resources) == 0 {
				problems = append(problems, fmt.Sprintf("%v names no action or no resource", statement))
			}
			for _, action := range actions {
				if strings.ContainsAny(action, "*?") {
					problems = append(problems, action+" is more than one action")
				}
				for _, resource := range resources {
					switch {
					case resource == "*" && slices.Contains(withoutResource, action):
						everywhere++
					case resource == "*":
						problems = append(problems, action+" is for every resource")
					// What a name may end in is the keys of a bucket and the streams of a log group.
					case strings.Contains(strings.TrimSuffix(resource, "*"), "*"):
						problems = append(problems, action+" is for resources of many names: "+resource)
					}
				}
			}
		}
	}
	return problems, everywhere
}

// texts is what a policy may write without brackets where it is one.
func texts(v any) (all []string) {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		for _, item := range v {
			all = append(all, item.(string))
		}
	}
	return all
}
