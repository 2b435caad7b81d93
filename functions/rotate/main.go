// Command rotate is the Lambda function that makes the signing key and rotates it.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"airlock/pkg/lambdaenv"
	"airlock/pkg/rotation"
)

// raw hands an event over as it came, and its answer back.
type raw func(context.Context, []byte) ([]byte, error)

func (f raw) Invoke(ctx context.Context, payload []byte) ([]byte, error) { return f(ctx, payload) }

func main() {
	handler, err := build()
	if err != nil {
		fmt.Fprintln(os.Stderr, "rotate:", err)
		os.Exit(1)
	}
	lambda.Start(raw(handler.HandleEvent))
}

func build() (*rotation.Handler, error) {
	env := lambdaenv.New()
	config := rotation.Read(env)
	if err := env.Err(); err != nil {
		return nil, err
	}
	config.Log = slog.New(slog.NewJSONHandler(os.Stdout, nil))
	return rotation.New(config), nil
}
