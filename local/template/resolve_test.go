package template

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const head = "Transform: AWS::Serverless-2016-10-31\n"

// outputs is a template whose output V is the expression.
func outputs(expression string) string {
	return head + `
Parameters:
  Name: { Type: String, Default: hello }
  Size: { Type: Number, Default: 5368709120 }
  List: { Type: CommaDelimitedList, Default: "a, b ,c" }
  Empty: { Type: String, Default: "" }
Mappings:
  Regions:
    eu-central-1: { zone: z1, zones: [x, y] }
Conditions:
  Is: !Equals [!Ref Name, hello]
  Not: !Not [!Condition Is]
  Both: !And [!Condition Is, { Condition: Not }]
  Either: !Or [!Condition Is, !Condition Not]
  SameList: !Equals [!Split [",", "a,b"], [a, b]]
  Never: !Equals [!Ref Empty, full]
Resources:
  Queue: { Type: AWS::SQS::Queue }
  Gone: { Type: AWS::SQS::Queue, Condition: Never }
  Secret: { Type: AWS::SecretsManager::Secret }
Outputs:
  V:
    Value: ` + expression + "\n"
}

func TestIntrinsics(t *testing.T) {
	t.Parallel()
	const queueARN = "arn:aws:sqs:eu-central-1:123456789012:airlock-Queue"
	for _, test := range []struct{ expression, want string }{
		{`!Ref Name`, "hello"},
		{`{ Ref: Name }`, "hello"},
		{`!Ref Size`, "5368709120"},
		{`5368709120`, "5368709120"},
		{`1.5`, "1.5"},
		{`true`, "true"},
		{`True`, "true"},
		{`2012-10-17`, "2012-10-17"},
		{`!Ref Queue`, "https://sqs.eu-central-1.amazonaws.com/123456789012/airlock-Queue"},
		{`!GetAtt Queue.Arn`, queueARN},
		{`!GetAtt [Queue, Arn]`, queueARN},
		{`{ "Fn::GetAtt": [Queue, Arn] }`, queueARN},
		{`{ "Fn::GetAtt": Queue.Arn }`, queueARN},
		{`!Sub "${Queue.Arn}/x"`, queueARN + "/x"},
		{`!Sub "${Name}, ${AWS::StackName}"`, "hello, airlock"},
		{`!Sub "${!Literal} $ {} $$ ${Size}"`, "${Literal} $ {} $$ 5368709120"},
		{`!Sub ["${X}-${Name}", { X: !Ref AWS::Region }]`, "eu-central-1-hello"},
		{`!Sub ["${Name}", { Name: mine }]`, "mine"},
		{`!Sub ["${A.B}", { A.B: mine }]`, "mine"},
		{`!Join ["-", [a, !Ref Name, !Ref "AWS::NoValue"]]`, "a-hello"},
		{`!Join ["", !Ref List]`, "abc"},
		{`!Join ["|", !Split [",", "x,,y"]]`, "x||y"},
		{`!Select [1, !Ref List]`, "b"},
		{`!Select ["0", [a, b]]`, "a"},
		{`!FindInMap [Regions, !Ref AWS::Region, zone]`, "z1"},
		{`!Select [1, !FindInMap [Regions, eu-central-1, zones]]`, "y"},
		{`!If [Is, a, b]`, "a"},
		{`!If [Not, a, b]`, "b"},
		{`!If [Both, a, b]`, "b"},
		{`!If [Either, a, !GetAtt Gone.Arn]`, "a"},
		{`!If [SameList, a, b]`, "a"},
		{`{ "Fn::If": [Never, a, !Sub "${AWS::Partition}.${AWS::URLSuffix}.${AWS::AccountId}"] }`, "aws.amazonaws.com.123456789012"},
	} {
		t.Run(test.expression, func(t *testing.T) {
			t.Parallel()
			stack, err := Parse([]byte(outputs(test.expression)), options0())
			if err != nil {
				t.Fatal(err)
			}
			if got := stack.Outputs["V"]; got != test.want {
				t.Errorf("%s = %q, want %q", test.expression, got, test.want)
			}
			if len(stack.Queues) != 1 {
				t.Errorf("%d queues, want the one whose condition holds", len(stack.Queues))
			}
		})
	}
}

func TestIntrinsicsRefused(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ expression, want string }{
		{`!Ref Nobody`, `Ref: "Nobody" is neither a parameter nor a resource`},
		{`!Ref [Name]`, `Ref: takes the name`},
		{`!Ref List`, "must be a string"},
		{`!Ref Gone`, `"Gone" is not made`},
		{`!Ref AWS::NotificationARNs`, "neither a parameter nor a resource"},
		{`!Ref AWS::NoValue`, "required"},
		{`!GetAtt Queue.Colour`, `an AWS::SQS::Queue has no attribute "Colour"`},
		{`!GetAtt Secret.Arn`, `an AWS::SecretsManager::Secret has no attribute "Arn"`},
		{`!GetAtt Queue`, "takes a resource and its attribute"},
		{`!GetAtt Name.Arn`, `"Name" is not a resource`},
		{`!Sub "${Nobody}"`, "neither a parameter nor a resource"},
		{`!Sub "${ Name }"`, "variable names are"},
		{`!Sub "${Name"`, "${ without }"},
		{`!Sub "${List}"`, "${List} must be a string"},
		{`!Sub "${AWS::NoValue}"`, "must be a string"},
		{`!Sub [a, b]`, "takes a string, or a list"},
		{`!Sub { Ref: Name }`, "takes a string"},
		{`!Join [a, b, c]`, "takes a list of 2"},
		{`!Join ["-", Name]`, "must be a list of strings"},
		{`!Join [!Ref Name, [a]]`, "the delimiter must be a string"},
		{`!Join ["-", [[a]]]`, "must be a string"},
		{`!Split ["", a]`, "the delimiter must be a string"},
		{`!Select [3, !Ref List]`, "no element 3 in a list of 3"},
		{`!Select [-1, !Ref List]`, "no element -1"},
		{`!Select [x, !Ref List]`, "no element x"},
		{`!Select [0, abc]`, "needs a list"},
		{`!FindInMap [Regions, us-east-1, zone]`, "no Regions.us-east-1.zone in Mappings"},
		{`!FindInMap [Regions, eu-central-1]`, "takes a list of 3"},
		{`!If [Maybe, a, b]`, `condition "Maybe" is not in the template`},
		{`!If [Is, a]`, "takes a list of 3"},
		{`!Equals [a, a]`, "Fn::Equals: may stand only in Conditions"},
		{`!ImportValue x`, "Fn::ImportValue: not known"},
		{`{ "Fn::ToJsonString": { a: b } }`, "Fn::ToJsonString: not known"},
		{`{ Ref: Name, Other: x }`, "Ref must be the only key"},
		{`1.50`, "put it in quotes"},
		{`0x10`, "write the number in plain decimals"},
		{`010`, "write the number in plain decimals"},
		{`1e3`, "write the number in plain decimals"},
		{`1_000`, "write the number in plain decimals"},
		{`.inf`, "write the number in plain decimals"},
		{`12:30:45`, "base of 60"},
		{`yes`, "yes is a boolean in YAML 1.1"},
		{`null`, "null values are not allowed"},
		{`~`, "null values are not allowed"},
		{`!!binary aGk=`, "tag !!binary is not known"},
		{`&a x`, "no YAML anchors and aliases"},
		{`{ a: b, a: c }`, "occurs twice"},
		{`{ <<: { a: b } }`, "no YAML merge"},
		{`{ [a]: b }`, "a key must be plain text"},
	} {
		t.Run(test.expression, func(t *testing.T) {
			t.Parallel()
			refused(t, outputs(test.expression), "template.yaml:24: ", test.want)
		})
	}
}

// options0 are options of templates without parameters.
func options0() Options {
	o := options()
	o.Parameters = nil
	return o
}

// refused wants an error that has all of want in it.
func refused(t *testing.T, source string, want ...string) {
	t.Helper()
	_, err := Parse([]byte(source), options0())
	if err == nil {
		t.Fatalf("Parse = nil, want an error with %q", want)
	}
	for _, w := range want {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("Parse = %q, want %q in it", err, w)
		}
	}
}

func TestStackID(t *testing.T) {
	t.Parallel()
	a, err := Parse([]byte(outputs("!Ref AWS::StackId")), options0())
	if err != nil {
		t.Fatal(err)
	}
	b, err := Parse([]byte(outputs("!Ref AWS::StackId")), options0())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(a, b); diff != "" {
		t.Errorf("two reads of one template differ:\n%s", diff)
	}
	if got := a.Outputs["V"]; !strings.HasPrefix(got, "arn:aws:cloudformation:eu-central-1:123456789012:stack/airlock/") {
		t.Errorf("AWS::StackId = %q", got)
	}
}

// What Ref and GetAtt give, type by type, beside what the golden shows.
func TestAttributes(t *testing.T) {
	t.Parallel()
	attributes := func(id string, names ...string) string {
		var b strings.Builder
		for _, name := range names {
			b.WriteString("  " + id + name + ": { Value: !GetAtt " + id + "." + name + " }\n")
		}
		return b.String() + "  " + id + ": { Value: !Ref " + id + " }\n"
	}
	source := head + `
Resources:
  Api: { Type: AWS::Serverless::HttpApi }
  Bucket: { Type: AWS::S3::Bucket }
  Log: { Type: AWS::Logs::LogGroup }
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: !Sub ${AWS::StackName}.table
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{ AttributeName: a, AttributeType: N }]
      KeySchema: [{ AttributeName: a, KeyType: HASH }]
  Queue: { Type: AWS::SQS::Queue, Properties: { QueueName: mine } }
Outputs:
` + attributes("Api", "ApiId", "ApiEndpoint") + attributes("Bucket", "Arn", "DomainName", "RegionalDomainName", "DualStackDomainName") +
		attributes("Log", "Arn") + attributes("Table", "Arn") + attributes("Queue", "Arn", "QueueName", "QueueUrl")
	o := options0()
	o.StackName = "Dev"
	stack, err := Parse([]byte(source), o)
	if err != nil {
		t.Fatal(err)
	}
	api := stack.APIs[0].ID
	want := map[string]string{
		"Api": api, "ApiApiId": api, "ApiApiEndpoint": "https://" + api + ".execute-api.eu-central-1.amazonaws.com",
		"Bucket": "dev-bucket", "BucketArn": "arn:aws:s3:::dev-bucket",
		"BucketDomainName":          "dev-bucket.s3.amazonaws.com",
		"BucketRegionalDomainName":  "dev-bucket.s3.eu-central-1.amazonaws.com",
		"BucketDualStackDomainName": "dev-bucket.s3.dualstack.eu-central-1.amazonaws.com",
		"Log":                       "Dev-Log",
		"LogArn":                    "arn:aws:logs:eu-central-1:123456789012:log-group:Dev-Log:*",
		"Table":                     "Dev.table",
		"TableArn":                  "arn:aws:dynamodb:eu-central-1:123456789012:table/Dev.table",
		"Queue":                     "https://sqs.eu-central-1.amazonaws.com/123456789012/mine",
		"QueueQueueUrl":             "https://sqs.eu-central-1.amazonaws.com/123456789012/mine",
		"QueueQueueName":            "mine",
		"QueueArn":                  "arn:aws:sqs:eu-central-1:123456789012:mine",
	}
	if diff := cmp.Diff(want, stack.Outputs); diff != "" {
		t.Errorf("Outputs (-want +got):\n%s", diff)
	}
}
