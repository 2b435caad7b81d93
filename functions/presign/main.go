// Command presign is the Lambda function behind POST /uploads.
package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"airlock/pkg/api"
	"airlock/pkg/lambdaenv"
	"airlock/pkg/upload"
)

func main() {
	handler, err := build()
	if err != nil {
		fmt.Fprintln(os.Stderr, "presign:", err)
		os.Exit(1)
	}
	lambda.Start(handler)
}

func build() (*api.Handler, error) {
	env := lambdaenv.New()
	config := upload.Read(env)
	if err := env.Err(); err != nil {
		return nil, err
	}
	granter, err := upload.New(config)
	if err != nil {
		return nil, err
	}
	return api.NewHandler(slog.New(slog.NewJSONHandler(os.Stdout, nil)), map[string]api.Endpoint{
		"POST /uploads": api.JSON(http.StatusCreated, granter.CreateUpload),
	}), nil
}
