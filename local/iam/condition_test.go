package iam

import "testing"

func TestCondition(t *testing.T) {
	t.Parallel()
	const arn = "arn:aws:sqs:eu-central-1:123456789012:queue"
	tests := []struct {
		operator, wanted string   // as JSON
		have             []string // nil: the key is missing
		want             bool
	}{
		{"StringEquals", `"a"`, []string{"a"}, true},
		{"StringEquals", `["a","b"]`, []string{"b"}, true},
		{"StringEquals", `"a"`, []string{"A"}, false},
		{"StringEquals", `"a*"`, []string{"ab"}, false},
		{"StringEquals", `"a"`, nil, false},
		{"StringEquals", `"a"`, []string{}, false},
		{"StringEquals", `"a"`, []string{"b", "a"}, true},
		{"StringEqualsIfExists", `"a"`, nil, true},
		{"StringEqualsIfExists", `"a"`, []string{"b"}, false},
		{"StringNotEquals", `"a"`, []string{"b"}, true},
		{"StringNotEquals", `["a","b"]`, []string{"b"}, false},
		{"StringNotEquals", `"a"`, []string{"b", "a"}, false},
		{"StringNotEquals", `"a"`, nil, true},
		{"StringLike", `"a*/?"`, []string{"ab/c/d"}, true},
		{"StringLike", `"a*/?"`, []string{"ab/"}, false},
		{"StringLike", `"a*"`, nil, false},
		{"StringLikeIfExists", `"a*"`, nil, true},
		{"StringNotLike", `"a*"`, []string{"ab"}, false},
		{"StringNotLike", `"a*"`, []string{"b"}, true},
		{"StringNotLike", `"a*"`, nil, true},
		{"ArnEquals", `"` + arn + `"`, []string{arn}, true},
		{"ArnEquals", `"arn:aws:sqs:*:*:queue"`, []string{arn}, true},
		{"ArnLike", `"arn:aws:sqs:*:*:que*"`, []string{arn}, true},
		{"ArnLike", `"arn:aws:sqs:eu*:*:q"`, []string{arn}, false},
		{"ArnLike", `"arn:aws:sqs:*:*:*"`, []string{"queue"}, false},
		{"ArnLike", `"arn:aws:sqs:*:*:*"`, nil, false},
		{"Bool", `"true"`, []string{"true"}, true},
		{"Bool", `true`, []string{"TRUE"}, true},
		{"Bool", `"false"`, []string{"true"}, false},
		{"Bool", `"false"`, nil, false},
		{"BoolIfExists", `"false"`, nil, true},
		{"Null", `"true"`, nil, true},
		{"Null", `true`, []string{"x"}, false},
		{"Null", `"false"`, []string{"x"}, true},
		{"Null", `"false"`, nil, false},
		{"NumericLessThan", `10`, []string{"9"}, true},
		{"NumericLessThan", `"10"`, []string{"10"}, false},
		{"NumericLessThanEquals", `"10"`, []string{"10"}, true},
		{"NumericLessThanEquals", `2.5`, []string{"2.6"}, false},
		{"NumericGreaterThan", `10`, []string{"10"}, false},
		{"NumericGreaterThan", `10`, []string{"11"}, true},
		{"NumericGreaterThanEquals", `10`, []string{"10"}, true},
		{"NumericGreaterThanEquals", `10`, []string{"ten"}, false},
		{"NumericGreaterThan", `5368709120`, []string{"5368709121"}, true},
		{"IpAddress", `"10.0.0.0/8"`, []string{"10.9.8.7"}, true},
		{"IpAddress", `"10.0.0.0/8"`, []string{"11.9.8.7"}, false},
		{"IpAddress", `"127.0.0.1"`, []string{"::ffff:127.0.0.1"}, true},
		{"IpAddress", `["127.0.0.1","::1/128"]`, []string{"::1"}, true},
		{"IpAddress", `"127.0.0.1"`, []string{"localhost"}, false},
		{"IpAddressIfExists", `"127.0.0.1"`, nil, true},
	}
	for _, test := range tests {
		t.Run(test.operator+test.wanted, func(t *testing.T) {
			t.Parallel()
			policy := mustParse(t, statements(`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"`+
				test.operator+`":{"Aws:Key":`+test.wanted+`}}}`))
			r := Request{Action: "a:B", Resource: "x", Context: map[string][]string{}}
			if test.have != nil {
				r.Context["aws:key"] = test.have
			}
			if got := policy.Evaluate("", r) == Allow; got != test.want {
				t.Errorf("%s %s of %v = %t, want %t", test.operator, test.wanted, test.have, got, test.want)
			}
		})
	}
}

// Keys and operators of one statement must hold together.
func TestConditionAll(t *testing.T) {
	t.Parallel()
	policy := mustParse(t, statements(`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{
		"StringEquals":{"aws:a":"1","aws:b":"2"},"Null":{"aws:c":"true"}}}`))
	for _, test := range []struct {
		context map[string][]string
		want    Decision
	}{
		{map[string][]string{"aws:a": {"1"}, "aws:b": {"2"}}, Allow},
		{map[string][]string{"aws:a": {"1"}}, NoMatch},
		{map[string][]string{"aws:b": {"2"}}, NoMatch},
		{map[string][]string{"aws:a": {"1"}, "aws:b": {"2"}, "aws:c": {"3"}}, NoMatch},
	} {
		if got := policy.Evaluate("", Request{Action: "a:B", Resource: "x", Context: test.context}); got != test.want {
			t.Errorf("Evaluate with %v = %v, want %v", test.context, got, test.want)
		}
	}
}
