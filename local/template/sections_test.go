package template

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSectionsRefused(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, source, want string }{
		{"empty", "", "empty"},
		{"no mapping", "[]", "template.yaml:1: the template must be a mapping"},
		{"no YAML", "a: [", "template.yaml:1: "},
		{"two documents", "a: b\n---\nc: d", "one YAML document"},
		{"no transform", "Resources: {}", "Transform: required"},
		{"another transform", "Transform: AWS::LanguageExtensions\nResources: {}", "Transform: "},
		{"no resources", head, "Resources: required"},
		{"unknown section", head + "Resources: {}\nHooks: {}", "template.yaml:3: Hooks: not known"},
		{"condition in a circle", head + "Resources: {}\nConditions: { A: !Not [!Condition B], B: !Not [!Condition A] }", "refers to itself in a circle"},
		{"condition on a resource", head + "Resources: { Q: { Type: AWS::SQS::Queue } }\nConditions: { A: !Equals [!Ref Q, x] }", "is not a parameter, and only these may stand here"},
		{"condition that is none", head + "Resources: {}\nConditions: { A: !Ref AWS::Region }", "Ref: not known as a condition"},
		{"condition that is text", head + "Resources: {}\nConditions: { A: b }", "must be a condition function"},
		{"and of one", head + "Resources: {}\nConditions: { A: !And [!Equals [a, a]] }", "takes 2 to 10"},
		{"rule broken", head + "Resources: {}\nRules: { R: { Assertions: [{ Assert: !Equals [a, b], AssertDescription: a is b }] } }", "the assertion does not hold: a is b"},
		{"rule function", head + "Resources: {}\nRules: { R: { Assertions: [{ Assert: !RefAll x }] } }", "Fn::RefAll: not known"},
		{"mapping with a function", head + "Resources: {}\nMappings: { A: { b: { c: !Ref AWS::Region } } }", "Mappings.A.b.c: must be a string"},
		{"global property", head + "Resources: {}\nGlobals: { Function: { Role: x } }", "Globals.Function.Role: not known"},
		{"globals of another type", head + "Resources: {}\nGlobals: { Api: {} }", "Globals.Api: not known"},
		{"output without a value", head + "Resources: {}\nOutputs: { A: {} }", "Outputs.A.Value: required"},
		{"resource named as a parameter", head + "Parameters: { Q: { Type: String, Default: x } }\nResources: { Q: { Type: AWS::SQS::Queue } }", "is the name of a parameter"},
		{
			"resources in a circle", head + "Resources: { A: { Type: AWS::SQS::Queue, DependsOn: B }, B: { Type: AWS::SQS::Queue, Properties: { RedrivePolicy: { deadLetterTargetArn: !GetAtt A.Arn, maxReceiveCount: 1 } } } }",
			"circular dependency between resources: A -> B -> A",
		},
		{
			"list parameter under SAM", head + "Parameters: { L: { Type: CommaDelimitedList, Default: a } }\nResources: { A: { Type: AWS::Serverless::HttpApi, Properties: { Tags: { a: !Join [x, !Ref L] } } } }",
			"SAM's transform puts a CommaDelimitedList here as one string",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			refused(t, test.source, test.want)
		})
	}
}

func TestRules(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule  string
		holds bool
	}{
		{`Assertions: [{ Assert: !Contains [[a, b], !Ref A] }]`, true},
		{`Assertions: [{ Assert: !Contains [[b], !Ref A] }]`, false},
		{`Assertions: [{ Assert: !EachMemberEquals [!Ref AA, a] }]`, true},
		{`Assertions: [{ Assert: !EachMemberEquals [!Ref AB, a] }]`, false},
		{`Assertions: [{ Assert: !EachMemberIn [!Ref AB, [a, b, c]] }]`, true},
		{`Assertions: [{ Assert: !EachMemberIn [!Ref AB, [a]] }]`, false},
		{`Assertions: [{ Assert: !Not [!Contains [[b], !Ref A]] }]`, true},
		{`Assertions: [{ Assert: !And [!Equals [a, !Ref A], !Contains [[b], a]] }]`, false},
		{`Assertions: [{ Assert: !Or [!Equals [a, !Ref A], !Contains [[b], a]] }]`, true},
		{`RuleCondition: !Equals [a, b], Assertions: [{ Assert: !Equals [a, b] }]`, true},
		{`RuleCondition: !Equals [a, a], Assertions: [{ Assert: !Equals [a, b] }]`, false},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			_, err := Parse([]byte(head+`
Parameters:
  A: { Type: String, Default: a }
  AA: { Type: CommaDelimitedList, Default: "a,a" }
  AB: { Type: CommaDelimitedList, Default: "a,b" }
Rules: { R: { `+test.rule+` } }
Resources: {}
`), options0())
			if (err == nil) != test.holds {
				t.Errorf("Parse = %v, want the rule to hold: %v", err, test.holds)
			}
		})
	}
}

func TestGlobals(t *testing.T) {
	t.Parallel()
	stack, err := Parse([]byte(head+`
Globals:
  Function:
    Runtime: provided.al2023
    Handler: bootstrap
    CodeUri: .
    Timeout: 7
    Architectures: [arm64]
    Environment: { Variables: { BOTH: global, GLOBAL: global } }
  HttpApi:
    CorsConfiguration: { AllowOrigins: ["https://a.example"], AllowMethods: [GET], MaxAge: 5 }
Resources:
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      CorsConfiguration: { AllowMethods: [PUT], AllowHeaders: [x], ExposeHeaders: [y], AllowCredentials: true, MaxAge: 6 }
  Role: `+base()["Role"]+`
  F:
    Type: AWS::Serverless::Function
    Metadata: { BuildMethod: makefile }
    Properties:
      Role: !GetAtt Role.Arn
      MemorySize: 512
      Environment: { Variables: { BOTH: own, OWN: 1 } }
  G:
    Type: AWS::Serverless::Function
    Metadata: { BuildMethod: makefile }
    Properties: { Role: !GetAtt Role.Arn, Timeout: 8 }
`), options0())
	if err != nil {
		t.Fatal(err)
	}
	f, g := stack.Functions[0], stack.Functions[1]
	if diff := cmp.Diff(map[string]string{"BOTH": "own", "GLOBAL": "global", "OWN": "1"}, f.Environment); diff != "" {
		t.Errorf("F's environment (-want +got):\n%s", diff)
	}
	if f.Timeout != 7*time.Second || f.MemoryMB != 512 || g.Timeout != 8*time.Second || g.MemoryMB != 128 {
		t.Errorf("F and G = %v, %d MB, %v, %d MB, want 7s, 512 MB, 8s, 128 MB", f.Timeout, f.MemoryMB, g.Timeout, g.MemoryMB)
	}
	// SAM adds a resource's lists to those of Globals.
	if diff := cmp.Diff(&APICORS{
		AllowOrigins: []string{"https://a.example"}, AllowMethods: []string{"GET", "PUT"}, AllowHeaders: []string{"x"},
		ExposeHeaders: []string{"y"}, AllowCredentials: true, MaxAge: 6 * time.Second,
	}, stack.APIs[0].CORS); diff != "" {
		t.Errorf("CORS (-want +got):\n%s", diff)
	}
}

// SAM adds lists, so a function cannot change the architecture of Globals.
func TestGlobalsAddLists(t *testing.T) {
	t.Parallel()
	refused(t, head+`
Globals: { Function: { Architectures: [arm64], Runtime: provided.al2023, Handler: bootstrap, CodeUri: . } }
Resources:
  Role: `+base()["Role"]+`
  F: { Type: AWS::Serverless::Function, Metadata: { BuildMethod: makefile }, Properties: { Role: !GetAtt Role.Arn, Architectures: [x86_64] } }
`, "F.Architectures: a function has one architecture")
}

// What is left out has the value AWS documents, and is never filled in kindly.
func TestDefaults(t *testing.T) {
	t.Parallel()
	entry := distribution(`{ Id: b, DomainName: !GetAtt Bucket.RegionalDomainName, S3OriginConfig: {} }`, behavior, "CustomErrorResponses: [{ ErrorCode: 404 }]")
	stack, err := Parse([]byte(withResources("D", entry)), options0())
	if err != nil {
		t.Fatal(err)
	}
	d := stack.Distributions[0]
	if d.Origins[0].OAC || d.Default.TrustedKeyGroups != nil || d.Default.Compress || d.Default.ResponseHeaders != nil {
		t.Errorf("Distribution = %+v, want it open and without access control", d)
	}
	if d.ErrorCachingMinTTL[404] != 10*time.Second {
		t.Errorf("ErrorCachingMinTTL = %v, want 10s", d.ErrorCachingMinTTL)
	}
	if q := stack.Queues[0]; q.VisibilityTimeout != 30*time.Second || q.Retention != 4*24*time.Hour || q.DeadLetterARN != "" {
		t.Errorf("Queue = %+v, want 30s, 4 days, no dead-letter queue", q)
	}
	if b := stack.Buckets[0]; b.Versioned || b.Policy != nil {
		t.Errorf("Bucket = %+v, want no versions and no policy", b)
	}
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		auth, authorizer string
		scopes           []string
	}{
		{"", "T", nil},
		{", Auth: { Authorizer: NONE }", "", nil},
		{", Auth: { Authorizer: U, AuthorizationScopes: [x, y] }", "U", []string{"x", "y"}},
		{", Auth: { AuthorizationScopes: [x] }", "T", []string{"x"}},
	} {
		stack, err := Parse([]byte(withResources("F", event("HttpApi", "ApiId: !Ref Api, Method: any, Path: '/{p+}'"+test.auth))), options0())
		if err != nil {
			t.Fatal(err)
		}
		want := []Route{{APILogicalID: "Api", Method: "ANY", Path: "/{p+}", Authorizer: test.authorizer, Scopes: test.scopes}}
		if diff := cmp.Diff(want, stack.Functions[0].Routes); diff != "" {
			t.Errorf("%s: routes (-want +got):\n%s", test.auth, diff)
		}
	}
}

func TestSecurityHeaders(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ configuration, want string }{
		{"StrictTransportSecurity: { AccessControlMaxAgeSec: 5, Override: true }", "Strict-Transport-Security: max-age=5"},
		{"StrictTransportSecurity: { AccessControlMaxAgeSec: 5, IncludeSubdomains: true, Preload: true, Override: true }", "Strict-Transport-Security: max-age=5; includeSubDomains; preload"},
		{"FrameOptions: { FrameOption: DENY, Override: true }", "X-Frame-Options: DENY"},
		{"ReferrerPolicy: { ReferrerPolicy: origin, Override: true }", "Referrer-Policy: origin"},
		{"ContentTypeOptions: { Override: true }", "X-Content-Type-Options: nosniff"},
		{"XSSProtection: { Protection: false, Override: true }", "X-XSS-Protection: 0"},
		{"XSSProtection: { Protection: true, Override: true }", "X-XSS-Protection: 1"},
		{"XSSProtection: { Protection: true, ModeBlock: true, Override: true }", "X-XSS-Protection: 1; mode=block"},
		{"XSSProtection: { Protection: true, ReportUri: https://r.example, Override: true }", "X-XSS-Protection: 1; report=https://r.example"},
	} {
		entries := withResources("H", headersPolicy("SecurityHeadersConfig: { "+test.configuration+" }, RemoveHeadersConfig: { Items: [{ Header: Server }] }")) +
			"  D: " + distribution(origin, behavior+", ResponseHeadersPolicyId: !Ref H", "") + "\n"
		stack, err := Parse([]byte(entries), options0())
		if err != nil {
			t.Fatal(err)
		}
		policy := stack.Distributions[0].Default.ResponseHeaders
		if h := policy.Headers[0]; h.Name+": "+h.Value != test.want || !h.Override {
			t.Errorf("%s: %+v, want %s", test.configuration, h, test.want)
		}
		if diff := cmp.Diff([]string{"Server"}, policy.Remove); diff != "" {
			t.Errorf("Remove (-want +got):\n%s", diff)
		}
	}
}

// The names that are made up have the form of AWS's.
func TestLongNames(t *testing.T) {
	t.Parallel()
	o := options0()
	o.StackName = "a-name-of-a-stack-that-is-much-longer-than-the-names-services-take-for-what-they-keep"
	stack, err := Parse([]byte(withResources("B", `{ Type: AWS::S3::Bucket }`)), o)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := stack.Buckets[0].Name, stack.Buckets[1].Name; len(a) != 63 || len(b) != 63 || a == b {
		t.Errorf("bucket names %q and %q, want two of 63 characters", a, b)
	}
}
