package template

import (
	"strings"
	"testing"
)

// Whatever the source, Parse returns, with a Stack or with an error that says where.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		outputs("!Ref Name"),
		outputs(`!Sub ["${X}", { X: !Join ["-", !Split [",", "a,b"]] }]`),
		outputs("&a [*a]"),
		"a: &a [&b [*a, *a], *b]",
		strings.Repeat("[", 200),
		strings.Repeat("{a: ", 200),
		"!Ref {}", "Resources: !If []", "Conditions: {A: !Not [{Condition: A}]}",
		head + "Conditions: {A: !Not [{Condition: A}]}\nResources: {}",
		head + "Resources: {Q: {Type: AWS::SQS::Queue, Properties: {QueueName: !GetAtt Q.QueueName}}}",
		head + "Resources: {A: {Type: AWS::Serverless::HttpApi, Properties: !If [a, b, c]}}",
		"Parameters: {A: {Type: String, Default: !Ref A}}",
		"---\n...\n---\n", "", "\x00", "\xff\xfe",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, source []byte) {
		o := options()
		stack, err := Parse(source, o)
		if (stack == nil) == (err == nil) {
			t.Errorf("Parse = %v, %v", stack, err)
		}
		if err != nil && !strings.HasPrefix(err.Error(), "template.yaml:") {
			t.Errorf("Parse = %q, want where it is", err)
		}
	})
}
