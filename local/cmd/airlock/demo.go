package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"airlock/local/stack"
	"airlock/local/story"
)

// demo plays both stories, each on a stack of its own in an empty folder, and
// fails at the first deviation.
func demo(ctx context.Context, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "airlock-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	main, err := play(ctx, out, "A user's file", story.Main(), stack.Options{Data: filepath.Join(dir, "1"), Building: sayBuilding(out)})
	if err != nil {
		return err
	}
	key, err := rsaKey()
	if err != nil {
		return err
	}
	operator, err := play(ctx, out, "An operator's file, and an RSA key as openssl writes it", story.Operator(),
		stack.Options{Data: filepath.Join(dir, "2"), SigningKey: key})
	if err != nil {
		return err
	}
	total := main.Add(operator)
	_, err = fmt.Fprintf(out, "\nall as it should be: %d steps, %d refusals, %.1f s\n", total.Steps, total.Refusals, total.Took.Seconds())
	return err
}

// sayBuilding tells why nothing is seen for a while.
func sayBuilding(out io.Writer) func() {
	return func() {
		fmt.Fprintln(out, "building the functions for this machine: up to a minute the first time, a second from then on")
	}
}

func play(ctx context.Context, out io.Writer, title string, steps []story.Step, o stack.Options) (_ story.Summary, err error) {
	o.Source = "."
	s, err := stack.Start(ctx, o)
	if err != nil {
		return story.Summary{}, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	fmt.Fprintf(out, "\n%s: functions built in %.1f s, embedded AWS up in %.2f s\n", title, s.Built.Seconds(), s.Ready.Seconds())
	return story.Play(ctx, s.Target(), steps, func(r story.Result) { fmt.Fprintln(out, r) })
}

// rsaKey is what `openssl genrsa 2048` writes today: PKCS#8.
func rsaKey() ([]byte, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}
