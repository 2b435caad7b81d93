package template

import (
	"fmt"
	"regexp"
	"strings"
)

var variableName = regexp.MustCompile(`^[A-Za-z0-9_.:]+$`)

// scope says where an expression stands.
type scope struct {
	from           *resource // whose property it is; nil elsewhere
	sam            bool      // in what SAM's transform expands
	parametersOnly bool      // Conditions and Rules come before there are resources
}

// resolved is c with every intrinsic replaced by its value.
func (l *loader) resolved(c cursor, s scope) cursor {
	if c.n != nil {
		c.n = l.resolve(c.n, c.path, s)
	}
	return c
}

func (l *loader) resolve(n *node, path string, s scope) *node {
	switch n.kind {
	case kindCall:
		return (&call{loader: l, n: n, path: path, scope: s}).evaluate()
	case kindList:
		out := &node{kind: kindList, line: n.line}
		for i, item := range n.items {
			if v := l.resolve(item, fmt.Sprintf("%s[%d]", path, i), s); v.kind != kindNone {
				out.items = append(out.items, v)
			}
		}
		return out
	case kindMapping:
		out := &node{kind: kindMapping, line: n.line}
		for _, p := range n.pairs {
			if v := l.resolve(p.value, join(path, p.key), s); v.kind != kindNone {
				out.pairs = append(out.pairs, pair{p.key, p.line, v})
			}
		}
		return out
	}
	return n
}

// call is one intrinsic function being evaluated (AWS CloudFormation Template
// Reference Guide, "Intrinsic function reference").
type call struct {
	*loader
	n     *node
	path  string
	scope scope
}

func (c *call) refuse(format string, args ...any) *node {
	c.problems.add(c.n.line, c.path, "%s: %s", c.n.text, fmt.Sprintf(format, args...))
	return &node{kind: kindBroken, line: c.n.line}
}

func (c *call) broken() *node { return &node{kind: kindBroken, line: c.n.line} }

func (c *call) evaluate() *node {
	switch c.n.text {
	case "Ref":
		if arg := c.n.items[0]; arg.kind == kindText {
			return c.reference(arg.text)
		}
		return c.refuse("takes the name of a parameter or resource")
	case "Fn::GetAtt":
		return c.getAtt()
	case "Fn::Sub":
		return c.sub()
	case "Fn::Join":
		return c.join()
	case "Fn::Split":
		return c.split()
	case "Fn::Select":
		return c.selectItem()
	case "Fn::FindInMap":
		return c.findInMap()
	case "Fn::If":
		return c.ifThenElse()
	case "Fn::Equals", "Fn::And", "Fn::Or", "Fn::Not", "Condition":
		return c.refuse("may stand only in Conditions and Rules")
	}
	return c.refuse("not known")
}

// arguments checks for a list of n elements.
func (c *call) arguments(n int) ([]*node, bool) {
	arg := c.n.items[0]
	if arg.kind != kindList || len(arg.items) != n {
		c.refuse("takes a list of %d", n)
		return nil, false
	}
	return arg.items, true
}

// value resolves an argument.
func (c *call) value(n *node) *node { return c.resolve(n, c.path, c.scope) }

// str resolves an argument that must be a string.
func (c *call) str(n *node, what string) (string, bool) {
	v := c.value(n)
	switch v.kind {
	case kindBroken:
		return "", false
	case kindText, kindNumber, kindBool:
		return cursor{n: v, path: c.path, problems: c.problems}.text(), true
	}
	c.refuse("%s must be a string", what)
	return "", false
}

// strs resolves an argument that must be a list of strings.
func (c *call) strs(n *node, what string) ([]string, bool) {
	v := c.value(n)
	if v.kind == kindBroken {
		return nil, false
	}
	if v.kind != kindList {
		c.refuse("%s must be a list of strings", what)
		return nil, false
	}
	out := make([]string, 0, len(v.items))
	for _, item := range v.items {
		s, ok := c.str(item, "each of "+what)
		if !ok {
			return nil, false
		}
		out = append(out, s)
	}
	return out, true
}

// reference is the value of Ref.
func (c *call) reference(name string) *node {
	if v, ok := c.pseudo(name, c.n.line); ok {
		return v
	}
	if v, ok := c.parameters[name]; ok {
		if v.kind == kindList && c.scope.sam {
			return c.refuse("%s: SAM's transform puts a CommaDelimitedList here as one string: make it a String, and !Split it", name)
		}
		copied := *v
		copied.line = c.n.line
		return &copied
	}
	// SAM's own reference to the stage it makes, which an HTTP API has one of.
	if id, ok := strings.CutSuffix(name, ".Stage"); ok {
		if r := c.byID[id]; r != nil && r.serverless() == "HttpApi" {
			if v := c.attribute(id, ""); v.kind == kindBroken {
				return v
			}
			return textNode(c.n.line, "$default")
		}
	}
	return c.attribute(name, "")
}

func (c *call) getAtt() *node {
	arg := c.n.items[0]
	switch {
	case arg.kind == kindText:
		if id, attribute, ok := strings.Cut(arg.text, "."); ok && attribute != "" {
			return c.attribute(id, attribute)
		}
	case arg.kind == kindList && len(arg.items) == 2 && arg.items[0].kind == kindText:
		attribute, ok := c.str(arg.items[1], "the attribute")
		if !ok {
			return c.broken()
		}
		if attribute != "" {
			return c.attribute(arg.items[0].text, attribute)
		}
	}
	return c.refuse("takes a resource and its attribute")
}

// attribute is an attribute of a resource; "" is what Ref gives.
func (c *call) attribute(id, name string) *node {
	r := c.byID[id]
	switch {
	case c.scope.parametersOnly:
		return c.refuse("%q is not a parameter, and only these may stand here", id)
	case r == nil && name == "":
		return c.refuse("%q is neither a parameter nor a resource", id)
	case r == nil:
		return c.refuse("%q is not a resource", id)
	case !r.active:
		return c.refuse("%q is not made: its Condition is false", id)
	case strings.HasPrefix(r.typ, customType) && c.scope.sam:
		return c.refuse("%q is made by a function, and the embedded AWS has to start all of them before", id)
	}
	if c.scope.from != nil {
		c.scope.from.needs(id)
	}
	value, err := c.attributeOf(r, name)
	if err != nil {
		return c.refuse("%v", err)
	}
	return textNode(c.n.line, value)
}

func (c *call) sub() *node {
	arg := c.n.items[0]
	text, variables := arg, &node{kind: kindMapping}
	if arg.kind == kindList {
		if len(arg.items) != 2 || arg.items[1].kind != kindMapping {
			return c.refuse("takes a string, or a list of a string and a mapping")
		}
		text, variables = arg.items[0], arg.items[1]
	}
	if text.kind != kindText {
		return c.refuse("takes a string, not an expression")
	}
	values := map[string]string{}
	for _, p := range variables.pairs {
		v, ok := c.str(p.value, p.key)
		if !ok {
			return c.broken()
		}
		values[p.key] = v
	}
	var b strings.Builder
	rest := text.text
	for {
		before, after, found := strings.Cut(rest, "${")
		b.WriteString(before)
		if !found {
			return textNode(c.n.line, b.String())
		}
		name, tail, closed := strings.Cut(after, "}")
		if !closed {
			return c.refuse("${ without }")
		}
		rest = tail
		if literal, ok := strings.CutPrefix(name, "!"); ok {
			b.WriteString("${" + literal + "}")
			continue
		}
		v, ok := c.variable(name, values)
		if !ok {
			return c.broken()
		}
		b.WriteString(v)
	}
}

// variable is the value of ${name}.
func (c *call) variable(name string, values map[string]string) (string, bool) {
	if !variableName.MatchString(name) {
		c.refuse("variable names are alphanumeric characters, underscores, periods and colons, not %q", name)
		return "", false
	}
	if v, ok := values[name]; ok {
		return v, true
	}
	var v *node
	if id, attribute, ok := strings.Cut(name, "."); ok {
		v = c.attribute(id, attribute)
	} else {
		v = c.reference(name)
	}
	return c.str(v, "${"+name+"}")
}

func (c *call) join() *node {
	args, ok := c.arguments(2)
	if !ok {
		return c.broken()
	}
	if args[0].kind != kindText {
		return c.refuse("the delimiter must be a string")
	}
	list, ok := c.strs(args[1], "the values")
	if !ok {
		return c.broken()
	}
	return textNode(c.n.line, strings.Join(list, args[0].text))
}

func (c *call) split() *node {
	args, ok := c.arguments(2)
	if !ok {
		return c.broken()
	}
	if args[0].kind != kindText || args[0].text == "" {
		return c.refuse("the delimiter must be a string")
	}
	source, ok := c.str(args[1], "what is split")
	if !ok {
		return c.broken()
	}
	return listNode(c.n.line, strings.Split(source, args[0].text))
}

func (c *call) selectItem() *node {
	args, ok := c.arguments(2)
	if !ok {
		return c.broken()
	}
	position, ok := c.str(args[0], "the index")
	if !ok {
		return c.broken()
	}
	list := c.value(args[1])
	i, ok := index(position)
	switch {
	case list.kind == kindBroken:
		return list
	case list.kind != kindList:
		return c.refuse("needs a list")
	case !ok || i >= len(list.items):
		return c.refuse("no element %s in a list of %d", position, len(list.items))
	}
	return list.items[i]
}

func (c *call) findInMap() *node {
	args, ok := c.arguments(3)
	if !ok {
		return c.broken()
	}
	// The whole call stands in a fragment the reader may not see: name all three.
	var keys [3]string
	for i, arg := range args {
		if keys[i], ok = c.str(arg, "each key"); !ok {
			return c.broken()
		}
	}
	if c.mappings != nil {
		if m := c.mappings.get(keys[0]); m != nil {
			if first := m.get(keys[1]); first != nil {
				if v := first.get(keys[2]); v != nil {
					return v
				}
			}
		}
	}
	return c.refuse("no %s.%s.%s in Mappings", keys[0], keys[1], keys[2])
}

func (c *call) ifThenElse() *node {
	args, ok := c.arguments(3)
	if !ok {
		return c.broken()
	}
	if args[0].kind != kindText {
		return c.refuse("takes the name of a condition first")
	}
	holds, err := c.condition(args[0].text)
	if err != nil {
		return c.refuse("%v", err)
	}
	if holds {
		return c.value(args[1])
	}
	return c.value(args[2])
}

// readMappings checks the form of the section: two levels of names, then
// strings or lists of strings.
func (l *loader) readMappings(at cursor) {
	l.mappings = at.n
	at.eachField(func(_ string, at cursor) {
		at.eachField(func(_ string, at cursor) {
			at.eachField(func(_ string, at cursor) {
				if at.is(kindList) {
					at.texts()
				} else {
					at.text()
				}
			})
		})
	})
}
