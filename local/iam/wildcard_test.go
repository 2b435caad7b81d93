package iam

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestMatchARN(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		pattern, arn string
		want         bool
	}{
		{"arn:aws:s3:::bucket/*", "arn:aws:s3:::bucket/a/b", true},
		{"arn:aws:s3:::bucket/*", "arn:aws:s3:::bucket", false},
		{"arn:aws:s3:::*", "arn:aws:s3:::bucket", true},
		{"arn:*:s3:::b", "arn:aws-cn:s3:::b", true},
		{"arn:aws:*:::b", "arn:aws:s3:eu:1:b", false},
		{"arn:aws:secretsmanager:eu:1:secret:name-??????", "arn:aws:secretsmanager:eu:1:secret:name-a1B2c3", true},
		{"arn:aws:secretsmanager:eu:1:*", "arn:aws:secretsmanager:eu:1:secret:name-a1B2c3", true},
		{"arn:aws:s3:::b", "b", false},
	} {
		if got := matchARN(test.pattern, test.arn); got != test.want {
			t.Errorf("matchARN(%q, %q) = %t, want %t", test.pattern, test.arn, got, test.want)
		}
	}
}

// FuzzMatchWildcard compares with a regular expression.
func FuzzMatchWildcard(f *testing.F) {
	for _, seed := range [][2]string{
		{"", ""}, {"*", ""}, {"?", ""}, {"a*b*c", "a/b/b/c"}, {"*a?", "aaab"}, {"x*??", "xé"}, {"*??xz", "€xz"}, {"**", "a"}, {"a", "*"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, s string) {
		if !utf8.ValidString(pattern) || !utf8.ValidString(s) || len(pattern) > 100 {
			return
		}
		expression := regexp.QuoteMeta(pattern)
		expression = strings.ReplaceAll(strings.ReplaceAll(expression, `\*`, `.*`), `\?`, `.`)
		if got, want := matchWildcard(pattern, s), regexp.MustCompile(`(?s)\A`+expression+`\z`).MatchString(s); got != want {
			t.Errorf("matchWildcard(%q, %q) = %t, want %t", pattern, s, got, want)
		}
	})
}
