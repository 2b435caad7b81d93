package template

import (
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func alarm(metric, more string) string {
	return `{ Type: AWS::CloudWatch::Alarm, Properties: { AlarmDescription: d, ` + metric +
		`, Statistic: Sum, Period: 300, EvaluationPeriods: 3, Threshold: 0, ComparisonOperator: GreaterThanThreshold, TreatMissingData: notBreaching` + more + ` } }`
}

func metric(namespace, name, dimension, of string) string {
	return `Namespace: ` + namespace + `, MetricName: ` + name + `, Dimensions: [{ Name: ` + dimension + `, Value: ` + of + ` }]`
}

func dashboard(widget string) string {
	return `{ Type: AWS::CloudWatch::Dashboard, Properties: { DashboardBody: !Sub '{"widgets": [` + widget + `]}' } }`
}

func graph(region, metrics string) string {
	return `{"type": "metric", "width": 8, "height": 6, "properties": {"title": "g", "region": "` + region + `", "stat": "Sum", "period": 60, "metrics": [` + metrics + `]}}`
}

func api(more string) string {
	return `{ Type: AWS::Serverless::HttpApi, Properties: { ` + more + ` } }`
}

func accessLog(group, format string) string {
	return api(`AccessLogSettings: { DestinationArn: ` + group + `, Format: '` + format + `' }`)
}

const (
	deadLetters = `"ApproximateNumberOfMessagesVisible", "QueueName", "${Queue.QueueName}"`
	requestID   = `{"id": "$context.requestId"}`
	apiDomain   = `{ Type: AWS::ApiGatewayV2::DomainName, Properties: { DomainName: a.example, DomainNameConfigurations: [` +
		`{ CertificateArn: "arn:aws:acm:eu-central-1:123456789012:certificate/c", EndpointType: REGIONAL, SecurityPolicy: TLS_1_2 }] } }`
)

// What watches the stack must watch something that is there: a metric with a
// wrong name is as quiet as one of a stack that is well.
func TestOperationsRefused(t *testing.T) {
	t.Parallel()
	queue := metric("AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", "!GetAtt Queue.QueueName")
	for _, test := range []struct{ id, entry, want string }{
		{"A", alarm(metric("AWS/SQS", "AgeOfOldestMessage", "QueueName", "!GetAtt Queue.QueueName"), ""), `"AgeOfOldestMessage" is not known as a metric of AWS/SQS`},
		{"A", alarm(metric("AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", "!Ref Queue"), ""), "is no QueueName of an AWS::SQS::Queue"},
		{"A", alarm(metric("AWS/SQS", "ApproximateAgeOfOldestMessage", "Queue", "!GetAtt Queue.QueueName"), ""), `has its metrics by QueueName, not by "Queue"`},
		{"A", alarm(metric("AWS/ApiGateway", "5XXError", "ApiId", "!Ref Api"), ""), `"5XXError" is not known`},
		{"A", alarm(metric("AWS/ApiGateway", "5xx", "ApiId", "!GetAtt Api.ApiEndpoint"), ""), "is no ApiId"},
		{"A", alarm(metric("AWS/Lambda", "Errors", "FunctionName", "F"), ""), "is no FunctionName"},
		{"A", alarm(metric("airlock", "StaleSigningKeys", "FunctionName", "F"), ""), `the namespace "airlock" is not known`},
		{"A", alarm(queue, ", ExtendedStatistic: p99"), "ExtendedStatistic: not known"},
		{"A", alarm(queue, ", DatapointsToAlarm: 4"), "DatapointsToAlarm: "},
		{"A", alarm(queue, ", AlarmActions: ['arn:aws:sns:us-east-1:123456789012:t']"), "AlarmActions[0]: must be the ARN of a topic"},
		{"A", strings.Replace(alarm(queue, ""), "notBreaching", "missing", 1), "TreatMissingData: "},
		{"A", strings.Replace(alarm(queue, ""), "GreaterThan", "LessThan", 1), "ComparisonOperator: "},
		{"A", strings.Replace(alarm(queue, ""), "300", "90", 1), "must be whole minutes"},
		{"A", strings.Replace(alarm(queue, ""), "Sum", "Total", 1), "Statistic: "},

		{"D", dashboard(`{"type": "text"}`), "widgets of the type metric are known"},
		{"D", dashboard(`{"kind": "metric"}`), `unknown field "kind"`},
		{"D", dashboard(graph("us-east-1", "")), `region "us-east-1" is not the stack's`},
		{"D", dashboard(graph("${AWS::Region}", `["AWS/SQS", "Depth", "QueueName", "${Queue.QueueName}"]`)), `"Depth" is not known as a metric`},
		{"D", dashboard(graph("${AWS::Region}", `["AWS/SQS", `+deadLetters+`, {"color": "x"}]`)), "is not known in a metric"},
		{"D", dashboard(graph("${AWS::Region}", `["AWS/SQS", `+deadLetters+`, {"stat": "p100"}]`)), `"p100" is not known as a statistic`},
		{"D", dashboard(strings.Replace(graph("${AWS::Region}", ""), "60", "61", 1)), "whole minutes"},
		{"D", dashboard(strings.Replace(graph("${AWS::Region}", ""), "8", "25", 1)), "has no size"},

		{"Api2", accessLog("arn", requestID), "must be the Arn of an AWS::Logs::LogGroup"},
		{"Api2", accessLog("!GetAtt Plain.Arn", requestID), "must begin with /aws/vendedlogs/"},
		{"Api2", accessLog("!GetAtt Vended.Arn", `$context.requestId`), "must be a JSON object of strings"},
		{"Api2", accessLog("!GetAtt Vended.Arn", `{"status": "$context.status"}`), "wants $context.requestId"},
		{"Api2", accessLog("!GetAtt Vended.Arn", `{"id": "$context.requestId", "path": "$context.path"}`), `"$context.path" is not known`},
		{"Api2", accessLog("!GetAtt Vended.Arn", `{"id": "$context.requestId", "a": "$context.authorizer.claims"}`), "is not known as a variable"},

		{"Domain", strings.Replace(apiDomain, "eu-central-1", "us-east-1", 1), "must be a certificate in the stack's region"},
		{"Domain", strings.Replace(apiDomain, "TLS_1_2", "TLS_1_0", 1), "SecurityPolicy: "},
		{"Domain", strings.Replace(apiDomain, "REGIONAL", "EDGE", 1), "EndpointType: "},
		{"M", mapping("!Ref Api", "!Ref Domain", "prod"), "Stage: "},
		{"M", mapping("!Ref Api", "b.example", "!Ref Api.Stage"), "must be an AWS::ApiGatewayV2::DomainName"},
		{"M", mapping("x", "!Ref Domain", "!Ref Api.Stage"), "must be an AWS::Serverless::HttpApi"},
		{"M", mapping("!Ref Api", "!Ref Domain", "!Ref Queue.Stage"), `"Queue.Stage" is neither a parameter nor a resource`},
	} {
		t.Run(test.id+"/"+test.want, func(t *testing.T) {
			t.Parallel()
			refused(t, withResources(test.id, test.entry)+watched(test.id), test.want)
		})
	}
}

func mapping(api, domain, stage string) string {
	return `{ Type: AWS::ApiGatewayV2::ApiMapping, Properties: { ApiId: ` + api + `, DomainName: ` + domain + `, Stage: ` + stage + ` } }`
}

// watched are entries that those of TestOperationsRefused refer to.
func watched(but string) string {
	entries := map[string]string{
		"Plain":  `{ Type: AWS::Logs::LogGroup }`,
		"Vended": `{ Type: AWS::Logs::LogGroup, Properties: { LogGroupName: /aws/vendedlogs/a } }`,
		"Domain": apiDomain,
	}
	delete(entries, but)
	var b strings.Builder
	for _, id := range sortedKeys(entries) {
		b.WriteString("  " + id + ": " + entries[id] + "\n")
	}
	return b.String()
}

// What the product's template makes only if asked.
func TestOptional(t *testing.T) {
	t.Parallel()
	o := options()
	maps.Copy(o.Parameters, optional())
	stack, err := Load(product, o)
	if err != nil {
		t.Fatal(err)
	}
	d := stack.Distributions[0]
	for _, test := range []struct {
		name      string
		got, want any
	}{
		{"aliases", d.Aliases, []string{"files.example.com"}},
		{"certificate", d.CertificateARN, o.Parameters["CdnCertificateArn"]},
		{"web ACL", d.WebACL, o.Parameters["WebAclArn"]},
		{"log bucket", d.LogBucket + " " + d.LogPrefix, "logs.s3.amazonaws.com airlock/"},
		{"API's domain", stack.APIs[0].Domain, &APIDomain{LogicalID: "ApiDomainName", Name: "api.example.com", CertificateARN: o.Parameters["ApiCertificateArn"]}},
		{"CdnUrl", stack.Outputs["CdnUrl"], "https://files.example.com"},
		{"CdnDnsTarget", stack.Outputs["CdnDnsTarget"], d.DomainName},
		{"ApiUrl", stack.Outputs["ApiUrl"], "https://api.example.com"},
	} {
		if diff := cmp.Diff(test.want, test.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
	for _, f := range stack.Functions {
		want := map[string]int{"PresignFunction": 20, "SignFunction": 20}[f.LogicalID]
		if f.ReservedConcurrency != want || f.Tracing != "Active" {
			t.Errorf("%s = reserved %d, tracing %s, want %d, Active", f.LogicalID, f.ReservedConcurrency, f.Tracing, want)
		}
		if url, ok := f.Environment["DELIVERY_BASE_URL"]; ok && url != "https://files.example.com" {
			t.Errorf("%s: DELIVERY_BASE_URL = %s, want the domain's", f.LogicalID, url)
		}
	}
	for _, a := range stack.Alarms {
		if diff := cmp.Diff([][]string{{o.Parameters["AlarmTopicArn"]}, {o.Parameters["AlarmTopicArn"]}}, [][]string{a.Actions, a.OKActions}); diff != "" {
			t.Errorf("%s's actions (-want +got):\n%s", a.LogicalID, diff)
		}
	}
}

// A domain and its certificate are given together or not at all.
func TestDomainsHaveCertificates(t *testing.T) {
	t.Parallel()
	for _, missing := range []string{"CdnDomain", "CdnCertificateArn", "ApiDomain", "ApiCertificateArn"} {
		t.Run(missing, func(t *testing.T) {
			t.Parallel()
			o := options()
			maps.Copy(o.Parameters, optional())
			delete(o.Parameters, missing)
			if _, err := Load(product, o); err == nil || !strings.Contains(err.Error(), "the assertion does not hold: ") {
				t.Errorf("Load without %s = %v, want a rule to refuse it", missing, err)
			}
		})
	}
}

// Whoever mistypes a parameter hears of it before anything is made.
func TestOptionalPatterns(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ parameter, value string }{
		{"AlarmTopicArn", "alarms"},
		{"CdnDomain", "https://files.example.com"},
		{"CdnDomain", "Files.example.com"},
		{"CdnDomain", "localhost"},
		{"CdnCertificateArn", "arn:aws:acm:eu-central-1:123456789012:certificate/c"},
		{"ApiDomain", "*.example.com"},
		{"ApiCertificateArn", "arn:aws:iam::123456789012:server-certificate/c"},
		{"WebAclArn", "arn:aws:wafv2:eu-central-1:123456789012:regional/webacl/acl/1"},
		{"LogBucket", "logs"},
		{"LogBucket", "s3://logs"},
		{"Tracing", "On"},
		{"MemorySize", "64"},
		{"MemorySize", "1770"},
		{"ThrottlingRateLimit", "0"},
		{"ThrottlingBurstLimit", "5001"},
		{"ReservedConcurrency", "-1"},
	} {
		t.Run(test.parameter+"="+test.value, func(t *testing.T) {
			t.Parallel()
			o := options()
			maps.Copy(o.Parameters, optional())
			o.Parameters[test.parameter] = test.value
			if _, err := Load(product, o); err == nil || !strings.Contains(err.Error(), "Parameters."+test.parameter+": ") {
				t.Errorf("Load with %s=%s = %v, want the parameter refused", test.parameter, test.value, err)
			}
		})
	}
}
