// Package lambdaenv reads a function's environment once, when its container
// starts, and reports everything that is wrong with it at once.
//
//	env := lambdaenv.New()
//	bucket := env.String("UPLOAD_BUCKET")
//	ttl := env.Duration("UPLOAD_URL_TTL", 15*time.Minute, time.Second, time.Hour)
//	if err := env.Err(); err != nil { … }
//
// It also makes the [aws.Config] of the container, from the variables Lambda
// itself sets ([Env.AWS]), and tells a request's id ([RequestID]).
package lambdaenv

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Env reads variables and collects what is wrong with them. An empty variable
// counts as unset: SAM passes what a template declares and nobody filled in.
type Env struct {
	problems []string
}

// New returns an Env over the environment of the process.
func New() *Env { return &Env{} }

// Err names every problem met so far, once, in one line, or is nil.
func (e *Env) Err() error {
	if len(e.problems) == 0 {
		return nil
	}
	return fmt.Errorf("environment: %s", strings.Join(e.problems, "; "))
}

// String returns a variable that must be set.
func (e *Env) String(name string) string {
	s := os.Getenv(name)
	if s == "" {
		e.problem(name, "is not set")
	}
	return s
}

// StringOr returns a variable, or fallback where it is unset.
func (e *Env) StringOr(name, fallback string) string {
	if s := os.Getenv(name); s != "" {
		return s
	}
	return fallback
}

// OneOf returns a variable that must be one of choices; the first is the default.
func (e *Env) OneOf(name string, choices ...string) string {
	s := e.StringOr(name, choices[0])
	for _, c := range choices {
		if s == c {
			return s
		}
	}
	e.problem(name, "must be "+strings.Join(choices, " or "))
	return choices[0]
}

// Duration returns a variable in Go's notation (15m, 1h30m), within [least, most].
func (e *Env) Duration(name string, fallback, least, most time.Duration) time.Duration {
	s := os.Getenv(name)
	if s == "" {
		return fallback
	}
	d, err := time.ParseDuration(s)
	switch {
	case err != nil:
		e.problem(name, "must be a duration such as 15m")
	case d < least || d > most:
		e.problem(name, fmt.Sprintf("must be %v to %v", least, most))
	default:
		return d
	}
	return fallback
}

// Int64 returns a whole number within [least, most].
func (e *Env) Int64(name string, fallback, least, most int64) int64 {
	s := os.Getenv(name)
	if s == "" {
		return fallback
	}
	n, err := strconv.ParseInt(s, 10, 64)
	switch {
	case err != nil:
		e.problem(name, "must be a whole number")
	case n < least || n > most:
		e.problem(name, fmt.Sprintf("must be %d to %d", least, most))
	default:
		return n
	}
	return fallback
}

// List returns the items of a comma-separated variable, trimmed, or those of
// fallback where it is unset. An empty item is a problem.
func (e *Env) List(name, fallback string) []string {
	items := strings.Split(e.StringOr(name, fallback), ",")
	for i, item := range items {
		items[i] = strings.TrimSpace(item)
		if items[i] == "" {
			e.problem(name, "has an empty item")
			return nil
		}
	}
	return items
}

// Add notes what a package found wrong with a value read from a variable.
// A nil error is no problem.
func (e *Env) Add(name string, err error) {
	if err != nil {
		e.problem(name, err.Error())
	}
}

func (e *Env) problem(name, text string) {
	problem := name + " " + text
	// A function with two clients asks for the region twice.
	if !slices.Contains(e.problems, problem) {
		e.problems = append(e.problems, problem)
	}
}
