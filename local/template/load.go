// Package template reads the product's SAM template and says what
// CloudFormation would have made of it: a Stack with parameters filled in,
// intrinsics resolved and SAM's shorthands expanded. It is how the embedded
// AWS gets its configuration, and all the configuration it gets.
//
// What it does not know (a section, a resource type, a property at any depth,
// an intrinsic function, an attribute) is an error with its line, so that
// nothing in the template is silently without effect. Properties without
// consequence on one machine are listed by name where they are read, with the
// reason. Values that CloudFormation, SAM or a service would refuse at
// deployment are refused here too, as far as they can be told from the template.
//
// Limits: a template holds at most 1 MiB, nested at most 100 deep (AWS
// CloudFormation User Guide, "CloudFormation quotas", for the first). Only the
// aws partition is known. Physical names and ids are derived from the stack's
// name and the logical id, so the same input always gives the same Stack.
//
// The template is trusted to be the project's own, but not to be well formed.
package template

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Options are what a deployment adds to a template.
type Options struct {
	StackName string // letters, digits and hyphens, a letter first
	Region    string // us-east-1
	AccountID string // 12 digits
	// Parameters are values for the Parameters section; one that is left out
	// takes its Default.
	Parameters map[string]string
	// Answers are what functions answered for the custom resources they made, by
	// logical id. Attributes of one that has not answered are a text that names it.
	Answers map[string]Answer
}

// Answer is what a custom resource's function told CloudFormation.
type Answer struct {
	PhysicalID string            // what Ref gives
	Data       map[string]string // what GetAtt gives
}

// Load reads the template in the file path.
func Load(path string, o Options) (*Stack, error) {
	source, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the template: %w", err)
	}
	return parse(filepath.Base(path), source, o)
}

// Parse reads a template. Its error joins all problems found, in the order of
// the template, each of the form
// "template.yaml:123: Bucket.VersioningConfiguration.Foo: not known".
func Parse(source []byte, o Options) (*Stack, error) {
	return parse("template.yaml", source, o)
}

// loader holds what is known of one template while it is read.
type loader struct {
	options    Options
	problems   *problems
	parameters map[string]*node // text, or a list of text
	mappings   *node
	conditions map[string]*condition
	globals    map[string]*node // by section of Globals: Function, HttpApi
	resources  []*resource      // in the template's order
	byID       map[string]*resource

	stack *Stack
	parts parts
}

func parse(file string, source []byte, o Options) (*Stack, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	ps := &problems{file: file}
	root, err := parseYAML(source, ps)
	if err != nil {
		return nil, err
	}
	return read(root, ps, o)
}

// read makes a Stack of a template; ps are the problems of its form.
func read(root *node, ps *problems, o Options) (*Stack, error) {
	// Past a problem of form everything else would be a guess.
	if err := ps.err(); err != nil {
		return nil, err
	}
	l := &loader{
		options:    o,
		problems:   ps,
		parameters: map[string]*node{},
		conditions: map[string]*condition{},
		globals:    map[string]*node{},
		byID:       map[string]*resource{},
		stack: &Stack{
			Name: o.StackName, Region: o.Region, AccountID: o.AccountID,
			Outputs: map[string]string{},
		},
		parts: newParts(),
	}
	l.stack.ID = l.stackID()
	l.readSections(root)
	if err := ps.err(); err != nil {
		return nil, err
	}
	return l.stack, nil
}

// readSections reads the template's sections, those first that others refer to.
func (l *loader) readSections(root *node) {
	at := cursor{n: root, problems: l.problems}
	if !at.is(kindMapping) {
		at.problem("the template must be a mapping")
		return
	}
	at.fields(func(o *object) {
		o.get("AWSTemplateFormatVersion").oneOf("2010-09-09")
		// Any other transform would rewrite the template.
		o.get("Transform").required().oneOf("AWS::Serverless-2016-10-31")
		o.get("Description").text()
		// Consoles and build tools read it, nothing that is deployed does.
		o.inconsequential("Metadata")

		l.readParameters(o.get("Parameters"))
		l.readMappings(o.get("Mappings"))
		l.readConditions(o.get("Conditions"))
		l.readRules(o.get("Rules"))
		l.readGlobals(o.get("Globals"))
		l.readResources(o.get("Resources").required())
		l.readOutputs(o.get("Outputs"))
	})
}

func (l *loader) readOutputs(at cursor) {
	at.eachField(func(name string, at cursor) {
		if !logicalID.MatchString(name) {
			at.problem("a logical id is letters and digits")
		}
		active := true
		at.fields(func(o *object) {
			o.get("Description").text()
			active = l.holds(o.get("Condition"))
			value, export := o.get("Value"), o.get("Export")
			if !active {
				return
			}
			l.stack.Outputs[name] = l.resolved(value, scope{}).required().text()
			// Other stacks import by this name; here there are none.
			l.resolved(export, scope{}).fields(func(o *object) { o.get("Name").required().text() })
		})
	})
}

var (
	stackName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{0,127}$`)
	region    = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]$`)
	accountID = regexp.MustCompile(`^[0-9]{12}$`)
)

func (o Options) check() error {
	switch {
	case !stackName.MatchString(o.StackName):
		return fmt.Errorf("stack name %q: must be 1 to 128 letters, digits and hyphens, a letter first", o.StackName)
	case !region.MatchString(o.Region):
		return fmt.Errorf("region %q: must look like us-east-1", o.Region)
	case strings.HasPrefix(o.Region, "cn-"), strings.HasPrefix(o.Region, "us-gov-"), strings.Contains(o.Region, "-iso"):
		return fmt.Errorf("region %q: only the aws partition is known", o.Region)
	case !accountID.MatchString(o.AccountID):
		return fmt.Errorf("account id %q: must be 12 digits", o.AccountID)
	}
	return nil
}
