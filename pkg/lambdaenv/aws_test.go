package lambdaenv_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"

	"airlock/pkg/lambdaenv"
)

// awsVariables are all that this package asks for.
var awsVariables = []string{
	"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
	"AWS_CREDENTIAL_EXPIRATION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_SECRETS_MANAGER",
}

// setenv gives the process the environment of a container, changed by pairs of
// name and value. Nothing of the machine's own is left.
func setenv(t *testing.T, pairs ...string) {
	t.Helper()
	for _, name := range awsVariables {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_REGION", "eu-west-1")
	t.Setenv("AWS_ACCESS_KEY_ID", "ASIAEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "example")
	t.Setenv("AWS_SESSION_TOKEN", "token")
	for i := 0; i < len(pairs); i += 2 {
		t.Setenv(pairs[i], pairs[i+1])
	}
}

func TestCredentials(t *testing.T) {
	temporary := aws.Credentials{
		AccessKeyID: "ASIAEXAMPLE", SecretAccessKey: "example", SessionToken: "token", Source: "Lambda environment",
	}
	expiring := temporary
	expiring.CanExpire, expiring.Expires = true, time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)
	permanent := temporary
	permanent.SessionToken = ""
	tests := []struct {
		name string
		env  []string
		want aws.Credentials
	}{
		{"of Lambda", nil, temporary},
		{"with an expiration", []string{"AWS_CREDENTIAL_EXPIRATION", "2026-03-01T09:30:00Z"}, expiring},
		{"without a token", []string{"AWS_SESSION_TOKEN", ""}, permanent},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			setenv(t, tt.env...)
			env := lambdaenv.New()
			cfg := env.AWS(lambdaenv.S3)
			if err := env.Err(); err != nil {
				t.Fatal(err)
			}
			got, err := cfg.Credentials.Retrieve(t.Context())
			if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
				t.Errorf("credentials with %q: %v, (-want +got):\n%s", tt.env, err, diff)
			}
		})
	}
}

func TestAWSProblems(t *testing.T) {
	const origin = " must be a URL of scheme and host alone, such as https://d111111abcdef8.cloudfront.net"
	tests := []struct {
		name string
		env  []string
		want string
	}{
		{"none", nil, ""},
		{
			"nothing is set",
			[]string{"AWS_REGION", "", "AWS_ACCESS_KEY_ID", "", "AWS_SECRET_ACCESS_KEY", "", "AWS_SESSION_TOKEN", ""},
			"AWS_ACCESS_KEY_ID is not set; AWS_SECRET_ACCESS_KEY is not set; AWS_REGION is not set",
		},
		{"no time", []string{"AWS_CREDENTIAL_EXPIRATION", "tomorrow"}, "AWS_CREDENTIAL_EXPIRATION must be a time of RFC 3339"},
		{"service's endpoint", []string{"AWS_ENDPOINT_URL_S3", "127.0.0.1:9000"}, "AWS_ENDPOINT_URL_S3" + origin},
		{"every service's endpoint", []string{"AWS_ENDPOINT_URL", "http://127.0.0.1:9000/s3"}, "AWS_ENDPOINT_URL" + origin},
		{"another service's endpoint", []string{"AWS_ENDPOINT_URL_DYNAMODB", "nonsense"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			setenv(t, tt.env...)
			env := lambdaenv.New()
			// A function with two clients asks twice, and for the bucket besides.
			env.AWS(lambdaenv.S3)
			env.AWS(lambdaenv.S3)
			env.BucketURL("media")
			if got := problems(t, env); got != tt.want {
				t.Errorf("AWS(S3) with %q: %q, want %q", tt.env, got, tt.want)
			}
		})
	}
}

func TestRegion(t *testing.T) {
	tests := []struct {
		name string
		env  []string
		want string
	}{
		{"AWS_REGION", nil, "eu-west-1"},
		{"both", []string{"AWS_DEFAULT_REGION", "us-east-2"}, "eu-west-1"},
		{"AWS_DEFAULT_REGION", []string{"AWS_REGION", "", "AWS_DEFAULT_REGION", "us-east-2"}, "us-east-2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			setenv(t, tt.env...)
			env := lambdaenv.New()
			if got := env.AWS(lambdaenv.S3).Region; got != tt.want || env.Err() != nil {
				t.Errorf("AWS(S3).Region with %q = %q, %v, want %q", tt.env, got, env.Err(), tt.want)
			}
		})
	}
}

func TestEndpoint(t *testing.T) {
	const all, own = "http://127.0.0.1:4566", "http://127.0.0.1:9000"
	tests := []struct {
		name, service string
		env           []string
		want          string // "": AWS's own
	}{
		{"AWS's own", lambdaenv.S3, nil, ""},
		{"every service's", lambdaenv.S3, []string{"AWS_ENDPOINT_URL", all}, all},
		{"the service's", lambdaenv.S3, []string{"AWS_ENDPOINT_URL_S3", own}, own},
		{"the service's before every service's", lambdaenv.S3, []string{"AWS_ENDPOINT_URL", all, "AWS_ENDPOINT_URL_S3", own}, own},
		{"another service's", lambdaenv.S3, []string{"AWS_ENDPOINT_URL_DYNAMODB", own}, ""},
		{"DynamoDB", lambdaenv.DynamoDB, []string{"AWS_ENDPOINT_URL_DYNAMODB", own}, own},
		{"Secrets Manager", lambdaenv.SecretsManager, []string{"AWS_ENDPOINT_URL_SECRETS_MANAGER", own}, own},
		{"a slash at the end", lambdaenv.S3, []string{"AWS_ENDPOINT_URL", all + "/"}, all},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			setenv(t, tt.env...)
			env := lambdaenv.New()
			got := aws.ToString(env.AWS(tt.service).BaseEndpoint)
			if got != tt.want || env.Err() != nil {
				t.Errorf("AWS(%s).BaseEndpoint with %q = %q, %v, want %q", tt.service, tt.env, got, env.Err(), tt.want)
			}
		})
	}
}

func TestBucketURL(t *testing.T) {
	tests := []struct {
		name string
		env  []string
		want string
	}{
		{"virtual-hosted and regional", nil, "https://media.s3.eu-west-1.amazonaws.com/"},
		{"no global name for us-east-1", []string{"AWS_REGION", "us-east-1"}, "https://media.s3.us-east-1.amazonaws.com/"},
		{"China", []string{"AWS_REGION", "cn-north-1"}, "https://media.s3.cn-north-1.amazonaws.com.cn/"},
		{"path style", []string{"AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9000"}, "http://127.0.0.1:9000/media/"},
		{"path style, a slash at the end", []string{"AWS_ENDPOINT_URL", "http://127.0.0.1:4566/"}, "http://127.0.0.1:4566/media/"},
		{"another service's endpoint", []string{"AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:9000"}, "https://media.s3.eu-west-1.amazonaws.com/"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			setenv(t, tt.env...)
			env := lambdaenv.New()
			if got := env.BucketURL("media"); got != tt.want || env.Err() != nil {
				t.Errorf("BucketURL(media) with %q = %q, %v, want %q", tt.env, got, env.Err(), tt.want)
			}
		})
	}
}
