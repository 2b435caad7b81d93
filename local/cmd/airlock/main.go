// Command airlock runs the embedded AWS: `airlock demo` plays the product's
// story on one of its own and ends, `airlock dev` keeps one up, and `airlock
// rotate` rotates the signing key of the one that dev keeps up.
//
// It is started in the project's folder. Environment: AIRLOCK_DATA (where dev
// keeps its state, .airlock), AIRLOCK_PORT (the first of dev's ports, 4600; 0
// for free ones), AIRLOCK_SIGNING_KEY (a PEM file with the private key to sign
// with, instead of the generated one).
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
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
		}
	}
	return errors.New("usage: airlock demo | dev | rotate")
}
