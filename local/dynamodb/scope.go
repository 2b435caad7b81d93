package dynamodb

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// scope is what the placeholders of a request's expressions stand for.
type scope struct {
	names        map[string]string
	values       item
	unusedNames  map[string]bool
	unusedValues map[string]bool
}

// expression is one of a request's expression parameters.
type expression struct {
	parameter string
	source    *string
	// valueless expressions have no use for :placeholders.
	valueless bool
}

// newScope reads ExpressionAttributeNames and -Values, which must not be there
// without an expression to use them.
func newScope(req *request, expressions ...expression) (*scope, error) {
	var given bool
	var absent []string
	valued := false
	for _, e := range expressions {
		given = given || e.source != nil
		if !e.valueless {
			valued = valued || e.source != nil
			absent = append(absent, e.parameter)
		}
	}
	s := &scope{unusedNames: map[string]bool{}, unusedValues: map[string]bool{}}
	if !isNull(req.ExpressionAttributeNames) {
		if !given {
			return nil, invalid("ExpressionAttributeNames can only be specified when using expressions")
		}
		if err := s.readNames(req.ExpressionAttributeNames); err != nil {
			return nil, err
		}
	}
	if !isNull(req.ExpressionAttributeValues) {
		if !valued {
			verb := "is"
			if len(absent) > 1 {
				verb = "are"
			}
			return nil, invalid("ExpressionAttributeValues can only be specified when using expressions: %s %s null", strings.Join(absent, " and "), verb)
		}
		if err := s.readValues(req.ExpressionAttributeValues); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *scope) readNames(raw json.RawMessage) error {
	found, err := decodeObject(raw)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return invalid("ExpressionAttributeNames must not be empty")
	}
	s.names = make(map[string]string, len(found))
	for _, m := range found {
		if !isPlaceholder(m.name, '#') {
			return invalid("ExpressionAttributeNames contains invalid key: Syntax error; key: \"%s\"", m.name)
		}
		var name string
		if err := json.Unmarshal(m.raw, &name); err != nil {
			return wrongType(m.raw, "String")
		}
		if name == "" {
			return invalid("ExpressionAttributeNames contains invalid value: Empty attribute name for key %s", m.name)
		}
		s.names[m.name] = name
		s.unusedNames[m.name] = true
	}
	return nil
}

func (s *scope) readValues(raw json.RawMessage) error {
	found, err := decodeObject(raw)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return invalid("ExpressionAttributeValues must not be empty")
	}
	s.values = make(item, len(found))
	for _, m := range found {
		if !isPlaceholder(m.name, ':') {
			return invalid("ExpressionAttributeValues contains invalid key: Syntax error; key: \"%s\"", m.name)
		}
		v, err := decodeValue(m.raw, 1)
		if r, ok := asRefusal(err); ok && r.namespace == validation {
			return invalid("ExpressionAttributeValues contains invalid value: %s for key %s", r.message, m.name)
		}
		if err != nil {
			return err
		}
		s.values[m.name] = v
		s.unusedValues[m.name] = true
	}
	return nil
}

// checkUsed complains of placeholders that no expression mentioned.
func (s *scope) checkUsed() error {
	if len(s.unusedNames) > 0 {
		return invalid("Value provided in ExpressionAttributeNames unused in expressions: keys: {%s}", listed(s.unusedNames))
	}
	if len(s.unusedValues) > 0 {
		return invalid("Value provided in ExpressionAttributeValues unused in expressions: keys: {%s}", listed(s.unusedValues))
	}
	return nil
}

func listed(set map[string]bool) string {
	return strings.Join(slices.Sorted(maps.Keys(set)), ", ")
}
