package dynamodb

import "strings"

// keyTerm is a condition on one key attribute: its values are one, or the two
// of BETWEEN.
type keyTerm struct {
	operator string // = < <= > >= BETWEEN begins_with
	values   []value
}

// keyTerms reads a condition as KeyConditionExpression allows it: comparisons
// of key attributes with values, joined by AND.
func keyTerms(n *node) (map[string]keyTerm, error) {
	terms := map[string]keyTerm{}
	if err := collectKeyTerms(n, terms); err != nil {
		return nil, err
	}
	if len(terms) > 2 {
		return nil, invalid("Conditions can be of length 1 or 2 only")
	}
	return terms, nil
}

func collectKeyTerms(n *node, terms map[string]keyTerm) error {
	if n.kind == nodeAnd {
		for _, arg := range n.args {
			if err := collectKeyTerms(arg, terms); err != nil {
				return err
			}
		}
		return nil
	}
	operator, err := keyOperator(n)
	if err != nil {
		return err
	}
	attribute, at, err := keyAttribute(n)
	if err != nil {
		return err
	}
	if at > 0 && (operator == "BETWEEN" || operator == "begins_with") {
		return invalid("Invalid condition in KeyConditionExpression: %s operator must have the key attribute as its first operand", operator)
	}
	if at > 0 {
		operator = mirrored(operator)
	}
	if _, ok := terms[attribute]; ok {
		return invalid("KeyConditionExpressions must only contain one condition per key")
	}
	term := keyTerm{operator: operator}
	for i, arg := range n.args {
		if i != at {
			term.values = append(term.values, arg.value)
		}
	}
	terms[attribute] = term
	return nil
}

// keyOperator is the operator of n, if a key may have it.
func keyOperator(n *node) (string, error) {
	switch {
	case n.kind == nodeOr:
		return "", invalid("Invalid operator used in KeyConditionExpression: OR")
	case n.kind == nodeNot:
		return "", invalid("Invalid operator used in KeyConditionExpression: NOT")
	case n.kind == nodeIn, n.word == "<>", n.kind == nodeCall && n.word != "begins_with":
		return "", invalid("Invalid operator used in KeyConditionExpression: %s", n.word)
	default:
		return n.word, nil
	}
}

// keyAttribute is the one attribute that n is about, and which operand it is.
func keyAttribute(n *node) (name string, at int, err error) {
	at = -1
	for i, arg := range n.args {
		switch {
		case arg.kind == nodeCall:
			return "", 0, invalid("KeyConditionExpressions cannot contain nested operations")
		case arg.kind != nodePath:
		case at >= 0:
			return "", 0, invalid("Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition")
		case len(arg.path) > 1:
			return "", 0, invalid("KeyConditionExpressions cannot have conditions on nested attributes")
		default:
			name, at = arg.path[0].name, i
		}
	}
	if at < 0 {
		return "", 0, invalid("Invalid condition in KeyConditionExpression: No key attribute specified")
	}
	return name, at, nil
}

// mirrored is the comparator with its operands changed over.
func mirrored(operator string) string {
	if rest, ok := strings.CutPrefix(operator, "<"); ok {
		return ">" + rest
	}
	if rest, ok := strings.CutPrefix(operator, ">"); ok {
		return "<" + rest
	}
	return operator
}

// querySpan is the stretch of storage keys that the terms choose, low to
// high, and the partition they lie in.
func (t *table) querySpan(terms map[string]keyTerm) (s span, err error) {
	partition, ok := terms[t.partition.Name]
	if !ok {
		return span{}, invalid("Query condition missed key schema element: %s", t.partition.Name)
	}
	sort, sorted := terms[t.sort.Name]
	switch {
	case len(terms) > 1 && t.sort.Name == "":
		return span{}, invalid("Query key condition not supported")
	case len(terms) > 1 && !sorted:
		return span{}, invalid("Query condition missed key schema element: %s", t.sort.Name)
	case partition.operator != "=":
		return span{}, invalid("Query key condition not supported")
	}
	for _, a := range t.keyAttributes() {
		for _, v := range terms[a.Name].values {
			if string(v.kind) != a.Type {
				return span{}, invalid("One or more parameter values were invalid: Condition parameter type does not match schema type")
			}
			if v.kind != kindNumber && v.text == "" {
				return span{}, invalid("One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty %s value. Key: %s",
					map[kind]string{kindString: "string", kindBinary: "binary"}[v.kind], a.Name)
			}
		}
	}
	prefix := t.partitionPrefix(partition.values[0])
	if !sorted {
		return span{low: prefix, high: afterPrefix(prefix)}, nil
	}
	return sort.within(prefix), nil
}

// within is the part of a partition where the term holds.
func (k keyTerm) within(prefix []byte) span {
	at := func(i int) []byte { return append(prefix[:len(prefix):len(prefix)], sortBytes(k.values[i])...) }
	first, end := prefix, afterPrefix(prefix)
	switch k.operator {
	case "=":
		return span{low: at(0), high: after(at(0))}
	case "<":
		return span{low: first, high: at(0)}
	case "<=":
		return span{low: first, high: after(at(0))}
	case ">":
		return span{low: after(at(0)), high: end}
	case ">=":
		return span{low: at(0), high: end}
	case "BETWEEN":
		return span{low: at(0), high: after(at(1))}
	default: // begins_with
		return span{low: at(0), high: afterPrefix(at(0))}
	}
}
