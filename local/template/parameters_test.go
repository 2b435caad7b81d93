package template

import (
	"strings"
	"testing"
)

// parameter is a template with one parameter, P, whose value is output V.
func parameterTemplate(definition string) string {
	return head + "Parameters:\n  P: { " + definition + " }\nResources: {}\nOutputs: { V: { Value: !Ref P } }\n"
}

func TestParameters(t *testing.T) {
	t.Parallel()
	given := func(s string) map[string]string { return map[string]string{"P": s} }
	for _, test := range []struct {
		definition string
		given      map[string]string
		want       string // the value
		err        string // or what the error says
	}{
		{"Type: String, Default: a", nil, "a", ""},
		{"Type: String, Default: a", given("b"), "b", ""},
		{"Type: String, Default: a", given(""), "", ""},
		{"Type: String", nil, "", "Parameters.P: the parameter has no Default and was given no value"},
		{"Type: String, Default: a", map[string]string{"Q": "x"}, "", "parameter Q has a value but is not in the template"},
		{"Type: String, AllowedPattern: '[a-z]+'", given("abc"), "abc", ""},
		{"Type: String, AllowedPattern: '[a-z]+'", given("abc1"), "", "Parameters.P: the value does not match AllowedPattern"},
		{"Type: String, AllowedPattern: 'a|b'", given("bc"), "", "does not match AllowedPattern"},
		{"Type: String, AllowedPattern: '(?=a)'", given("a"), "", "not a regular expression known here"},
		{"Type: String, AllowedPattern: '[a-z]+', Default: A", nil, "", "does not match AllowedPattern"},
		{"Type: String, AllowedValues: [a, b]", given("b"), "b", ""},
		{"Type: String, AllowedValues: [a, b]", given("c"), "", "Parameters.P: the value is not among the AllowedValues"},
		{"Type: String, MinLength: 2, MaxLength: 3", given("äö"), "äö", ""},
		{"Type: String, MinLength: 2", given("ä"), "", "shorter than MinLength 2"},
		{"Type: String, MaxLength: 2", given("abc"), "", "longer than MaxLength 2"},
		{"Type: String", given(strings.Repeat("x", 4097)), "", "at most 4096"},
		{"Type: Number", given("5368709120"), "5368709120", ""},
		{"Type: Number, MinValue: -1, MaxValue: 1.5", given("1.5"), "1.5", ""},
		{"Type: Number, MinValue: 2", given("1"), "", "less than MinValue 2"},
		{"Type: Number, MaxValue: 5368709120", given("5368709121"), "", "more than MaxValue 5368709120"},
		{"Type: Number", given("1e3"), "", "must be a number in plain decimals"},
		{"Type: Number", given("x"), "", "must be a number in plain decimals"},
		{"Type: Number, AllowedValues: [1, 3]", given("3"), "3", ""},
		{"Type: Number, AllowedPattern: x", given("3"), "", "not for a Number"},
		{"Type: Number, MinLength: 1", given("3"), "", "only for a String"},
		{"Type: String, MinValue: 1", given("3"), "", "only for a Number"},
		{"Type: CommaDelimitedList, AllowedValues: [a, b]", given("a, b"), "", "must be a string"}, // in an output; see TestIntrinsics
		{"Type: CommaDelimitedList, AllowedValues: [a, b]", given("a,c"), "", "not among the AllowedValues"},
		{"Type: CommaDelimitedList, AllowedPattern: '[a-z]'", given("a,bc"), "", "does not match AllowedPattern"},
		{"Type: 'AWS::EC2::VPC::Id'", given("x"), "", "Parameters.P.Type: "},
		{"Type: String, Defualt: x", given("x"), "", "Parameters.P.Defualt: not known"},
	} {
		t.Run(test.definition+" "+test.want+test.err, func(t *testing.T) {
			t.Parallel()
			o := options0()
			o.Parameters = test.given
			stack, err := Parse([]byte(parameterTemplate(test.definition)), o)
			switch {
			case test.err == "" && err != nil:
				t.Errorf("Parse = %v", err)
			case test.err == "" && stack.Outputs["V"] != test.want:
				t.Errorf("P = %q, want %q", stack.Outputs["V"], test.want)
			case test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)):
				t.Errorf("Parse = %v, want %q in it", err, test.err)
			}
		})
	}
}

// A parameter may be a secret: no message repeats its value.
func TestParameterValueIsNotRepeated(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	for _, definition := range []string{
		"Type: String, NoEcho: true, AllowedPattern: x", "Type: String, AllowedValues: [x]",
		"Type: String, MaxLength: 1", "Type: String, MinLength: 20", "Type: Number",
	} {
		o := options0()
		o.Parameters = map[string]string{"P": secret}
		_, err := Parse([]byte(parameterTemplate(definition)), o)
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: Parse = %v, want an error without the value", definition, err)
		}
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for _, change := range []func(*Options){
		func(o *Options) { o.StackName = "" },
		func(o *Options) { o.StackName = "1a" },
		func(o *Options) { o.StackName = "a_b" },
		func(o *Options) { o.Region = "Frankfurt" },
		func(o *Options) { o.Region = "cn-north-1" },
		func(o *Options) { o.AccountID = "123" },
	} {
		o := options0()
		change(&o)
		if _, err := Parse([]byte(head+"Resources: {}"), o); err == nil {
			t.Errorf("Parse(%+v) = nil, want an error", o)
		}
	}
}
