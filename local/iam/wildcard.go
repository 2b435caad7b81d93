package iam

import (
	"strings"
	"unicode/utf8"
)

// matchWildcard compares s with a pattern in which * stands for any run of
// characters, / among them, and ? for exactly one.
func matchWildcard(pattern, s string) bool {
	star, retry := -1, 0 // where the last * stands, and where in s it may next end
	p, i := 0, 0
	for i < len(s) {
		_, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, retry = p, i
			p++
		case p < len(pattern) && pattern[p] == '?':
			p, i = p+1, i+size
		case p < len(pattern) && pattern[p] == s[i]:
			p, i = p+1, i+1
		case star >= 0:
			_, size = utf8.DecodeRuneInString(s[retry:])
			retry += size
			p, i = star+1, retry
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// arnParts is how many parts, parted by colons, an ARN has. The last one may
// hold colons of its own.
const arnParts = 6

func isARN(s string) bool {
	return strings.HasPrefix(s, "arn:") && strings.Count(s, ":") >= arnParts-1
}

// matchARN compares part by part, as AWS does, so that a * in the account
// can't swallow the resource. The pattern is one that isARN accepted.
func matchARN(pattern, arn string) bool {
	want, have := strings.SplitN(pattern, ":", arnParts), strings.SplitN(arn, ":", arnParts)
	if len(want) != len(have) {
		return false
	}
	for i := range want {
		if !matchWildcard(want[i], have[i]) {
			return false
		}
	}
	return true
}
