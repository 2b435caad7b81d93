package stack

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"airlock/local/story"
)

// AWS is the configuration of an operator's SDK clients, to be completed with
// the endpoint of a service.
func (s *Stack) AWS(endpoint string) aws.Config {
	return aws.Config{
		Region: Region, BaseEndpoint: &endpoint,
		Credentials: credentials.NewStaticCredentialsProvider(s.Operator.AccessKeyID, s.Operator.SecretAccessKey, ""),
	}
}

// Target lets the story be played against the stack.
func (s *Stack) Target() story.Target {
	return story.Target{
		API: s.Endpoints.API, CDN: s.Endpoints.CDN, Bucket: s.Endpoints.Bucket,
		Operator:    s3.NewFromConfig(s.AWS(s.Endpoints.S3)),
		OperatorKey: "mysubpath/hello.txt", ReadAnyScope: "airlock/read.any",
		Token: func(_ context.Context, subject string, scopes ...string) (string, error) {
			return s.Issuer.Sign(map[string]any{"sub": subject, "scope": strings.Join(scopes, " ")})
		},
		Recorded: story.Recorded(dynamodb.NewFromConfig(s.AWS(s.Endpoints.DynamoDB)), s.Endpoints.Table),
	}
}
