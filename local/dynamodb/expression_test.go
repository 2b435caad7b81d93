package dynamodb

import (
	"encoding/json"
	"strings"
	"testing"
)

// testScope has a placeholder for each kind of value.
func testScope(t testing.TB) *scope {
	t.Helper()
	req := &request{
		ExpressionAttributeNames: json.RawMessage(`{"#s":"sequencer","#dot":"a.b","#size":"size"}`),
		ExpressionAttributeValues: json.RawMessage(`{":s":{"S":"b"},":empty":{"S":""},":n":{"N":"2"},":two":{"N":"2.0"},":three":{"N":"3"},
			":b":{"B":"Yg=="},":t":{"BOOL":true},":null":{"NULL":true},":l":{"L":[{"N":"9"}]},":m":{"M":{"x":{"N":"1"}}},
			":ss":{"SS":["a","b"]},":ns":{"NS":["2","1"]},":S":{"S":"S"},":X":{"S":"X"}}`),
	}
	everything := ""
	s, err := newScope(req, expression{parameter: "ConditionExpression", source: &everything})
	if err != nil {
		t.Fatalf("newScope: %v", err)
	}
	return s
}

// testItem is what the conditions below are about.
func testItem(t testing.TB) item {
	t.Helper()
	it, err := decodeItem([]byte(`{"sequencer":{"S":"abc"},"n":{"N":"2"},"b":{"B":"YWI="},"t":{"BOOL":true},"nil":{"NULL":true},
		"l":{"L":[{"N":"1"},{"S":"b"},{"M":{"x":{"N":"7"}}}]},"m":{"M":{"x":{"N":"1"}}},
		"ss":{"SS":["b","a"]},"ns":{"NS":["1.0","2"]},"a.b":{"S":"dotted"},"music":{"S":"é𝄞"},"size":{"N":"4"}}`))
	if err != nil {
		t.Fatalf("decodeItem: %v", err)
	}
	return it
}

func TestConditions(t *testing.T) {
	t.Parallel()
	it := testItem(t)
	holding := []string{
		"attribute_exists(n)", "attribute_not_exists(gone)", "attribute_exists(m.x)", "attribute_exists(l[2].x)", "attribute_not_exists(l[3])",
		"attribute_not_exists(n.x)", "attribute_exists(#dot)", "attribute_not_exists(gone) OR gone < :s",
		"#s < :s", "#s <= :s", "NOT #s > :s", "#s <> :s", "n = :n", "n = :two", ":two = n", "n >= :two", ":n < :three", "n < :three",
		"gone <> :s", "NOT gone = :s", "gone <> gone2", "n <> :s", "NOT n < :s", "NOT n >= :s",
		"ss = :ss", "ns = :ns", "m = :m", "t = :t", "nil = :null", "l <> :l",
		"n BETWEEN :n AND :three", "NOT n BETWEEN :three AND :three", "n between :n and :three AND t = :t", "n IN (:s, :two)", "NOT n IN (:s)", "n in (:n)",
		"begins_with(#s, :empty)", "NOT begins_with(#s, :s)", "contains(#s, :s)", "contains(ss, :s)", "contains(ns, :n)", "NOT contains(ns, :s)", "contains(b, :b)",
		"contains(l, :s)", "NOT contains(l, :n)", "NOT contains(gone, :s)", "NOT contains(m, :s)",
		"attribute_type(#s, :S)", "NOT attribute_type(n, :S)", "NOT attribute_type(gone, :S)",
		"size(l) = :three", "size(music) = :three", "size(b) = :n", "size(ss) = :n", "size(m) < :n", "NOT size(n) < :n", "NOT size(gone) < :n", "#size > size(l)",
		// NOT before AND before OR.
		"t = :t OR n = :s AND gone = :s", "NOT (t = :t AND n = :s)", "NOT gone = :s AND t = :t", "(t = :t OR n = :s) AND n = :n",
		"(n) = :n", "(n = :n)", "n = (:n)", "NOT (NOT n = :n)", "not not n = :n",
		"\tn\r\n=\n:n ", "n=:n", "n>:n OR n<:three", "n<>:three",
	}
	for _, source := range holding {
		condition, err := parseSource(source, testScope(t), parseCondition)
		if err != nil {
			t.Errorf("parsing %q: %v", source, err)
			continue
		}
		if !condition.holds(it) {
			t.Errorf("%q does not hold", source)
		}
		negated, err := parseSource("NOT ("+strings.TrimSpace(source)+")", testScope(t), parseCondition)
		if strings.HasPrefix(source, "(n = :n)") {
			continue // would have redundant parentheses
		}
		if err != nil || negated.holds(it) {
			t.Errorf("%q holds negated, too (%v)", source, err)
		}
	}
}

func TestRefusedConditions(t *testing.T) {
	t.Parallel()
	const operand = "Incorrect operand type for operator or function; operator or function: "
	tests := map[string]string{
		"":                              "The expression can not be empty;",
		" ":                             `Syntax error; token: "<EOF>", near: ""`,
		"n":                             `Syntax error; token: "<EOF>", near: "n"`,
		":n":                            `Syntax error; token: "<EOF>", near: ":n"`,
		"n = ":                          `Syntax error; token: "<EOF>", near: "= "`,
		"n = 4":                         `Syntax error; token: "4", near: "= 4"`,
		"n = :n n":                      `Syntax error; token: "n", near: ":n n"`,
		"(n = :n":                       `Syntax error; token: "<EOF>", near: ":n"`,
		"n = :n)":                       `Syntax error; token: ")", near: ":n)"`,
		"size()":                        `Syntax error; token: ")", near: "()"`,
		"n = ü":                         `Syntax error; token: "ü", near: "= ü"`,
		"n = :":                         `Syntax error; token: ":", near: "= :"`,
		"n & m":                         `Syntax error; token: "&", near: "n &"`,
		"n = :n AND":                    `Syntax error; token: "<EOF>", near: "AND"`,
		"n AND n = :n":                  `Syntax error; token: "AND", near: "n AND n"`,
		"and = :n":                      `Syntax error; token: "and", near: "and ="`,
		"(n = :n) = :n":                 `Syntax error; token: "=", near: ") = :n"`,
		"n. = :n":                       `Syntax error; token: "=", near: ". = :n"`,
		"l[x] = :n":                     `Syntax error; token: "x", near: "[x]"`,
		"l[:n] = :n":                    `Syntax error; token: ":n", near: "[:n]"`,
		"n BETWEEN :n OR :n":            `Syntax error; token: "OR", near: ":n OR :n"`,
		"n IN :n":                       `Syntax error; token: ":n", near: "IN :n"`,
		"n IN ()":                       `Syntax error; token: ")", near: "()"`,
		"l[99999999999] = :n":           "List index is not within the allowable range; index: [99999999999]",
		"((n = :n))":                    "The expression has redundant parentheses;",
		"((n)) = :n":                    "The expression has redundant parentheses;",
		"size = :n":                     "Attribute name is a reserved keyword; reserved keyword: size",
		"m.Comment = :n":                "Attribute name is a reserved keyword; reserved keyword: Comment",
		"#gone = :n":                    "An expression attribute name used in the document path is not defined; attribute name: #gone",
		"n = :gone":                     "An expression attribute value used in expression is not defined; attribute value: :gone",
		"begins_with(n, :gone)":         "An expression attribute value used in expression is not defined; attribute value: :gone",
		"attribute_type(n, :gone)":      "An expression attribute value used in expression is not defined; attribute value: :gone",
		"n BETWEEN :gone AND :n":        "An expression attribute value used in expression is not defined; attribute value: :gone",
		"nonsense(n)":                   "Invalid function name; function: nonsense",
		"BEGINS_WITH(n, :s)":            "Invalid function name; function: BEGINS_WITH",
		"if_not_exists(n, :s) = :s":     "Invalid function name; function: if_not_exists",
		"attribute_exists(n, m)":        "Incorrect number of operands for operator or function; operator or function: attribute_exists, number of operands: 2",
		"begins_with(n)":                "Incorrect number of operands for operator or function; operator or function: begins_with, number of operands: 1",
		"size(n)":                       "The function is not allowed to be used this way in an expression; function: size",
		"NOT size(n)":                   "The function is not allowed to be used this way in an expression; function: size",
		"begins_with(n, :s) = :t":       "The function is not allowed to be used this way in an expression; function: begins_with",
		"size(begins_with(n, :s)) = :n": "The function is not allowed to be used this way in an expression; function: begins_with",
		"attribute_exists(:n)":          "Operator or function requires a document path; operator or function: attribute_exists",
		"attribute_not_exists(size(n))": "Operator or function requires a document path; operator or function: attribute_not_exists",
		"begins_with(n, :n)":            operand + "begins_with, operand type: N",
		"begins_with(size(n), :s)":      operand + "begins_with, operand type: N",
		"attribute_type(n, :n)":         operand + "attribute_type, operand type: N",
		"attribute_type(n, m)":          operand + "attribute_type, operand type: {NS,SS,L,BS,N,M,B,BOOL,NULL,S}",
		"attribute_type(n, :X)":         "Invalid attribute type name found; type: X, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}",
		"size(:n) = :n":                 operand + "size, operand type: N",
		"n < :t":                        operand + "<, operand type: BOOL",
		":l >= n":                       operand + ">=, operand type: L",
		"n BETWEEN :t AND :t":           operand + "BETWEEN, operand type: BOOL",
		"n BETWEEN :s AND :n":           "The BETWEEN operator requires same data type for lower and upper bounds; lower bound operand: AttributeValue: {S:b}, upper bound operand: AttributeValue: {N:2}",
		"n BETWEEN :three AND :n":       "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; lower bound operand: AttributeValue: {N:3}, upper bound operand: AttributeValue: {N:2}",
		"n BETWEEN :t AND :null":        "The BETWEEN operator requires same data type for lower and upper bounds; lower bound operand: AttributeValue: {BOOL:true}, upper bound operand: AttributeValue: {NULL:true}",
		"n BETWEEN :ss AND :m":          "The BETWEEN operator requires same data type for lower and upper bounds; lower bound operand: AttributeValue: {SS:[a, b]}, upper bound operand: AttributeValue: {M:{x={N:1}}}",
		"n BETWEEN :l AND :ns":          "The BETWEEN operator requires same data type for lower and upper bounds; lower bound operand: AttributeValue: {L:[{N:9}]}, upper bound operand: AttributeValue: {NS:[2, 1]}",
		"n = n":                         "The first operand must be distinct from the remaining operands for this operator or function; operator: =, first operand: [n]",
		"contains(m.x[0], m.x[0])":      "The first operand must be distinct from the remaining operands for this operator or function; operator: contains, first operand: [m, x, [0]]",
		"n IN (:n" + strings.Repeat(", :n", 100) + ")": "The IN operator is provided with too many operands; number of operands: 101",
		"n = :n" + strings.Repeat(" OR n=:n", 150):     "The expression contains too many operators; operator count: 301",
		"n = :n" + strings.Repeat(" ", 4091):           "Expression size has exceeded the maximum allowed size; expression size: 4097",
		// Complaints have an order of their own.
		"begins_with(n, :gone) OR size = :n OR bad(n)": "Invalid function name; function: bad",
		"begins_with(n, :n) OR #gone = :n":             "An expression attribute name used in the document path is not defined; attribute name: #gone",
	}
	for source, want := range tests {
		_, err := parseSource(source, testScope(t), parseCondition)
		if r, ok := asRefusal(err); !ok || r.message != want {
			t.Errorf("parsing %.80q: %v\nwant %s", source, err, want)
		}
	}
}

func TestProjections(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"n":                      `{"n":{"N":"2"}}`,
		"n, gone":                `{"n":{"N":"2"}}`,
		"gone":                   `{}`,
		"gone.x, n.x, l[9], m.y": `{}`,
		"#dot":                   `{"a.b":{"S":"dotted"}}`,
		"m.x":                    `{"m":{"M":{"x":{"N":"1"}}}}`,
		"l[2].x, l[0]":           `{"l":{"L":[{"N":"1"},{"M":{"x":{"N":"7"}}}]}}`,
		"l[1],m":                 `{"l":{"L":[{"S":"b"}]},"m":{"M":{"x":{"N":"1"}}}}`,
	}
	for source, want := range tests {
		paths, err := parseSource(source, testScope(t), parseProjection)
		if err != nil {
			t.Errorf("parsing %q: %v", source, err)
			continue
		}
		got, err := marshal(testItem(t).project(paths))
		if err != nil || string(got) != want {
			t.Errorf("project(%q) = %s (%v), want %s", source, got, err, want)
		}
	}
	refusals := map[string]string{
		"n,":         `Syntax error; token: "<EOF>", near: ","`,
		"n m":        `Syntax error; token: "m", near: "n m"`,
		":n":         `Syntax error; token: ":n", near: ":n"`,
		"n, n":       "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [n], path two: [n]",
		"m.x, m":     "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [m, x], path two: [m]",
		"m.x, m[0]":  "Two document paths conflict with each other; must remove or rewrite one of these paths; path one: [m, x], path two: [m, [0]]",
		"n, comment": "Attribute name is a reserved keyword; reserved keyword: comment",
	}
	for source, want := range refusals {
		_, err := parseSource(source, testScope(t), parseProjection)
		if r, ok := asRefusal(err); !ok || r.message != want {
			t.Errorf("parsing %q: %v, want %s", source, err, want)
		}
	}
}

func TestReservedWords(t *testing.T) {
	t.Parallel()
	if got, want := len(strings.Fields(reservedWords)), 573; got != want {
		t.Errorf("there are %d reserved words, want %d", got, want)
	}
	for word, want := range map[string]bool{"path": true, "Status": true, "ABORT": true, "zone": true, "space": true, "sequencer": false, "": false} {
		if got := isReserved(word); got != want {
			t.Errorf("isReserved(%q) = %v, want %v", word, got, want)
		}
	}
}

// FuzzExpression: whatever the text, a parser answers; and what it accepts can
// be evaluated.
func FuzzExpression(f *testing.F) {
	for _, seed := range []string{
		"attribute_not_exists(#s) OR #s < :s", "#s = :s AND begins_with(n, :s)", "n BETWEEN :n AND :three", "NOT (a.b[0] IN (:s, :n))",
		"SET a = if_not_exists(a, :n) + :n REMOVE b[1] ADD c :n DELETE d :ss", "SET l = list_append(l, :l), m.x = :s", "a, b.c[3], #dot", "((n = :n))",
		"(", ")", "a[", "size(size(a)) = :n", "a = \x00", "\xc5", "é = :n",
	} {
		f.Add(seed)
	}
	it := testItem(f)
	f.Fuzz(func(t *testing.T, source string) {
		if condition, err := parseSource(source, testScope(t), parseCondition); err == nil {
			if condition.holds(it) == (&node{kind: nodeNot, args: []*node{condition}}).holds(it) {
				t.Errorf("%q holds negated, too, or neither does", source)
			}
			condition.holds(nil)
			_, _ = keyTerms(condition)
		} else if _, ok := asRefusal(err); !ok {
			t.Errorf("parsing %q: %v, which is no refusal", source, err)
		}
		if paths, err := parseSource(source, testScope(t), parseProjection); err == nil {
			projected := it.project(paths)
			if again := projected.project([]path{{{name: paths[0][0].name, index: -1}}}); len(again) > 1 {
				t.Errorf("projecting to %q gives %v", source, again)
			}
		}
		if u, err := parseSource(source, testScope(t), parseUpdate); err == nil {
			before, _ := marshal(it)
			_, _ = u.apply(it)
			if now, _ := marshal(it); string(now) != string(before) {
				t.Errorf("applying %q changed the item it was given", source)
			}
		}
	})
}

// TestContains looks for every kind of element in a list and in the sets that
// can have it.
func TestContains(t *testing.T) {
	t.Parallel()
	elements := []string{
		`{"S":"a"}`, `{"S":""}`, `{"N":"1"}`, `{"N":"0"}`, `{"B":"YQ=="}`, `{"B":""}`, `{"BOOL":true}`, `{"BOOL":false}`, `{"NULL":true}`,
		`{"SS":["a","b"]}`, `{"NS":["1","2"]}`, `{"BS":["YQ==","Yg=="]}`, `{"L":[]}`, `{"L":[{"NULL":true}]}`, `{"M":{}}`, `{"M":{"a":{"BOOL":false}}}`,
	}
	same := map[string]string{ // other ways to write one
		`{"N":"1"}`: `{"N":"1.0"}`, `{"N":"0"}`: `{"N":"-0"}`, `{"SS":["a","b"]}`: `{"SS":["b","a"]}`,
		`{"NS":["1","2"]}`: `{"NS":["2","10e-1"]}`, `{"BS":["YQ==","Yg=="]}`: `{"BS":["Yg==","YQ=="]}`,
	}
	decode := func(raw string) value {
		v, err := decodeValue(json.RawMessage(raw), 1)
		if err != nil {
			t.Fatalf("decodeValue(%s): %v", raw, err)
		}
		return v
	}
	all := decode(`{"L":[` + strings.Join(elements, ",") + `]}`)
	for i, element := range elements {
		v := decode(element)
		if !all.contains(v) || same[element] != "" && !all.contains(decode(same[element])) {
			t.Errorf("%v.contains(%s) = false, want true", all, element)
		}
		others := listValue(append(append([]value{}, all.list[:i]...), all.list[i+1:]...))
		if others.contains(v) {
			t.Errorf("%v.contains(%s) = true, want false", others, element)
		}
		for _, set := range []string{`{"SS":["a",""]}`, `{"NS":["1.0","0"]}`, `{"BS":["YQ==",""]}`} {
			want := v.kind == decode(set).kind.member()
			if got := decode(set).contains(v); got != want {
				t.Errorf("%s.contains(%s) = %v, want %v", set, element, got, want)
			}
		}
	}
}
