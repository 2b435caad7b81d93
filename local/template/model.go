package template

import "time"

// Stack is a template as CloudFormation would have deployed it: parameters
// filled in, intrinsics resolved, SAM's shorthands expanded. Slices keep the
// order of the template.
type Stack struct {
	Name      string
	ID        string // ARN
	Region    string
	AccountID string

	Functions     []Function
	APIs          []HTTPAPI
	Buckets       []Bucket
	Queues        []Queue
	Tables        []Table
	Secrets       []Secret
	Rotations     []Rotation
	Distributions []Distribution
	UserPools     []UserPool
	Alarms        []Alarm
	Dashboards    []Dashboard

	CustomResources []CustomResource

	// Outputs holds the resolved Outputs section.
	Outputs map[string]string
}

// Function is an AWS::Serverless::Function with Globals merged in.
type Function struct {
	LogicalID string
	Name      string // physical name
	ARN       string
	Timeout   time.Duration
	MemoryMB  int
	// ReservedConcurrency is kept for the function alone, and its limit; 0: none.
	ReservedConcurrency int
	Tracing             string // PassThrough or Active
	Environment         map[string]string

	// Policies are the documents of the role's inline policies, resolved, as
	// decoded JSON (map[string]any). iam.ParsePolicy reads them.
	Policies []any
	RoleARN  string

	Routes    []Route
	Queues    []EventSource
	Schedules []Schedule
}

// Route is an HttpApi event of a function.
type Route struct {
	APILogicalID string
	Method       string // upper case, or ANY
	Path         string // as in the template: /files/{id}, /{proxy+}
	Authorizer   string // name of the API's authorizer; "" means open
	Scopes       []string
}

// EventSource is an SQS event of a function.
type EventSource struct {
	QueueARN                string
	BatchSize               int
	BatchingWindow          time.Duration
	MaximumConcurrency      int // 0: no limit of its own
	ReportBatchItemFailures bool
}

// Schedule is a Schedule event of a function.
type Schedule struct {
	Every time.Duration
	Input string // the event, as JSON
}

// CustomResource is what a function of the template makes.
type CustomResource struct {
	LogicalID         string
	Type              string // Custom::Name
	FunctionLogicalID string
	Properties        map[string]any // as the function gets them: every scalar is text
}

// HTTPAPI is an AWS::Serverless::HttpApi.
type HTTPAPI struct {
	LogicalID   string
	ID          string // physical id, the first label of its host
	Host        string // {id}.execute-api.{region}.amazonaws.com
	Authorizers []JWTAuthorizer
	CORS        *APICORS // nil: none
	// RateLimit and BurstLimit throttle each route: requests a second, and at once.
	RateLimit, BurstLimit int
	AccessLog             *AccessLog // nil: none
	Domain                *APIDomain // nil: only Host
}

// AccessLog is HttpApi.AccessLogSettings.
type AccessLog struct {
	LogGroupARN string
	Fields      map[string]string // of a line: $context variables by name
}

// APIDomain is an AWS::ApiGatewayV2::DomainName that an ApiMapping gives to an API.
type APIDomain struct {
	LogicalID      string
	Name           string // api.example.com
	CertificateARN string
}

// JWTAuthorizer is one entry of HttpApi.Auth.Authorizers.
type JWTAuthorizer struct {
	Name     string
	Issuer   string
	Audience []string
}

// APICORS is x-amazon-apigateway-cors, or CorsConfiguration.
type APICORS struct {
	AllowOrigins     []string
	AllowMethods     []string
	AllowHeaders     []string
	ExposeHeaders    []string
	AllowCredentials bool
	MaxAge           time.Duration
}

// Bucket is an AWS::S3::Bucket with its AWS::S3::BucketPolicy.
type Bucket struct {
	LogicalID          string
	Name               string
	ARN                string
	DomainName         string // {name}.s3.amazonaws.com
	RegionalDomainName string // {name}.s3.{region}.amazonaws.com
	Versioned          bool
	CORS               []BucketCORSRule
	Lifecycle          []LifecycleRule
	Notifications      []Notification
	Policy             any // resolved policy document; nil: none
}

// BucketCORSRule is one of CorsConfiguration.CorsRules.
type BucketCORSRule struct {
	AllowedOrigins []string
	AllowedMethods []string
	AllowedHeaders []string
	ExposedHeaders []string
	MaxAge         time.Duration
}

// LifecycleRule is one of LifecycleConfiguration.Rules, enabled ones only.
// A zero field is not set.
type LifecycleRule struct {
	ID                        string
	Prefix                    string
	ExpirationDays            int
	NoncurrentDays            int
	AbortIncompleteUploadDays int
	ExpiredObjectDeleteMarker bool
}

// Notification is one of NotificationConfiguration.QueueConfigurations.
type Notification struct {
	Event    string // s3:ObjectCreated:*
	QueueARN string
	Prefix   string
	Suffix   string
}

// Queue is an AWS::SQS::Queue (standard).
type Queue struct {
	LogicalID         string
	Name              string
	ARN               string
	URL               string // what !Ref gives
	VisibilityTimeout time.Duration
	Retention         time.Duration
	DeadLetterARN     string // "": none
	MaxReceiveCount   int
}

// Table is an AWS::DynamoDB::Table without indexes.
type Table struct {
	LogicalID    string
	Name         string
	ARN          string
	PartitionKey Attribute
	SortKey      Attribute // Name "": none
	TTLAttribute string    // "": none
}

// Attribute is a key attribute: Type is S, N or B.
type Attribute struct {
	Name string
	Type string
}

// Secret is an AWS::SecretsManager::Secret.
type Secret struct {
	LogicalID   string
	Name        string
	ARN         string // what !Ref gives
	Description string
	Value       string // SecretString, if the template sets one
}

// Rotation is an AWS::SecretsManager::RotationSchedule: one of
// AutomaticallyAfterDays and ScheduleExpression, and perhaps a Duration.
type Rotation struct {
	LogicalID              string
	SecretARN              string
	FunctionARN            string
	AutomaticallyAfterDays int
	ScheduleExpression     string // rate(… hours) or rate(… days)
	Duration               string // 3h; "": an hour, or the rest of the day
	// Immediately is RotateImmediatelyOnUpdate: false only tests the function.
	Immediately bool
}

// UserPool is an AWS::Cognito::UserPool with what belongs to it. Only an
// administrator makes its users.
type UserPool struct {
	LogicalID              string
	ID                     string
	UsernameAttributes     []string
	AutoVerifiedAttributes []string
	Recovery               []string // by priority
	PasswordLength         int
	PasswordNeeds          []string          // Lowercase, Uppercase, Numbers, Symbols
	Domain                 string            // prefix; "": none
	Scopes                 map[string]string // by name, the logical id of their resource server
	Clients                []UserPoolClient
}

// UserPoolClient is an AWS::Cognito::UserPoolClient.
type UserPoolClient struct {
	LogicalID string
	ID        string
	Secret    bool
	Flows     []string // ALLOW_…, of users
	Grants    []string // of OAuth
	Scopes    []string
}

// Distribution is an AWS::CloudFront::Distribution with the policies it names
// looked up in the template.
type Distribution struct {
	LogicalID  string
	ID         string // what !Ref gives
	ARN        string
	DomainName string // d….cloudfront.net
	// Aliases are domains of one's own, under the certificate.
	Aliases        []string
	CertificateARN string
	WebACL         string // ARN; "": none
	LogBucket      string // its domain name; "": no logs
	LogPrefix      string
	Origins        []Origin
	Default        Behavior
	Behaviors      []Behavior // CacheBehaviors, in order
	// ErrorCachingMinTTL by status code; a code left out is cached 10 s.
	ErrorCachingMinTTL map[int]time.Duration
	DefaultRootObject  string
}

// Origin is one of a distribution's Origins. Only S3 origins behind an origin
// access control are known.
type Origin struct {
	ID         string
	DomainName string // equals the RegionalDomainName of one of Stack.Buckets
	OAC        bool
}

// Behavior is DefaultCacheBehavior or one of CacheBehaviors.
type Behavior struct {
	PathPattern      string // "" for the default one
	TargetOriginID   string
	AllowedMethods   []string
	TrustedKeyGroups []string // ids
	Compress         bool
	Cache            CachePolicy
	ResponseHeaders  *ResponseHeadersPolicy // nil: none
}

// CachePolicy is an AWS::CloudFront::CachePolicy that forwards nothing.
type CachePolicy struct {
	MinTTL, DefaultTTL, MaxTTL time.Duration
}

// ResponseHeadersPolicy is an AWS::CloudFront::ResponseHeadersPolicy.
type ResponseHeadersPolicy struct {
	// Headers are the security and the custom headers, in one list.
	Headers []ResponseHeader
	Remove  []string
	CORS    *ResponseCORS // nil: none
}

// ResponseHeader is set on every answer; Override replaces what the origin sent.
type ResponseHeader struct {
	Name, Value string
	Override    bool
}

// ResponseCORS is the CorsConfig of a response headers policy.
type ResponseCORS struct {
	AllowOrigins     []string
	AllowHeaders     []string
	AllowMethods     []string
	ExposeHeaders    []string
	AllowCredentials bool
	MaxAge           time.Duration
	Override         bool
}

// Metric is one of CloudWatch's, by the one dimension it has here.
type Metric struct {
	Namespace string
	Name      string
	Dimension string // QueueName, FunctionName, ApiId
	Of        string // the dimension's value
}

// Alarm is an AWS::CloudWatch::Alarm: in DatapointsToAlarm of EvaluationPeriods
// the Statistic was greater than Threshold. Missing data is not breaching.
type Alarm struct {
	LogicalID         string
	Name              string
	Description       string
	Metric            Metric
	Statistic         string
	Period            time.Duration
	EvaluationPeriods int
	DatapointsToAlarm int
	Threshold         int
	Actions           []string // ARNs of topics
	OKActions         []string
}

// Dashboard is an AWS::CloudWatch::Dashboard.
type Dashboard struct {
	LogicalID string
	Name      string
	Graphs    []Graph
}

// Graph is one widget of a dashboard.
type Graph struct {
	Title string
	Lines []Line
}

// Line is a metric and the statistic drawn of it.
type Line struct {
	Metric    Metric
	Statistic string
}
