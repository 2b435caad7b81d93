// Package conformance puts the embedded AWS, what the functions sign and send, and
// the rotate function before implementations that are not ours: dynalite and
// @aws-sdk/cloudfront-signer (package.json), moto, boto3 and botocore's models of
// AWS (requirements.txt), openssl. Where one of them is missing its tests are
// skipped, in CI they fail.
package conformance

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"
)

// here is absolute: a running stack changes the working directory.
var here, _ = filepath.Abs(".")

// missing ends a test whose peer is not installed: loudly in CI, which installs
// them all.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("%s is missing", what)
	}
	t.Skipf("NOT RUN: %s is missing", what)
}

func needNode(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		missing(t, "node")
	}
	if _, err := os.Stat(filepath.Join(here, "node_modules", "dynalite")); err != nil {
		missing(t, "node_modules (npm ci --ignore-scripts, in local/conformance)")
	}
}

var pythonModules = sync.OnceValue(func() error {
	return exec.Command("python3", "-c", "import boto3, flask, moto.server").Run()
})

func needPython(t *testing.T) {
	t.Helper()
	if pythonModules() != nil {
		missing(t, "python3 with moto[server] and boto3 (pip install -r local/conformance/requirements.txt)")
	}
}

// openDatabase opens an empty one for an embedded service.
func openDatabase(t *testing.T) *bbolt.DB {
	t.Helper()
	db, err := bbolt.Open(filepath.Join(t.TempDir(), "db"), 0o600, &bbolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// serve starts a peer that listens on the port it is given as its last argument,
// and returns its address once it does. It ends with the test.
func serve(t *testing.T, program string, args ...string) (address string) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address = l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(address)
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program, append(args, port)...)
	cmd.Dir = here
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		cancel()
		<-ended
		_ = log.Close()
	})
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	giveUp := time.After(time.Minute)
	for {
		select {
		case err := <-ended:
			ended <- err
			output, _ := os.ReadFile(log.Name())
			t.Fatalf("%s %v ended: %v\n%s", program, args, err, output)
		case <-giveUp:
			t.Fatal(errors.New("the peer does not listen within a minute"))
		case <-poll.C:
			if c, err := (&net.Dialer{}).DialContext(ctx, "tcp4", address); err == nil {
				_ = c.Close()
				return address
			}
		}
	}
}

// wholeBody is an HTTP client for those of the SDK that do not try again. It sends
// a request's body from memory: the SDK closes its own when the answer begins, and
// where net/http then still looks whether there is more of it, the rest of the
// answer is "use of closed network connection" (aws-sdk-go-v2, issue 2737).
type wholeBody struct{}

func (wholeBody) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil && r.Body != http.NoBody {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	return direct.Do(r)
}
