package template

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

const (
	maxSource = 1 << 20
	maxDepth  = 100
)

var (
	plainDecimal = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?$`)
	sexagesimal  = regexp.MustCompile(`^[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?$`)
)

type kind int

const (
	kindText kind = iota
	kindNumber
	kindBool
	kindList
	kindMapping
	kindCall   // an intrinsic function: text is its long name, items[0] its argument
	kindNone   // AWS::NoValue
	kindBroken // a problem was already reported for it
)

// node is a piece of the template: YAML with its lines, CloudFormation's short
// forms turned into long ones.
type node struct {
	kind  kind
	line  int
	text  string
	items []*node
	pairs []pair
}

type pair struct {
	key   string
	line  int
	value *node
}

// get is the value of a key; nil if there is none.
func (n *node) get(key string) *node {
	if n == nil {
		return nil
	}
	for _, p := range n.pairs {
		if p.key == key {
			return p.value
		}
	}
	return nil
}

func textNode(line int, s string) *node { return &node{kind: kindText, line: line, text: s} }

func listNode(line int, items []string) *node {
	n := &node{kind: kindList, line: line}
	for _, s := range items {
		n.items = append(n.items, textNode(line, s))
	}
	return n
}

// parseYAML reads one document. Problems of form are left in ps; the error is
// for source that is no YAML at all.
func parseYAML(source []byte, ps *problems) (*node, error) {
	if len(source) > maxSource {
		return nil, fmt.Errorf("%s: %d bytes: a template has at most %d", ps.file, len(source), maxSource)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(source))
	var document, more yaml.Node
	if err := decoder.Decode(&document); err != nil {
		return nil, yamlError(ps.file, err)
	}
	if err := decoder.Decode(&more); err == nil {
		ps.add(more.Line, "", "a template is one YAML document")
	} else if !errors.Is(err, io.EOF) {
		return nil, yamlError(ps.file, err)
	}
	if document.Kind != yaml.DocumentNode || len(document.Content) != 1 {
		return nil, fmt.Errorf("%s: empty", ps.file)
	}
	return (&converter{ps}).node(document.Content[0], "", maxDepth), nil
}

// yamlError gives the parser's errors, "yaml: line 3: …", the form of ours.
func yamlError(file string, err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: empty", file)
	}
	if m := regexp.MustCompile(`^yaml: line ([0-9]+): (.*)$`).FindStringSubmatch(err.Error()); m != nil {
		return fmt.Errorf("%s:%s: %s", file, m[1], m[2])
	}
	return fmt.Errorf("%s: %w", file, err)
}

type converter struct{ problems *problems }

func (c *converter) node(y *yaml.Node, path string, depth int) *node {
	broken := &node{kind: kindBroken, line: y.Line}
	refuse := func(format string, args ...any) *node {
		c.problems.add(y.Line, path, format, args...)
		return broken
	}
	if depth == 0 {
		return refuse("nested more than %d deep", maxDepth)
	}
	// AWS CloudFormation User Guide, "CloudFormation template formats": no
	// aliases, no merges. It also keeps a small file from unfolding to a huge one.
	if y.Kind == yaml.AliasNode || y.Anchor != "" {
		return refuse("CloudFormation knows no YAML anchors and aliases")
	}
	if name, ok := shortForm(y); ok {
		argument := *y
		argument.Tag = ""
		call := &node{kind: kindCall, line: y.Line, text: name}
		if y.Kind == yaml.ScalarNode {
			call.items = []*node{textNode(y.Line, y.Value)}
		} else {
			call.items = []*node{c.node(&argument, path, depth-1)}
		}
		return call
	}
	switch y.Kind {
	case yaml.ScalarNode:
		return c.scalar(y, path)
	case yaml.SequenceNode:
		if tag := y.ShortTag(); tag != "!!seq" && tag != "" {
			return refuse("the YAML tag %s is not known", tag)
		}
		n := &node{kind: kindList, line: y.Line}
		for i, item := range y.Content {
			n.items = append(n.items, c.node(item, fmt.Sprintf("%s[%d]", path, i), depth-1))
		}
		return n
	case yaml.MappingNode:
		if tag := y.ShortTag(); tag != "!!map" && tag != "" {
			return refuse("the YAML tag %s is not known", tag)
		}
		return c.mapping(y, path, depth)
	}
	return refuse("this kind of YAML is not known")
}

// shortForm says whether y is a function in its short form, !Name.
func shortForm(y *yaml.Node) (string, bool) {
	name, ok := strings.CutPrefix(y.Tag, "!")
	if !ok || name == "" || strings.HasPrefix(name, "!") {
		return "", false
	}
	if name == "Ref" || name == "Condition" {
		return name, true
	}
	return "Fn::" + name, true
}

func isFunction(key string) bool { return key == "Ref" || strings.HasPrefix(key, "Fn::") }

func (c *converter) mapping(y *yaml.Node, path string, depth int) *node {
	n := &node{kind: kindMapping, line: y.Line}
	seen := make(map[string]bool, len(y.Content)/2)
	for i := 0; i+1 < len(y.Content); i += 2 {
		k := y.Content[i]
		at := join(path, k.Value)
		if k.Kind != yaml.ScalarNode || k.Anchor != "" {
			c.problems.add(k.Line, path, "a key must be plain text")
			continue
		}
		if k.ShortTag() == "!!merge" {
			c.problems.add(k.Line, path, "CloudFormation knows no YAML merge (<<)")
			continue
		}
		key := c.scalar(k, at)
		if key.kind == kindBroken {
			continue
		}
		if seen[key.text] {
			c.problems.add(k.Line, at, "occurs twice")
			continue
		}
		seen[key.text] = true
		n.pairs = append(n.pairs, pair{key.text, k.Line, c.node(y.Content[i+1], at, depth-1)})
	}
	for _, p := range n.pairs {
		switch {
		case !isFunction(p.key):
		case len(n.pairs) > 1:
			c.problems.add(p.line, path, "%s must be the only key of its mapping", p.key)
			return &node{kind: kindBroken, line: y.Line}
		default:
			return &node{kind: kindCall, line: y.Line, text: p.key, items: []*node{p.value}}
		}
	}
	return n
}

// scalar reads a scalar as both readers of a SAM template do, SAM (YAML 1.1)
// and this parser (mostly 1.2); where they would differ it refuses.
func (c *converter) scalar(y *yaml.Node, path string) *node {
	n := &node{line: y.Line, text: y.Value}
	refuse := func(format string, args ...any) *node {
		c.problems.add(y.Line, path, format, args...)
		n.kind = kindBroken
		return n
	}
	if y.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		if tag := y.ShortTag(); tag != "!!str" {
			return refuse("the YAML tag %s is not known", tag)
		}
		return n
	}
	switch tag := y.ShortTag(); tag {
	case "!!str":
		switch strings.ToLower(y.Value) {
		case "yes", "no", "on", "off":
			return refuse("%s is a boolean in YAML 1.1: write true or false, or put it in quotes", y.Value)
		}
		if sexagesimal.MatchString(y.Value) {
			return refuse("%s is a number to the base of 60 in YAML 1.1: put it in quotes", y.Value)
		}
	case "!!timestamp": // CloudFormation leaves 2012-10-17 the text it is.
	case "!!bool":
		n.kind, n.text = kindBool, strings.ToLower(y.Value)
	case "!!int", "!!float":
		if !isNumber(y.Value) {
			return refuse("%s: write the number in plain decimals, or put it in quotes", y.Value)
		}
		n.kind = kindNumber
	case "!!null":
		return refuse("null values are not allowed in templates")
	default:
		return refuse("the YAML tag %s is not known", tag)
	}
	return n
}

func isNumber(s string) bool {
	return len(s) <= 32 && plainDecimal.MatchString(s)
}
