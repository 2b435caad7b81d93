package dynamodb

import (
	"strings"
	"unicode/utf16"
)

// holds says whether the condition is true of an item; nil is no item.
func (n *node) holds(it item) bool {
	switch n.kind {
	case nodeAnd:
		return n.args[0].holds(it) && n.args[1].holds(it)
	case nodeOr:
		return n.args[0].holds(it) || n.args[1].holds(it)
	case nodeNot:
		return !n.args[0].holds(it)
	case nodeCompare:
		return compareOperands(n.word, n.args[0], n.args[1], it)
	case nodeBetween:
		return compareOperands(">=", n.args[0], n.args[1], it) && compareOperands("<=", n.args[0], n.args[2], it)
	case nodeIn:
		for _, candidate := range n.args[1:] {
			if compareOperands("=", n.args[0], candidate, it) {
				return true
			}
		}
		return false
	default:
		return n.call(it)
	}
}

// operand is the value a path, literal or size() has for an item, false if it
// has none.
func (n *node) operand(it item) (value, bool) {
	switch n.kind {
	case nodeValue:
		return n.value, true
	case nodePath:
		return it.lookup(n.path)
	default:
		v, ok := n.args[0].operand(it)
		if !ok {
			return value{}, false
		}
		return v.length()
	}
}

// compareOperands compares two operands. What is absent equals nothing; values
// of different kinds differ and have no order.
func compareOperands(comparator string, left, right *node, it item) bool {
	a, okA := left.operand(it)
	b, okB := right.operand(it)
	both := okA && okB
	switch comparator {
	case "=":
		return both && a.equal(b)
	case "<>":
		return !both || !a.equal(b)
	}
	if !both || a.kind != b.kind || !a.kind.ordered() {
		return false
	}
	switch order := a.compare(b); comparator {
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	default:
		return order >= 0
	}
}

// call evaluates the functions that give a truth.
func (n *node) call(it item) bool {
	first, ok := n.args[0].operand(it)
	switch n.word {
	case "attribute_exists":
		return ok
	case "attribute_not_exists":
		return !ok
	}
	second, okSecond := n.args[1].operand(it)
	if !ok || !okSecond {
		return false
	}
	switch n.word {
	case "attribute_type":
		return string(first.kind) == second.text
	case "begins_with":
		return first.beginsWith(second)
	default:
		return first.contains(second)
	}
}

func (v value) beginsWith(prefix value) bool {
	return v.kind == prefix.kind && (v.kind == kindString || v.kind == kindBinary) && strings.HasPrefix(v.text, prefix.text)
}

// contains looks for part of a string or binary, or for an element.
func (v value) contains(part value) bool {
	switch v.kind {
	case kindString, kindBinary:
		return v.kind == part.kind && strings.Contains(v.text, part.text)
	case kindList:
		return v.has(part)
	default:
		return v.kind.member() == part.kind && v.kind.member() != "" && v.has(part)
	}
}

// length is what size() gives: UTF-16 units of a string (seen on AWS: é𝄞 has
// three), bytes, or elements. Numbers, booleans and null have none (Developer
// Guide, "Condition and filter expressions, operators, and functions", size).
func (v value) length() (value, bool) {
	var n int
	switch v.kind {
	case kindString:
		for _, r := range v.text {
			n += utf16.RuneLen(r)
		}
	case kindBinary:
		n = len(v.text)
	case kindStringSet, kindNumberSet, kindBinarySet, kindList:
		n = len(v.list)
	case kindMap:
		n = len(v.fields)
	default:
		return value{}, false
	}
	return numberValue(integer(int64(n))), true
}

// lookup follows a path into the item.
func (it item) lookup(p path) (value, bool) {
	v, ok := it[p[0].name]
	for _, s := range p[1:] {
		if !ok {
			return value{}, false
		}
		v, ok = v.child(s)
	}
	return v, ok
}

// child is what one step of a path leads to.
func (v value) child(s step) (value, bool) {
	if s.index < 0 {
		field, ok := v.fields[s.name]
		return field, ok
	}
	if v.kind != kindList || s.index >= len(v.list) {
		return value{}, false
	}
	return v.list[s.index], true
}
