package template

import (
	"errors"
	"fmt"
	"slices"
)

// condition is one of the Conditions section, evaluated when first asked for.
type condition struct {
	at    cursor
	state state
	holds bool
}

// state guards what is computed on demand against going in a circle.
type state int

const (
	untouched state = iota
	underWay
	done
)

var errCircle = errors.New("refers to itself in a circle")

func (l *loader) readConditions(at cursor) {
	at.eachField(func(name string, at cursor) {
		l.conditions[name] = &condition{at: at}
	})
	for _, name := range sortedKeys(l.conditions) {
		if _, err := l.condition(name); err != nil {
			l.conditions[name].at.problem("%v", err)
		}
	}
}

// condition evaluates a condition by name.
func (l *loader) condition(name string) (bool, error) {
	c := l.conditions[name]
	switch {
	case c == nil:
		return false, fmt.Errorf("condition %q is not in the template", name)
	case c.state == underWay:
		return false, fmt.Errorf("condition %q %w", name, errCircle)
	case c.state == untouched:
		c.state = underWay
		c.holds = l.truth(c.at)
		c.state = done
	}
	return c.holds, nil
}

// holds reads the Condition attribute of a resource or output.
func (l *loader) holds(at cursor) bool {
	name := at.text()
	if !at.readable() {
		return true
	}
	holds, err := l.condition(name)
	if err != nil {
		at.problem("%v", err)
	}
	return holds
}

// truth evaluates a condition's expression.
func (l *loader) truth(at cursor) bool {
	if !at.readable() {
		return false
	}
	// The long form of a reference to another condition is no Fn:: and looks
	// like any mapping.
	if at.n.kind == kindMapping && len(at.n.pairs) == 1 && at.n.pairs[0].key == "Condition" {
		at.n = &node{kind: kindCall, line: at.n.line, text: "Condition", items: []*node{at.n.pairs[0].value}}
	}
	if at.n.kind != kindCall {
		at.problem("must be a condition function")
		return false
	}
	name, arg := at.n.text, at
	arg.n = at.n.items[0]
	switch name {
	case "Condition":
		holds, err := l.condition(arg.text())
		if err != nil && arg.readable() {
			arg.problem("%v", err)
		}
		return holds
	case "Fn::Not":
		return !l.truths(name, arg, 1, 1)[0]
	case "Fn::And":
		return !slices.Contains(l.truths(name, arg, 2, 10), false)
	case "Fn::Or":
		return slices.Contains(l.truths(name, arg, 2, 10), true)
	case "Fn::Equals":
		sides := arg.list()
		if len(sides) != 2 {
			at.problem("%s: takes a list of 2", name)
			return false
		}
		s := scope{parametersOnly: true}
		return equal(l.resolved(sides[0], s).n, l.resolved(sides[1], s).n)
	}
	at.problem("%s: not known as a condition", name)
	return false
}

func (l *loader) truths(name string, at cursor, least, most int) []bool {
	list := at.list()
	if len(list) < least || len(list) > most {
		at.problem("%s: takes %d to %d conditions", name, least, most)
		return []bool{false}
	}
	out := make([]bool, 0, len(list))
	for _, item := range list {
		out = append(out, l.truth(item))
	}
	return out
}

// equal compares as CloudFormation does, where every scalar is a string.
func equal(a, b *node) bool {
	if a.kind == kindList || b.kind == kindList {
		return a.kind == b.kind && slices.EqualFunc(a.items, b.items, equal)
	}
	return a.kind != kindMapping && b.kind != kindMapping && a.text == b.text
}

// readRules evaluates the assertions about parameters that the template makes
// (AWS CloudFormation User Guide, "CloudFormation template Rules syntax").
func (l *loader) readRules(at cursor) {
	at.eachField(func(_ string, at cursor) {
		at.fields(func(o *object) {
			when, assertions := o.get("RuleCondition"), o.get("Assertions").required()
			applies := or(when, true, l.ruleTruth)
			for _, assertion := range assertions.list() {
				assertion.fields(func(o *object) {
					message := o.get("AssertDescription").text()
					holds := l.ruleTruth(o.get("Assert").required())
					if applies && !holds && o.get("Assert").readable() {
						assertion.problem("the assertion does not hold: %s", message)
					}
				})
			}
		})
	})
}

// ruleTruth knows what conditions know, and the functions rules have beyond it.
func (l *loader) ruleTruth(at cursor) bool {
	if !at.is(kindCall) {
		return l.truth(at)
	}
	s := scope{parametersOnly: true}
	switch name := at.n.text; name {
	case "Fn::Contains", "Fn::EachMemberEquals", "Fn::EachMemberIn":
		arg := at
		arg.n = at.n.items[0]
		list := arg.list()
		if len(list) != 2 {
			at.problem("%s: takes a list of 2", name)
			return false
		}
		values, member := l.resolved(list[0], s), l.resolved(list[1], s)
		switch name {
		case "Fn::Contains":
			return slices.Contains(values.texts(), member.text())
		case "Fn::EachMemberEquals":
			want := member.text()
			return !slices.ContainsFunc(values.texts(), func(v string) bool { return v != want })
		default:
			in := member.texts()
			return !slices.ContainsFunc(values.texts(), func(v string) bool { return !slices.Contains(in, v) })
		}
	case "Fn::Not", "Fn::And", "Fn::Or":
		return l.ruleCombination(at)
	}
	return l.truth(at)
}

func (l *loader) ruleCombination(at cursor) bool {
	arg := at
	arg.n = at.n.items[0]
	list := arg.list()
	if len(list) == 0 || (at.n.text == "Fn::Not") != (len(list) == 1) {
		at.problem("%s: takes another number of conditions", at.n.text)
		return false
	}
	some, all := false, true
	for _, item := range list {
		holds := l.ruleTruth(item)
		some, all = some || holds, all && holds
	}
	switch at.n.text {
	case "Fn::Not":
		return !some
	case "Fn::And":
		return all
	}
	return some
}
