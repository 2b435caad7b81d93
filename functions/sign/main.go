// Command sign is the Lambda function behind POST /signed-urls.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"airlock/pkg/api"
	"airlock/pkg/delivery"
	"airlock/pkg/lambdaenv"
)

func main() {
	handler, err := build()
	if err != nil {
		fmt.Fprintln(os.Stderr, "sign:", err)
		os.Exit(1)
	}
	lambda.Start(handler)
}

func build() (*api.Handler, error) {
	env := lambdaenv.New()
	config, cacheConfig := delivery.Read(env), delivery.ReadKeyCache(env)
	if err := env.Err(); err != nil {
		return nil, err
	}
	log := slog.New(slog.NewJSONHandler(os.Stdout, nil))
	keys := delivery.NewKeyCache(cacheConfig, log)
	// A container that starts during an outage must live to sign after it.
	if _, err := keys.Get(context.Background()); err != nil {
		log.Warn("no signing key yet", slog.String("cause", err.Error()))
	}
	return api.NewHandler(log, map[string]api.Endpoint{
		"POST /signed-urls": api.JSON(http.StatusOK, delivery.New(config, keys).CreateSignedURLs),
	}), nil
}
