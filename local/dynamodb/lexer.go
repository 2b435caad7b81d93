package dynamodb

import "unicode/utf8"

// tokenKind tells the words of an expression apart.
type tokenKind int

const (
	tokenEnd    tokenKind = iota
	tokenName             // an attribute, a function or a keyword
	tokenNameOf           // #placeholder
	tokenValue            // :placeholder
	tokenIndex            // digits
	tokenSymbol           // ( ) [ ] , . + - = <> < <= > >=
)

// token is one word of an expression and where it stands in it.
type token struct {
	kind       tokenKind
	text       string
	start, end int
}

// tokenize cuts an expression into words; the last one is the end.
func tokenize(source string) ([]token, error) {
	var tokens []token
	for i := 0; i < len(source); {
		if isSpace(source[i]) {
			i++
			continue
		}
		t := scan(source, i)
		if t.end == i {
			// One character, which may be several bytes.
			_, width := utf8.DecodeRuneInString(source[i:])
			t.end = i + width
			t.text = source[i:t.end]
			return nil, syntaxError(source, append(tokens, t), len(tokens))
		}
		tokens = append(tokens, t)
		i = t.end
	}
	return append(tokens, token{tokenEnd, "<EOF>", len(source), len(source)}), nil
}

// scan reads the word that starts at i; one of no length is no word.
func scan(source string, i int) token {
	run := func(from int, within func(byte) bool) int {
		for from < len(source) && within(source[from]) {
			from++
		}
		return from
	}
	kind, end := tokenSymbol, i
	switch c := source[i]; {
	case isDigit(c):
		kind, end = tokenIndex, run(i, isDigit)
	case isNamePart(c):
		kind, end = tokenName, run(i, isNamePart)
	case c == '#' || c == ':':
		if end = run(i+1, isNamePart); end == i+1 {
			end = i
		}
		kind = tokenNameOf
		if c == ':' {
			kind = tokenValue
		}
	case c == '<' && i+1 < len(source) && (source[i+1] == '=' || source[i+1] == '>'),
		c == '>' && i+1 < len(source) && source[i+1] == '=':
		end = i + 2
	default:
		switch c {
		case '(', ')', '[', ']', ',', '.', '+', '-', '=', '<', '>':
			end = i + 1
		}
	}
	return token{kind, source[i:end], i, end}
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }
func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isNamePart(c byte) bool {
	return isDigit(c) || c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// isPlaceholder says whether a key of ExpressionAttributeNames (#) or
// ExpressionAttributeValues (:) is one.
func isPlaceholder(name string, sign byte) bool {
	if len(name) < 2 || name[0] != sign {
		return false
	}
	for i := 1; i < len(name); i++ {
		if !isNamePart(name[i]) {
			return false
		}
	}
	return true
}

// syntaxError blames tokens[at], shown between its neighbours.
func syntaxError(source string, tokens []token, at int) error {
	from := tokens[max(at-1, 0)].start
	to := tokens[min(at+1, len(tokens)-1)].end
	return invalid(`Syntax error; token: "%s", near: "%s"`, tokens[at].text, source[from:to])
}
