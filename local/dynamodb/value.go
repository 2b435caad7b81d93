package dynamodb

import (
	"cmp"
	"encoding/base64"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// kind is the type descriptor of an attribute value.
type kind string

const (
	kindString    kind = "S"
	kindNumber    kind = "N"
	kindBinary    kind = "B"
	kindBool      kind = "BOOL"
	kindNull      kind = "NULL"
	kindStringSet kind = "SS"
	kindNumberSet kind = "NS"
	kindBinarySet kind = "BS"
	kindList      kind = "L"
	kindMap       kind = "M"
)

// member is the kind of a set's elements, "" for what is no set.
func (k kind) member() kind {
	switch k {
	case kindStringSet:
		return kindString
	case kindNumberSet:
		return kindNumber
	case kindBinarySet:
		return kindBinary
	default:
		return ""
	}
}

// ordered says whether < and BETWEEN mean anything for it.
func (k kind) ordered() bool {
	return k == kindString || k == kindNumber || k == kindBinary
}

// value is an attribute value. Nothing changes one once it is made, so values
// are shared freely.
type value struct {
	kind   kind
	text   string  // S; B as its raw bytes
	number number  // N
	truth  bool    // BOOL
	list   []value // L; SS, NS and BS as their elements
	fields item    // M
}

// item is a set of attributes by name: an item, a key, or a map within one.
type item map[string]value

func stringValue(s string) value { return value{kind: kindString, text: s} }
func numberValue(n number) value { return value{kind: kindNumber, number: n} }
func listValue(l []value) value  { return value{kind: kindList, list: l} }
func mapValue(fields item) value { return value{kind: kindMap, fields: fields} }
func setValue(k kind, elements []value) value {
	return value{kind: k, list: elements}
}

// equal is DynamoDB's =: of one kind, numbers by what they are worth, sets
// whatever their order, documents all the way down.
func (v value) equal(other value) bool {
	if v.kind != other.kind {
		return false
	}
	switch v.kind {
	case kindNumber:
		return v.number.compare(other.number) == 0
	case kindBool:
		return v.truth == other.truth
	case kindStringSet, kindNumberSet, kindBinarySet:
		return len(v.list) == len(other.list) &&
			!slices.ContainsFunc(v.list, func(e value) bool { return !other.has(e) })
	case kindList:
		return slices.EqualFunc(v.list, other.list, value.equal)
	case kindMap:
		if len(v.fields) != len(other.fields) {
			return false
		}
		for name, field := range v.fields {
			if found, ok := other.fields[name]; !ok || !field.equal(found) {
				return false
			}
		}
		return true
	default:
		return v.text == other.text
	}
}

// has says whether e is an element of the set or list.
func (v value) has(e value) bool { return slices.ContainsFunc(v.list, e.equal) }

// compare orders two values of one ordered kind: numbers as numbers, strings
// and binaries by their bytes.
func (v value) compare(other value) int {
	if v.kind == kindNumber {
		return v.number.compare(other.number)
	}
	return cmp.Compare(v.text, other.text)
}

// size in bytes, as DynamoDB counts it (Developer Guide, "DynamoDB item sizes
// and formats").
func (v value) size() int {
	switch v.kind {
	case kindNumber:
		return v.number.size()
	case kindBool, kindNull:
		return 1
	case kindList:
		size := 3
		for _, e := range v.list {
			size += 1 + e.size()
		}
		return size
	case kindMap:
		return 3 + len(v.fields) + v.fields.size()
	case kindStringSet, kindNumberSet, kindBinarySet:
		size := 0
		for _, e := range v.list {
			size += e.size()
		}
		return size
	default:
		return len(v.text)
	}
}

func (it item) size() int {
	size := 0
	for name, v := range it {
		size += len(name) + v.size()
	}
	return size
}

// depth is 1 for attributes that hold no others.
func (it item) depth() int {
	deepest := 0
	for _, v := range it {
		deepest = max(deepest, v.depth())
	}
	return deepest
}

func (v value) depth() int {
	deepest := v.fields.depth()
	for _, e := range v.list {
		if v.kind == kindList {
			deepest = max(deepest, e.depth())
		}
	}
	return deepest + 1
}

// describe writes the value as error messages do: {S:a}. AWS was seen to do so of
// strings, numbers and binaries; that collections are written as Java writes
// them is inferred from "Input collection [a, a] contains duplicates".
func (v value) describe() string {
	var shown string
	switch v.kind {
	case kindNumber:
		shown = v.number.String()
	case kindBinary:
		shown = base64.StdEncoding.EncodeToString([]byte(v.text))
	case kindBool, kindNull:
		shown = strconv.FormatBool(v.truth)
	case kindList:
		parts := make([]string, len(v.list))
		for i, e := range v.list {
			parts[i] = e.describe()
		}
		shown = "[" + strings.Join(parts, ", ") + "]"
	case kindStringSet, kindNumberSet, kindBinarySet:
		parts := make([]string, len(v.list))
		for i, e := range v.list {
			text := e.describe() // {S:a}, without what the set's kind says already
			parts[i] = text[len("{S:") : len(text)-len("}")]
		}
		shown = "[" + strings.Join(parts, ", ") + "]"
	case kindMap:
		parts := make([]string, 0, len(v.fields))
		for _, name := range slices.Sorted(maps.Keys(v.fields)) {
			parts = append(parts, name+"="+v.fields[name].describe())
		}
		shown = "{" + strings.Join(parts, ", ") + "}"
	default:
		shown = v.text
	}
	return "{" + string(v.kind) + ":" + shown + "}"
}

// duplicates says whether two elements of a set are the same.
func duplicates(elements []value) bool {
	sorted := slices.SortedFunc(slices.Values(elements), value.compare)
	for i := 1; i < len(sorted); i++ {
		if sorted[i].compare(sorted[i-1]) == 0 {
			return true
		}
	}
	return false
}
