package dynamodb

import (
	"math"
	"strconv"
	"strings"
)

// Limits of one expression (Developer Guide, "Service, account, and table
// quotas", Expression parameters).
const (
	maxExpressionBytes = 4096
	maxOperators       = 300
	maxInOperands      = 100
)

// rank orders the complaints about one expression. The service reports syntax
// first and what follows in this order, wherever in the text it stands.
type rank int

const (
	rankParentheses rank = iota
	rankUnknownFunction
	rankMisusedFunction
	rankReserved
	rankSection
	rankUndefined
	rankOverlap
	rankConflict
	rankOperands
	rankDistinct
	rankType
	ranks
)

// parser walks the words of one expression.
type parser struct {
	source     string
	tokens     []token
	at         int
	scope      *scope
	complaints [ranks]error
	operators  int
}

// parse runs production over the whole of an expression parameter.
func parse[T any](e expression, s *scope, production func(*parser) (T, error)) (T, error) {
	parsed, err := parseSource(*e.source, s, production)
	if r, ok := asRefusal(err); ok && r.namespace == validation {
		return parsed, invalid("Invalid %s: %s", e.parameter, r.message)
	}
	return parsed, err
}

func parseSource[T any](source string, s *scope, production func(*parser) (T, error)) (T, error) {
	var none T
	if source == "" {
		return none, invalid("The expression can not be empty;")
	}
	if len(source) > maxExpressionBytes {
		return none, invalid("Expression size has exceeded the maximum allowed size; expression size: %d", len(source))
	}
	tokens, err := tokenize(source)
	if err != nil {
		return none, err
	}
	p := &parser{source: source, tokens: tokens, scope: s}
	parsed, err := production(p)
	if err != nil {
		return none, err
	}
	if p.peek().kind != tokenEnd {
		return none, p.unexpected()
	}
	for _, complaint := range p.complaints {
		if complaint != nil {
			return none, complaint
		}
	}
	if p.operators > maxOperators {
		return none, invalid("The expression contains too many operators; operator count: %d", p.operators)
	}
	return parsed, nil
}

func (p *parser) peek() token { return p.tokens[p.at] }

// take moves past the next word; the end stays.
func (p *parser) take() token {
	t := p.tokens[p.at]
	if t.kind != tokenEnd {
		p.at++
	}
	return t
}

func (p *parser) unexpected() error { return syntaxError(p.source, p.tokens, p.at) }

// complain keeps the first complaint of each rank.
func (p *parser) complain(r rank, format string, args ...any) {
	if p.complaints[r] == nil {
		p.complaints[r] = invalid(format, args...)
	}
}

func (p *parser) nextIs(symbol string) bool {
	t := p.peek()
	return t.kind == tokenSymbol && t.text == symbol
}

func (p *parser) accept(symbol string) bool {
	if !p.nextIs(symbol) {
		return false
	}
	p.at++
	return true
}

func (p *parser) expect(symbol string) error {
	if !p.accept(symbol) {
		return p.unexpected()
	}
	return nil
}

// nextIsWord knows keywords, in any case.
func (p *parser) nextIsWord(word string) bool {
	t := p.peek()
	return t.kind == tokenName && strings.EqualFold(t.text, word)
}

func (p *parser) acceptWord(word string) bool {
	if !p.nextIsWord(word) {
		return false
	}
	p.at++
	return true
}

// step is one part of a document path: a name, or the index of a list.
type step struct {
	name  string
	index int // -1 for a name
}

// path leads into an item: a.b[0].
type path []step

// String writes the path as messages do: [a, b, [0]].
func (p path) String() string {
	parts := make([]string, len(p))
	for i, s := range p {
		parts[i] = s.name
		if s.index >= 0 {
			parts[i] = "[" + strconv.Itoa(s.index) + "]"
		}
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// parsePath reads name(.name | [index])*.
func (p *parser) parsePath() (path, error) {
	name, err := p.parseName()
	if err != nil {
		return nil, err
	}
	steps := path{{name: name, index: -1}}
	for {
		switch {
		case p.accept("."):
			name, err := p.parseName()
			if err != nil {
				return nil, err
			}
			steps = append(steps, step{name: name, index: -1})
		case p.accept("["):
			if p.peek().kind != tokenIndex {
				return nil, p.unexpected()
			}
			index, err := strconv.Atoi(p.peek().text)
			if err != nil || index > math.MaxInt32 {
				return nil, invalid("List index is not within the allowable range; index: [%s]", p.peek().text)
			}
			p.take()
			if err := p.expect("]"); err != nil {
				return nil, err
			}
			steps = append(steps, step{index: index})
		default:
			return steps, nil
		}
	}
}

// parseName reads one name of a path, or the placeholder for one.
func (p *parser) parseName() (string, error) {
	t := p.peek()
	switch {
	case t.kind == tokenNameOf:
		p.take()
		name, ok := p.scope.names[t.text]
		if !ok {
			p.complain(rankUndefined, "An expression attribute name used in the document path is not defined; attribute name: %s", t.text)
		}
		delete(p.scope.unusedNames, t.text)
		return name, nil
	case t.kind != tokenName || isOperator(t.text):
		return "", p.unexpected()
	}
	p.take()
	if isReserved(t.text) {
		p.complain(rankReserved, "Attribute name is a reserved keyword; reserved keyword: %s", t.text)
	}
	return t.text, nil
}

// isOperator knows the words that are never a name, reserved or not.
func isOperator(word string) bool {
	switch strings.ToUpper(word) {
	case "AND", "OR", "NOT", "IN", "BETWEEN":
		return true
	default:
		return false
	}
}

// parseValue reads a :placeholder.
func (p *parser) parseValue() (value, error) {
	t := p.peek()
	if t.kind != tokenValue {
		return value{}, p.unexpected()
	}
	p.take()
	v, ok := p.scope.values[t.text]
	if !ok {
		p.complain(rankUndefined, "An expression attribute value used in expression is not defined; attribute value: %s", t.text)
	}
	delete(p.scope.unusedValues, t.text)
	return v, nil
}

// nextIsFunction says whether a call of a function stands next.
func (p *parser) nextIsFunction() bool {
	t := p.peek()
	if t.kind != tokenName || isOperator(t.text) {
		return false
	}
	next := p.tokens[p.at+1]
	return next.kind == tokenSymbol && next.text == "("
}
