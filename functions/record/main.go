// Command record is the Lambda function that writes S3's events into the catalog.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"airlock/pkg/catalog"
	"airlock/pkg/lambdaenv"
)

func main() {
	objects, err := build()
	if err != nil {
		fmt.Fprintln(os.Stderr, "record:", err)
		os.Exit(1)
	}
	objects.Connect(context.Background())
	lambda.Start(objects.HandleEvent)
}

func build() (*catalog.Catalog, error) {
	env := lambdaenv.New()
	config := catalog.Config{
		Table: env.String("CATALOG_TABLE"), Bucket: env.String("UPLOAD_BUCKET"),
		DynamoDB: dynamodb.NewFromConfig(env.AWS(lambdaenv.DynamoDB)),
		S3: s3.NewFromConfig(env.AWS(lambdaenv.S3), func(o *s3.Options) {
			// As BucketURL does: no name need resolve for a bucket on an endpoint of one's own.
			o.UsePathStyle = o.BaseEndpoint != nil
		}),
		Log: slog.New(slog.NewJSONHandler(os.Stdout, nil)),
	}
	if err := env.Err(); err != nil {
		return nil, err
	}
	return catalog.New(config), nil
}
