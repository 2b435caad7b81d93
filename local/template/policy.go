package template

import (
	"regexp"
	"slices"
)

var actionName = regexp.MustCompile(`^(\*|[a-z0-9-]+:[A-Za-z0-9*?]+)$`)

// policyDocument reads an IAM policy document. Its members are checked by name,
// so that a misspelled one is found with its line; what they mean, and which
// condition operators are known, is for package iam. resource says that the
// policy is a resource's, whose statements name a Principal, which those of a
// role's must not.
func policyDocument(at cursor, resource bool) any {
	at.required().fields(func(o *object) {
		// Without it the policy is read by the rules of 2008, without variables.
		o.get("Version").required().oneOf("2012-10-17")
		o.get("Id").text()
		statements := o.get("Statement").required()
		if statements.is(kindMapping) {
			policyStatement(statements, resource)
			return
		}
		for _, s := range statements.list() {
			policyStatement(s, resource)
		}
	})
	return at.plain()
}

func policyStatement(at cursor, resource bool) {
	at.fields(func(o *object) {
		o.get("Sid").text()
		o.get("Effect").required().oneOf("Allow", "Deny")
		action := either(o, "Action", "NotAction")
		for _, a := range oneOrMore(action) {
			if action.readable() && !actionName.MatchString(a) {
				action.problem("%q is not an action, service:Name", a)
			}
		}
		oneOrMore(either(o, "Resource", "NotResource"))
		o.get("Condition").eachField(func(_ string, at cursor) {
			at.eachField(func(_ string, at cursor) { oneOrMore(at) })
		})
		if !resource {
			return
		}
		principal := either(o, "Principal", "NotPrincipal")
		if principal.is(kindText) {
			principal.oneOf("*")
			return
		}
		principal.fields(func(o *object) {
			for _, kind := range []string{"AWS", "Service", "Federated", "CanonicalUser"} {
				oneOrMore(o.get(kind))
			}
		})
	})
}

func either(o *object, key, not string) cursor {
	a, b := o.get(key), o.get(not)
	switch {
	case a.present() && b.present():
		b.problem("not together with %s", key)
	case b.present():
		return b
	}
	return a.required()
}

// oneOrMore reads a string, or a list of some.
func oneOrMore(at cursor) []string {
	if at.is(kindList) {
		return at.texts()
	}
	if !at.present() {
		return nil
	}
	return []string{at.text()}
}

// readRole reads an AWS::IAM::Role. Managed policies and boundaries would
// change what the role may do, so they are not known.
func (l *loader) readRole(r *resource, o *object) {
	o.get("AssumeRolePolicyDocument").required().fields(trustsLambda)
	var policies []any
	var names []string
	for _, p := range o.get("Policies").list() {
		p.fields(func(o *object) {
			name := o.get("PolicyName").required()
			if slices.Contains(names, name.text()) {
				name.problem("another policy of the role has this name")
			}
			names = append(names, name.text())
			policies = append(policies, policyDocument(o.get("PolicyDocument"), false))
		})
	}
	// Texts for people.
	o.inconsequential("Description", "Tags")
	l.parts.policiesOfRole[l.attributeText(r, "Arn")] = policies
}

// trustsLambda accepts only what makes a role a function's.
func trustsLambda(o *object) {
	o.get("Version").required().oneOf("2012-10-17")
	statements := o.get("Statement").required().list()
	if len(statements) != 1 {
		o.get("Statement").problem("only one statement, for Lambda, is known")
	}
	for _, s := range statements {
		s.fields(func(o *object) {
			o.get("Sid").text()
			o.get("Effect").required().oneOf("Allow")
			o.get("Principal").required().fields(func(o *object) {
				only(o.get("Service").required(), "lambda.amazonaws.com")
			})
			only(o.get("Action").required(), "sts:AssumeRole")
		})
	}
}

// only accepts s, or a list of just s.
func only(at cursor, s string) {
	if got := oneOrMore(at); at.readable() && !slices.Equal(got, []string{s}) {
		at.problem("only %s is known", s)
	}
}

// readLogGroup checks an AWS::Logs::LogGroup. The embedded AWS writes no logs
// of its own, so all of it is without consequence.
func (l *loader) readLogGroup(_ *resource, o *object) {
	days := o.get("RetentionInDays")
	if days.readable() {
		days.oneOf("1", "3", "5", "7", "14", "30", "60", "90", "120", "150", "180", "365", "400", "545", "731",
			"1096", "1827", "2192", "2557", "2922", "3288", "3653")
	}
	o.inconsequential("Tags")
}
