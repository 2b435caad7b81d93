package story

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Recorded is a Target's look into the catalog that is kept in table.
func Recorded(client *dynamodb.Client, table string) func(ctx context.Context, objectKey string) (bool, error) {
	return func(ctx context.Context, objectKey string) (bool, error) {
		space, path := "shared", objectKey
		if parts := strings.SplitN(objectKey, "/", 3); len(parts) == 3 && parts[0] == "u" {
			space, path = "u/"+parts[1], parts[2]
		}
		out, err := client.GetItem(ctx, &dynamodb.GetItemInput{
			TableName: &table, ConsistentRead: aws.Bool(true),
			Key: map[string]types.AttributeValue{
				"space": &types.AttributeValueMemberS{Value: space},
				"path":  &types.AttributeValueMemberS{Value: path},
			},
		})
		return err == nil && out.Item != nil && out.Item["deleted"] == nil, err
	}
}
