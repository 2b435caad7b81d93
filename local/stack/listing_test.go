package stack_test

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
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
	rows, err := scan(ctx, s)
	keys := map[string]bool{}
	for at, r := range rows {
		switch {
		case r["deleted"] != "":
		case at.space == "shared":
			keys[at.path] = true
		default:
			keys[at.space+"/"+at.path] = true
		}
	}
	return keys, err
}

// place is where the catalog has a row.
type place struct{ space, path string }

// scan is every row of the catalog.
func scan(ctx context.Context, s *stack.Stack) (map[place]map[string]string, error) {
	rows := map[place]map[string]string{}
	pages := dynamodb.NewScanPaginator(dynamodb.NewFromConfig(s.AWS(s.Endpoints.DynamoDB)), &dynamodb.ScanInput{TableName: &s.Endpoints.Table})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, item := range page.Items {
			r, err := attributes(item)
			if err != nil {
				return nil, err
			}
			rows[place{r["space"], r["path"]}] = r
		}
	}
	return rows, nil
}
