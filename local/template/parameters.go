package template

import (
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxParameter is from the AWS CloudFormation User Guide, "CloudFormation quotas".
const maxParameter = 4096

// readParameters gives every parameter its value and checks it as
// CloudFormation would (User Guide, "CloudFormation template Parameters syntax").
func (l *loader) readParameters(at cursor) {
	known := map[string]bool{}
	at.eachField(func(name string, at cursor) {
		known[name] = true
		if !logicalID.MatchString(name) {
			at.problem("a parameter's name is letters and digits")
		}
		l.readParameter(name, at)
	})
	for _, name := range sortedKeys(l.options.Parameters) {
		if !known[name] {
			at.problem("parameter %s has a value but is not in the template", name)
		}
	}
}

func (l *loader) readParameter(name string, at cursor) {
	l.parameters[name] = &node{kind: kindBroken}
	at.fields(func(o *object) {
		kind := o.get("Type").required().oneOf("String", "Number", "CommaDelimitedList")
		o.get("Description").text()
		o.get("ConstraintDescription").text()
		o.get("NoEcho").boolean()
		p := parameter{
			kind:      kind,
			pattern:   o.get("AllowedPattern"),
			values:    o.get("AllowedValues"),
			minLength: o.get("MinLength"), maxLength: o.get("MaxLength"),
			minValue: o.get("MinValue"), maxValue: o.get("MaxValue"),
		}
		fallback := o.get("Default")
		value, given := l.options.Parameters[name]
		switch {
		case given:
		case fallback.present():
			value = fallback.text()
		default:
			at.problem("the parameter has no Default and was given no value")
			return
		}
		if kind == "" {
			return
		}
		l.parameters[name] = p.check(at, value)
	})
}

type parameter struct {
	kind                 string
	pattern, values      cursor
	minLength, maxLength cursor
	minValue, maxValue   cursor
}

// check gives value as what Ref returns: text, or a list of it. A Number, too,
// "becomes a literal string" there.
func (p parameter) check(at cursor, value string) *node {
	before := len(at.problems.list)
	if len(value) > maxParameter {
		at.problem("the value has %d bytes: at most %d are allowed", len(value), maxParameter)
	}
	single := []string{value}
	if p.kind == "CommaDelimitedList" {
		single = strings.Split(value, ",")
		for i := range single {
			single[i] = strings.TrimSpace(single[i])
		}
	}
	p.checkValues(at, single)
	p.checkLength(at, value)
	p.checkNumber(at, value)
	line := at.n.line
	switch {
	case len(at.problems.list) > before:
		return &node{kind: kindBroken, line: line}
	case p.kind == "CommaDelimitedList":
		return listNode(line, single)
	}
	return textNode(line, value)
}

// checkValues never repeats a value in its messages: a parameter may be a secret.
func (p parameter) checkValues(at cursor, values []string) {
	if p.pattern.readable() {
		if p.kind == "Number" {
			p.pattern.problem("not for a Number")
			return
		}
		// The pattern must match the whole value.
		pattern, err := regexp.Compile(`\A(?:` + p.pattern.text() + `)\z`)
		if err != nil {
			p.pattern.problem("not a regular expression known here: %v", err)
			return
		}
		for _, v := range values {
			if !pattern.MatchString(v) {
				at.problem("the value does not match AllowedPattern %s", p.pattern.text())
			}
		}
	}
	if p.values.present() {
		allowed := p.values.texts()
		for _, v := range values {
			if !slices.Contains(allowed, v) {
				at.problem("the value is not among the AllowedValues")
			}
		}
	}
}

func (p parameter) checkLength(at cursor, value string) {
	length := utf8.RuneCountInString(value)
	for _, bound := range []cursor{p.minLength, p.maxLength} {
		if !bound.present() {
			continue
		}
		if p.kind != "String" {
			bound.problem("only for a String")
			continue
		}
		n := bound.integer(0, maxParameter)
		if isMin := bound == p.minLength; isMin && length < n {
			at.problem("the value is shorter than MinLength %d", n)
		} else if !isMin && length > n {
			at.problem("the value is longer than MaxLength %d", n)
		}
	}
}

func (p parameter) checkNumber(at cursor, value string) {
	var v *big.Rat
	if p.kind == "Number" {
		// The exponent form is left out: how it is rendered by Ref is not documented.
		if v = decimal(value); v == nil {
			at.problem("the value must be a number in plain decimals")
			return
		}
	}
	for _, bound := range []cursor{p.minValue, p.maxValue} {
		if !bound.readable() {
			continue
		}
		limit := decimal(bound.text())
		switch {
		case v == nil:
			bound.problem("only for a Number")
		case limit == nil:
			bound.problem("must be a number in plain decimals")
		case bound == p.minValue && v.Cmp(limit) < 0:
			at.problem("the value is less than MinValue %s", bound.text())
		case bound == p.maxValue && v.Cmp(limit) > 0:
			at.problem("the value is more than MaxValue %s", bound.text())
		}
	}
}

func decimal(s string) *big.Rat {
	if !isNumber(s) {
		return nil
	}
	v, ok := new(big.Rat).SetString(s)
	if !ok {
		return nil
	}
	return v
}

// pseudo is the value of a pseudo parameter.
func (l *loader) pseudo(name string, line int) (*node, bool) {
	o := l.options
	switch name {
	case "AWS::Region":
		return textNode(line, o.Region), true
	case "AWS::AccountId":
		return textNode(line, o.AccountID), true
	case "AWS::Partition":
		return textNode(line, "aws"), true
	case "AWS::URLSuffix":
		return textNode(line, "amazonaws.com"), true
	case "AWS::StackName":
		return textNode(line, o.StackName), true
	case "AWS::StackId":
		return textNode(line, l.stackID()), true
	case "AWS::NoValue":
		return &node{kind: kindNone, line: line}, true
	}
	return nil, false
}

// index reads a list index.
func index(s string) (int, bool) {
	i, err := strconv.Atoi(s)
	return i, err == nil && i >= 0 && isNumber(s)
}
