package template

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// problems collects what is wrong with a template.
type problems struct {
	file string
	list []problem
}

type problem struct {
	line int
	text string
}

func (ps *problems) add(line int, path, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if path != "" {
		text = path + ": " + text
	}
	ps.list = append(ps.list, problem{line, fmt.Sprintf("%s:%d: %s", ps.file, line, text)})
}

func (ps *problems) err() error {
	slices.SortStableFunc(ps.list, func(a, b problem) int { return cmp.Compare(a.line, b.line) })
	said := map[string]bool{}
	var errs []error
	for _, p := range ps.list {
		if !said[p.text] {
			errs = append(errs, errors.New(p.text))
		}
		said[p.text] = true
	}
	return errors.Join(errs...)
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// cursor is a place in a template, possibly one where nothing stands. Reading
// an absent or an already reported place gives the zero value and no problem,
// so that readers need no error handling of their own.
type cursor struct {
	n        *node // nil: absent
	line     int   // of the surroundings, for what is absent
	path     string
	problems *problems
}

func (c cursor) problem(format string, args ...any) {
	line := c.line
	if c.n != nil {
		line = c.n.line
	}
	c.problems.add(line, c.path, format, args...)
}

func (c cursor) present() bool { return c.n != nil && c.n.kind != kindNone }

func (c cursor) is(k kind) bool { return c.present() && c.n.kind == k }

// readable says that there is something at c which nothing was said about yet.
func (c cursor) readable() bool { return c.present() && c.n.kind != kindBroken }

// required reports it if nothing stands at c.
func (c cursor) required() cursor {
	if !c.present() {
		c.problem("required")
	}
	return c
}

// absent refuses whatever stands at c, saying why.
func (c cursor) absent(why string) {
	if c.readable() {
		c.problem("%s", why)
	}
}

// text reads a string. Numbers and booleans are rendered as CloudFormation does.
func (c cursor) text() string {
	if !c.readable() {
		return ""
	}
	switch c.n.kind {
	case kindText, kindBool:
		return c.n.text
	case kindNumber:
		// Whoever parses it as a number on the way drops the zero, whoever doesn't keeps it.
		if strings.Contains(c.n.text, ".") && strings.HasSuffix(c.n.text, "0") {
			c.problem("%s: put it in quotes, it is ambiguous as text", c.n.text)
		}
		return c.n.text
	}
	c.problem("must be a string")
	return ""
}

// oneOf reads a string that must be one of those given.
func (c cursor) oneOf(allowed ...string) string {
	s := c.text()
	if c.readable() && !slices.Contains(allowed, s) {
		c.problem("%q: must be %s", s, strings.Join(allowed, " or "))
		return ""
	}
	return s
}

func (c cursor) boolean() bool { return c.oneOf("true", "false") == "true" }

// integer reads a whole number between least and most.
func (c cursor) integer(least, most int) int {
	s := c.text()
	if !c.readable() {
		return 0
	}
	i, err := strconv.Atoi(s)
	if err != nil || i < least || i > most || !isNumber(s) {
		c.problem("%q: must be a whole number from %d to %d", s, least, most)
		return 0
	}
	return i
}

func (c cursor) seconds(least, most int) time.Duration {
	return time.Duration(c.integer(least, most)) * time.Second
}

// or is what reads an optional value: read's, if something stands at c.
func or[T any](c cursor, fallback T, read func(cursor) T) T {
	if !c.present() {
		return fallback
	}
	return read(c)
}

// list gives the elements of a list.
func (c cursor) list() []cursor {
	if !c.readable() {
		return nil
	}
	if c.n.kind != kindList {
		c.problem("must be a list")
		return nil
	}
	out := make([]cursor, 0, len(c.n.items))
	for i, item := range c.n.items {
		out = append(out, cursor{n: item, line: c.n.line, path: fmt.Sprintf("%s[%d]", c.path, i), problems: c.problems})
	}
	return out
}

func (c cursor) texts() []string {
	var out []string
	for _, item := range c.list() {
		out = append(out, item.text())
	}
	return out
}

// textsOf reads a list of strings that must be among those given.
func (c cursor) textsOf(allowed ...string) []string {
	var out []string
	for _, item := range c.list() {
		out = append(out, item.oneOf(allowed...))
	}
	return out
}

// object is a mapping being read. Each key must be asked for; the rest is not known.
type object struct {
	at    cursor
	asked map[string]bool
}

func (o *object) get(key string) cursor {
	o.asked[key] = true
	c := cursor{line: o.at.n.line, path: join(o.at.path, key), problems: o.at.problems}
	c.n = o.at.n.get(key)
	return c
}

// inconsequential marks keys as known whose values, whatever they are, change
// nothing for the embedded AWS. Callers say why.
func (o *object) inconsequential(keys ...string) {
	for _, key := range keys {
		o.get(key)
	}
}

// fields reads the mapping at c, if there is one, and reports all keys that
// read did not ask for.
func (c cursor) fields(read func(*object)) {
	if !c.readable() {
		return
	}
	if c.n.kind != kindMapping {
		c.problem("must be a mapping")
		return
	}
	o := &object{at: c, asked: map[string]bool{}}
	read(o)
	for _, p := range c.n.pairs {
		if !o.asked[p.key] {
			c.problems.add(p.line, join(c.path, p.key), "not known")
		}
	}
}

// eachField reads a mapping whose keys are names of the template's own.
func (c cursor) eachField(read func(name string, at cursor)) {
	c.fields(func(o *object) {
		for _, p := range c.n.pairs {
			read(p.key, o.get(p.key))
		}
	})
}

// plain gives what stands at c as decoded JSON.
func (c cursor) plain() any {
	if !c.readable() {
		return nil
	}
	return c.n.plain()
}

func (n *node) plain() any {
	return n.decode(func(scalar *node) any {
		switch scalar.kind {
		case kindBool:
			return scalar.text == "true"
		case kindNumber:
			if f, err := strconv.ParseFloat(scalar.text, 64); err == nil {
				return f
			}
		}
		return scalar.text
	})
}

// decode gives lists and mappings as JSON's decoder does, and scalars as told.
func (n *node) decode(scalar func(*node) any) any {
	switch n.kind {
	case kindList:
		list := make([]any, 0, len(n.items))
		for _, item := range n.items {
			list = append(list, item.decode(scalar))
		}
		return list
	case kindMapping:
		m := make(map[string]any, len(n.pairs))
		for _, p := range n.pairs {
			m[p.key] = p.value.decode(scalar)
		}
		return m
	}
	return scalar(n)
}
