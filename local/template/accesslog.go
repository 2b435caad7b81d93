package template

import (
	"encoding/json"
	"slices"
	"strings"
)

// accessLog reads AccessLogSettings. Nothing is written here, but where and
// what on AWS can be wrong in ways that no deployment reports.
func (l *loader) accessLog(at cursor) *AccessLog {
	if !at.present() {
		return nil
	}
	log := &AccessLog{Fields: map[string]string{}}
	at.fields(func(o *object) {
		destination := o.get("DestinationArn").required()
		log.LogGroupARN = destination.text()
		i := slices.IndexFunc(l.resources, func(r *resource) bool {
			return r.typ == "AWS::Logs::LogGroup" && r.active && l.attributeText(r, "Arn") == log.LogGroupARN
		})
		switch {
		case !destination.readable():
		case i < 0:
			destination.problem("must be the Arn of an AWS::Logs::LogGroup of the template, by !GetAtt")
		// The service writes by the account's one resource policy of limited size,
		// which holds groups of this name all together and any other one by one
		// (Amazon CloudWatch Logs User Guide, "Enabling logging from AWS services").
		case !strings.HasPrefix(l.attributeText(l.resources[i], ""), "/aws/vendedlogs/"):
			destination.problem("the group's name must begin with /aws/vendedlogs/")
		}
		log.readFormat(o.get("Format").required())
	})
	return log
}

// readFormat accepts a JSON object of variables. All stand in quotes, since one
// without a value becomes a hyphen (Amazon API Gateway Developer Guide,
// "Customize HTTP API access logs").
func (log *AccessLog) readFormat(at cursor) {
	if !at.readable() {
		return
	}
	if err := json.Unmarshal([]byte(at.text()), &log.Fields); err != nil {
		at.problem("must be a JSON object of strings: %v", err)
		return
	}
	known := []string{
		"requestId", "extendedRequestId", "requestTime", "requestTimeEpoch", "httpMethod", "routeKey", "protocol",
		"status", "responseLength", "responseLatency", "error.message", "authorizer.error", "authorizer.claims.sub",
		"integrationErrorMessage", "integrationLatency", "integrationStatus",
		// Not path, whose file ids hold the names of users' files.
	}
	hasID := false
	for _, field := range sortedKeys(log.Fields) {
		variable, ok := strings.CutPrefix(log.Fields[field], "$context.")
		if !ok || !slices.Contains(known, variable) {
			at.problem("%s: %q is not known as a variable", field, log.Fields[field])
		}
		hasID = hasID || variable == "requestId" || variable == "extendedRequestId"
	}
	if !hasID {
		at.problem("API Gateway wants $context.requestId in it")
	}
}
