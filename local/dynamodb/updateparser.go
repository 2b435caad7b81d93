package dynamodb

import "strings"

// update is a parsed update expression.
type update struct {
	actions []action
}

// action is one change: SET, REMOVE, ADD or DELETE of a path.
type action struct {
	clause  string
	path    path
	operand *term // SET
	value   value // ADD, DELETE
}

// term is the right-hand side of a SET, or part of one.
type term struct {
	// word is +, -, if_not_exists or list_append; "" for a value or a path.
	word  string
	args  []*term
	path  path // nil for a value
	value value
}

// paths are those the update writes to.
func (u *update) paths() []path {
	paths := make([]path, len(u.actions))
	for i, a := range u.actions {
		paths[i] = a.path
	}
	return paths
}

// onlyRemoves says whether the update has nothing to store.
func (u *update) onlyRemoves() bool {
	for _, a := range u.actions {
		if a.clause == "SET" || a.clause == "ADD" {
			return false
		}
	}
	return len(u.actions) > 0
}

// parseUpdate reads clauses, each at most once, in any order.
func parseUpdate(p *parser) (*update, error) {
	u := &update{}
	seen := map[string]bool{}
	for len(seen) == 0 || p.peek().kind != tokenEnd {
		clause := strings.ToUpper(p.peek().text)
		switch clause {
		case "SET", "REMOVE", "ADD", "DELETE":
		default:
			return nil, p.unexpected()
		}
		p.take()
		if seen[clause] {
			p.complain(rankSection, `The "%s" section can only be used once in an update expression;`, clause)
		}
		seen[clause] = true
		for {
			a, err := p.parseAction(clause)
			if err != nil {
				return nil, err
			}
			p.operators++
			p.checkOverlap(u.paths(), a.path)
			u.actions = append(u.actions, a)
			if !p.accept(",") {
				break
			}
		}
	}
	return u, nil
}

func (p *parser) parseAction(clause string) (action, error) {
	target, err := p.parsePath()
	if err != nil {
		return action{}, err
	}
	a := action{clause: clause, path: target}
	switch clause {
	case "SET":
		if err := p.expect("="); err != nil {
			return action{}, err
		}
		a.operand, err = p.parseSum()
	case "ADD", "DELETE":
		if a.value, err = p.parseValue(); err == nil {
			p.checkOperand(a)
		}
	}
	return a, err
}

// checkOperand: ADD takes a number or a set, DELETE a set.
func (p *parser) checkOperand(a action) {
	names := map[kind]string{
		kindString: "STRING", kindNumber: "NUMBER", kindBinary: "BINARY", kindNull: "NULL",
		kindBool: "BOOLEAN", kindList: "LIST", kindMap: "MAP",
	}
	name, unfit := names[a.value.kind]
	if unfit && (a.clause != "ADD" || a.value.kind != kindNumber) {
		p.complain(rankOperands, "Incorrect operand type for operator or function; operator: %s, operand type: %s", a.clause, name)
	}
}

// parseSum reads operand ((+ | -) operand)?, in parentheses or not. A longer
// sum is not in the grammar (Developer Guide, "Update expressions", SET).
func (p *parser) parseSum() (*term, error) {
	left, err := p.parseUpdateTerm()
	if err != nil || !p.nextIs("+") && !p.nextIs("-") {
		return left, err
	}
	if left.isSum() {
		return nil, p.unexpected()
	}
	sum := &term{word: p.take().text}
	p.operators++
	right, err := p.parseUpdateTerm()
	if err != nil {
		return nil, err
	}
	if right.isSum() {
		return nil, p.unexpected()
	}
	sum.args = []*term{left, right}
	p.checkTerm(sum)
	return sum, nil
}

func (p *parser) parseUpdateTerm() (*term, error) {
	switch {
	case p.accept("("):
		t, err := p.parseSum()
		if err != nil {
			return nil, err
		}
		return t, p.expect(")")
	case p.peek().kind == tokenValue:
		v, err := p.parseValue()
		return &term{value: v}, err
	case p.nextIsFunction():
		return p.parseUpdateCall()
	default:
		source, err := p.parsePath()
		return &term{path: source}, err
	}
}

func (p *parser) parseUpdateCall() (*term, error) {
	t := &term{word: p.take().text}
	p.take()
	p.operators++
	for {
		arg, err := p.parseUpdateTerm()
		if err != nil {
			return nil, err
		}
		if arg.isSum() {
			return nil, p.unexpected()
		}
		t.args = append(t.args, arg)
		if !p.accept(",") {
			break
		}
	}
	if err := p.expect(")"); err != nil {
		return nil, err
	}
	if t.word != "if_not_exists" && t.word != "list_append" {
		p.complain(rankUnknownFunction, "Invalid function name; function: %s", t.word)
		return t, nil
	}
	if len(t.args) != 2 {
		p.complain(rankOperands, "Incorrect number of operands for operator or function; operator or function: %s, number of operands: %d", t.word, len(t.args))
		return t, nil
	}
	p.checkTerm(t)
	return t, nil
}

// checkTerm judges the literal operands of a sum or a function.
func (p *parser) checkTerm(t *term) {
	if t.word == "if_not_exists" {
		if t.args[0].path == nil {
			p.complain(rankType, "Operator or function requires a document path; operator or function: %s", t.word)
		}
		return
	}
	want := kindNumber
	if t.word == "list_append" {
		want = kindList
	}
	for _, arg := range t.args {
		if k := arg.staticKind(); k != "" && k != want {
			p.complainKind(t.word, string(k))
		}
	}
}

func (t *term) isSum() bool { return t.word == "+" || t.word == "-" }

// staticKind is the kind a term is known to have before there is an item.
func (t *term) staticKind() kind {
	switch t.word {
	case "+", "-":
		return kindNumber
	case "list_append":
		return kindList
	case "if_not_exists":
		return ""
	default:
		return t.value.kind
	}
}
