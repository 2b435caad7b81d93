package conformance

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// phrases throws the expressions of one request, and the placeholders they
// need.
type phrases struct {
	dice
	table  string
	names  map[string]string
	values dynamoItem
	// said counts the features that the expressions use.
	said map[string]int
}

func (d dice) phrases(table string) *phrases {
	return &phrases{dice: d, table: table, said: map[string]int{}}
}

func (p *phrases) say(feature string) string {
	p.said[feature]++
	return feature
}

// name is an attribute's name, as it is or as a placeholder.
func (p *phrases) name(name string) string {
	reserved := slices.Contains([]string{"status", "space", "path", "blob", "bit", "missing"}, name)
	if !p.oneIn(3) && name != "a.b" && (!reserved || p.slip(40)) {
		return name
	}
	for placeholder, known := range p.names {
		if known == name {
			return placeholder
		}
	}
	if p.names == nil {
		p.names = map[string]string{}
	}
	placeholder := fmt.Sprint("#n", len(p.names))
	p.names[placeholder] = name
	p.say("#")
	return placeholder
}

// value is a placeholder for v.
func (p *phrases) value(v types.AttributeValue) string {
	if p.values == nil {
		p.values = dynamoItem{}
	}
	placeholder := fmt.Sprint(":v", len(p.values))
	p.values[placeholder] = v
	return placeholder
}

// path leads to an attribute, mostly one of a kind, and seldom into it.
func (p *phrases) path(attribute string) string {
	path := p.name(attribute)
	for p.slip(4) || (kindOf(attribute) == "L" || kindOf(attribute) == "M") && p.oneIn(2) {
		if kindOf(attribute) == "L" {
			attribute = ""
			path += fmt.Sprintf("[%d]", pick(p.dice, 0, 0, 0, 1, 1, 2, 3, 9))
			p.say("[]")
			continue
		}
		attribute = pick(p.dice, "k", "things", "n", "a.b")
		path += "." + p.name(attribute)
		p.say(".")
	}
	return path
}

func (p *phrases) attribute() string {
	if p.oneIn(30) {
		return pick(p.dice, "space", "path", "status", "missing")
	}
	return pick(p.dice, dynamoAttributes...)
}

// pair is a path and an operand that a comparator may well compare it with. The
// guard is a condition that goes with them, or "".
func (p *phrases) pair(comparator string) (left, right, guard string) {
	attribute := p.attribute()
	ordered := comparator != "=" && comparator != "<>" && comparator != "IN"
	if ordered && !p.oneIn(4) {
		attribute = pick(p.dice, "n", "num", "n", "num", "str", "blob")
	}
	switch other := p.attribute(); {
	case p.oneIn(8):
		p.say("size")
		if p.plain {
			attribute = pick(p.dice, "str", "l", "m", "ss", "ns", "bs", "blob")
			left = p.name(attribute)
			return "size(" + left + ")", p.value(p.number()), p.typed(left, kindOf(attribute))
		}
		return "size(" + p.path(attribute) + ")", p.value(p.number()), ""
	case p.plain && attribute != other && p.oneIn(4):
		p.say("path on the right")
		if ordered || !p.oneIn(4) {
			twins := pick(p.dice, []string{"n", "num"}, []string{"num", "n"}, []string{"str", "tail"}, []string{"tail", "str"})
			attribute, other = twins[0], twins[1]
		}
		left, right = p.name(attribute), p.name(other)
		if ordered {
			return left, right, p.typed(left, kindOf(attribute)) + " AND " + p.typed(right, kindOf(other))
		}
		// What two absent attributes are to each other is not documented.
		return left, right, "attribute_exists( " + right + " )"
	case p.plain && ordered:
		left = p.path(attribute)
		value := p.valueOf(pick(p.dice, "S", "N", "B"), 0)
		if kind := kindOf(attribute); kind == "S" || kind == "N" || kind == "B" {
			value = p.valueOf(kind, 0)
		}
		return left, p.value(value), p.typed(left, kindIn(value))
	case !p.literal && p.oneIn(10):
		return p.value(p.attributeOrAny(attribute)), p.path(attribute), ""
	}
	return p.path(attribute), p.value(p.attributeOrAny(attribute)), ""
}

func (p *phrases) typed(path, kind string) string {
	return "attribute_type( " + path + " , " + p.value(&types.AttributeValueMemberS{Value: kind}) + " )"
}

// subject is what a function is about: a path, seldom something else.
func (p *phrases) subject() string {
	if p.slip(12) {
		left, _, _ := p.pair("=")
		return left
	}
	return p.path(p.attribute())
}

func (p *phrases) attributeOrAny(name string) types.AttributeValue {
	if name == "space" || name == "path" {
		return p.keyValue(p.table, name)
	}
	return p.dice.attribute(name, 1)
}

// condition throws a condition or filter.
func (p *phrases) condition(depth int) string {
	if depth > 0 && p.oneIn(2) {
		switch left := p.condition(depth - 1); p.IntN(5) {
		case 0:
			return p.say("NOT") + " " + left
		case 1:
			return p.grouped(left)
		case 2:
			return p.grouped(left) + " " + p.say("AND") + " " + p.condition(depth-1)
		case 3:
			return left + " " + pick(p.dice, p.say("AND"), "and") + " " + p.condition(depth-1)
		default:
			return left + " " + p.say("OR") + " " + p.condition(depth-1)
		}
	}
	comparison := func(text, guard string) string {
		if guard != "" {
			return "( " + guard + " AND " + text + " )"
		}
		return text
	}
	switch feature := pick(p.dice, "=", "=", "<>", "<", "<=", ">", ">=", "BETWEEN", "IN",
		"attribute_exists", "attribute_not_exists", "attribute_type", "begins_with", "contains", "attribute_exists"); feature {
	case "BETWEEN":
		left, right, guard := p.pair(feature)
		low, high := p.bounds(right)
		return comparison(left+" "+p.say(feature)+" "+low+" AND "+high, guard)
	case "IN":
		left, list, guard := p.pair(feature)
		for range p.IntN(3) {
			list += " , " + p.value(p.dice.value(1))
		}
		return comparison(left+" "+p.say(feature)+" ( "+list+" )", guard)
	case "attribute_exists", "attribute_not_exists":
		return p.say(feature) + "( " + p.subject() + " )"
	case "attribute_type":
		kind := pick(p.dice, "S", "N", "B", "BOOL", "NULL", "SS", "NS", "BS", "L", "M", "M", "L")
		if p.slip(12) {
			kind = "X"
		}
		return p.say(feature) + "( " + p.subject() + " , " + p.value(&types.AttributeValueMemberS{Value: kind}) + " )"
	case "begins_with":
		prefix := pick[types.AttributeValue](p.dice, p.text(), p.text(), p.bytes())
		if p.slip(4) {
			prefix = p.number()
		}
		return p.say(feature) + "( " + p.subject() + " , " + p.value(prefix) + " )"
	case "contains":
		return p.say(feature) + "( " + p.subject() + " , " + p.value(p.dice.value(1)) + " )"
	default:
		left, right, guard := p.pair(feature)
		return comparison(left+" "+p.say(feature)+" "+right, guard)
	}
}

// grouped puts parentheses around a condition; two of them are refused.
func (p *phrases) grouped(condition string) string {
	if p.plain && strings.HasPrefix(condition, "( ") {
		return condition
	}
	return "( " + condition + " )"
}

// bounds are those of BETWEEN: low and what mostly goes with it.
func (p *phrases) bounds(low string) (string, string) {
	bound, literal := p.values[low]
	if !literal {
		return low, low
	}
	switch {
	case p.slip(10):
		return low, p.value(p.dice.value(0))
	case p.oneIn(4):
		return low, low
	}
	return p.inOrder(low, p.value(p.valueOf(kindIn(bound), 0)))
}

// inOrder turns bounds round that are refused as they are.
func (p *phrases) inOrder(low, high string) (string, string) {
	if p.plain && after(p.values[low], p.values[high]) {
		return high, low
	}
	return low, high
}

// projection throws a few paths, which seldom overlap.
func (p *phrases) projection() string {
	var paths []string
	for _, i := range p.Perm(len(dynamoAttributes))[:1+p.IntN(4)] {
		path := p.path(dynamoAttributes[i])
		if p.plain { // no lists: moto takes the whole of #list[0] for the name
			path, _, _ = strings.Cut(path, "[")
		}
		paths = append(paths, path)
	}
	if p.slip(10) {
		paths = append(paths, p.path(p.attribute()))
	}
	if p.oneIn(3) {
		paths = append(paths, p.name("path"))
	}
	p.say("projection")
	return strings.Join(paths, " , ")
}

// update throws an update expression of up to four actions.
func (p *phrases) update() string {
	clauses := map[string][]string{}
	for _, i := range p.Perm(len(dynamoAttributes))[:1+p.IntN(4)] {
		attribute := dynamoAttributes[i]
		if p.slip(60) {
			attribute = p.attribute() // overlapping, or a key
		}
		clause, action := p.action(attribute)
		clauses[clause] = append(clauses[clause], action)
	}
	var text []string
	for _, clause := range []string{"SET", "REMOVE", "ADD", "DELETE"} {
		if len(clauses[clause]) > 0 {
			text = append(text, pick(p.dice, p.say(clause), strings.ToLower(clause))+" "+strings.Join(clauses[clause], " , "))
		}
	}
	p.Shuffle(len(text), func(i, j int) { text[i], text[j] = text[j], text[i] })
	return strings.Join(text, " ")
}

func (p *phrases) action(attribute string) (clause, text string) {
	kind := kindOf(attribute)
	path := p.path(attribute)
	switch set := slices.Contains([]string{"SS", "NS", "BS"}, kind); {
	case p.oneIn(4):
		return "REMOVE", path
	case p.oneIn(2) && (set || kind == "N" || p.slip(20)):
		return "ADD", path + " " + p.value(p.fitting(attribute, "N"))
	case p.oneIn(2) && (set || p.slip(20)):
		return "DELETE", path + " " + p.value(p.fitting(attribute, "SS"))
	default:
		return "SET", path + " = " + p.source(attribute, 1)
	}
}

// fitting throws a value for an attribute; a kind must have it where nothing
// may be wrong.
func (p *phrases) fitting(attribute, kind string) types.AttributeValue {
	if own := kindOf(attribute); own != "" && own[len(own)-1] == 'S' {
		kind = own
	}
	if p.plain && kind != "" {
		return p.valueOf(kind, 1)
	}
	return p.attributeOrAny(attribute)
}

// source throws the right-hand side of a SET.
func (p *phrases) source(attribute string, depth int) string {
	kind := kindOf(attribute)
	fit := func() string { return p.value(p.fitting(attribute, kind)) }
	switch {
	case depth > 0 && (kind == "N" && p.oneIn(2) || p.slip(30)):
		return p.source(attribute, 0) + " " + pick(p.dice, p.say("+"), p.say("-")) + " " + fit()
	case depth > 0 && (kind == "L" && p.oneIn(2) || p.slip(30)):
		list := p.source(attribute, 0)
		if p.oneIn(2) {
			return p.say("list_append") + "( " + fit() + " , " + list + " )"
		}
		return p.say("list_append") + "( " + list + " , " + fit() + " )"
	case p.oneIn(4):
		value := fit()
		if p.literal && kind != "N" {
			attribute = "status"
		}
		return p.say("if_not_exists") + "( " + p.path(attribute) + " , " + value + " )"
	case p.plain && p.oneIn(4):
		return p.name(pick(p.dice, "misc", "n", "str", "l"))
	case (kind == "N" || kind == "L" && depth == 0) && p.oneIn(3):
		return p.path(attribute)
	case depth > 0 && p.slip(20):
		return "( " + p.source(attribute, depth) + " )"
	default:
		return fit()
	}
}

// spoil makes one request in some slightly wrong: a word too many or too few in
// an expression, a placeholder that is missing, unused or no placeholder.
func (p *phrases) spoil(expressions ...*string) {
	if p.slip(12) {
		text := pick(p.dice, expressions...)
		if text != nil {
			*text = p.garble(*text)
		}
	}
	if !p.bad(20) {
		return
	}
	switch p.IntN(6) {
	case 0:
		delete(p.values, ":v0")
	case 1:
		delete(p.names, "#n0")
	case 2:
		p.value(p.dice.value(1))
	case 3:
		p.names = map[string]string{pick(p.dice, "#unused", "unmarked", "#", "#sp ce"): pick(p.dice, "n", "n", "")}
	case 4:
		p.values = dynamoItem{pick(p.dice, ":unused", "unmarked", ":", ":a-b"): p.number()}
	default:
		p.values, p.names = nil, nil
	}
}

func (p *phrases) garble(text string) string {
	words := strings.Split(text, " ")
	at := p.IntN(len(words))
	switch p.IntN(4) {
	case 0:
		words = slices.Delete(words, at, at+1)
	case 1:
		words = slices.Insert(words, at, words[at])
	case 2:
		other := p.IntN(len(words))
		words[at], words[other] = words[other], words[at]
	default:
		words = slices.Insert(words, at, pick(p.dice, "(", ")", ",", "=", "AND", "NOT", "size", "foo", "size(", "[0]", "-1", ".",
			"SET", "?", "status", "==", "é", "n", "#", ":"))
	}
	return strings.Join(words, " ")
}
