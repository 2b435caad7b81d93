package cloudfront

import (
	"regexp"
	"strings"
	"testing"
)

func TestPattern(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		pattern, text string
		want          bool
	}{
		{"", "", true},
		{"", "a", false},
		{"a", "a", true},
		{"a", "A", false},
		{"a", "ab", false},
		{"*", "", true},
		{"*", "a/b?c", true},
		{"?", "", false},
		{"?", "/", true},
		{"??", "a", false},
		{"*?", "", false},
		{"*?", "abc", true},
		{"a*", "ba", false},
		{"*a", "banana", true},
		{"*an*an*", "banana", true},
		{"*an*an*an*", "banana", false},
		{"a*b*c", "a-bb-cc", true},
		{"a*b*c", "a-bb-cd", false},
		{`a\?b`, "a?b", true},
		{`a\?b`, "axb", false},
		{`a\?b`, `a\?b`, false},
		{`a\*b`, `a\xyb`, true},
		{`a\`, `a\`, true},
		{"http://h/*game_download.zip*", "http://h/example_game_download.zip?license=yes", true},
		{"http://h/training/*", "http://h/training/", true},
		{"http://h/training/*", "http://h/trainings/", false},
		{"http*://h/*", "https://h/a", true},
	} {
		if got := compile(test.pattern).match(test.text); got != test.want {
			t.Errorf("compile(%q).match(%q) = %v, want %v", test.pattern, test.text, got, test.want)
		}
	}
}

// FuzzPattern compares with the same pattern written as a regular expression.
func FuzzPattern(f *testing.F) {
	f.Add("a*b?c", "axxbyc")
	f.Add(`*\?**?`, "a?b")
	f.Add("*a*a*a*a*b", "aaaaaaaaaaaaaaaa")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		// The matcher counts bytes, a regular expression characters.
		for _, s := range []string{pattern, text} {
			if strings.ContainsFunc(s, func(r rune) bool { return r > 0x7e }) || len(s) > 200 {
				return
			}
		}
		expression := regexp.QuoteMeta(pattern)
		for _, r := range [][2]string{{`\\\?`, "\x7f"}, {`\?`, "."}, {`\*`, ".*"}, {"\x7f", `\?`}} {
			expression = strings.ReplaceAll(expression, r[0], r[1])
		}
		want := regexp.MustCompile(`(?s)\A(?:` + expression + `)\z`).MatchString(text)
		if got := compile(pattern).match(text); got != want {
			t.Errorf("compile(%q).match(%q) = %v, want %v", pattern, text, got, want)
		}
	})
}
