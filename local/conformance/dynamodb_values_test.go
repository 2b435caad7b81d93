package conformance

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

type dynamoItem = map[string]types.AttributeValue

// dice throw random items, expressions and operations. The same seed throws
// the same.
type dice struct {
	*rand.Rand
	// literal leaves out comparisons with a path on the right, and setting an
	// attribute to what holds it: dynalite ends where one leads nowhere, or in
	// circles.
	literal bool
	// plain leaves out what AWS refuses before it looks at an item, and numbers
	// that it would write another way: moto checks little, and keeps them.
	plain bool
	// spoilt is set by an invalid value: of two, which one is named depends on
	// their order, and the SDK's client writes maps in any.
	spoilt *bool
}

// bad says whether to throw an invalid value, one in a step.
func (d dice) bad(n int) bool {
	if *d.spoilt || !d.slip(n) {
		return false
	}
	*d.spoilt = true
	return true
}

// slip says whether to throw something that is wrong.
func (d dice) slip(n int) bool { return !d.plain && d.oneIn(n) }

func (d dice) oneIn(n int) bool { return d.IntN(n) == 0 }

func pick[T any](d dice, from ...T) T { return from[d.IntN(len(from))] }

// dynamoAttributes are what items are made of. Each mostly has the kind that
// it is named for, so that expressions mostly fit.
var dynamoAttributes = []string{"n", "num", "str", "tail", "l", "things", "m", "map2", "ss", "ns", "bs", "blob", "misc", "bit"}

var (
	goodNumbers = []string{
		"0", "-0", "1", "1.0", "2", "3", "-1", "10", "0.1", "1e3", "1E+2", "25e-1", "007", "-7.50", "1E-130",
		"9.9999999999999999999999999999999999999E+125", "12345678901234567890123456789012345678",
		"0.00000000000000000000000000000000000001", "100000000000000000000000000000000000000000",
	}
	plainNumbers = []string{"10", "0.1", "-7.5", "1000", "12345678901234567890"}
	badNumbers   = []string{
		"1e126", "1e-131", "-1e126", "123456789012345678901234567890123456789", "", "abc", "1_000", "0x10", "1e", "NaN", "Infinity", " 1", "--1", "1.2.3",
	}
	goodStrings = []string{"", "a", "ab", "abc", "b", "é𝄞", "a\x00b", "S", "N", "hello world", "<&>", "\u2028", `"\`}
)

func (d dice) number() *types.AttributeValueMemberN {
	if d.bad(150) {
		return &types.AttributeValueMemberN{Value: pick(d, badNumbers...)}
	}
	if d.plain && d.oneIn(4) {
		return &types.AttributeValueMemberN{Value: pick(d, plainNumbers...)}
	}
	if d.plain || d.oneIn(2) {
		return &types.AttributeValueMemberN{Value: fmt.Sprint(d.IntN(7) - 2)}
	}
	return &types.AttributeValueMemberN{Value: pick(d, goodNumbers...)}
}

func (d dice) text() *types.AttributeValueMemberS {
	return &types.AttributeValueMemberS{Value: pick(d, goodStrings...)}
}

func (d dice) bytes() *types.AttributeValueMemberB {
	return &types.AttributeValueMemberB{Value: pick(d, []byte{}, []byte{0}, []byte("a"), []byte("ab"), []byte{0xFF}, []byte{0xFF, 0, 0x80})}
}

// some are up to limit different members of a set, seldom none or one twice.
func some[T any](d dice, limit int, from []T) []T {
	if d.bad(120) {
		return pick(d, []T{}, []T{from[0], from[0]})
	}
	var chosen []T
	for _, i := range d.Perm(len(from))[:1+d.IntN(limit)] {
		chosen = append(chosen, from[i])
	}
	return chosen
}

// valueOf throws a value of a kind.
func (d dice) valueOf(kind string, depth int) types.AttributeValue {
	switch kind {
	case "N":
		return d.number()
	case "S":
		return d.text()
	case "B":
		return d.bytes()
	case "BOOL":
		return &types.AttributeValueMemberBOOL{Value: d.oneIn(2)}
	case "NULL":
		return &types.AttributeValueMemberNULL{Value: !d.bad(40)}
	case "SS":
		return &types.AttributeValueMemberSS{Value: some(d, 3, []string{"a", "b", "c", "", "é", "10", "9"})}
	case "NS":
		members := []string{"0", "1", "2.50", "-1", "1e2", "10"}
		if d.plain {
			members = []string{"0", "1", "2.5", "-1", "100", "10"}
		}
		return &types.AttributeValueMemberNS{Value: some(d, 3, members)}
	case "BS":
		return &types.AttributeValueMemberBS{Value: some(d, 3, [][]byte{{}, {0}, []byte("a"), {0xFF}})}
	case "L":
		list := []types.AttributeValue{}
		for range d.IntN(4) {
			list = append(list, d.value(depth-1))
		}
		return &types.AttributeValueMemberL{Value: list}
	default:
		fields := dynamoItem{}
		for _, name := range []string{"k", "things", "n", "a.b"} {
			if d.oneIn(2) {
				fields[name] = d.attribute(name, depth-1)
			}
		}
		return &types.AttributeValueMemberM{Value: fields}
	}
}

func (d dice) value(depth int) types.AttributeValue {
	kinds := []string{"N", "S", "B", "BOOL", "NULL", "SS", "NS", "BS", "L", "M"}
	if depth <= 0 {
		kinds = kinds[:8] // no lists and maps
	}
	return d.valueOf(pick(d, kinds...), depth)
}

// attribute throws a value that fits the name.
func (d dice) attribute(name string, depth int) types.AttributeValue {
	if kind := kindOf(name); kind != "" && !d.slip(12) && (depth > 0 || kind != "L" && kind != "M") {
		return d.valueOf(kind, depth)
	}
	return d.value(depth)
}

// kindOf is what an attribute named so mostly is, "" for any.
func kindOf(name string) string {
	return map[string]string{
		"n": "N", "num": "N", "str": "S", "tail": "S", "l": "L", "things": "L", "m": "M", "map2": "M",
		"ss": "SS", "ns": "NS", "bs": "BS", "blob": "B", "bit": "BOOL",
	}[name]
}

// key throws one of a few keys of a table, seldom one that is none.
func (d dice) key(table string) dynamoItem {
	key := dynamoItem{"space": d.keyValue(table, "space"), "path": d.keyValue(table, "path")}
	if table == "single" {
		delete(key, "path")
	}
	if d.bad(60) {
		name := pick(d, "space", "path")
		switch d.IntN(4) {
		case 0:
			delete(key, name)
		case 1:
			key[name] = d.value(1)
		case 2:
			key["other"] = d.value(1)
		default:
			key[name] = pick[types.AttributeValue](d,
				&types.AttributeValueMemberS{}, &types.AttributeValueMemberB{Value: []byte{}},
				&types.AttributeValueMemberS{Value: strings.Repeat("x", pick(d, 1024, 1025, 2048, 2049))})
		}
	}
	return key
}

// keyValue throws a value of the table's kind for one of its key attributes.
func (d dice) keyValue(table, name string) types.AttributeValue {
	switch {
	case table == "ranks" && d.plain:
		return &types.AttributeValueMemberN{Value: pick(d, "1", "-2", "10", "0.5")}
	case table == "ranks" && name == "space":
		return &types.AttributeValueMemberN{Value: pick(d, "1", "1.0", "10e-1", "-2")}
	case table == "ranks":
		return &types.AttributeValueMemberN{Value: pick(d, "0", "1", "2", "10", "-1", "-10", "0.5", "1e2", "-0.5")}
	case table == "blobs" && name == "space":
		return &types.AttributeValueMemberB{Value: pick(d, []byte{0}, []byte("a"))}
	case table == "blobs":
		return &types.AttributeValueMemberB{Value: pick(d, []byte{0}, []byte("a"), []byte("ab"), []byte{0xFF}, []byte{0xFF, 0xFF}, []byte{'a', 0})}
	case name == "space":
		return &types.AttributeValueMemberS{Value: pick(d, "u/alice", "shared")}
	default:
		return &types.AttributeValueMemberS{Value: pick(d, "a", "a/b", "a/c", "b", "é", "ÿ", "𝄞", "a\x00")}
	}
}

// item throws a whole item.
func (d dice) item(table string) dynamoItem {
	it := d.key(table)
	for _, name := range dynamoAttributes {
		if d.oneIn(2) {
			it[name] = d.attribute(name, 2)
		}
	}
	if d.oneIn(2) {
		it["status"] = d.text() // a reserved word
	}
	return it
}

// kindIn is the kind of a value.
func kindIn(v types.AttributeValue) string {
	return strings.TrimPrefix(fmt.Sprintf("%T", v), "*types.AttributeValueMember")
}

// after says whether a is greater than b, of the same kind that has an order.
func after(a, b types.AttributeValue) bool {
	switch a := a.(type) {
	case *types.AttributeValueMemberS:
		return a.Value > b.(*types.AttributeValueMemberS).Value
	case *types.AttributeValueMemberB:
		return string(a.Value) > string(b.(*types.AttributeValueMemberB).Value)
	case *types.AttributeValueMemberN:
		x, _ := new(big.Rat).SetString(a.Value)
		y, _ := new(big.Rat).SetString(b.(*types.AttributeValueMemberN).Value)
		return x.Cmp(y) > 0
	default:
		return false
	}
}
