package template

import (
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

// twoOrigins give what splits them something to do.
func twoOrigins() Options {
	o := options()
	o.Parameters["AllowedOrigins"] = "https://a.example,https://b.example"
	return o
}

// mutated parses the template with one scalar's text replaced.
func mutated(document *yaml.Node, at *yaml.Node, text string) (*Stack, error) {
	before := *at
	at.Value = text
	if at.Tag == "!!int" || at.Tag == "!!bool" || at.Tag == "!!float" || at.Tag == "!!timestamp" {
		at.Tag = "!!str"
	}
	ps := &problems{file: "template.yaml"}
	root := (&converter{ps}).node(document.Content[0], "", maxDepth)
	*at = before
	return read(root, ps, twoOrigins())
}

// Whatever key of the template is misspelled, it is refused, or the Stack shows it.
func TestEveryKeyCounts(t *testing.T) {
	t.Parallel()
	document, keys, _ := leaves(t)
	want, err := Load(product, twoOrigins())
	if err != nil {
		t.Fatal(err)
	}
	if len(keys) < 300 {
		t.Fatalf("the template has %d keys: the walk must have missed some", len(keys))
	}
	// Names that nothing refers to.
	names := regexp.MustCompile(`^Resources\.(BucketPolicy|\w+\.Properties\.Events\.\w+)$`)
	for _, key := range keys {
		got, err := mutated(document, key.node, key.node.Value+"X")
		if err == nil && reflect.DeepEqual(want, got) && !names.MatchString(key.path) {
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
	}, "|") + `)$`)
	document, _, values := leaves(t)
	want, err := Load(product, twoOrigins())
	if err != nil {
		t.Fatal(err)
	}
	if len(values) < 300 {
		t.Fatalf("the template has %d values: the walk must have missed some", len(values))
	}
	for _, value := range values {
		got, err := mutated(document, value.node, "mutated")
		if err == nil && reflect.DeepEqual(want, got) && !inconsequential.MatchString(value.path) {
			t.Errorf("%s: %q changed: the Stack is the same, want an error or a difference", value.path, value.node.Value)
		}
	}
}
