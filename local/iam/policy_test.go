package iam

import (
	"encoding/json"
	"strings"
	"testing"
)

const (
	testRole   = "arn:aws:iam::123456789012:role/presign"
	testBucket = "arn:aws:s3:::bucket"
)

func mustParse(t *testing.T, document string) Policy {
	t.Helper()
	var decoded any
	if err := json.Unmarshal([]byte(document), &decoded); err != nil {
		t.Fatal(err)
	}
	policy, err := ParsePolicy(decoded)
	if err != nil {
		t.Fatalf("ParsePolicy(%s) = %v", document, err)
	}
	return policy
}

// statements wraps what the tests are about.
func statements(list string) string {
	return `{"Version":"2012-10-17","Statement":[` + list + `]}`
}

func TestEvaluate(t *testing.T) {
	t.Parallel()
	const (
		presign = `{"Effect":"Allow","Action":"s3:PutObject","Resource":"arn:aws:s3:::bucket/u/*"}`
		onlyTLS = `{"Sid":"OnlyTLS","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::bucket","arn:aws:s3:::bucket/*"],"Condition":{"Bool":{"aws:SecureTransport":"false"}}}`
		onlyCDN = `{"Sid":"OnlyThisDistribution","Effect":"Allow","Principal":{"Service":"cloudfront.amazonaws.com"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket/*","Condition":{"StringEquals":{"AWS:SourceArn":"arn:aws:cloudfront::123456789012:distribution/E1"}}}`
		onlyNew = `{"Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::bucket/u/*","Condition":{"Null":{"s3:if-none-match":"true"},"Bool":{"s3:ObjectCreationOperation":"true"}}}`
	)
	key := func(pairs ...string) map[string][]string {
		m := map[string][]string{}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = []string{pairs[i+1]}
		}
		return m
	}
	tests := []struct {
		name, policy, caller, action, resource string
		context                                map[string][]string
		want                                   Decision
	}{
		{"role: its own space", presign, testRole, "s3:PutObject", testBucket + "/u/alice/a/b.txt", nil, Allow},
		{"role: action in another case", presign, testRole, "S3:putobject", testBucket + "/u/a", nil, Allow},
		{"role: resource in another case", presign, testRole, "s3:PutObject", testBucket + "/U/a", nil, NoMatch},
		{"role: another key", presign, testRole, "s3:PutObject", testBucket + "/mysubpath/a", nil, NoMatch},
		{"role: another bucket", presign, testRole, "s3:PutObject", "arn:aws:s3:::bucket2/u/a", nil, NoMatch},
		{"role: another action", presign, testRole, "s3:GetObject", testBucket + "/u/a", nil, NoMatch},
		{"role: a longer action", presign, testRole, "s3:PutObjectAcl", testBucket + "/u/a", nil, NoMatch},
		{"tls: plain", onlyTLS, testRole, "s3:GetObject", testBucket + "/a", key("aws:securetransport", "false"), Deny},
		{"tls: secure", onlyTLS, testRole, "s3:GetObject", testBucket + "/a", key("aws:securetransport", "true"), NoMatch},
		{"tls: anonymous", onlyTLS, "", "s3:ListBucket", testBucket, key("aws:securetransport", "false"), Deny},
		{"cdn: this one", onlyCDN, "cloudfront.amazonaws.com", "s3:GetObject", testBucket + "/a/b", key("aws:sourcearn", "arn:aws:cloudfront::123456789012:distribution/E1"), Allow},
		{"cdn: key in another case", onlyCDN, "cloudfront.amazonaws.com", "s3:GetObject", testBucket + "/a", key("aws:SourceArn", "arn:aws:cloudfront::123456789012:distribution/E1"), Allow},
		{"cdn: another one", onlyCDN, "cloudfront.amazonaws.com", "s3:GetObject", testBucket + "/a", key("aws:sourcearn", "arn:aws:cloudfront::123456789012:distribution/E2"), NoMatch},
		{"cdn: no source", onlyCDN, "cloudfront.amazonaws.com", "s3:GetObject", testBucket + "/a", nil, NoMatch},
		{"cdn: another service", onlyCDN, "s3.amazonaws.com", "s3:GetObject", testBucket + "/a", key("aws:sourcearn", "arn:aws:cloudfront::123456789012:distribution/E1"), NoMatch},
		{"cdn: anonymous", onlyCDN, "", "s3:GetObject", testBucket + "/a", key("aws:sourcearn", "arn:aws:cloudfront::123456789012:distribution/E1"), NoMatch},
		{"cdn: listing", onlyCDN, "cloudfront.amazonaws.com", "s3:ListBucket", testBucket, key("aws:sourcearn", "arn:aws:cloudfront::123456789012:distribution/E1"), NoMatch},
		{"new: overwriting", onlyNew, testRole, "s3:PutObject", testBucket + "/u/a", key("s3:objectcreationoperation", "true"), Deny},
		{"new: with the header", onlyNew, testRole, "s3:PutObject", testBucket + "/u/a", key("s3:objectcreationoperation", "true", "s3:if-none-match", "*"), NoMatch},
		{"new: a part", onlyNew, testRole, "s3:PutObject", testBucket + "/u/a", key("s3:objectcreationoperation", "false"), NoMatch},
		{"deny after allow", presign + "," + strings.Replace(presign, "Allow", "Deny", 1), testRole, "s3:PutObject", testBucket + "/u/a", nil, Deny},
		{"deny before allow", strings.Replace(presign, "Allow", "Deny", 1) + "," + presign, testRole, "s3:PutObject", testBucket + "/u/a", nil, Deny},
		{"everything", `{"Effect":"Allow","Action":"*","Resource":"*"}`, testRole, "s3:PutObject", "not-an-arn", nil, Allow},
		{"a named role", `{"Effect":"Allow","Principal":{"AWS":["` + testRole + `"]},"Action":"s3:*","Resource":"arn:aws:s3:::*"}`, testRole, "s3:GetObject", testBucket + "/a", nil, Allow},
		{"another role", `{"Effect":"Allow","Principal":{"AWS":"` + testRole + `"},"Action":"s3:*","Resource":"arn:aws:s3:::*"}`, testRole + "2", "s3:GetObject", testBucket + "/a", nil, NoMatch},
		{"the star of AWS", `{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"s3:*","Resource":"arn:aws:s3:::*"}`, "", "s3:GetObject", testBucket + "/a", nil, Allow},
		{"a question mark", `{"Effect":"Allow","Action":"s3:Get?bject","Resource":"arn:aws:s3:::bucket/?.txt"}`, testRole, "s3:GetObject", testBucket + "/é.txt", nil, Allow},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := Request{Action: test.action, Resource: test.resource, Context: test.context}
			if got := mustParse(t, statements(test.policy)).Evaluate(test.caller, r); got != test.want {
				t.Errorf("Evaluate(%q, %+v) = %v, want %v", test.caller, r, got, test.want)
			}
		})
	}
}

func TestEvaluateZero(t *testing.T) {
	t.Parallel()
	if got := (Policy{}).Evaluate(testRole, Request{Action: "s3:GetObject", Resource: testBucket}); got != NoMatch {
		t.Errorf("Policy{}.Evaluate = %v, want NoMatch", got)
	}
}

func TestParsePolicyRefuses(t *testing.T) {
	t.Parallel()
	const good = `{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}`
	with := func(more string) string {
		return statements(strings.Replace(good, "{", "{"+more+",", 1))
	}
	for name, document := range map[string]string{
		"not an object":         `[]`,
		"no version":            `{"Statement":` + good + `}`,
		"the old version":       `{"Version":"2008-10-17","Statement":` + good + `}`,
		"no statement":          `{"Version":"2012-10-17"}`,
		"an empty list":         statements(``),
		"an unknown field":      `{"Version":"2012-10-17","Statement":` + good + `,"More":1}`,
		"an id of another type": `{"Version":"2012-10-17","Id":1,"Statement":` + good + `}`,
		"a text for statement":  statements(`"x"`),
		"an unknown member":     with(`"Effects":"Allow"`),
		"NotAction":             with(`"NotAction":"s3:GetObject"`),
		"NotResource":           with(`"NotResource":"*"`),
		"NotPrincipal":          with(`"NotPrincipal":"*"`),
		"a Sid of another type": with(`"Sid":1`),
		"no effect":             statements(`{"Action":"s3:GetObject","Resource":"*"}`),
		"effect in lower case":  statements(`{"Effect":"allow","Action":"s3:GetObject","Resource":"*"}`),
		"no action":             statements(`{"Effect":"Allow","Resource":"*"}`),
		"no actions":            statements(`{"Effect":"Allow","Action":[],"Resource":"*"}`),
		"action without a name": statements(`{"Effect":"Allow","Action":"s3","Resource":"*"}`),
		"action of any service": statements(`{"Effect":"Allow","Action":"*:GetObject","Resource":"*"}`),
		"an empty action":       statements(`{"Effect":"Allow","Action":[""],"Resource":"*"}`),
		"no resource":           statements(`{"Effect":"Allow","Action":"s3:GetObject"}`),
		"resource not an ARN":   statements(`{"Effect":"Allow","Action":"s3:GetObject","Resource":"bucket/*"}`),
		"an ARN of five parts":  statements(`{"Effect":"Allow","Action":"*","Resource":"arn:aws:sqs:*:queue"}`),
		"a short ARN":           statements(`{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:bucket"}`),
		"a variable":            statements(`{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/${aws:username}"}`),
		"a variable's value":    with(`"Condition":{"StringEquals":{"aws:a":"${aws:username}"}}`),
		"a principal's text":    with(`"Principal":"` + testRole + `"`),
		"no principals":         with(`"Principal":{}`),
		"an empty principal":    with(`"Principal":{"AWS":[]}`),
		"another kind":          with(`"Principal":{"Federated":"x"}`),
		"an account":            with(`"Principal":{"AWS":"123456789012"}`),
		"an account's root":     with(`"Principal":{"AWS":"arn:aws:iam::123456789012:root"}`),
		"a pattern of roles":    with(`"Principal":{"AWS":"arn:aws:iam::123456789012:role/*"}`),
		"a session":             with(`"Principal":{"AWS":"arn:aws:sts::123456789012:assumed-role/a/b"}`),
		"any service":           with(`"Principal":{"Service":"*"}`),
		"not a service":         with(`"Principal":{"Service":"example.com"}`),
		"some principals":       statements(good + `,` + strings.Replace(good, "{", `{"Principal":"*",`, 1)),
		"a text for condition":  with(`"Condition":"x"`),
		"no keys":               with(`"Condition":{"Bool":{}}`),
		"not a key":             with(`"Condition":{"Bool":{"securetransport":"true"}}`),
		"no value":              with(`"Condition":{"Bool":{"aws:a":[]}}`),
		"null for a value":      with(`"Condition":{"Bool":{"aws:a":null}}`),
		"an unknown operator":   with(`"Condition":{"StringMatches":{"aws:a":"x"}}`),
		"ignoring case":         with(`"Condition":{"StringEqualsIgnoreCase":{"aws:a":"x"}}`),
		"a set operator":        with(`"Condition":{"ForAnyValue:StringEquals":{"aws:a":"x"}}`),
		"a date":                with(`"Condition":{"DateLessThan":{"aws:a":"2030-01-01T00:00:00Z"}}`),
		"NotIpAddress":          with(`"Condition":{"NotIpAddress":{"aws:a":"127.0.0.1"}}`),
		"NullIfExists":          with(`"Condition":{"NullIfExists":{"aws:a":"true"}}`),
		"null of something":     with(`"Condition":{"Null":{"aws:a":"yes"}}`),
		"bool of something":     with(`"Condition":{"Bool":{"aws:a":"yes"}}`),
		"number of something":   with(`"Condition":{"NumericLessThan":{"aws:a":"ten"}}`),
		"address of something":  with(`"Condition":{"IpAddress":{"aws:a":"localhost"}}`),
		"ARN of something":      with(`"Condition":{"ArnLike":{"aws:a":"x"}}`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var decoded any
			if err := json.Unmarshal([]byte(document), &decoded); err != nil {
				t.Fatal(err)
			}
			if policy, err := ParsePolicy(decoded); err == nil {
				t.Errorf("ParsePolicy(%s) = %+v, want an error", document, policy)
			}
		})
	}
}

// FuzzParsePolicy holds that no document makes the parser or the evaluation
// fail, and that one which takes no effect in any statement grants nothing.
func FuzzParsePolicy(f *testing.F) {
	f.Add(statements(`{"Effect":"Allow","Action":["s3:*"],"Resource":"arn:aws:s3:::b/*","Condition":{"Bool":{"aws:SecureTransport":true}}}`))
	f.Add(statements(`{"Effect":"Deny","Principal":{"Service":"s3.amazonaws.com"},"Action":"*","Resource":"*","Condition":{"NumericLessThanEqualsIfExists":{"s3:max-keys":[1,2.5]},"IpAddress":{"aws:SourceIp":["::1","10.0.0.0/8"]}}}`))
	f.Add(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"a:?","Resource":"*"}}`)
	f.Fuzz(func(t *testing.T, document string) {
		var decoded any
		if json.Unmarshal([]byte(document), &decoded) != nil {
			return
		}
		policy, err := ParsePolicy(decoded)
		if err != nil {
			return
		}
		r := Request{Action: "s3:GetObject", Resource: testBucket + "/a", Context: map[string][]string{"aws:securetransport": {"true"}}}
		if got := policy.Evaluate(testRole, r); got == Allow && !strings.Contains(document, "llow") && !strings.Contains(document, `\u`) {
			t.Errorf("Evaluate of %s = %v", document, got)
		}
	})
}
