package template

import (
	"fmt"
	"strings"
	"testing"
)

// base has one of each resource that others name. Templates of these tests
// override its entries, or add to them.
func base() map[string]string {
	return map[string]string{
		"Role": `{ Type: AWS::IAM::Role, Properties: { AssumeRolePolicyDocument: ` + trust + `, Policies: [` +
			`{ PolicyName: p, PolicyDocument: { Version: 2012-10-17, Statement: { Effect: Allow, Action: "s3:GetObject", Resource: "*" } } }] } }`,
		"Api":   `{ Type: AWS::Serverless::HttpApi, Properties: { Auth: { DefaultAuthorizer: T, Authorizers: { T: ` + authorizer + `, U: ` + authorizer + ` } } } }`,
		"Queue": `{ Type: AWS::SQS::Queue }`,
		"QueuePolicy": `{ Type: AWS::SQS::QueuePolicy, Properties: { Queues: [!Ref Queue], PolicyDocument: { Version: 2012-10-17, Statement: [` +
			`{ Effect: Allow, Principal: { Service: s3.amazonaws.com }, Action: "sqs:SendMessage", Resource: !GetAtt Queue.Arn }] } } }`,
		"Bucket":  `{ Type: AWS::S3::Bucket }`,
		"Control": `{ Type: AWS::CloudFront::OriginAccessControl, Properties: { OriginAccessControlConfig: ` + control + ` } }`,
		"Cache":   `{ Type: AWS::CloudFront::CachePolicy, Properties: { CachePolicyConfig: ` + cache("none", "none", "none") + ` } }`,
	}
}

const (
	trust       = `{ Version: 2012-10-17, Statement: [{ Effect: Allow, Principal: { Service: lambda.amazonaws.com }, Action: "sts:AssumeRole" }] }`
	authorizer  = `{ JwtConfiguration: { issuer: "https://i.example", audience: [a] } }`
	control     = `{ Name: n, OriginAccessControlOriginType: s3, SigningBehavior: always, SigningProtocol: sigv4 }`
	origin      = `{ Id: b, DomainName: !GetAtt Bucket.RegionalDomainName, OriginAccessControlId: !Ref Control, S3OriginConfig: {} }`
	certificate = `{ AcmCertificateArn: "arn:aws:acm:us-east-1:123456789012:certificate/c", SslSupportMethod: sni-only, MinimumProtocolVersion: TLSv1.2_2021 }`
	behavior    = `TargetOriginId: b, ViewerProtocolPolicy: https-only, CachePolicyId: !Ref Cache`
)

func cache(query, headers, cookies string) string {
	return fmt.Sprintf(`{ Name: n, MinTTL: 0, DefaultTTL: 1, MaxTTL: 1, ParametersInCacheKeyAndForwardedToOrigin: { EnableAcceptEncodingGzip: true, `+
		`QueryStringsConfig: { QueryStringBehavior: %s }, HeadersConfig: { HeaderBehavior: %s }, CookiesConfig: { CookieBehavior: %s } } }`, query, headers, cookies)
}

// function is a function with more properties.
func function(more string) string {
	return `{ Type: AWS::Serverless::Function, Metadata: { BuildMethod: makefile }, Properties: ` +
		`{ Runtime: provided.al2023, Handler: bootstrap, CodeUri: ., Role: !GetAtt Role.Arn, ` + more + ` } }`
}

func event(typ, properties string) string {
	return function(`Events: { E: { Type: ` + typ + `, Properties: { ` + properties + ` } } }`)
}

func distribution(origins, defaultBehavior, more string) string {
	return `{ Type: AWS::CloudFront::Distribution, Properties: { DistributionConfig: { Enabled: true, Origins: [` + origins +
		`], DefaultCacheBehavior: { ` + defaultBehavior + ` }, ` + more + ` } } }`
}

func bucket(properties string) string {
	return `{ Type: AWS::S3::Bucket, DependsOn: QueuePolicy, Properties: { ` + properties + ` } }`
}

func notify(configurations string) string {
	return bucket(`NotificationConfiguration: { QueueConfigurations: [` + configurations + `] }`)
}

func policy(typ, subject, statement string) string {
	return `{ Type: ` + typ + `, Properties: { ` + subject + `, PolicyDocument: { Version: 2012-10-17, Statement: [{ ` + statement + ` }] } } }`
}

func headersPolicy(configuration string) string {
	return `{ Type: AWS::CloudFront::ResponseHeadersPolicy, Properties: { ResponseHeadersPolicyConfig: { Name: n, ` + configuration + ` } } }`
}

// withResources is a template of base and one entry more, or another one.
func withResources(id, entry string) string {
	entries := base()
	entries[id] = entry
	var b strings.Builder
	b.WriteString(head + "Resources:\n")
	for _, id := range sortedKeys(entries) {
		b.WriteString("  " + id + ": " + entries[id] + "\n")
	}
	return b.String()
}

func TestAccepted(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ id, entry string }{
		{"Function", function("Timeout: 3")},
		{"Function", event("HttpApi", "ApiId: !Ref Api, Method: any, Path: '/a/{id}/{rest+}', Auth: { Authorizer: U, AuthorizationScopes: [x] }")},
		{"Function", event("HttpApi", "ApiId: !Ref Api, Method: GET, Path: /, Auth: { Authorizer: NONE }")},
		{"Function", event("SQS", "Queue: !GetAtt Queue.Arn, BatchSize: 100, MaximumBatchingWindowInSeconds: 1")},
		{"Distribution", distribution(origin, behavior, "")},
		{"Distribution", distribution(origin, behavior, "CacheBehaviors: [{ PathPattern: x, "+behavior+", AllowedMethods: [HEAD, GET, OPTIONS] }]")},
		{"Bucket", notify(`{ Event: "s3:ObjectCreated:Put", Queue: !GetAtt Queue.Arn }, { Event: "s3:ObjectRemoved:*", Queue: !GetAtt Queue.Arn }`)},
		{"Bucket", notify(`{ Event: "s3:ObjectCreated:*", Queue: !GetAtt Queue.Arn, Filter: { S3Key: { Rules: [{ Name: prefix, Value: a }] } } },
			{ Event: "s3:ObjectCreated:Put", Queue: !GetAtt Queue.Arn, Filter: { S3Key: { Rules: [{ Name: prefix, Value: b }] } } }`)},
		{"Headers", headersPolicy("SecurityHeadersConfig: { XSSProtection: { Protection: true, ModeBlock: true, Override: true } }")},
	} {
		t.Run(test.entry, func(t *testing.T) {
			t.Parallel()
			if _, err := Parse([]byte(withResources(test.id, test.entry)), options0()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ id, entry, want string }{
		// Resources as such.
		{"X", `{ Type: AWS::SNS::Topic }`, `X.Type: resource type "AWS::SNS::Topic" is not known`},
		{"X", `{ Properties: {} }`, "X.Type: required"},
		{"X", `{ Type: AWS::SQS::Queue, UpdatePolicy: {} }`, "X.UpdatePolicy: not known"},
		{"X", `{ Type: AWS::SQS::Queue, DeletionPolicy: Snapshot }`, "X.DeletionPolicy: "},
		{"X", `{ Type: AWS::SQS::Queue, DependsOn: [Queue, Nobody] }`, `X.DependsOn[1]: "Nobody" is not a resource`},
		{"X", `{ Type: AWS::SQS::Queue, DependsOn: X }`, "circular dependency between resources: X -> X"},
		{"X", `{ Type: AWS::SQS::Queue, Condition: Maybe }`, `condition "Maybe" is not in the template`},
		{"X", `{ Type: AWS::SQS::Queue, Properties: !Ref Queue }`, "X: must be a mapping"},
		{"X", `{ Type: AWS::SQS::Queue, Properties: { QueueName: !GetAtt X.QueueName } }`, "refers to itself in a circle"},
		{"X", `{ Type: AWS::SQS::Queue, Properties: { QueueName: airlock-Queue } }`, "X: has the same physical name as Queue"},
		{"X", `{ Type: AWS::SQS::Queue, Properties: { QueueName: a b } }`, `"a b" is no name for an AWS::SQS::Queue`},
		{"X-1", `{ Type: AWS::SQS::Queue }`, "X-1: a logical id is letters and digits"},

		// Functions.
		{"F", `{ Type: AWS::Serverless::Function }`, "F.Metadata: required"},
		{"F", `{ Type: AWS::Serverless::Function, Metadata: { BuildMethod: go1.x } }`, "F.Metadata.BuildMethod: "},
		{"F", function("ReservedConcurrentExecutions: 0"), "F.ReservedConcurrentExecutions: "},
		{"F", function("Tracing: Disabled"), "F.Tracing: "},
		{"F", function("Policies: []"), "F.Policies: not known"},
		{"F", function("Timeout: 901"), "F.Timeout: "},
		{"F", function("Timeout: 1.5"), "F.Timeout: "},
		{"F", function("Architectures: [arm64, x86_64]"), "a function has one architecture"},
		{"F", function("Environment: { Variables: { AWS_REGION: x } }"), "is reserved by Lambda"},
		{"F", function("Environment: { Variables: { A-B: x } }"), "no name for an environment variable"},
		{"F", function("Environment: { Variables: { AB: [x] } }"), "F.Environment.Variables.AB: must be a string"},
		{"F", function("Environment: { Variables: { AB: " + strings.Repeat("x", 4096) + " } }"), "bytes as JSON"},
		{"F", function("Environment: { Variables: { AB: !Ref F } }"), "circular dependency between resources: F -> F"},
		{"F", strings.Replace(function(""), "!GetAtt Role.Arn", "arn:aws:iam::123456789012:role/other", 1), "F.Role: must be the Arn"},
		{"F", event("Api", ""), "F.Events.E.Type: "},
		{"F", event("HttpApi", "Method: GET, Path: /a"), "F.Events.E.Properties.ApiId: required"},
		{"F", event("HttpApi", "ApiId: other, Method: GET, Path: /a"), "ApiId: must be an AWS::Serverless::HttpApi"},
		{"F", event("HttpApi", "ApiId: !Ref Api, Method: FETCH, Path: /a"), `"FETCH" is not a method`},
		{"F", event("HttpApi", "ApiId: !Ref Api, Method: GET, Path: a"), `"a" is not a path`},
		{"F", event("HttpApi", "ApiId: !Ref Api, Method: GET, Path: '/{a+}/b'"), "is not a path"},
		{"F", event("HttpApi", "ApiId: !Ref Api, Method: GET, Path: !Sub '/a'"), "SAM's transform reads the value itself"},
		{"F", event("HttpApi", "ApiId: !Ref Api, Method: GET, Path: /a, Auth: { Authorizer: V }"), `"V" is not an authorizer`},
		{"F", event("HttpApi", "ApiId: !Ref Api, Method: GET, Path: /a, Auth: { Authorizer: NONE, AuthorizationScopes: [x] }"), "needs an authorizer"},
		{"F", event("HttpApi", "ApiId: !Ref Api, Method: GET, Path: /a, PayloadFormatVersion: '1.0'"), "PayloadFormatVersion: "},
		{"F", function("Events: { A: { Type: HttpApi, Properties: { ApiId: !Ref Api, Method: get, Path: '/{a}' } }," +
			" B: { Type: HttpApi, Properties: { ApiId: !Ref Api, Method: GET, Path: '/{b}' } } }"), "another event has the route GET /{b}"},
		{
			"F", function("Environment: { Variables: { AB: !Ref Api } }, Events: { A: { Type: HttpApi, Properties: { ApiId: !Ref Api, Method: GET, Path: / } } }"),
			"circular dependency between resources: Api -> F -> Api",
		},
		{"F", event("SQS", "Queue: !Ref Queue"), "Queue: must be the Arn"},
		{"F", event("SQS", "Queue: !GetAtt Queue.Arn, BatchSize: 11"), "BatchSize: "},
		{"F", event("SQS", "Queue: !GetAtt Queue.Arn, FilterCriteria: {}"), "FilterCriteria: not known"},
		{"F", event("SQS", "Queue: !GetAtt Queue.Arn, ScalingConfig: { MaximumConcurrency: 1 }"), "MaximumConcurrency: "},
		{"F", strings.Replace(event("SQS", "Queue: !GetAtt Queue.Arn"), "Runtime", "Timeout: 31, Runtime", 1), "is less than the function's Timeout"},

		// HTTP APIs.
		{"A", `{ Type: AWS::Serverless::HttpApi, Properties: { Auth: { DefaultAuthorizer: T } } }`, `"T" is not among the Authorizers`},
		{"A", `{ Type: AWS::Serverless::HttpApi, Properties: { Auth: { EnableIamAuthorizer: true } } }`, "A.Auth.EnableIamAuthorizer: not known"},
		{"A", `{ Type: AWS::Serverless::HttpApi, Properties: { Auth: { Authorizers: { T: { FunctionArn: x } } } } }`, "FunctionArn: not known"},
		{"A", `{ Type: AWS::Serverless::HttpApi, Properties: { CorsConfiguration: { AllowOrigins: !Split [",", "a"] } } }`, "takes the place of the whole configuration"},
		{"A", `{ Type: AWS::Serverless::HttpApi, Properties: { CorsConfiguration: true } }`, "A.CorsConfiguration: must be a mapping"},
		{"A", `{ Type: AWS::Serverless::HttpApi, Properties: { CorsConfiguration: { AllowOrigins: ["*"], AllowCredentials: true } } }`, "not together with the origin *"},
		{"A", `{ Type: AWS::Serverless::HttpApi, Properties: { CorsConfiguration: {}, DefinitionBody: { openapi: 3.0.1, info: { title: t, version: v }, paths: {} } } }`, "not together with DefinitionBody"},
		{"A", `{ Type: AWS::Serverless::HttpApi, Properties: { DefinitionBody: { openapi: 3.0.1, info: { title: t, version: v }, paths: { /x: {} } } } }`, "paths./x: not known"},
		{"A", `{ Type: AWS::Serverless::HttpApi, Properties: { StageName: prod } }`, "A.StageName: not known"},

		// Roles and policies.
		{"R", `{ Type: AWS::IAM::Role, Properties: { AssumeRolePolicyDocument: ` + trust + `, ManagedPolicyArns: [x] } }`, "R.ManagedPolicyArns: not known"},
		{"R", `{ Type: AWS::IAM::Role, Properties: { AssumeRolePolicyDocument: ` + strings.Replace(trust, "lambda", "ec2", 1) + ` } }`, "only lambda.amazonaws.com is known"},
		{"R", `{ Type: AWS::IAM::Role, Properties: { AssumeRolePolicyDocument: ` + trust + `, Policies: [{ PolicyName: p, PolicyDocument: { Statement: [] } }] } }`, "PolicyDocument.Version: required"},
		{"R", `{ Type: AWS::IAM::Role, Properties: { AssumeRolePolicyDocument: ` + trust + `, Policies: [{ PolicyName: p, PolicyDocument: { Version: 2012-10-17,
			Statement: [{ Effect: Allow, Action: "s3:GetObject", Resource: "*", Principal: "*" }] } }] } }`, "Principal: not known"},
		{"P", policy("AWS::S3::BucketPolicy", "Bucket: !Ref Bucket", `Effect: Allow, Action: "s3:GetObject", Resource: "*"`), "Principal: required"},
		{"P", policy("AWS::S3::BucketPolicy", "Bucket: !Ref Bucket", `Effect: Perhaps, Principal: "*", Action: "s3:GetObject", Resource: "*"`), "Effect: "},
		{"P", policy("AWS::S3::BucketPolicy", "Bucket: !Ref Bucket", `Effect: Deny, Principal: "*", Action: "s3:*", NotAction: "s3:GetObject", Resource: "*"`), "not together with Action"},
		{"P", policy("AWS::S3::BucketPolicy", "Bucket: other", `Effect: Deny, Principal: "*", Action: "s3:*", Resource: "*"`), "Bucket: must be an AWS::S3::Bucket"},
		{"P", policy("AWS::S3::BucketPolicy", "Bucket: !Ref Bucket", `Effect: Deny, Principal: "*", Action: GetObject, Resource: "*"`), "is not an action"},

		// Buckets.
		{"Bucket", bucket("ObjectLockEnabled: true"), "Bucket.ObjectLockEnabled: not known"},
		{"Bucket", bucket("VersioningConfiguration: { Foo: Enabled, Status: Enabled }"), "Bucket.VersioningConfiguration.Foo: not known"},
		{"Bucket", bucket("VersioningConfiguration: { Status: Suspended }"), "VersioningConfiguration.Status: "},
		{"Bucket", bucket("PublicAccessBlockConfiguration: { BlockPublicAcls: false, BlockPublicPolicy: true, IgnorePublicAcls: true, RestrictPublicBuckets: true }"), "BlockPublicAcls: "},
		{"Bucket", bucket("OwnershipControls: { Rules: [{ ObjectOwnership: ObjectWriter }] }"), "ObjectOwnership: "},
		{"Bucket", bucket("LifecycleConfiguration: { Rules: [{ Status: Enabled, Transitions: [] }] }"), "Transitions: not known"},
		{"Bucket", bucket("LifecycleConfiguration: { Rules: [{ Status: Enabled }] }"), "the rule does nothing"},
		{"Bucket", bucket("LifecycleConfiguration: { Rules: [{ Status: Enabled, ExpirationInDays: 1, ExpiredObjectDeleteMarker: true }] }"), "not together with ExpirationInDays"},
		{"Bucket", bucket("CorsConfiguration: { CorsRules: [{ AllowedOrigins: ['*'], AllowedMethods: [PATCH] }] }"), "AllowedMethods[0]: "},
		{"Bucket", bucket("CorsConfiguration: { CorsRules: [{ AllowedOrigins: ['*.*'], AllowedMethods: [PUT] }] }"), "one * at most"},
		{"Bucket", bucket("NotificationConfiguration: { LambdaConfigurations: [] }"), "notifies queues only"},
		{"Bucket", bucket("NotificationConfiguration: { TopicConfigurations: [] }"), "notifies queues only"},
		{"Bucket", bucket("NotificationConfiguration: { EventBridgeConfiguration: {} }"), "notifies queues only"},
		{"Bucket", notify(`{ Event: "s3:ObjectTagging:*", Queue: !GetAtt Queue.Arn }`), "Event: "},
		{"Bucket", notify(`{ Event: "s3:ObjectCreated:*", Queue: !Ref Queue }`), "must be an AWS::SQS::Queue"},
		{"Bucket", notify(`{ Event: "s3:ObjectCreated:*", Queue: !GetAtt Queue.Arn }, { Event: "s3:ObjectCreated:Put", Queue: !GetAtt Queue.Arn }`), "no two notifications"},
		{"Bucket", strings.Replace(notify(`{ Event: "s3:ObjectCreated:*", Queue: !GetAtt Queue.Arn }`), "DependsOn: QueuePolicy, ", "", 1), "needs DependsOn: QueuePolicy"},
		{"Bucket", strings.Replace(notify(`{ Event: "s3:ObjectCreated:*", Queue: !GetAtt X.Arn }`), "AWS::S3::Bucket", "AWS::S3::Bucket, Condition: Nope", 1), `"Nope"`},
		{"Bucket", `{ Type: AWS::S3::Bucket, Properties: { BucketName: Upper } }`, `"Upper" is no name`},

		// Queues, tables, secrets.
		{"Q", `{ Type: AWS::SQS::Queue, Properties: { FifoQueue: true } }`, "Q.FifoQueue: "},
		{"Q", `{ Type: AWS::SQS::Queue, Properties: { DelaySeconds: 1 } }`, "Q.DelaySeconds: not known"},
		{"Q", `{ Type: AWS::SQS::Queue, Properties: { RedrivePolicy: { deadLetterTargetArn: x, maxReceiveCount: 1 } } }`, "deadLetterTargetArn: must be"},
		{"QueuePolicy", policy("AWS::SQS::QueuePolicy", "Queues: [other]", `Effect: Allow, Principal: { Service: s3.amazonaws.com }, Action: "sqs:SendMessage", Resource: "*"`), "Queues[0]: must be"},
		{"QueuePolicy", policy("AWS::SQS::QueuePolicy", "Queues: [!Ref Queue]", `Effect: Allow, Principal: { Service: sns.amazonaws.com }, Action: "sqs:SendMessage", Resource: "*"`), "only s3.amazonaws.com is known"},
		{"QueuePolicy", policy("AWS::SQS::QueuePolicy", "Queues: [!Ref Queue]", `Effect: Allow, Principal: "*", Action: "sqs:SendMessage", Resource: "*"`), "only the service s3.amazonaws.com is known"},
		{"QueuePolicy", policy("AWS::SQS::QueuePolicy", "Queues: [!Ref Queue]", `Effect: Deny, Principal: "*", Action: "sqs:*", Resource: "*"`), "Condition: required"},
		{"T", `{ Type: AWS::DynamoDB::Table, Properties: { GlobalSecondaryIndexes: [] } }`, "T.GlobalSecondaryIndexes: not known"},
		{"T", `{ Type: AWS::DynamoDB::Table, Properties: { BillingMode: PAY_PER_REQUEST, AttributeDefinitions: [{ AttributeName: a, AttributeType: S }, { AttributeName: b, AttributeType: S }],
			KeySchema: [{ AttributeName: a, KeyType: HASH }] } }`, `"b" is no key attribute`},
		{"T", `{ Type: AWS::DynamoDB::Table, Properties: { BillingMode: PAY_PER_REQUEST, AttributeDefinitions: [{ AttributeName: a, AttributeType: S }],
			KeySchema: [{ AttributeName: c, KeyType: HASH }] } }`, `"c" is not among the AttributeDefinitions`},
		{"S", `{ Type: AWS::SecretsManager::Secret, Properties: { GenerateSecretString: {} } }`, "S.GenerateSecretString: not known"},
		{"L", `{ Type: AWS::Logs::LogGroup, Properties: { RetentionInDays: 2 } }`, "L.RetentionInDays: "},

		// CloudFront.
		{"D", distribution(origin, behavior, "Aliases: [a.example]"), "Aliases and ViewerCertificate go together"},
		{"D", distribution(origin, behavior, "ViewerCertificate: "+certificate), "Aliases and ViewerCertificate go together"},
		{"D", distribution(origin, behavior, "Aliases: [a.example], ViewerCertificate: "+strings.Replace(certificate, "us-east-1", "eu-central-1", 1)), "certificates of us-east-1 only"},
		{"D", distribution(origin, behavior, "Aliases: [a.example], ViewerCertificate: "+strings.Replace(certificate, "TLSv1.2_2021", "TLSv1", 1)), "MinimumProtocolVersion: "},
		{"D", distribution(origin, behavior, "Aliases: [a.example], ViewerCertificate: "+strings.Replace(certificate, "sni-only", "vip", 1)), "SslSupportMethod: "},
		{"D", distribution(origin, behavior, "WebACLId: 'arn:aws:wafv2:eu-central-1:123456789012:regional/webacl/a/1'"), "web ACLs of us-east-1 only"},
		{"D", distribution(origin, behavior, "Logging: { Bucket: b.s3.amazonaws.com, IncludeCookies: true }"), "IncludeCookies: "},
		{"D", distribution(strings.Replace(origin, "S3OriginConfig: {}", "S3OriginConfig: { OriginAccessIdentity: x }", 1), behavior, ""), "OriginAccessIdentity: "},
		{"D", distribution(strings.Replace(origin, "!GetAtt Bucket.RegionalDomainName", "!GetAtt Bucket.DomainName", 1), behavior, ""), "must be the RegionalDomainName"},
		{"D", distribution(strings.Replace(origin, "!Ref Control", "x", 1), behavior, ""), "OriginAccessControlId: must be"},
		{"D", distribution(origin, strings.Replace(behavior, "TargetOriginId: b", "TargetOriginId: c", 1), ""), `"c" is not among the Origins`},
		{"D", distribution(origin, strings.Replace(behavior, "https-only", "allow-all", 1), ""), "ViewerProtocolPolicy: "},
		{"D", distribution(origin, behavior+", AllowedMethods: [GET, HEAD, OPTIONS, PUT, PATCH, POST, DELETE]", ""), "AllowedMethods[3]: "},
		{"D", distribution(origin, behavior+", AllowedMethods: [GET]", ""), "must be GET and HEAD"},
		{"D", distribution(origin, behavior+", OriginRequestPolicyId: x", ""), "the embedded edge forwards nothing"},
		{"D", distribution(origin, behavior+", FunctionAssociations: []", ""), "FunctionAssociations: not known"},
		{"D", distribution(origin, strings.Replace(behavior, "!Ref Cache", "658327ea-f89d-4fab-a63d-7e88639e58f6", 1), ""), "CachePolicyId: must be"},
		{"D", distribution(origin, behavior, "CustomErrorResponses: [{ ErrorCode: 404, ResponseCode: 200 }]"), "ResponseCode: not known"},
		{"Control", `{ Type: AWS::CloudFront::OriginAccessControl, Properties: { OriginAccessControlConfig: ` + strings.Replace(control, "always", "no-override", 1) + ` } }`, "SigningBehavior: "},
		{"C", `{ Type: AWS::CloudFront::CachePolicy, Properties: { CachePolicyConfig: ` + cache("all", "none", "none") + ` } }`, "QueryStringBehavior: must be none"},
		{"C", `{ Type: AWS::CloudFront::CachePolicy, Properties: { CachePolicyConfig: ` + cache("none", "whitelist", "none") + ` } }`, "HeaderBehavior: must be none"},
		{"C", `{ Type: AWS::CloudFront::CachePolicy, Properties: { CachePolicyConfig: ` + cache("none", "none", "all") + ` } }`, "CookieBehavior: must be none"},
		{"C", `{ Type: AWS::CloudFront::CachePolicy, Properties: { CachePolicyConfig: ` + strings.Replace(cache("none", "none", "none"), "MinTTL: 0", "MinTTL: 2", 1) + ` } }`, "must not fall"},
		{"H", headersPolicy("ServerTimingHeadersConfig: {}"), "ServerTimingHeadersConfig: not known"},
		{"H", headersPolicy("CustomHeadersConfig: { Items: [{ Header: x-frame-options, Value: DENY, Override: true }] }"), "is a security header"},
		{"H", headersPolicy("SecurityHeadersConfig: { FrameOptions: { FrameOption: ALLOW, Override: true } }"), "FrameOption: "},
		{"H", headersPolicy("SecurityHeadersConfig: { XSSProtection: { Protection: true, ModeBlock: true, ReportUri: x, Override: true } }"), "not together with ModeBlock"},
		{"H", headersPolicy("SecurityHeadersConfig: { ContentTypeOptions: {} }"), "Override: required"},
	} {
		t.Run(test.id+"/"+test.want, func(t *testing.T) {
			t.Parallel()
			refused(t, withResources(test.id, test.entry), test.want)
		})
	}
}

// The form of an error, and that all problems come, in the template's order.
func TestErrorForm(t *testing.T) {
	t.Parallel()
	source := head + `
Resources:
  Bucket:
    Type: AWS::S3::Bucket
    Properties:
      VersioningConfiguration:
        Foo: x
        Status: Off
  Secret:
    Type: AWS::SecretsManager::Secret
    Properties:
      Tags: [{ Key: !Ref Nobody }]
`
	_, err := Parse([]byte(strings.Replace(source, "Off", `"Off"`, 1)), options0())
	want := `template.yaml:8: Bucket.VersioningConfiguration.Foo: not known
template.yaml:9: Bucket.VersioningConfiguration.Status: "Off": must be Enabled
template.yaml:13: Secret.Tags[0].Key: Ref: "Nobody" is neither a parameter nor a resource`
	if err == nil || err.Error() != want {
		t.Errorf("Parse = %v, want\n%s", err, want)
	}
}
