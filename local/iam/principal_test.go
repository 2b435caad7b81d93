package iam

import (
	"errors"
	"net/http"
	"slices"
	"testing"
)

func TestAuthorize(t *testing.T) {
	t.Parallel()
	const (
		resource = "arn:aws:s3:::bucket/a"
		subject  = "User: arn:aws:sts::123456789012:assumed-role/presign/PresignFunction is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::bucket/a "
		implicit = subject + "because no identity-based policy allows the s3:GetObject action"
	)
	document := func(effect, principal string) string {
		return statements(`{"Effect":"` + effect + `",` + principal + `"Action":"s3:GetObject","Resource":"*"}`)
	}
	allow, deny := document("Allow", ""), document("Deny", "")
	allowAll, denyAll := document("Allow", `"Principal":"*",`), document("Deny", `"Principal":"*",`)
	tests := []struct {
		name               string
		operator           bool
		identity, resource []string
		want               string // message; "" is success
	}{
		{"nothing allows", false, nil, nil, implicit},
		{"the role allows", false, []string{allow}, nil, ""},
		{"one of its policies allows", false, []string{statements(`{"Effect":"Allow","Action":"sqs:*","Resource":"*"}`), allow}, nil, ""},
		{"the role denies", false, []string{allow, deny}, nil, subject + "with an explicit deny in an identity-based policy"},
		{"the resource allows", false, nil, []string{allowAll}, ""},
		{"the resource denies", false, []string{allow}, []string{allowAll, denyAll}, subject + "with an explicit deny in a resource-based policy"},
		{"the resource allows, the role denies", false, []string{deny}, []string{allowAll}, subject + "with an explicit deny in an identity-based policy"},
		{"a role's policy on a resource allows nobody", false, nil, []string{allow}, implicit},
		{"the operator", true, nil, nil, ""},
		{"the operator, denied", true, nil, []string{denyAll}, subject + "with an explicit deny in a resource-based policy"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := &Principal{Name: "PresignFunction", ARN: "arn:aws:iam::123456789012:role/some/path/presign", Operator: test.operator}
			for _, text := range test.identity {
				p.Policies = append(p.Policies, mustParse(t, text))
			}
			var attached []Policy
			for _, text := range test.resource {
				attached = append(attached, mustParse(t, text))
			}
			r := Request{Action: "s3:GetObject", Resource: resource}
			if got := p.Allowed(r, attached...); got != (test.want == "") {
				t.Errorf("Allowed = %t, want %t", got, test.want == "")
			}
			err := p.Authorize(r, attached...)
			if test.want == "" {
				if err != nil {
					t.Errorf("Authorize = %v, want nil", err)
				}
				return
			}
			var refusal *Error
			if !errors.As(err, &refusal) || refusal.Code != "AccessDeniedException" || refusal.Message != test.want {
				t.Errorf("Authorize = %v, want AccessDeniedException: %s", err, test.want)
			}
		})
	}
}

func TestAuthorizeNames(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		principal Principal
		action    string
		want      string
		status    int
	}{
		{Principal{ARN: "arn:aws:iam::123456789012:user/operator"}, "dynamodb:Scan", "User: arn:aws:iam::123456789012:user/operator is not", http.StatusBadRequest},
		{Principal{ARN: "arn:aws:iam::1:role/r", Name: "F"}, "lambda:InvokeFunction", "User: arn:aws:sts::1:assumed-role/r/F is not", http.StatusForbidden},
		{Principal{ARN: "cloudfront.amazonaws.com"}, "s3:GetObject", "User: cloudfront.amazonaws.com is not", http.StatusForbidden},
		{Principal{}, "s3:GetObject", "User: anonymous is not", http.StatusForbidden},
	} {
		var refusal *Error
		if err := test.principal.Authorize(Request{Action: test.action, Resource: "r"}); !errors.As(err, &refusal) ||
			refusal.Status != test.status || refusal.Message[:len(test.want)] != test.want {
			t.Errorf("Authorize for %+v = %v, want %d %s", test.principal, refusal, test.status, test.want)
		}
	}
}

// What the principal carries, and what AWS knows of every caller, reaches the
// conditions; a request can't overrule it.
func TestAllowedContext(t *testing.T) {
	t.Parallel()
	policy := mustParse(t, statements(`{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*","Condition":{
		"StringEquals":{"aws:SourceArn":"arn:aws:cloudfront::1:distribution/E1"},"Bool":{"aws:PrincipalIsAWSService":"true"}}}`))
	carried := map[string][]string{"aws:sourcearn": {"arn:aws:cloudfront::1:distribution/E1"}}
	for _, test := range []struct {
		name      string
		principal Principal
		request   map[string][]string
		want      bool
	}{
		{"carried", Principal{ARN: "cloudfront.amazonaws.com", Context: carried}, nil, true},
		{"overruled", Principal{ARN: "cloudfront.amazonaws.com", Context: carried}, map[string][]string{"aws:sourcearn": {"x"}}, true},
		{"missing", Principal{ARN: "cloudfront.amazonaws.com"}, nil, false},
		{"a role", Principal{ARN: testRole, Context: carried}, nil, false},
		{"anonymous", Principal{Context: carried}, nil, false},
	} {
		if got := test.principal.Allowed(Request{Action: "a:B", Resource: "x", Context: test.request}, policy); got != test.want {
			t.Errorf("%s: Allowed = %t, want %t", test.name, got, test.want)
		}
	}
	byARN := mustParse(t, statements(`{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*","Condition":{"ArnEquals":{"aws:PrincipalArn":"`+testRole+`"}}}`))
	if p := (&Principal{ARN: testRole}); !p.Allowed(Request{Action: "a:B", Resource: "x"}, byARN) {
		t.Error("aws:PrincipalArn was not given")
	}
}

func TestDecided(t *testing.T) {
	t.Parallel()
	type decision struct {
		action, resource, caller string
		allowed                  bool
	}
	var got []decision
	p := &Principal{ARN: testRole, Policies: []Policy{mustParse(t, statements(`{"Effect":"Allow","Action":"a:B","Resource":"*"}`))}}
	p.Decided = func(r Request, allowed bool) {
		got = append(got, decision{r.Action, r.Resource, r.Context["aws:principalarn"][0], allowed})
	}
	p.Allowed(Request{Action: "a:B", Resource: "x"})
	_ = p.Authorize(Request{Action: "a:C", Resource: "y"}) // Decided has its answer
	want := []decision{{"a:B", "x", testRole, true}, {"a:C", "y", testRole, false}}
	if !slices.Equal(got, want) {
		t.Errorf("Decided was told %+v, want %+v", got, want)
	}
}
