package template

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

const customType = "Custom::"

// readCustomResource reads a resource that a function of the template makes. Its
// properties are the function's to know: CloudFormation hands them on, with
// every scalar as text (AWS CloudFormation User Guide, "Custom resource request
// objects").
func (l *loader) readCustomResource(r *resource, o *object) {
	c := CustomResource{LogicalID: r.id, Type: r.typ, Properties: map[string]any{}}
	token := o.get("ServiceToken").required()
	if f := l.functionWithARN(token.text()); f != nil {
		c.FunctionLogicalID = f.LogicalID
	} else if token.readable() {
		token.problem("must be the Arn of an AWS::Serverless::Function of the template")
	}
	o.get("ServiceTimeout").seconds(1, 3600)
	o.at.eachField(func(name string, at cursor) {
		if o.get(name); at.readable() {
			c.Properties[name] = at.n.sent()
		}
	})
	l.stack.CustomResources = append(l.stack.CustomResources, c)
}

// functionWithARN is nil where the template has none.
func (l *loader) functionWithARN(arn string) *Function {
	i := slices.IndexFunc(l.stack.Functions, func(f Function) bool { return f.ARN == arn })
	if i < 0 {
		return nil
	}
	return &l.stack.Functions[i]
}

// answered is what Ref ("") and GetAtt give for a custom resource: what its
// function answered, and before that a text that says where it will come from.
func (l *loader) answered(id, name string) (string, error) {
	answer, known := l.options.Answers[id]
	switch value, there := answer.Data[name]; {
	case !known:
		return strings.TrimSuffix("answer:"+id+"."+name, "."), nil
	case name == "":
		return answer.PhysicalID, nil
	case there:
		return value, nil
	}
	return "", fmt.Errorf("the function of %s answered without %q, but with %q", id, name, slices.Sorted(maps.Keys(answer.Data)))
}

// sent is what stands at n as CloudFormation sends it to a custom resource.
func (n *node) sent() any { return n.decode(func(scalar *node) any { return scalar.text }) }
