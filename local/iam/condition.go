package iam

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// condition is one key under one operator.
type condition struct {
	key      string // lower case
	test     func(have string) bool
	negated  bool // …Not…: holds where test does not
	ifExists bool
	absence  bool // the operator Null: only presence counts
	absent   bool // with absence: the key must be missing
}

// holds follows "Condition operators": a key that is missing fails a positive
// operator and satisfies a negated one or …IfExists. AWS gives single values
// for every key these operators are meant for; of several, one that matches is
// enough, and for a negated operator none may.
func (c condition) holds(context map[string][]string) bool {
	have := valuesOf(context, c.key)
	switch {
	case c.absence:
		return (len(have) == 0) == c.absent
	case len(have) == 0:
		return c.negated || c.ifExists
	default:
		return slices.ContainsFunc(have, c.test) != c.negated
	}
}

// valuesOf finds a condition key whatever its case: a key overlooked because
// of its spelling would turn a denial off.
func valuesOf(context map[string][]string, key string) []string {
	if values, ok := context[key]; ok {
		return values
	}
	for name, values := range context {
		if strings.EqualFold(name, key) {
			return values
		}
	}
	return nil
}

func parseConditions(value any) ([]condition, error) {
	operators, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("condition: it is a %T, not an object", value)
	}
	var conditions []condition
	for operator, value := range operators {
		keys, ok := value.(map[string]any)
		if !ok || len(keys) == 0 {
			return nil, fmt.Errorf("condition.%s: it names no keys", operator)
		}
		for key, value := range keys {
			c, err := parseCondition(operator, value)
			if err != nil {
				return nil, fmt.Errorf("condition.%s.%s: %w", operator, key, err)
			}
			if !strings.Contains(key, ":") {
				return nil, fmt.Errorf("condition.%s: %q is not a condition key", operator, key)
			}
			c.key = strings.ToLower(key)
			conditions = append(conditions, c)
		}
	}
	return conditions, nil
}

func parseCondition(operator string, value any) (condition, error) {
	wanted, err := scalarList(value)
	if err != nil {
		return condition{}, err
	}
	if operator == "Null" { // it alone has no IfExists
		return parseNull(wanted)
	}
	name, ifExists := strings.CutSuffix(operator, "IfExists")
	c := condition{ifExists: ifExists}
	switch name {
	case "StringEquals", "StringNotEquals":
		c.test = func(have string) bool { return slices.Contains(wanted, have) }
	case "StringLike", "StringNotLike":
		c.test = anyOf(wanted, matchWildcard)
	case "ArnEquals", "ArnLike": // documented to behave alike, wildcards included
		if i := slices.IndexFunc(wanted, func(w string) bool { return !isARN(w) }); i >= 0 {
			return condition{}, fmt.Errorf("%q is not an ARN", wanted[i])
		}
		c.test = anyOf(wanted, matchARN)
	case "Bool":
		c.test, err = parseBool(wanted)
	case "NumericLessThan":
		c.test, err = parseNumeric(wanted, func(have, limit float64) bool { return have < limit })
	case "NumericLessThanEquals":
		c.test, err = parseNumeric(wanted, func(have, limit float64) bool { return have <= limit })
	case "NumericGreaterThan":
		c.test, err = parseNumeric(wanted, func(have, limit float64) bool { return have > limit })
	case "NumericGreaterThanEquals":
		c.test, err = parseNumeric(wanted, func(have, limit float64) bool { return have >= limit })
	case "IpAddress":
		c.test, err = parseIPAddress(wanted)
	default:
		return condition{}, errors.New("the operator is not supported")
	}
	c.negated = strings.HasPrefix(name, "StringNot")
	return c, err
}

func anyOf(patterns []string, match func(pattern, s string) bool) func(string) bool {
	return func(have string) bool {
		return slices.ContainsFunc(patterns, func(pattern string) bool { return match(pattern, have) })
	}
}

func parseNull(wanted []string) (condition, error) {
	if len(wanted) != 1 || (wanted[0] != "true" && wanted[0] != "false") {
		return condition{}, fmt.Errorf("%v is neither true nor false", wanted)
	}
	return condition{absence: true, absent: wanted[0] == "true"}, nil
}

func parseBool(wanted []string) (func(string) bool, error) {
	for _, w := range wanted {
		if w != "true" && w != "false" {
			return nil, fmt.Errorf("%q is neither true nor false", w)
		}
	}
	return func(have string) bool { return slices.Contains(wanted, strings.ToLower(have)) }, nil
}

func parseNumeric(wanted []string, compare func(have, limit float64) bool) (func(string) bool, error) {
	limits := make([]float64, len(wanted))
	for i, w := range wanted {
		limit, err := strconv.ParseFloat(w, 64)
		if err != nil {
			return nil, fmt.Errorf("%q is not a number", w)
		}
		limits[i] = limit
	}
	return func(have string) bool {
		number, err := strconv.ParseFloat(have, 64)
		return err == nil && slices.ContainsFunc(limits, func(limit float64) bool { return compare(number, limit) })
	}, nil
}

func parseIPAddress(wanted []string) (func(string) bool, error) {
	ranges := make([]netip.Prefix, len(wanted))
	for i, w := range wanted {
		prefix, err := netip.ParsePrefix(w)
		if err != nil {
			address, err := netip.ParseAddr(w) // one address is a range of one
			if err != nil {
				return nil, fmt.Errorf("%q is neither an address nor a CIDR range", w)
			}
			prefix = netip.PrefixFrom(address, address.BitLen())
		}
		ranges[i] = prefix
	}
	return func(have string) bool {
		address, err := netip.ParseAddr(have)
		return err == nil && slices.ContainsFunc(ranges, func(p netip.Prefix) bool { return p.Contains(address.Unmap()) })
	}, nil
}

// scalarList reads a condition's values. Templates write true and 300 without
// quotes; CloudFormation makes strings of them.
func scalarList(value any) ([]string, error) {
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	texts := make([]any, len(list))
	for i, element := range list {
		switch element := element.(type) {
		case bool, int, int64, uint64:
			texts[i] = fmt.Sprint(element)
		case float64:
			texts[i] = strconv.FormatFloat(element, 'f', -1, 64)
		default:
			texts[i] = element
		}
	}
	return stringList(texts)
}
