package stack_test

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"airlock/local/stack"
)

// objectsOf is every object key that the bucket lists.
func objectsOf(ctx context.Context, s *stack.Stack) (map[string]bool, error) {
	keys := map[string]bool{}
	pages := s3.NewListObjectsV2Paginator(operatorS3(s), &s3.ListObjectsV2Input{Bucket: &s.Endpoints.Bucket})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, o := range page.Contents {
			keys[*o.Key] = true
		}
	}
	return keys, nil
}

// rowsOf is the object key of every row but tombstones.
func rowsOf(ctx context.Context, s *stack.Stack) (map[string]bool, error) {
	keys := map[string]bool{}
	pages := dynamodb.NewScanPaginator(dynamodb.NewFromConfig(s.AWS(s.Endpoints.DynamoDB)), &dynamodb.ScanInput{TableName: &s.Endpoints.Table})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, item := range page.Items {
			space, isText := item["space"].(*types.AttributeValueMemberS)
			path, isTextToo := item["path"].(*types.AttributeValueMemberS)
			switch {
			case !isText || !isTextToo:
				return nil, fmt.Errorf("a row's key is %v, %v", item["space"], item["path"])
			case item["deleted"] != nil:
			case space.Value == "shared":
				keys[path.Value] = true
			default:
				keys[space.Value+"/"+path.Value] = true
			}
		}
	}
	return keys, nil
}
