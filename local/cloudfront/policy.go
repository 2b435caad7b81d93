package cloudfront

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// policy is what a signed URL allows: one statement.
type policy struct {
	resource *pattern // nil: everything that the key opens
	notAfter time.Time
	// The zero value of the next two is no condition.
	notBefore time.Time
	viewers   netip.Prefix
}

// cannedPolicy is the text that was signed for a URL with Expires ("Create a
// signed URL using a canned policy"): exactly so, without white space. Nothing
// needs JSON's escapes, since a target holds neither quotation marks nor
// backslashes.
func cannedPolicy(resource, expires string) string {
	return `{"Statement":[{"Resource":"` + resource +
		`","Condition":{"DateLessThan":{"AWS:EpochTime":` + expires + `}}}]}`
}

// parsePolicy reads a custom policy ("Create a signed URL using a custom
// policy"). White space is allowed, for AWS's own examples have it; members
// that are unknown, duplicated or differ in case are not, nor is anything
// after the document.
func parsePolicy(text []byte) (policy, error) {
	if !utf8.Valid(text) || !json.Valid(text) {
		return policy{}, errors.New("the policy is not JSON in UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	tree, err := readValue(d, 0)
	if err != nil {
		return policy{}, err
	}

	document, err := members(tree, "Statement")
	if err != nil {
		return policy{}, fmt.Errorf("reading the policy: %w", err)
	}
	statements, ok := document["Statement"].([]any)
	if !ok || len(statements) != 1 {
		return policy{}, errors.New("the policy does not have exactly one statement")
	}
	statement, err := members(statements[0], "Resource", "Condition")
	if err != nil {
		return policy{}, fmt.Errorf("reading the statement: %w", err)
	}

	var p policy
	if resource, present := statement["Resource"]; present {
		s, ok := resource.(string)
		if !ok || s == "" {
			return policy{}, errors.New("the Resource is not a URL")
		}
		p.resource = compile(s)
	}
	return p, p.readConditions(statement["Condition"])
}

func (p *policy) readConditions(value any) error {
	conditions, err := members(value, "DateLessThan", "DateGreaterThan", "IpAddress")
	if err != nil {
		return fmt.Errorf("reading Condition: %w", err)
	}
	// The only condition that AWS requires, so that no URL lives for ever.
	if p.notAfter, err = epochTime(conditions["DateLessThan"]); err != nil {
		return fmt.Errorf("reading DateLessThan: %w", err)
	}
	if value, present := conditions["DateGreaterThan"]; present {
		if p.notBefore, err = epochTime(value); err != nil {
			return fmt.Errorf("reading DateGreaterThan: %w", err)
		}
	}
	if value, present := conditions["IpAddress"]; present {
		if p.viewers, err = sourceIP(value); err != nil {
			return fmt.Errorf("reading IpAddress: %w", err)
		}
	}
	return nil
}

func epochTime(value any) (time.Time, error) {
	m, err := members(value, "AWS:EpochTime")
	if err != nil {
		return time.Time{}, err
	}
	n, ok := m["AWS:EpochTime"].(json.Number)
	if !ok {
		return time.Time{}, errors.New("AWS:EpochTime is not a number")
	}
	return parseEpoch(n.String())
}

// parseEpoch reads seconds since 1970. Ten digits reach the year 2286; a URL
// whose thirteen counted milliseconds was answered with MalformedPolicy
// (aws/aws-sdk-js issue 2236).
func parseEpoch(s string) (time.Time, error) {
	if len(s) > 10 || s != "0" && strings.HasPrefix(s, "0") {
		return time.Time{}, errors.New("the time is not in seconds since 1970")
	}
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil {
		return time.Time{}, errors.New("the time is not in whole seconds since 1970")
	}
	return time.Unix(int64(n), 0), nil
}

func sourceIP(value any) (netip.Prefix, error) {
	m, err := members(value, "AWS:SourceIp")
	if err != nil {
		return netip.Prefix{}, err
	}
	s, _ := m["AWS:SourceIp"].(string)
	// A single address is written /32.
	prefix, err := netip.ParsePrefix(s)
	if err != nil || !prefix.Addr().Is4() {
		return netip.Prefix{}, errors.New("AWS:SourceIp is not an IPv4 range in CIDR form")
	}
	return prefix, nil
}

// allows reports whether a viewer may have resource now.
func (p policy) allows(resource string, viewer netip.Addr, now time.Time) bool {
	switch {
	case p.resource != nil && !p.resource.match(resource):
		return false
	case !now.Before(p.notAfter):
		return false
	case now.Before(p.notBefore):
		return false
	case p.viewers.IsValid() && !p.viewers.Contains(viewer):
		return false
	}
	return true
}

// members checks that value is an object with no other members than these.
func members(value any, known ...string) (map[string]any, error) {
	object, ok := value.(map[string]any)
	if !ok {
		return nil, errors.New("an object is missing")
	}
	found := 0
	for _, name := range known {
		if _, ok := object[name]; ok {
			found++
		}
	}
	if found != len(object) {
		return nil, errors.New("there is an unknown member")
	}
	return object, nil
}

// maxDepth is deeper than any policy: a document, its statements, a statement,
// its conditions, one of them.
const maxDepth = 6

// readValue reads one JSON value of a document known to be valid. Unlike
// Decode it does not let a later member win over an earlier one of its name.
func readValue(d *json.Decoder, depth int) (any, error) {
	if depth > maxDepth {
		return nil, errors.New("the policy is nested too deeply")
	}
	t, err := d.Token()
	if err != nil {
		return nil, fmt.Errorf("reading the policy: %w", err)
	}
	switch t {
	case json.Delim('{'):
		return readObject(d, depth)
	case json.Delim('['):
		return readArray(d, depth)
	}
	// An unpaired surrogate is decoded to U+FFFD: another string than the one
	// that was signed.
	if s, ok := t.(string); ok && strings.ContainsRune(s, utf8.RuneError) {
		return nil, errors.New("the policy has a string that is not Unicode")
	}
	return t, nil
}

func readObject(d *json.Decoder, depth int) (map[string]any, error) {
	object := make(map[string]any)
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("reading the policy: %w", err)
		}
		name, _ := t.(string)
		if _, twice := object[name]; twice {
			return nil, errors.New("the policy has a member twice")
		}
		if object[name], err = readValue(d, depth+1); err != nil {
			return nil, err
		}
	}
	_, err := d.Token() // the closing brace
	return object, err
}

func readArray(d *json.Decoder, depth int) ([]any, error) {
	var array []any
	for d.More() {
		value, err := readValue(d, depth+1)
		if err != nil {
			return nil, err
		}
		array = append(array, value)
	}
	_, err := d.Token() // the closing bracket
	return array, err
}
