package cloudfront

// pattern is a string with CloudFront's wildcards: * stands for any number of
// characters, also none and also slashes, ? for exactly one. In a policy's
// Resource \? is a question mark; any other backslash is itself.
type pattern struct {
	tokens []token
}

type token struct {
	kind wildcard
	char byte // of a literal
}

type wildcard int

const (
	literal wildcard = iota
	anyOne
	anyRun
)

// compile reads a pattern. Characters are bytes: a URL on the wire has no
// others.
func compile(text string) *pattern {
	p := &pattern{tokens: make([]token, 0, len(text))}
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '*':
			// A run of stars is one star, or matching would take longer for each.
			if n := len(p.tokens); n == 0 || p.tokens[n-1].kind != anyRun {
				p.tokens = append(p.tokens, token{kind: anyRun})
			}
		case c == '?':
			p.tokens = append(p.tokens, token{kind: anyOne})
		case c == '\\' && i+1 < len(text) && text[i+1] == '?':
			i++
			p.tokens = append(p.tokens, token{char: '?'})
		default:
			p.tokens = append(p.tokens, token{char: c})
		}
	}
	return p
}

// match reports whether p stands for all of s. It goes back to the last star
// only, so it takes at most len(s) times len(p) steps.
func (p *pattern) match(s string) bool {
	at, star, resume := 0, -1, 0
	for i := 0; i < len(s); {
		switch {
		case at < len(p.tokens) && p.tokens[at].kind == anyRun:
			star, resume = at, i
			at++
		case at < len(p.tokens) && (p.tokens[at].kind == anyOne || p.tokens[at].char == s[i]):
			at++
			i++
		case star >= 0:
			resume++
			at, i = star+1, resume
		default:
			return false
		}
	}
	for at < len(p.tokens) && p.tokens[at].kind == anyRun {
		at++
	}
	return at == len(p.tokens)
}
