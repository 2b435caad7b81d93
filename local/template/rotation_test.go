package template

import (
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	rotator    = `{ Type: AWS::Lambda::Permission, Properties: { Action: "lambda:InvokeFunction", FunctionName: !Ref Rotator, Principal: secretsmanager.amazonaws.com, SourceAccount: !Ref AWS::AccountId } }`
	keyGroup   = `{ Type: "Custom::KeyGroup", Properties: { ServiceToken: !GetAtt Rotator.Arn, SecretId: !Ref Secret, Count: 5, Deep: { Flag: true, List: [1] } } }`
	rotation   = `{ Type: AWS::SecretsManager::RotationSchedule, DependsOn: [Permission, Made], Properties: { SecretId: !Ref Secret, RotationLambdaARN: !GetAtt Rotator.Arn, RotationRules: { AutomaticallyAfterDays: 90 } } }`
	pool       = `{ Type: AWS::Cognito::UserPool, Properties: { AdminCreateUserConfig: { AllowAdminCreateUserOnly: true }, Policies: { PasswordPolicy: { MinimumLength: 12, RequireLowercase: true, RequireUppercase: true, RequireNumbers: true, RequireSymbols: false } } } }`
	poolDomain = `{ Type: AWS::Cognito::UserPoolDomain, Properties: { UserPoolId: !Ref Pool, Domain: files } }`
	scopes     = `{ Type: AWS::Cognito::UserPoolResourceServer, Properties: { UserPoolId: !Ref Pool, Identifier: i, Name: n, Scopes: [{ ScopeName: s, ScopeDescription: d }] } }`
	machine    = `{ Type: AWS::Cognito::UserPoolClient, DependsOn: Scopes, Properties: { UserPoolId: !Ref Pool, GenerateSecret: true, AllowedOAuthFlowsUserPoolClient: true, AllowedOAuthFlows: [client_credentials], AllowedOAuthScopes: [i/s] } }`
)

// rotating are entries that those of the tests here override, or add to.
func rotating() map[string]string {
	return map[string]string{
		"Rotator": function(""), "Secret": `{ Type: AWS::SecretsManager::Secret }`,
		"Permission": rotator, "Made": keyGroup, "Schedule": rotation,
		"Pool": pool, "PoolDomain": poolDomain, "Scopes": scopes, "Machine": machine,
	}
}

func rotatingBut(id, entry string) string {
	entries := rotating()
	delete(entries, id)
	var b strings.Builder
	b.WriteString(withResources(id, entry))
	for _, id := range sortedKeys(entries) {
		b.WriteString("  " + id + ": " + entries[id] + "\n")
	}
	return b.String()
}

func TestRotationRefused(t *testing.T) {
	t.Parallel()
	changed := strings.Replace
	if _, err := Parse([]byte(rotatingBut("Schedule", rotation)), options0()); err != nil {
		t.Fatalf("the entries as they are: %v", err)
	}
	for _, test := range []struct{ id, entry, want string }{
		{"Permission", changed(rotator, ", SourceAccount: !Ref AWS::AccountId", "", 1), "Permission.SourceAccount: required"},
		{"Permission", changed(rotator, "!Ref AWS::AccountId", `"210987654321"`, 1), "Permission.SourceAccount: "},
		{"Permission", changed(rotator, "secretsmanager", "s3", 1), "Permission.Principal: "},
		{"Permission", changed(rotator, "!Ref Rotator", "other", 1), "FunctionName: must be an AWS::Serverless::Function"},
		{"Permission", changed(rotator, "lambda:InvokeFunction", "lambda:*", 1), "Permission.Action: "},

		{"Schedule", changed(rotation, "Permission, ", "", 1), "must be made after Permission"},
		{"Schedule", changed(rotation, ", Made", "", 1), "must be made after Made (DependsOn), which fills the secret"},
		{"Schedule", changed(rotation, "!Ref Secret", "other", 1), "SecretId: must be an AWS::SecretsManager::Secret"},
		{"Schedule", changed(rotation, "!GetAtt Rotator.Arn", "other", 1), "RotationLambdaARN: must be"},
		{"Schedule", changed(rotation, "!GetAtt Rotator.Arn", "!GetAtt Api.ApiEndpoint", 1), "RotationLambdaARN: must be"},
		{"Schedule", changed(rotation, "AutomaticallyAfterDays: 90", "Duration: 2h", 1), "needs one of"},
		{"Schedule", changed(rotation, "90", "90, ScheduleExpression: rate(90 days)", 1), "needs one of"},
		{"Schedule", changed(rotation, "90", "1001", 1), "AutomaticallyAfterDays: "},

		{"Made", changed(keyGroup, "!GetAtt Rotator.Arn", `"arn:aws:sns:eu-central-1:123456789012:topic"`, 1), "ServiceToken: must be the Arn of"},
		{"Made", changed(keyGroup, "!GetAtt Rotator.Arn", "!Ref Rotator", 1), "ServiceToken: must be the Arn of"},
		{"Schedule", changed(rotation, "!GetAtt Rotator.Arn", "!Ref Rotator", 1), "RotationLambdaARN: must be the Arn of"},
		{"Made", changed(keyGroup, "Count: 5", "ServiceTimeout: 3601", 1), "ServiceTimeout: "},
		{"F", function(`Environment: { Variables: { KEY: !GetAtt Made.Id } }`), `"Made" is made by a function`},
		{"F", event("Schedule", `Schedule: rate(1 day)`), "Input: required"},
		{"F", event("Schedule", `Schedule: rate(2 days), Input: "{}"`), `"rate(2 days)": known are`},
		{"F", event("Schedule", `Schedule: rate(1 day), Input: "{}", Enabled: false`), "Enabled: "},

		{"Pool", changed(pool, "AllowAdminCreateUserOnly: true", "AllowAdminCreateUserOnly: false", 1), "AllowAdminCreateUserOnly: "},
		{"Pool", `{ Type: AWS::Cognito::UserPool, Properties: {} }`, "AdminCreateUserConfig: required"},
		{"Pool", changed(pool, "MinimumLength: 12", "MinimumLength: 6", 1), "MinimumLength: "},
		{"PoolDomain", changed(poolDomain, "files", "my-cognito", 1), "refuses the word cognito"},
		{"PoolDomain", changed(poolDomain, "files", "Files", 1), `"Files" is no name for`},
		{"Machine", changed(machine, "DependsOn: Scopes, ", "", 1), "must be made after Scopes"},
		{"Machine", changed(machine, "i/s", "i/t", 1), "no AWS::Cognito::UserPoolResourceServer has it"},
		{"Machine", changed(machine, "GenerateSecret: true", "GenerateSecret: false", 1), "client_credentials needs a secret"},
		{"Machine", changed(machine, "!Ref Pool", "eu-central-1_x", 1), "UserPoolId: must be"},
		{"Machine", changed(machine, "GenerateSecret: true", "GenerateSecret: true, ExplicitAuthFlows: [ALLOW_USER_SRP_AUTH]", 1), "PreventUserExistenceErrors: required"},
		{"Machine", changed(machine, "GenerateSecret: true", "GenerateSecret: true, ExplicitAuthFlows: [ALLOW_USER_PASSWORD_AUTH]", 1), "ExplicitAuthFlows[0]: "},
	} {
		t.Run(test.id+"/"+test.want, func(t *testing.T) {
			t.Parallel()
			refused(t, rotatingBut(test.id, test.entry), test.want)
		})
	}
}

// TestAnswers: what a custom resource's function answered is what refers to it.
func TestAnswers(t *testing.T) {
	t.Parallel()
	source := rotatingBut("Schedule", rotation) + "Outputs: { Id: { Value: !Ref Made }, Group: { Value: !GetAtt Made.Group } }\n"
	o := options0()
	for _, test := range []struct {
		answers map[string]Answer
		want    map[string]string
	}{
		{nil, map[string]string{"Id": "answer:Made", "Group": "answer:Made.Group"}},
		{map[string]Answer{"Made": {"7", map[string]string{"Group": "g"}}}, map[string]string{"Id": "7", "Group": "g"}},
	} {
		o.Answers = test.answers
		stack, err := Parse([]byte(source), o)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, stack.Outputs); diff != "" {
			t.Errorf("outputs with %v (-want +got):\n%s", test.answers, diff)
		}
		want := []CustomResource{{
			LogicalID: "Made", Type: "Custom::KeyGroup", FunctionLogicalID: "Rotator",
			Properties: map[string]any{
				"ServiceToken": stack.Functions[0].ARN, "SecretId": stack.Secrets[0].ARN, "Count": "5",
				"Deep": map[string]any{"Flag": "true", "List": []any{"1"}},
			},
		}}
		if diff := cmp.Diff(want, stack.CustomResources); diff != "" {
			t.Errorf("custom resources (-want +got):\n%s", diff)
		}
	}
	o.Answers = map[string]Answer{"Made": {"7", map[string]string{"Grup": "g"}}}
	if _, err := Parse([]byte(source), o); err == nil || !strings.Contains(err.Error(), `answered without "Group", but with ["Grup"]`) {
		t.Errorf("Parse with another answer = %v, want it refused", err)
	}
}

// TestUserPool: the product's own pool takes the place of an issuer, and only then.
func TestUserPool(t *testing.T) {
	t.Parallel()
	for _, machines := range []string{"false", "true"} {
		o := options()
		o.Parameters = map[string]string{"MachineClient": machines}
		stack, err := Load(product, o)
		if err != nil {
			t.Fatal(err)
		}
		p := stack.UserPools[0]
		want := []JWTAuthorizer{{Name: "Token", Issuer: "https://cognito-idp.eu-central-1.amazonaws.com/" + p.ID, Audience: []string{stack.Outputs["UserPoolClientId"]}}}
		outputs := map[string]bool{"UserPoolId": true, "UserPoolClientId": true, "MachineClientId": false, "TokenUrl": false}
		if machines == "true" {
			want[0].Audience = append(want[0].Audience, stack.Outputs["MachineClientId"])
			outputs["MachineClientId"], outputs["TokenUrl"] = true, true
		}
		if diff := cmp.Diff(want, stack.APIs[0].Authorizers); diff != "" {
			t.Errorf("MachineClient=%s: authorizers (-want +got):\n%s", machines, diff)
		}
		for name, there := range outputs {
			if (stack.Outputs[name] != "") != there {
				t.Errorf("MachineClient=%s: output %s = %q, want one: %t", machines, name, stack.Outputs[name], there)
			}
		}
		for _, c := range p.Clients {
			if c.Secret != (len(c.Grants) > 0) {
				t.Errorf("%s = %+v, want a secret with a machine alone", c.LogicalID, c)
			}
		}
	}
	o := options()
	maps.Copy(o.Parameters, optional())
	if stack, err := Load(product, o); err != nil || stack.UserPools != nil {
		t.Errorf("with an issuer: %v, pools %v; want none", err, stack.UserPools)
	}
}
