package stack

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
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
	catalog := dynamodb.NewFromConfig(s.AWS(s.Endpoints.DynamoDB))
	return story.Target{
		API: s.Endpoints.API, CDN: s.Endpoints.CDN, Bucket: s.Endpoints.Bucket,
		Operator:     s3.NewFromConfig(s.AWS(s.Endpoints.S3)),
		ReadAnyScope: "airlock/read.any",
		Token: func(_ context.Context, subject string, scopes ...string) (string, error) {
			return s.Issuer.Sign(map[string]any{"sub": subject, "scope": strings.Join(scopes, " ")})
		},
		Recorded: func(ctx context.Context, objectKey string) (bool, error) {
			space, path := "shared", objectKey
			if parts := strings.SplitN(objectKey, "/", 3); len(parts) == 3 && parts[0] == "u" {
				space, path = "u/"+parts[1], parts[2]
			}
			out, err := catalog.GetItem(ctx, &dynamodb.GetItemInput{
				TableName: &s.Endpoints.Table, ConsistentRead: aws.Bool(true),
				Key: map[string]types.AttributeValue{
					"space": &types.AttributeValueMemberS{Value: space},
					"path":  &types.AttributeValueMemberS{Value: path},
				},
			})
			return err == nil && out.Item != nil && out.Item["deleted"] == nil, err
		},
	}
}
