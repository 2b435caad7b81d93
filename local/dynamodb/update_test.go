package dynamodb

import (
	"encoding/json"
	"strings"
	"testing"
)

// updateScope has values of each kind to update with.
func updateScope(t testing.TB) *scope {
	t.Helper()
	req := &request{
		ExpressionAttributeNames: json.RawMessage(`{"#n":"n"}`),
		ExpressionAttributeValues: json.RawMessage(`{":one":{"N":"1"},":s":{"S":"x"},":l":{"L":[{"S":"x"}]},":none":{"L":[]},":t":{"BOOL":true},
			":ss":{"SS":["b","c"]},":all":{"SS":["a","b"]},":ns":{"NS":["1"]},":m":{"M":{}},":huge":{"N":"9e125"}}`),
	}
	everything := ""
	s, err := newScope(req, expression{parameter: "UpdateExpression", source: &everything})
	if err != nil {
		t.Fatalf("newScope: %v", err)
	}
	return s
}

const updated = `{"n":{"N":"2"},"s":{"S":"a"},"l":{"L":[{"N":"0"},{"N":"1"},{"N":"2"}]},"m":{"M":{"x":{"N":"5"}}},"ss":{"SS":["a","b"]}}`

func TestUpdates(t *testing.T) {
	t.Parallel()
	// What each member of the item becomes; "" is gone.
	tests := map[string]map[string]string{
		"SET s = :one":                                     {"s": `{"N":"1"}`},
		"set fresh = :s":                                   {"fresh": `{"S":"x"}`},
		"SET #n = #n + :one":                               {"n": `{"N":"3"}`},
		"SET n = :one - n":                                 {"n": `{"N":"-1"}`},
		"SET n = (n + :one)":                               {"n": `{"N":"3"}`},
		"SET n = if_not_exists(n, :one)":                   {},
		"SET k = if_not_exists(k, :one) + :one":            {"k": `{"N":"2"}`},
		"SET k = if_not_exists(k, n)":                      {"k": `{"N":"2"}`},
		"SET l = list_append(l, :l)":                       {"l": `{"L":[{"N":"0"},{"N":"1"},{"N":"2"},{"S":"x"}]}`},
		"SET l = list_append(:none, :none)":                {"l": `{"L":[]}`},
		"SET k = list_append(if_not_exists(k, :none), :l)": {"k": `{"L":[{"S":"x"}]}`},
		"SET m.x = :s, m.y = :one":                         {"m": `{"M":{"x":{"S":"x"},"y":{"N":"1"}}}`},
		"SET m.y = m.x":                                    {"m": `{"M":{"x":{"N":"5"},"y":{"N":"5"}}}`},
		"SET l[1] = :s":                                    {"l": `{"L":[{"N":"0"},{"S":"x"},{"N":"2"}]}`},
		"SET l[9] = :s, l[7] = :one":                       {"l": `{"L":[{"N":"0"},{"N":"1"},{"N":"2"},{"N":"1"},{"S":"x"}]}`},
		"REMOVE l[0], l[2]":                                {"l": `{"L":[{"N":"1"}]}`},
		"REMOVE l[0] SET l[1] = :s":                        {"l": `{"L":[{"S":"x"},{"N":"2"}]}`},
		"REMOVE l[7]":                                      {},
		"REMOVE s, gone, m.gone":                           {"s": ""},
		"REMOVE m.x":                                       {"m": `{"M":{}}`},
		// Everything is read as it was.
		"SET n = s, s = n":   {"n": `{"S":"a"}`, "s": `{"N":"2"}`},
		"REMOVE s SET n = s": {"n": `{"S":"a"}`, "s": ""},
		"ADD n :one":         {"n": `{"N":"3"}`},
		"ADD k :one":         {"k": `{"N":"1"}`},
		"ADD m.x :one":       {"m": `{"M":{"x":{"N":"6"}}}`},
		"ADD ss :ss":         {"ss": `{"SS":["a","b","c"]}`},
		"ADD k :ss":          {"k": `{"SS":["b","c"]}`},
		"DELETE ss :ss":      {"ss": `{"SS":["a"]}`},
		"DELETE ss :all":     {"ss": ""},
		"DELETE k :ss":       {},
		"DELETE ss :ss ADD n :one REMOVE s SET k = :s": {"ss": `{"SS":["a"]}`, "n": `{"N":"3"}`, "s": "", "k": `{"S":"x"}`},
	}
	for source, changes := range tests {
		u, err := parseSource(source, updateScope(t), parseUpdate)
		if err != nil {
			t.Errorf("parsing %q: %v", source, err)
			continue
		}
		before, err := decodeItem([]byte(updated))
		if err != nil {
			t.Fatalf("decodeItem: %v", err)
		}
		after, err := u.apply(before)
		if err != nil {
			t.Errorf("applying %q: %v", source, err)
			continue
		}
		want, err := decodeItem([]byte(updated))
		if err != nil {
			t.Fatalf("decodeItem: %v", err)
		}
		for name, text := range changes {
			delete(want, name)
			if text != "" {
				if want[name], err = decodeValue(json.RawMessage(text), 1); err != nil {
					t.Fatalf("decodeValue(%s): %v", text, err)
				}
			}
		}
		if !mapValue(after).equal(mapValue(want)) {
			got, _ := marshal(after)
			wanted, _ := marshal(want)
			t.Errorf("%q gives\n%s, want\n%s", source, got, wanted)
		}
		if now, _ := marshal(before); string(now) != mustMarshal(t, updated) {
			t.Errorf("%q changed the item it was given: %s", source, now)
		}
	}
}

// mustMarshal is a document as this package writes it.
func mustMarshal(t testing.TB, text string) string {
	t.Helper()
	it, err := decodeItem([]byte(text))
	if err != nil {
		t.Fatalf("decodeItem(%s): %v", text, err)
	}
	raw, err := marshal(it)
	if err != nil {
		t.Fatalf("marshal: %v", err)
	}
	return string(raw)
}

func TestRefusedUpdates(t *testing.T) {
	t.Parallel()
	const (
		wrongKind = "An operand in the update expression has an incorrect data type"
		badPath   = "The document path provided in the update expression is invalid for update"
		absent    = "The provided expression refers to an attribute that does not exist in the item"
		operand   = "Incorrect operand type for operator or function; operator"
	)
	tests := map[string]string{
		"":                             "The expression can not be empty;",
		"n = :one":                     `Syntax error; token: "n", near: "n ="`,
		"SET":                          `Syntax error; token: "<EOF>", near: "SET"`,
		"SET n":                        `Syntax error; token: "<EOF>", near: "n"`,
		"SET n = 0":                    `Syntax error; token: "0", near: "= 0"`,
		"SET n = n + :one + :one":      `Syntax error; token: "+", near: ":one + :one"`,
		"SET n = (n + :one) + :one":    `Syntax error; token: "+", near: ") + :one"`,
		"SET n = :one,":                `Syntax error; token: "<EOF>", near: ","`,
		"SET n = :one, REMOVE s":       `Syntax error; token: "s", near: "REMOVE s"`,
		"REMOVE :one":                  `Syntax error; token: ":one", near: "REMOVE :one"`,
		"ADD n n":                      `Syntax error; token: "n", near: "n n"`,
		"SET n = :one SET s = :s":      `The "SET" section can only be used once in an update expression;`,
		"SET path = :s":                "Attribute name is a reserved keyword; reserved keyword: path",
		"SET #x = :s":                  "An expression attribute name used in the document path is not defined; attribute name: #x",
		"SET n = :x":                   "An expression attribute value used in expression is not defined; attribute value: :x",
		"SET n = attribute_exists(n)":  "Invalid function name; function: attribute_exists",
		"SET n = if_not_exists(n)":     "Incorrect number of operands for operator or function; operator or function: if_not_exists, number of operands: 1",
		"SET n = if_not_exists(:s, n)": "Operator or function requires a document path; operator or function: if_not_exists",
		"SET n = n + :s":               operand + " or function: +, operand type: S",
		"SET n = list_append(l, :s)":   operand + " or function: list_append, operand type: S",
		"ADD n :s":                     operand + ": ADD, operand type: STRING",
		"ADD n :l":                     operand + ": ADD, operand type: LIST",
		"DELETE n :one":                operand + ": DELETE, operand type: NUMBER",
		"DELETE n :t":                  operand + ": DELETE, operand type: BOOLEAN",
		"DELETE n :m":                  operand + ": DELETE, operand type: MAP",
		"SET n = :one REMOVE n":        "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [n], path two: [n]",
		"SET m.x = :one, m = :s":       "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [m, x], path two: [m]",
		"SET m.x = :one, m[1] = :s":    "Two document paths conflict with each other; must remove or rewrite one of these paths; path one: [m, x], path two: [m, [1]]",
		"SET n = gone":                 absent,
		"SET n = gone + :one":          absent,
		"SET n = list_append(gone, l)": absent,
		"SET n = s + :one":             wrongKind,
		"SET n = list_append(l, n)":    wrongKind,
		"ADD s :one":                   wrongKind,
		"ADD n :ss":                    wrongKind,
		"ADD ss :ns":                   wrongKind,
		"DELETE ss :ns":                wrongKind,
		"DELETE n :ss":                 wrongKind,
		"SET gone.x = :s":              badPath,
		"SET m.y.z = :s":               badPath,
		"SET m[0] = :s":                badPath,
		"SET l.x = :s":                 badPath,
		"SET s.x = :s":                 badPath,
		"SET l[5].x = :s":              badPath,
		"REMOVE gone.x":                badPath,
		"ADD gone.x :one":              badPath,
		"SET n = :huge + :huge":        "Number overflow. Attempting to store a number with magnitude larger than supported range",
	}
	for source, want := range tests {
		u, err := parseSource(source, updateScope(t), parseUpdate)
		if err == nil {
			var it item
			if it, err = decodeItem([]byte(updated)); err != nil {
				t.Fatalf("decodeItem: %v", err)
			}
			_, err = u.apply(it)
		}
		if r, ok := asRefusal(err); !ok || !strings.HasPrefix(r.message, want) {
			t.Errorf("%q: %v\nwant %s", source, err, want)
		}
	}
}
