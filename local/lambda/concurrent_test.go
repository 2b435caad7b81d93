package lambda

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	concurrency = 8
	rounds      = 5
)

// exchange is one request of a function's process to its Runtime API.
type exchange struct {
	path string
	body []byte
	// reply receives the invocation that answers a poll, or anything at all to
	// have an answer acknowledged.
	reply chan invoked
}

type invoked struct{ id, event string }

// runtimeAPI hands over everything that arrives and answers nothing by itself.
type runtimeAPI chan exchange

func (a runtimeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the process is gone
	}
	e := exchange{strings.TrimPrefix(r.URL.Path, "/"+apiVersion+"/runtime/invocation/"), body, make(chan invoked, 1)}
	select {
	case a <- e:
	case <-r.Context().Done():
		return
	}
	select {
	case reply := <-e.reply:
		if reply.id == "" {
			w.WriteHeader(http.StatusAccepted)
			return
		}
		w.Header().Set("Lambda-Runtime-Aws-Request-Id", reply.id)
		w.Header().Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(time.Now().Add(time.Minute).UnixMilli(), 10))
		_, _ = io.WriteString(w, reply.event)
	case <-r.Context().Done():
	}
}

// gather waits until a full set of requests is held. Were one answer needed to
// get the next request, it would wait for ever: the process takes no two at once.
func (a runtimeAPI) gather(ctx context.Context) ([]exchange, error) {
	var held []exchange
	for len(held) < concurrency {
		select {
		case e := <-a:
			held = append(held, e)
		case <-ctx.Done():
			return nil, fmt.Errorf("%d requests came at once, want %d: %w", len(held), concurrency, context.Cause(ctx))
		}
	}
	return held, nil
}

// With AWS_LAMBDA_MAX_CONCURRENCY one process serves several invocations at
// once. The functions' own binaries do, with the race detector where there is a C
// compiler, and no answer is another request's. Two barriers make sure that they
// meet: no invocation is handed out before all polls wait, and no answer is
// acknowledged before all have come.
func TestConcurrentInvocations(t *testing.T) {
	t.Parallel()
	binaries := t.TempDir()
	services := httptest.NewServer(dependencies(t))
	t.Cleanup(services.Close)
	for _, function := range []struct {
		name    string
		request func(name string) (event, want string)
	}{
		{"presign", presignRequest}, {"sign", signRequest}, {"record", recordRequest},
	} {
		t.Run(function.name, func(t *testing.T) {
			t.Parallel()
			bootstrap := buildFunction(t, binaries, function.name)
			api := make(runtimeAPI)
			ctx := startFunction(t, bootstrap, api, services.URL)
			for round := range rounds {
				polls, err := api.gather(ctx)
				if err != nil {
					t.Fatal(err)
				}
				wants := make(map[string]string, concurrency)
				for i, poll := range polls {
					if poll.path != "next" {
						t.Fatalf("round %d: %s %s, want a poll", round, poll.path, poll.body)
					}
					name := fmt.Sprintf("r%dn%d", round, i)
					event, want := function.request(name)
					wants[name+"/response"] = want
					poll.reply <- invoked{name, event}
				}
				answers, err := api.gather(ctx)
				if err != nil {
					t.Fatal(err)
				}
				for _, answer := range answers {
					want, ok := wants[answer.path]
					if got := essence(answer.body); !ok || got != want {
						t.Errorf("round %d: %s is about %q, want %q", round, answer.path, got, want)
					}
					delete(wants, answer.path)
					answer.reply <- invoked{}
				}
			}
		})
	}
}

// buildFunction builds one of the product's functions by the flags of its
// Makefile, less what would strip the race detector's report of names.
func buildFunction(t *testing.T, dir, name string) string {
	t.Helper()
	args, cgo := []string{"build", "-tags", "lambda.norpc", "-o", filepath.Join(dir, name), "./functions/" + name}, "CGO_ENABLED=0"
	for _, compiler := range []string{"gcc", "clang"} {
		if _, err := exec.LookPath(compiler); err == nil {
			args, cgo = slices.Insert(args, 1, "-race"), "CGO_ENABLED=1"
			break
		}
	}
	if cgo == "CGO_ENABLED=0" {
		t.Log("no C compiler: the functions run without the race detector")
	}
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = filepath.Join("..", "..")
	cmd.Env = append(os.Environ(), cgo)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return filepath.Join(dir, name)
}

// startFunction runs a function until the test ends. The context ends with the
// process, and at some time far beyond what any machine needs.
func startFunction(t *testing.T, bootstrap string, api runtimeAPI, services string) context.Context {
	t.Helper()
	ctx, stop := context.WithTimeoutCause(t.Context(), 3*time.Minute, errors.New("nothing more came"))
	ctx, exited := context.WithCancelCause(ctx)
	server := httptest.NewServer(api)
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, bootstrap)
	cmd.Stdout, cmd.Stderr = io.Discard, &stderr
	cmd.Env = []string{
		"AWS_LAMBDA_RUNTIME_API=" + strings.TrimPrefix(server.URL, "http://"),
		"AWS_LAMBDA_MAX_CONCURRENCY=" + strconv.Itoa(concurrency),
		"GORACE=halt_on_error=1",
		"AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=ASIAEXAMPLE", "AWS_SECRET_ACCESS_KEY=s", "AWS_SESSION_TOKEN=t",
		"AWS_ENDPOINT_URL=" + services,
		"UPLOAD_BUCKET=media", "UPLOAD_URL_TTL=15m", "UPLOAD_MAX_BYTES=1000", "UPLOAD_CONTENT_TYPES=*/*", "INLINE_CONTENT_TYPES=text/plain",
		"DELIVERY_BASE_URL=https://d111111abcdef8.cloudfront.net", "SIGNED_URL_TTL=1h", "SIGNED_URL_MAX_TTL=24h", "SIGNING_HASH=SHA256",
		// So short that invocations at once also read the key anew.
		"SIGNING_KEY_CACHE_TTL=1ns", "SIGNING_KEY_SECRET=airlock", "READ_ANY_SCOPE=airlock/read.any", "CATALOG_TABLE=catalog",
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	waited := make(chan struct{})
	go func() {
		defer close(waited)
		err := cmd.Wait()
		exited(fmt.Errorf("the process has ended: %w\n%s", errors.Join(err, context.Cause(ctx)), stderr.Bytes()))
	}()
	t.Cleanup(func() {
		stop()
		<-waited
		server.CloseClientConnections()
		server.Close()
	})
	return ctx
}

// essence is what an answer says about its request: the status of an HTTP
// answer and the keys in it, or the ids of the messages that failed.
func essence(answer []byte) string {
	var a struct {
		StatusCode        int
		Body              string
		BatchItemFailures []struct{ ItemIdentifier string }
	}
	if err := json.Unmarshal(answer, &a); err != nil {
		return err.Error()
	}
	if a.StatusCode == 0 {
		return fmt.Sprint(a.BatchItemFailures)
	}
	type file struct{ ObjectKey, URL string }
	var body struct {
		file
		SignedURLs []file
	}
	if err := json.Unmarshal([]byte(a.Body), &body); err != nil {
		return err.Error()
	}
	text := strconv.Itoa(a.StatusCode)
	for _, f := range append(body.SignedURLs, body.file) {
		if f == (file{}) {
			continue
		}
		text += " " + f.ObjectKey
		if url, _, _ := strings.Cut(f.URL, "?"); !strings.HasSuffix(url, "/"+f.ObjectKey) {
			text += " at " + url
		}
	}
	return text
}
