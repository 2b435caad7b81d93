package measure

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// container is one process of a function, at the other end of a Runtime API of
// its own ("Using the Lambda runtime API for custom runtimes", AWS Lambda
// Developer Guide). It is asked for one thing at a time.
type container struct {
	api    *httptest.Server
	cmd    *exec.Cmd
	cancel context.CancelFunc
	log    bytes.Buffer
	ended  chan error
	polls  chan struct{} // the process waits for an event
	events chan []byte
	sent   time.Time
	took   chan time.Duration
	body   []byte
	status string // "response" or "error"
}

// start returns once the process has asked for its first event: that is when
// Lambda calls a container initialised.
func start(b *testing.B, bootstrap string, env []string) *container {
	b.Helper()
	c := &container{
		ended: make(chan error, 1), polls: make(chan struct{}, 1), events: make(chan []byte), took: make(chan time.Duration, 1),
	}
	c.api = httptest.NewServer(http.HandlerFunc(c.serve))
	var ctx context.Context
	ctx, c.cancel = context.WithCancel(context.Background())
	c.cmd = exec.CommandContext(ctx, bootstrap)
	c.cmd.Env = append([]string{"AWS_LAMBDA_RUNTIME_API=" + strings.TrimPrefix(c.api.URL, "http://")}, env...)
	c.cmd.Stdout, c.cmd.Stderr = &c.log, &c.log
	if err := c.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	go func() { c.ended <- c.cmd.Wait() }()
	c.ready(b)
	return c
}

func (c *container) ready(b *testing.B) {
	b.Helper()
	select {
	case <-c.polls:
	case err := <-c.ended:
		b.Fatalf("%s ended: %v\n%s", c.cmd.Path, err, c.log.Bytes())
	case <-time.After(time.Minute):
		b.Fatalf("%s asks for no event", c.cmd.Path)
	}
}

func (c *container) serve(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, "/next") {
		c.polls <- struct{}{}
		select {
		case event := <-c.events:
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
			w.Header().Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(time.Now().Add(20*time.Second).UnixMilli(), 10))
			w.Header().Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-west-1:123456789012:function:f")
			_, _ = w.Write(event)
		case <-r.Context().Done():
		}
		return
	}
	c.body, _ = io.ReadAll(r.Body)
	took := time.Since(c.sent)
	c.status = r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	w.WriteHeader(http.StatusAccepted)
	c.took <- took
}

// invoke returns how long an event took, from its handing over to the answer.
func (c *container) invoke(b *testing.B, event []byte, want string) time.Duration {
	b.Helper()
	c.sent = time.Now()
	c.events <- event
	took := <-c.took
	if c.status != "response" || !bytes.Contains(c.body, []byte(want)) {
		b.Fatalf("%s answered with %s %s, want %s in it", c.cmd.Path, c.status, c.body, want)
	}
	c.ready(b)
	return took
}

// memory is what the process holds now, in bytes. The most it held is no figure:
// getrusage(2) counts what the fork held before it became this program.
func (c *container) memory(b *testing.B) int64 {
	b.Helper()
	out, err := exec.CommandContext(b.Context(), "ps", "-o", "rss=", "-p", strconv.Itoa(c.cmd.Process.Pid)).Output()
	if err != nil {
		b.Fatal(err)
	}
	kib, err := strconv.ParseInt(strings.TrimSpace(string(out)), 10, 64)
	if err != nil {
		b.Fatal(err)
	}
	return kib * 1024
}

// stop ends the process and returns the CPU time that it had.
func (c *container) stop() time.Duration {
	c.cancel()
	<-c.ended
	c.api.Close()
	return c.cmd.ProcessState.UserTime() + c.cmd.ProcessState.SystemTime()
}
