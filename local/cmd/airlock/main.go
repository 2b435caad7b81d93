// Command airlock runs the embedded AWS: `airlock demo` plays the product's
// story on one of its own and ends, `airlock dev` keeps one up, and `airlock
// rotate` rotates the signing key of the one that dev keeps up. `airlock smoke`
// plays the same story against a stack that is deployed on AWS.
//
// It is started in the project's folder. Environment: AIRLOCK_DATA (where dev
// keeps its state, .airlock), AIRLOCK_PORT (the first of dev's ports, 4600; 0
// for free ones), AIRLOCK_SIGNING_KEY (a PEM file with the private key to sign
// with, instead of the generated one). For smoke: STACK (the stack's name),
// TOKEN and TOKEN_OTHER (access tokens of two users, where the stack has no user
// pool of its own), and AWS's variables for its SDKs.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"airlock/local/smoke"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	// A second Ctrl-C does not wait for an orderly end.
	context.AfterFunc(ctx, stop)
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "airlock:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 1 {
		switch args[0] {
		case "demo":
			return demo(ctx, os.Stdout)
		case "dev":
			return dev(ctx, os.Stdout)
		case "rotate":
			return rotate(ctx, os.Stdout)
		case "smoke":
			return smoke.Run(ctx, os.Stdout, smoke.Options{
				Stack: os.Getenv("STACK"), Token: os.Getenv("TOKEN"), OtherToken: os.Getenv("TOKEN_OTHER"),
			})
		}
	}
	return errors.New("usage: airlock demo | dev | rotate | smoke")
}
