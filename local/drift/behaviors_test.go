package drift

import (
	"slices"
	"strings"
	"testing"
	"time"

	"airlock/local/template"
)

// TestBehaviors holds every way through the distribution to what makes it safe:
// a signature, nothing but reading, nothing kept for long, and headers under
// which what was uploaded can't run, whatever the object's own say.
func TestBehaviors(t *testing.T) {
	t.Parallel()
	looked := 0
	for _, d := range load(t).Distributions {
		for _, b := range append(slices.Clone(d.Behaviors), d.Default) {
			looked++
			for _, problem := range unsafe(b) {
				t.Errorf("behavior %q: %s", b.PathPattern, problem)
			}
		}
	}
	if looked == 0 {
		t.Error("the template has no behavior")
	}
	// That it would be seen.
	for what, change := range map[string]func(*template.Behavior){
		"no key group":     func(b *template.Behavior) { b.TrustedKeyGroups = nil },
		"another method":   func(b *template.Behavior) { b.AllowedMethods = append(b.AllowedMethods, "OPTIONS") },
		"a long life":      func(b *template.Behavior) { b.Cache.MaxTTL = time.Hour },
		"no headers":       func(b *template.Behavior) { b.ResponseHeaders = nil },
		"no sandbox":       func(b *template.Behavior) { b.ResponseHeaders.Headers = b.ResponseHeaders.Headers[:1] },
		"the object's own": func(b *template.Behavior) { b.ResponseHeaders.Headers[0].Override = false },
		"credentials":      func(b *template.Behavior) { b.ResponseHeaders.CORS.AllowCredentials = true },
	} {
		b := load(t).Distributions[0].Default
		change(&b)
		if len(unsafe(b)) == 0 {
			t.Errorf("a behavior with %s passes", what)
		}
	}
}

func unsafe(b template.Behavior) (problems []string) {
	if len(b.TrustedKeyGroups) != 1 {
		problems = append(problems, "it has no key group of its own")
	}
	if !slices.Equal(b.AllowedMethods, []string{"GET", "HEAD"}) {
		problems = append(problems, "it allows more than GET and HEAD")
	}
	if b.Cache.DefaultTTL != 300*time.Second || b.Cache.MaxTTL != 300*time.Second {
		problems = append(problems, "the edge keeps files for another time than five minutes")
	}
	if b.ResponseHeaders == nil {
		return append(problems, "it sets no headers")
	}
	for name, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox", "Referrer-Policy": "no-referrer",
		"Strict-Transport-Security": "max-age=63072000", "Cache-Control": "private, no-cache",
	} {
		if !slices.ContainsFunc(b.ResponseHeaders.Headers, func(h template.ResponseHeader) bool {
			return h.Name == name && h.Override && strings.Contains(h.Value, want)
		}) {
			problems = append(problems, "it does not put "+name+": "+want+" over the object's own")
		}
	}
	if c := b.ResponseHeaders.CORS; c == nil || c.AllowCredentials || !c.Override {
		problems = append(problems, "CORS is the object's own, or takes credentials")
	}
	return problems
}
