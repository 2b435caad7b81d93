package template

import (
	"slices"
	"strings"
	"time"
)

// metricsOf are the metrics known by namespace, with the dimension each is
// there by. A metric that nobody sends raises no alarm and no error either, so
// a misspelled one must be refused here. Those of Airlock are the functions'
// own, and named by their code alone.
//
// Amazon SQS Developer Guide, "Available CloudWatch metrics"; AWS Lambda
// Developer Guide, "Types of metrics for Lambda functions"; Amazon API Gateway
// Developer Guide, "Monitor CloudWatch metrics for HTTP APIs".
func metricsOf(namespace string) (dimension string, names []string) {
	switch namespace {
	case "AWS/SQS":
		return "QueueName", []string{"ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"}
	case "AWS/Lambda":
		return "FunctionName", []string{"Invocations", "Errors", "Throttles", "Duration", "ConcurrentExecutions"}
	case "AWS/ApiGateway":
		return "ApiId", []string{"Count", "4xx", "5xx", "Latency", "IntegrationLatency"}
	case "Airlock":
		return "FunctionName", nil
	}
	return "", nil
}

// checkMetric refuses a metric that nothing in the stack sends.
func (l *loader) checkMetric(m Metric, namespace, name, value cursor) {
	if !namespace.readable() || !name.readable() || !value.readable() {
		return
	}
	dimension, names := metricsOf(m.Namespace)
	if dimension == "" {
		namespace.problem("the namespace %q is not known", m.Namespace)
		return
	}
	if names != nil && !slices.Contains(names, m.Name) {
		name.problem("%q is not known as a metric of %s", m.Name, m.Namespace)
	}
	if m.Dimension != dimension {
		value.problem("%s has its metrics by %s, not by %q", m.Namespace, dimension, m.Dimension)
		return
	}
	typ, attribute := "AWS::Serverless::Function", ""
	switch dimension {
	case "QueueName":
		typ, attribute = "AWS::SQS::Queue", "QueueName"
	case "ApiId":
		typ = "AWS::Serverless::HttpApi"
	}
	if !slices.ContainsFunc(l.resources, func(r *resource) bool {
		return r.typ == typ && r.active && l.attributeText(r, attribute) == m.Of
	}) {
		value.problem("%q is no %s of an %s of the template", m.Of, dimension, typ)
	}
}

// checkStatistic knows the statistics that are no percentiles.
func checkStatistic(at cursor) string {
	return at.required().oneOf("Sum", "Maximum", "Minimum", "Average", "SampleCount")
}

// readAlarm reads an AWS::CloudWatch::Alarm on one metric. Nothing raises it
// here: it is read so that its metric and its form are right.
func (l *loader) readAlarm(r *resource, o *object) {
	namespace, name := o.get("Namespace").required(), o.get("MetricName").required()
	a := Alarm{
		LogicalID:         r.id,
		Name:              l.attributeText(r, ""),
		Metric:            Metric{Namespace: namespace.text(), Name: name.text()},
		Statistic:         checkStatistic(o.get("Statistic")),
		Period:            o.get("Period").required().seconds(60, 86400),
		EvaluationPeriods: o.get("EvaluationPeriods").required().integer(1, 1440),
		Threshold:         o.get("Threshold").required().integer(0, 1<<31-1),
		Description:       o.get("AlarmDescription").required().text(),
		Actions:           o.get("AlarmActions").texts(),
		OKActions:         o.get("OKActions").texts(),
	}
	// Where nothing happens most of these metrics have no data. The default would
	// leave an alarm in INSUFFICIENT_DATA then.
	o.get("TreatMissingData").required().oneOf("notBreaching")
	o.get("ComparisonOperator").required().oneOf("GreaterThanThreshold")
	if p := o.get("Period"); a.Period%time.Minute != 0 {
		p.problem("must be whole minutes")
	}
	a.DatapointsToAlarm = or(o.get("DatapointsToAlarm"), a.EvaluationPeriods,
		func(c cursor) int { return c.integer(1, max(1, a.EvaluationPeriods)) })
	dimensions := o.get("Dimensions").required().list()
	if len(dimensions) != 1 {
		o.get("Dimensions").problem("one dimension is known")
		return
	}
	dimensions[0].fields(func(o *object) {
		a.Metric.Dimension = o.get("Name").required().text()
		value := o.get("Value").required()
		a.Metric.Of = value.text()
		l.checkMetric(a.Metric, namespace, name, value)
	})
	for _, key := range []string{"AlarmActions", "OKActions"} {
		for _, action := range o.get(key).list() {
			if action.readable() && !strings.HasPrefix(action.text(), "arn:aws:sns:"+l.options.Region+":") {
				action.problem("must be the ARN of a topic in the stack's region")
			}
		}
	}
	l.stack.Alarms = append(l.stack.Alarms, a)
}
