package apigateway

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// defaultKey is the route that takes what no other route does.
const defaultKey = "$default"

// route is a compiled Route.
type route struct {
	key        string // "POST /uploads", or $default
	method     string // ANY for every method
	segments   []segment
	function   string
	authorizer *authorizer // nil: open
	scopes     []string
}

// segment is one part of a route's path between slashes.
type segment struct {
	kind kind
	text string // of a literal: itself; of a variable: its name
}

// kind tells the segments apart. Smaller is more specific.
type kind int

const (
	literal  kind = iota
	variable      // {name}
	greedy        // {name+}
	fallback      // $default
)

// compile turns the template's routes into a list in which the first match is
// the right one.
func compile(api string, routes []Route, authorizers map[string]*authorizer) ([]route, error) {
	compiled := make([]route, 0, len(routes))
	taken := make(map[string]string, len(routes))
	for _, r := range routes {
		if r.APILogicalID != api {
			return nil, fmt.Errorf("route %s %s belongs to API %q, not to %q", r.Method, r.Path, r.APILogicalID, api)
		}
		if r.Function == "" {
			return nil, fmt.Errorf("route %s %s has no function", r.Method, r.Path)
		}
		c, err := compileRoute(r)
		if err != nil {
			return nil, fmt.Errorf("route %s %s: %w", r.Method, r.Path, err)
		}
		if r.Authorizer != "" {
			if c.authorizer = authorizers[r.Authorizer]; c.authorizer == nil {
				return nil, fmt.Errorf("route %s: the API has no authorizer %q", c.key, r.Authorizer)
			}
		} else if len(r.Scopes) > 0 {
			return nil, fmt.Errorf("route %s: scopes without an authorizer", c.key)
		}
		if other, ok := taken[c.shape()]; ok {
			return nil, fmt.Errorf("routes %s and %s match the same requests", other, c.key)
		}
		taken[c.shape()] = c.key
		compiled = append(compiled, c)
	}
	slices.SortStableFunc(compiled, bySpecificity)
	return compiled, nil
}

func compileRoute(r Route) (route, error) {
	c := route{method: r.Method, function: r.Function, scopes: r.Scopes}
	if r.Path == defaultKey {
		if r.Method != "ANY" && r.Method != "" {
			return route{}, errors.New("$default takes every method")
		}
		c.key, c.method, c.segments = defaultKey, "ANY", []segment{{kind: fallback}}
		return c, nil
	}
	if !slices.Contains([]string{"ANY", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"}, r.Method) {
		return route{}, errors.New("the method is not one of an HTTP API's")
	}
	if !strings.HasPrefix(r.Path, "/") {
		return route{}, errors.New("the path does not start with a slash")
	}
	c.key = r.Method + " " + r.Path
	parts := strings.Split(r.Path[1:], "/")
	names := make(map[string]bool)
	for i, part := range parts {
		s, err := parseSegment(part)
		if err != nil {
			return route{}, err
		}
		if s.kind == greedy && i != len(parts)-1 {
			return route{}, errors.New("a greedy variable must be the last part of the path")
		}
		if s.kind != literal {
			if names[s.text] {
				return route{}, fmt.Errorf("variable %q is there twice", s.text)
			}
			names[s.text] = true
		}
		c.segments = append(c.segments, s)
	}
	return c, nil
}

func parseSegment(part string) (segment, error) {
	if !strings.ContainsAny(part, "{}") {
		return segment{kind: literal, text: part}, nil
	}
	name, ok := strings.CutPrefix(part, "{")
	if !ok {
		return segment{}, errors.New("a variable must be a whole part of the path")
	}
	if name, ok = strings.CutSuffix(name, "}"); !ok {
		return segment{}, errors.New("a variable must be a whole part of the path")
	}
	name, isGreedy := strings.CutSuffix(name, "+")
	if name == "" || strings.ContainsAny(name, "{}+") {
		return segment{}, errors.New("a variable's name is malformed")
	}
	if isGreedy {
		return segment{kind: greedy, text: name}, nil
	}
	return segment{kind: variable, text: name}, nil
}

// shape is the same for routes that match the same requests.
func (r route) shape() string {
	var b strings.Builder
	b.WriteString(r.method)
	for _, s := range r.segments {
		text := s.text
		if s.kind != literal {
			text = ""
		}
		fmt.Fprintf(&b, "/%d%s", s.kind, text)
	}
	return b.String()
}

// bySpecificity orders routes so that the most specific comes first: "full
// match for a route and method", then "match for a route and method with a
// greedy path variable", then $default (Create routes for HTTP APIs, Routing
// API requests). Among those, a literal part goes before a variable, and a
// named method before ANY.
func bySpecificity(a, b route) int {
	rank := func(r route) kind {
		if last := r.segments[len(r.segments)-1].kind; last >= greedy {
			return last
		}
		return literal
	}
	if c := cmp.Compare(rank(a), rank(b)); c != 0 {
		return c
	}
	for i := range min(len(a.segments), len(b.segments)) {
		if c := cmp.Compare(a.segments[i].kind, b.segments[i].kind); c != 0 {
			return c
		}
	}
	if c := cmp.Compare(len(b.segments), len(a.segments)); c != 0 {
		return c
	}
	switch {
	case a.method == b.method:
		return 0
	case a.method == "ANY":
		return 1
	case b.method == "ANY":
		return -1
	}
	return 0
}

// match finds the route of a request, and the values of its variables. path is
// decoded; nil means that no route matches.
func match(routes []route, method, path string) (*route, map[string]string) {
	for i := range routes {
		r := &routes[i]
		if r.method != "ANY" && r.method != method {
			continue
		}
		if params, ok := r.matchPath(path); ok {
			return r, params
		}
	}
	return nil, nil
}

func (r *route) matchPath(path string) (map[string]string, bool) {
	if r.key == defaultKey {
		return nil, true
	}
	rest, ok := strings.CutPrefix(path, "/")
	if !ok {
		return nil, false
	}
	var params map[string]string
	set := func(name, value string) {
		if params == nil {
			params = make(map[string]string)
		}
		params[name] = value
	}
	for i, s := range r.segments {
		if s.kind == greedy {
			if rest == "" {
				return nil, false
			}
			set(s.text, rest)
			return params, true
		}
		part, after, more := strings.Cut(rest, "/")
		// What follows the last segment may not even be a slash: /uploads and
		// /uploads/ are different paths to an HTTP API.
		if more == (i == len(r.segments)-1) {
			return nil, false
		}
		switch {
		case s.kind == literal && part != s.text, s.kind == variable && part == "":
			return nil, false
		case s.kind == variable:
			set(s.text, part)
		}
		rest = after
	}
	return params, true
}
