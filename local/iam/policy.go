package iam

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Decision is what a policy says of a request.
type Decision int

// The three answers a policy can give.
const (
	NoMatch Decision = iota
	Allow
	Deny
)

func (d Decision) String() string {
	switch d {
	case Allow:
		return "Allow"
	case Deny:
		return "Deny"
	default:
		return "NoMatch"
	}
}

// Policy is a parsed policy document. The zero value matches nothing.
type Policy struct {
	statements      []statement
	namesPrincipals bool // a resource's policy; otherwise a role's
}

type statement struct {
	effect     Decision
	principals []string // "*", ARNs, service names; empty in a role's policy
	actions    []string // lower case
	resources  []string
	conditions []condition
}

// Evaluate answers for one policy; an explicit deny wins. caller is matched
// against Principal in resource policies: an ARN, a service name such as
// cloudfront.amazonaws.com, or "" for an anonymous caller. A statement without
// Principal, as a role's are, is about any caller.
func (p Policy) Evaluate(caller string, r Request) Decision {
	decision := NoMatch
	for _, s := range p.statements {
		if !s.matches(caller, r) {
			continue
		}
		if s.effect == Deny {
			return Deny
		}
		decision = Allow
	}
	return decision
}

func (s statement) matches(caller string, r Request) bool {
	if len(s.principals) > 0 && !slices.ContainsFunc(s.principals, func(p string) bool {
		return p == "*" || (p == caller && caller != "")
	}) {
		return false
	}
	action := strings.ToLower(r.Action) // actions are case-insensitive, resources are not
	if !slices.ContainsFunc(s.actions, func(pattern string) bool { return matchWildcard(pattern, action) }) {
		return false
	}
	if !slices.ContainsFunc(s.resources, func(pattern string) bool {
		return pattern == "*" || matchARN(pattern, r.Resource)
	}) {
		return false
	}
	for _, c := range s.conditions {
		if !c.holds(r.Context) {
			return false
		}
	}
	return true
}

// policyVersion is the only version read: the older one, which is also what a
// document without Version has, differs in its variables.
const policyVersion = "2012-10-17"

// ParsePolicy reads a policy document as decoded JSON (map[string]any). What
// it does not know (a condition operator, NotAction …) is an error.
func ParsePolicy(document any) (Policy, error) {
	fields, ok := document.(map[string]any)
	if !ok {
		return Policy{}, fmt.Errorf("parse policy: the document is a %T, not an object", document)
	}
	if err := onlyKnown(fields, "Version", "Id", "Statement"); err != nil {
		return Policy{}, fmt.Errorf("parse policy: %w", err)
	}
	if fields["Version"] != policyVersion {
		return Policy{}, fmt.Errorf("parse policy: version is %v, not %q", fields["Version"], policyVersion)
	}
	if err := optionalString(fields, "Id"); err != nil {
		return Policy{}, fmt.Errorf("parse policy: %w", err)
	}
	list, ok := fields["Statement"].([]any)
	if !ok {
		list = []any{fields["Statement"]} // a single statement may stand without brackets
	}
	if len(list) == 0 {
		return Policy{}, errors.New("parse policy: the list of statements is empty")
	}
	var policy Policy
	for i, element := range list {
		s, err := parseStatement(element)
		if err != nil {
			return Policy{}, fmt.Errorf("parse policy: statement %d: %w", i+1, err)
		}
		if named := len(s.principals) > 0; i == 0 {
			policy.namesPrincipals = named
		} else if policy.namesPrincipals != named {
			return Policy{}, fmt.Errorf("parse policy: statement %d: some statements have a Principal and others do not", i+1)
		}
		policy.statements = append(policy.statements, s)
	}
	return policy, nil
}

func parseStatement(element any) (statement, error) {
	fields, ok := element.(map[string]any)
	if !ok {
		return statement{}, fmt.Errorf("it is a %T, not an object", element)
	}
	err := onlyKnown(fields, "Sid", "Effect", "Principal", "Action", "Resource", "Condition")
	if err != nil {
		return statement{}, err
	}
	if err = optionalString(fields, "Sid"); err != nil {
		return statement{}, err
	}
	var s statement
	switch fields["Effect"] {
	case "Allow":
		s.effect = Allow
	case "Deny":
		s.effect = Deny
	default:
		return statement{}, fmt.Errorf("effect is %v, not Allow or Deny", fields["Effect"])
	}
	if s.actions, err = parseActions(fields["Action"]); err != nil {
		return statement{}, err
	}
	if s.resources, err = parseResources(fields["Resource"]); err != nil {
		return statement{}, err
	}
	if principal, ok := fields["Principal"]; ok {
		if s.principals, err = parsePrincipals(principal); err != nil {
			return statement{}, err
		}
	}
	if condition, ok := fields["Condition"]; ok {
		if s.conditions, err = parseConditions(condition); err != nil {
			return statement{}, err
		}
	}
	return s, nil
}

func parseActions(value any) ([]string, error) {
	actions, err := stringList(value)
	if err != nil {
		return nil, fmt.Errorf("action: %w", err)
	}
	for i, action := range actions {
		service, name, ok := strings.Cut(action, ":")
		if action != "*" && (!ok || service == "" || name == "" || strings.ContainsAny(service, "*?") || strings.Contains(name, ":")) {
			return nil, fmt.Errorf("action: %q is neither * nor service:Name", action)
		}
		actions[i] = strings.ToLower(action)
	}
	return actions, nil
}

func parseResources(value any) ([]string, error) {
	resources, err := stringList(value)
	if err != nil {
		return nil, fmt.Errorf("resource: %w", err)
	}
	for _, resource := range resources {
		if resource != "*" && !isARN(resource) {
			return nil, fmt.Errorf("resource: %q is neither * nor an ARN", resource)
		}
	}
	return resources, nil
}

// parsePrincipals flattens the three forms. The kinds can't be mistaken for
// each other: a role's ARN is not a service's name.
func parsePrincipals(value any) ([]string, error) {
	if value == "*" {
		return []string{"*"}, nil
	}
	kinds, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("principal: it is %v, neither \"*\" nor an object", value)
	}
	if len(kinds) == 0 {
		return nil, errors.New("principal: it is empty")
	}
	if err := onlyKnown(kinds, "AWS", "Service"); err != nil {
		return nil, fmt.Errorf("principal: %w", err)
	}
	var principals []string
	for kind, value := range kinds {
		names, err := stringList(value)
		if err != nil {
			return nil, fmt.Errorf("principal.%s: %w", kind, err)
		}
		for _, name := range names {
			if !principalKnown(kind, name) {
				return nil, fmt.Errorf("principal.%s: %q is not supported", kind, name)
			}
		}
		principals = append(principals, names...)
	}
	return principals, nil
}

// principalKnown accepts whole roles and users, and services. A whole account
// is left out because it only hands the decision on to that account's own
// policies; a pattern is not allowed by AWS either.
func principalKnown(kind, name string) bool {
	if kind == "AWS" && name == "*" {
		return true
	}
	if strings.ContainsAny(name, "*?") {
		return false
	}
	if kind == "Service" {
		return strings.HasSuffix(name, ".amazonaws.com")
	}
	parts := strings.SplitN(name, ":", arnParts)
	return isARN(name) && parts[2] == "iam" &&
		(strings.HasPrefix(parts[5], "role/") || strings.HasPrefix(parts[5], "user/"))
}

func onlyKnown(fields map[string]any, known ...string) error {
	for name := range fields {
		if !slices.Contains(known, name) {
			return fmt.Errorf("%s is not supported", name)
		}
	}
	return nil
}

func optionalString(fields map[string]any, name string) error {
	if value, ok := fields[name]; ok {
		if _, ok := value.(string); !ok {
			return fmt.Errorf("%s is a %T, not a string", name, value)
		}
	}
	return nil
}

// stringList reads a string or a list of them, none empty, and refuses policy
// variables: taken literally, they would match the wrong things.
func stringList(value any) ([]string, error) {
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	if len(list) == 0 {
		return nil, errors.New("the list is empty")
	}
	texts := make([]string, 0, len(list))
	for _, element := range list {
		text, ok := element.(string)
		if !ok || text == "" {
			return nil, fmt.Errorf("%v is not a string with something in it", element)
		}
		if strings.Contains(text, "${") {
			return nil, fmt.Errorf("%q holds a policy variable, which is not supported", text)
		}
		texts = append(texts, text)
	}
	return texts, nil
}
