package template

import (
	"fmt"
	"maps"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// leaf is a key or a scalar value of the product's template, and how to change it.
type leaf struct {
	path string
	node *yaml.Node
}

func leaves(t *testing.T) (document *yaml.Node, keys, values []leaf) {
	t.Helper()
	source, err := os.ReadFile(product)
	if err != nil {
		t.Fatal(err)
	}
	document = new(yaml.Node)
	if err := yaml.Unmarshal(source, document); err != nil {
		t.Fatal(err)
	}
	var walk func(path string, n *yaml.Node)
	walk = func(path string, n *yaml.Node) {
		switch n.Kind {
		case yaml.ScalarNode:
			values = append(values, leaf{path, n})
		case yaml.MappingNode:
			for i := 0; i < len(n.Content); i += 2 {
				at := join(path, n.Content[i].Value)
				if at == "Metadata" { // for consoles: nothing that is deployed reads it
					continue
				}
				keys = append(keys, leaf{at, n.Content[i]})
				walk(at, n.Content[i+1])
			}
		default:
			for _, item := range n.Content {
				walk(path, item)
			}
		}
	}
	walk("", document.Content[0])
	return document, keys, values
}

// optional has use for everything that the template makes only if asked.
func optional() map[string]string {
	return map[string]string{
		"AlarmTopicArn": "arn:aws:sns:eu-central-1:123456789012:alarms",
		"LogBucket":     "logs.s3.amazonaws.com", "Tracing": "Active", "ReservedConcurrency": "20",
		"CdnDomain": "files.example.com", "CdnCertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/c",
		"ApiDomain": "api.example.com", "ApiCertificateArn": "arn:aws:acm:eu-central-1:123456789012:certificate/a",
		"WebAclArn": "arn:aws:wafv2:us-east-1:123456789012:global/webacl/acl/1",
	}
}

// deployment is one way to deploy the template.
type deployment struct {
	Options
	refused bool // by the Rules
}

// deployments are the template as it comes, with an issuer given, with all that
// is optional, and in ways its Rules refuse.
func deployments() []deployment {
	all := optional()
	given := options().Parameters
	pool := map[string]string{"MachineClient": "true"}
	var out []deployment
	add := func(refused bool, without string, parameters ...map[string]string) {
		o := options()
		// Two give what splits them something to do.
		o.Parameters = map[string]string{"AllowedOrigins": "https://a.example,https://b.example"}
		for _, p := range parameters {
			maps.Copy(o.Parameters, p)
		}
		delete(o.Parameters, without)
		out = append(out, deployment{o, refused})
	}
	add(false, "")
	add(false, "", given)
	add(false, "", given, all)
	add(false, "", pool)
	for _, without := range []string{"CdnDomain", "CdnCertificateArn", "ApiDomain", "ApiCertificateArn", "Issuer", "Audience"} {
		add(true, without, given, all)
	}
	add(true, "", given, pool)
	add(true, "", pool, map[string]string{"ReadAnyScope": "x/y"})
	add(true, "", map[string]string{"ReadAnyScope": "aws.cognito.signin.user.admin"})
	return out
}

// outcome is what a deployment comes to.
type outcome struct {
	Stack *Stack
	Err   string
}

// deploy returns a function that deploys document as it is now.
func deploy(document *yaml.Node) func(Options) outcome {
	form := &problems{file: "template.yaml"}
	root := (&converter{form}).node(document.Content[0], "", maxDepth)
	return func(o Options) outcome {
		ps := *form
		stack, err := read(root, &ps, o)
		return outcome{stack, fmt.Sprint(err)}
	}
}

// counts says whether some deployment comes to something else if one scalar has
// another text.
type counts func(at *yaml.Node, text string) bool

func newCounts(t *testing.T, document *yaml.Node) counts {
	t.Helper()
	all := deployments()
	var want []outcome
	original := deploy(document)
	for i, o := range all {
		want = append(want, original(o.Options))
		if (want[i].Stack == nil) != o.refused {
			t.Fatalf("deployment %d: %s, want it refused: %v", i, want[i].Err, o.refused)
		}
	}
	return func(at *yaml.Node, text string) bool {
		before := *at
		defer func() { *at = before }()
		at.Value = text
		if at.Tag == "!!int" || at.Tag == "!!bool" || at.Tag == "!!float" || at.Tag == "!!timestamp" {
			at.Tag = "!!str"
		}
		changed := deploy(document)
		for i, o := range all {
			if !reflect.DeepEqual(want[i], changed(o.Options)) {
				return true
			}
		}
		return false
	}
}

// Whatever key of the template is misspelled, it is refused, or the Stack shows it.
func TestEveryKeyCounts(t *testing.T) {
	t.Parallel()
	document, keys, _ := leaves(t)
	counts := newCounts(t, document)
	if len(keys) < 300 {
		t.Fatalf("the template has %d keys: the walk must have missed some", len(keys))
	}
	// Names that nothing refers to.
	names := regexp.MustCompile(`^(Rules\.\w+|Resources\.(BucketPolicy|ApiDomainMapping|\w+\.Properties\.Events\.\w+))$`)
	for _, key := range keys {
		if !names.MatchString(key.path) && !counts(key.node, key.node.Value+"X") {
			t.Errorf("%s renamed: the Stack is the same, want an error", key.path)
		}
	}
}

// Whatever value is changed is refused, or shows in the Stack, but for those
// that are listed here: they are the template's part without effect locally.
func TestEveryValueCounts(t *testing.T) {
	t.Parallel()
	inconsequential := regexp.MustCompile(`^(` + strings.Join([]string{
		`Description`,
		`(Parameters|Outputs)\.\w+\.(Description|ConstraintDescription)`,
		// What was not chosen.
		`Parameters\.(\w+\.AllowedValues|AllowedOrigins\.Default)`,
		`Resources\.Api\.Properties\.DefinitionBody\.info\.(title|version)`,
		`Resources\.\w+\.Properties\.Policies\.PolicyName`,
		`Resources\.Distribution\.Properties\.DistributionConfig\.Comment`,
		`Resources\.\w+\.Properties\.\w+Config\.(Name|Comment)`,
		`Resources\.UserPoolResourceServer\.Properties\.(Name|Scopes\.ScopeDescription)`,
		`Resources\.\w+\.Properties\.Events\.\w+\.Properties\.Description`,
	}, "|") + `)$`)
	document, _, values := leaves(t)
	counts := newCounts(t, document)
	if len(values) < 300 {
		t.Fatalf("the template has %d values: the walk must have missed some", len(values))
	}
	for _, value := range values {
		if !inconsequential.MatchString(value.path) && !counts(value.node, "mutated") {
			t.Errorf("%s: %q changed: the Stack is the same, want an error or a difference", value.path, value.node.Value)
		}
	}
}
