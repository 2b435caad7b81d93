package template

import (
	"slices"
	"strings"
	"time"
)

// readPermission reads an AWS::Lambda::Permission. SAM writes those of its own
// events; one by hand lets Secrets Manager in.
func (l *loader) readPermission(r *resource, o *object) {
	o.get("Action").required().oneOf("lambda:InvokeFunction")
	o.get("Principal").required().oneOf("secretsmanager.amazonaws.com")
	// Without it the service could be used by another account's secret.
	account := o.get("SourceAccount").required()
	account.oneOf(l.options.AccountID)
	function := o.get("FunctionName").required()
	f := l.functionWithARN(function.text())
	if f == nil { // by its name, as Lambda takes it, too
		f = l.functionWithARN(l.arn("lambda", "function:"+function.text()))
	}
	if f == nil && function.readable() {
		function.problem("must be an AWS::Serverless::Function of the template, by !Ref or its Arn")
	}
	if f != nil {
		l.parts.rotatable[f.ARN] = r.id
	}
}

// readRotationSchedule reads an AWS::SecretsManager::RotationSchedule.
func (l *loader) readRotationSchedule(r *resource, o *object) {
	secret, function := o.get("SecretId").required(), o.get("RotationLambdaARN").required()
	s := Rotation{
		LogicalID: r.id, SecretARN: secret.text(), FunctionARN: function.text(),
		// As AWS has it by default.
		Immediately: or(o.get("RotateImmediatelyOnUpdate"), true, cursor.boolean),
	}
	o.get("RotationRules").required().fields(func(o *object) {
		days, expression := o.get("AutomaticallyAfterDays"), o.get("ScheduleExpression")
		s.AutomaticallyAfterDays = or(days, 0, func(c cursor) int { return c.integer(1, 1000) })
		s.ScheduleExpression, s.Duration = expression.text(), o.get("Duration").text()
		if days.present() == expression.present() {
			o.at.problem("needs one of AutomaticallyAfterDays and ScheduleExpression")
		}
	})
	if secret.readable() && !slices.ContainsFunc(l.stack.Secrets, func(of Secret) bool { return of.ARN == s.SecretARN }) {
		secret.problem("must be an AWS::SecretsManager::Secret of the template, by !Ref")
	}
	if l.functionWithARN(s.FunctionARN) == nil {
		if function.readable() {
			function.problem("must be the Arn of an AWS::Serverless::Function of the template")
		}
		return
	}
	// Secrets Manager invokes the function when the schedule is made.
	permission, ok := l.parts.rotatable[s.FunctionARN]
	switch {
	case !ok:
		function.problem("no AWS::Lambda::Permission lets Secrets Manager invoke it")
	case !l.waitsFor(r, permission, map[string]bool{}):
		o.at.problem("must be made after %s (DependsOn), or the function can't be invoked yet", permission)
	}
	for _, c := range l.stack.CustomResources {
		if slices.ContainsFunc(sortedKeys(c.Properties), func(name string) bool { return c.Properties[name] == s.SecretARN }) &&
			!l.waitsFor(r, c.LogicalID, map[string]bool{}) {
			o.at.problem("must be made after %s (DependsOn), which fills the secret", c.LogicalID)
		}
	}
	l.stack.Rotations = append(l.stack.Rotations, s)
}

// schedule reads a Schedule event: an EventBridge rule with the function as its
// target.
func schedule(o *object) Schedule {
	o.get("Description").text()
	o.get("Enabled").oneOf("true")
	s := Schedule{Input: o.get("Input").required().text()}
	at := o.get("Schedule").required()
	if !at.readable() {
		return s
	}
	// Amazon EventBridge User Guide, "Creating a rule that runs on a schedule".
	for text, every := range map[string]time.Duration{"rate(1 hour)": time.Hour, "rate(1 day)": 24 * time.Hour} {
		if at.text() == text {
			s.Every = every
		}
	}
	if s.Every == 0 {
		at.problem("%q: known are rate(1 hour) and rate(1 day)", strings.TrimSpace(at.text()))
	}
	return s
}
