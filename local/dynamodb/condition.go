package dynamodb

import "slices"

// nodeKind is what a node of a condition is.
type nodeKind int

const (
	nodePath nodeKind = iota
	nodeValue
	nodeCall    // word is the function
	nodeCompare // word is the comparator
	nodeBetween
	nodeIn
	nodeNot
	nodeAnd
	nodeOr
)

// node is a parsed condition, or an operand of one.
type node struct {
	kind  nodeKind
	word  string
	path  path
	value value
	args  []*node
	// grouped is set by the parentheses around it.
	grouped bool
}

// isOperand says whether the node stands for a value and not for a truth.
func (n *node) isOperand() bool {
	return n.kind == nodePath || n.kind == nodeValue || n.kind == nodeCall && n.word == "size"
}

// staticKind is the kind an operand is known to have before there is an item.
func (n *node) staticKind() kind {
	switch n.kind {
	case nodeValue:
		return n.value.kind
	case nodeCall:
		if n.word == "size" {
			return kindNumber
		}
		return kindBool
	default:
		return ""
	}
}

// parseCondition reads a whole condition or filter.
func parseCondition(p *parser) (*node, error) {
	n, err := p.parseOr()
	if err != nil {
		return nil, err
	}
	return n, p.requireCondition(n)
}

// requireCondition refuses an operand where a truth is needed.
func (p *parser) requireCondition(nodes ...*node) error {
	for _, n := range nodes {
		if n.kind == nodePath || n.kind == nodeValue {
			return p.unexpected()
		}
		if n.isOperand() {
			p.complainMisused(n)
		}
	}
	return nil
}

func (p *parser) complainMisused(n *node) {
	p.complain(rankMisusedFunction, "The function is not allowed to be used this way in an expression; function: %s", n.word)
}

// requireOperand refuses a truth where a value is needed.
func (p *parser) requireOperand(n *node) error {
	switch {
	case n.isOperand():
		return nil
	case n.kind == nodeCall:
		p.complainMisused(n)
		return nil
	default:
		return p.unexpected()
	}
}

func (p *parser) parseOr() (*node, error) { return p.parseChain("OR", nodeOr, p.parseAnd) }

func (p *parser) parseAnd() (*node, error) { return p.parseChain("AND", nodeAnd, p.parseNot) }

// parseChain reads operand (word operand)*, from the left.
func (p *parser) parseChain(word string, kind nodeKind, operand func() (*node, error)) (*node, error) {
	left, err := operand()
	for err == nil && p.nextIsWord(word) {
		if err := p.requireCondition(left); err != nil {
			return nil, err
		}
		p.take()
		p.operators++
		var right *node
		if right, err = operand(); err != nil {
			return nil, err
		}
		if err := p.requireCondition(right); err != nil {
			return nil, err
		}
		left = &node{kind: kind, args: []*node{left, right}}
	}
	return left, err
}

func (p *parser) parseNot() (*node, error) {
	if !p.acceptWord("NOT") {
		return p.parseComparison()
	}
	p.operators++
	n, err := p.parseNot()
	if err != nil {
		return nil, err
	}
	if err := p.requireCondition(n); err != nil {
		return nil, err
	}
	return &node{kind: nodeNot, args: []*node{n}}, nil
}

// parseComparison reads operand comparator operand, BETWEEN, IN, or what needs
// no comparator.
func (p *parser) parseComparison() (*node, error) {
	left, err := p.parseTerm()
	if err != nil {
		return nil, err
	}
	n := &node{args: []*node{left}}
	switch next := p.peek(); {
	case next.kind == tokenSymbol && slices.Contains([]string{"=", "<>", "<", "<=", ">", ">="}, next.text):
		n.kind, n.word = nodeCompare, next.text
	case p.nextIsWord("BETWEEN"):
		n.kind, n.word = nodeBetween, "BETWEEN"
	case p.nextIsWord("IN"):
		n.kind, n.word = nodeIn, "IN"
	default:
		return left, nil
	}
	if err := p.requireOperand(left); err != nil {
		return nil, err
	}
	p.take()
	p.operators++
	if err := p.parseRight(n); err != nil {
		return nil, err
	}
	p.checkComparison(n)
	return n, nil
}

// parseRight reads what follows the comparator of n.
func (p *parser) parseRight(n *node) error {
	switch n.kind {
	case nodeIn:
		if err := p.expect("("); err != nil {
			return err
		}
		list, err := p.parseOperands()
		n.args = append(n.args, list...)
		return err
	case nodeBetween:
		low, err := p.parseOperand()
		if err != nil {
			return err
		}
		if !p.acceptWord("AND") {
			return p.unexpected()
		}
		high, err := p.parseOperand()
		n.args = append(n.args, low, high)
		return err
	default:
		right, err := p.parseOperand()
		n.args = append(n.args, right)
		return err
	}
}

// parseOperands reads operand (, operand)* and the closing parenthesis.
func (p *parser) parseOperands() ([]*node, error) {
	var list []*node
	for {
		n, err := p.parseOperand()
		if err != nil {
			return nil, err
		}
		list = append(list, n)
		if !p.accept(",") {
			return list, p.expect(")")
		}
	}
}

func (p *parser) parseOperand() (*node, error) {
	n, err := p.parseTerm()
	if err != nil {
		return nil, err
	}
	return n, p.requireOperand(n)
}

// parseTerm reads a path, a value, a call, or anything in parentheses: whether
// those hold an operand or a condition shows only inside.
func (p *parser) parseTerm() (*node, error) {
	switch {
	case p.accept("("):
		n, err := p.parseOr()
		if err != nil {
			return nil, err
		}
		if err := p.expect(")"); err != nil {
			return nil, err
		}
		if n.grouped {
			p.complain(rankParentheses, "The expression has redundant parentheses;")
		}
		n.grouped = true
		return n, nil
	case p.peek().kind == tokenValue:
		v, err := p.parseValue()
		return &node{kind: nodeValue, value: v}, err
	case p.nextIsFunction():
		name := p.take().text
		p.take()
		p.operators++
		args, err := p.parseOperands()
		if err != nil {
			return nil, err
		}
		n := &node{kind: nodeCall, word: name, args: args}
		p.checkCall(n)
		return n, nil
	default:
		names, err := p.parsePath()
		return &node{kind: nodePath, path: names}, err
	}
}

// checkCall judges a call by its function: how many operands of what kind.
func (p *parser) checkCall(n *node) {
	operands := map[string]int{
		"attribute_exists": 1, "attribute_not_exists": 1, "attribute_type": 2,
		"begins_with": 2, "contains": 2, "size": 1,
	}[n.word]
	if operands == 0 {
		p.complain(rankUnknownFunction, "Invalid function name; function: %s", n.word)
		return
	}
	if operands != len(n.args) {
		p.complain(rankOperands, "Incorrect number of operands for operator or function; operator or function: %s, number of operands: %d", n.word, len(n.args))
		return
	}
	p.checkDistinct(n)
	switch n.word {
	case "attribute_exists", "attribute_not_exists":
		if n.args[0].kind != nodePath {
			p.complain(rankType, "Operator or function requires a document path; operator or function: %s", n.word)
		}
	case "attribute_type":
		p.checkTypeName(n)
	case "begins_with":
		for _, arg := range n.args {
			if k := arg.staticKind(); k != "" && k != kindString && k != kindBinary {
				p.complainKind(n.word, string(k))
			}
		}
	case "size":
		if k := n.args[0].staticKind(); k == kindNumber || k == kindBool || k == kindNull {
			p.complainKind(n.word, string(k))
		}
	}
}

func (p *parser) checkTypeName(n *node) {
	const all = "{B,NULL,SS,BOOL,L,BS,N,NS,S,M}"
	wanted := n.args[1]
	switch k := wanted.staticKind(); {
	case k == "" && wanted.kind == nodeValue: // undefined, and said so already
	case k == "":
		p.complainKind(n.word, "{NS,SS,L,BS,N,M,B,BOOL,NULL,S}")
	case k != kindString:
		p.complainKind(n.word, string(k))
	default:
		switch kind(wanted.value.text) {
		case kindString, kindNumber, kindBinary, kindBool, kindNull, kindStringSet, kindNumberSet, kindBinarySet, kindList, kindMap:
		default:
			p.complain(rankType, "Invalid attribute type name found; type: %s, valid types: %s", wanted.value.text, all)
		}
	}
}

func (p *parser) complainKind(operator, k string) {
	p.complain(rankType, "Incorrect operand type for operator or function; operator or function: %s, operand type: %s", operator, k)
}

// checkComparison judges the literals of a comparison.
func (p *parser) checkComparison(n *node) {
	switch n.kind {
	case nodeIn:
		if len(n.args)-1 > maxInOperands {
			p.complain(rankOperands, "The IN operator is provided with too many operands; number of operands: %d", len(n.args)-1)
		}
		return
	case nodeBetween:
		p.checkBounds(n.args[1], n.args[2])
	case nodeCompare:
		p.checkDistinct(n)
		if n.word == "=" || n.word == "<>" {
			return
		}
	}
	for _, arg := range n.args {
		if arg.kind == nodeValue && arg.value.kind != "" && !arg.value.kind.ordered() {
			p.complainKind(n.word, string(arg.value.kind))
		}
	}
}

func (p *parser) checkBounds(low, high *node) {
	a, b := low.value, high.value
	complain := func(what string) {
		p.complain(rankType, "The BETWEEN operator requires %s; lower bound operand: AttributeValue: %s, upper bound operand: AttributeValue: %s", what, a.describe(), b.describe())
	}
	switch {
	case low.kind != nodeValue || high.kind != nodeValue || a.kind == "" || b.kind == "":
	case a.kind != b.kind:
		complain("same data type for lower and upper bounds")
	case a.kind.ordered() && a.compare(b) > 0:
		complain("upper bound to be greater than or equal to lower bound")
	}
}

// checkDistinct refuses to compare a path with itself.
func (p *parser) checkDistinct(n *node) {
	if len(n.args) == 2 && n.args[0].kind == nodePath && n.args[1].kind == nodePath && slices.Equal(n.args[0].path, n.args[1].path) {
		p.complain(rankDistinct, "The first operand must be distinct from the remaining operands for this operator or function; operator: %s, first operand: %s", n.word, n.args[0].path)
	}
}

// paths appends the document paths a condition reads.
func (n *node) paths(to []path) []path {
	if n.kind == nodePath {
		to = append(to, n.path)
	}
	for _, arg := range n.args {
		to = arg.paths(to)
	}
	return to
}
