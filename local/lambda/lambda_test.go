package lambda

import (
	"context"
	"errors"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"airlock/local/iam"

	"github.com/google/go-cmp/cmp"
)

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"no region", func(c *Config) { c.Region = "" }, "are required"},
		{"no credentials", func(c *Config) { c.Credentials = nil }, "are required"},
		{"twice", func(c *Config) { c.Functions = append(c.Functions, c.Functions[0]) }, "configured twice"},
		{"no timeout", func(c *Config) { c.Functions[0].Timeout = 0 }, "timeout 0s"},
		{"relative", func(c *Config) { c.Functions[0].Bootstrap = "F/bootstrap" }, "not an absolute path"},
		{"another's binary", func(c *Config) { c.Functions[0].Bootstrap = "/x/G/bootstrap" }, "ending in F/bootstrap"},
		{"not built", func(c *Config) { c.Functions[0].Bootstrap = "/nowhere/F/bootstrap" }, "looking for its binary"},
		{"reserved variable", func(c *Config) { c.Functions[0].Environment["AWS_REGION"] = "x" }, "AWS_REGION is reserved"},
		{"concurrency", func(c *Config) { c.Functions[0].MaxConcurrency = -1 }, "concurrency -1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			config := testConfig(t.TempDir(), nil, "F")
			tt.change(&config)
			_, err := New(config)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("New = %v, want %q", err, tt.want)
			}
		})
	}
}

func TestInvoke(t *testing.T) {
	t.Parallel()
	s := start(t, nil)

	first := invoke(t, s, order{Do: "echo", Text: "ä<&>\u2028"})
	if first.Text != "ä<&>\u2028" {
		t.Errorf("answer = %q", first.Text)
	}
	for range 20 {
		if again := invoke(t, s, order{}); again.PID != first.PID {
			t.Fatalf("process %d, then %d: a warm container was not reused", first.PID, again.PID)
		}
	}

	got := invoke(t, s, order{Do: "header"}).Header
	if want := s.byID["F"].ARN; got["Lambda-Runtime-Invoked-Function-Arn"] != want {
		t.Errorf("ARN = %q, want %q", got["Lambda-Runtime-Invoked-Function-Arn"], want)
	}
	for name, pattern := range map[string]string{
		"Lambda-Runtime-Aws-Request-Id": `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`,
		"Lambda-Runtime-Trace-Id":       `^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0$`,
		"Lambda-Runtime-Deadline-Ms":    `^[0-9]{13}$`,
	} {
		if !regexp.MustCompile(pattern).MatchString(got[name]) {
			t.Errorf("%s = %q, want %s", name, got[name], pattern)
		}
	}

	for name, call := range map[string]func() error{
		"ResourceNotFoundException": func() error { _, err := s.Invoke(t.Context(), "G", nil); return err },
		"RequestTooLargeException": func() error {
			_, err := s.Invoke(t.Context(), "F", make([]byte, 6<<20+1))
			return err
		},
	} {
		var e *Error
		if err := call(); !errors.As(err, &e) || e.Code != name {
			t.Errorf("Invoke = %v, want %s", err, name)
		}
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for _, want := range []string{"", "not json", `{"a":1}`, "\x00\xff"} {
		result, err := s.Invoke(t.Context(), "F", marshal(order{Do: "raw", Text: want}))
		if want == "\x00\xff" {
			want = "\x00\ufffd" // on its way in, through JSON
		}
		if err != nil || string(result.Payload) != want || result.FunctionError != "" {
			t.Errorf("Invoke = %q, %q, %v; want %q", result.Payload, result.FunctionError, err, want)
		}
	}
	if result, err := s.Invoke(t.Context(), "F", marshal(order{Do: "big", Size: maxResponseBytes})); err != nil || len(result.Payload) != maxResponseBytes {
		t.Errorf("the largest answer: %d bytes, %q, %v", len(result.Payload), result.FunctionError, err)
	}
	if kind, message := fail(t, s, order{Do: "error"}); kind != "T" || message != "m" {
		t.Errorf("error = %q, %q", kind, message)
	}

	// The function exits after this; the next call must not notice.
	kind, message := fail(t, s, order{Do: "big", Size: maxResponseBytes + 1})
	if kind != "Function.ResponseSizeTooLarge" || !strings.Contains(message, "(6291556 bytes)") {
		t.Errorf("too large an answer = %q, %q", kind, message)
	}
	got := invoke(t, s, order{Do: "misbehave"}).Statuses
	if diff := cmp.Diff([]int{403, 400, 403, 404}, got); diff != "" {
		t.Errorf("next while busy, another's request id, late init error, no such call (-want +got):\n%s", diff)
	}
}

func TestCrash(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	id := regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)
	for _, tt := range []struct {
		order order
		want  string
	}{
		{order{Do: "exit", Code: 1}, "RequestId: ID Error: Runtime exited with error: exit status 1"},
		{order{Do: "exit", Code: 0}, "RequestId: ID Error: Runtime exited without providing a reason"},
		{order{Do: "kill"}, "RequestId: ID Error: Runtime exited with error: signal: killed"},
	} {
		before := invoke(t, s, order{}).PID
		kind, message := fail(t, s, tt.order)
		if kind != "Runtime.ExitError" || id.ReplaceAllString(message, "ID") != tt.want {
			t.Errorf("Invoke(%+v) = %q, %q; want %q", tt.order, kind, message, tt.want)
		}
		if after := invoke(t, s, order{}).PID; after == before {
			t.Errorf("process %d served after it had ended", before)
		}
	}
	// Whether or not the end has been noticed when the next event comes, it is not lost.
	for range 10 {
		invoke(t, s, order{Do: "answer and exit"})
	}
}

func TestInitCrash(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ init, kind, message string }{
		{"exit", "Runtime.ExitError", "Error: Runtime exited with error: exit status 3"},
		{"error", "Config.Missing", "no bucket"},
		{"hang", "Sandbox.Timedout", "Error: Task timed out after 0.30 seconds"},
	} {
		t.Run(tt.init, func(t *testing.T) {
			t.Parallel()
			config := testConfig(t.TempDir(), nil, "F")
			var log lines
			config.Log = log.add
			config.Environment = func(string) map[string]string { return map[string]string{"INIT": tt.init} }
			s := open(t, config)
			s.initLimit = 300 * time.Millisecond
			if tt.init != "hang" {
				s.initLimit = time.Minute
			}
			for range 2 {
				if kind, message := fail(t, s, order{}); kind != tt.kind || !strings.HasSuffix(message, tt.message) {
					t.Errorf("Invoke = %q, %q; want %q, %q", kind, message, tt.kind, tt.message)
				}
			}
			if tries := len(log.all()); tt.init == "exit" && tries != 2 {
				t.Errorf("%d processes for 2 invocations", tries)
			}
		})
	}
	t.Run("no such binary", func(t *testing.T) {
		t.Parallel()
		s := start(t, nil)
		s.byID["F"].Bootstrap = filepath.Join(t.TempDir(), "F", "bootstrap")
		if kind, message := fail(t, s, order{}); kind != "Runtime.InvalidEntrypoint" || !strings.Contains(message, "no such file") {
			t.Errorf("Invoke = %q, %q", kind, message)
		}
	})
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	s := start(t, func(f *Function) { f.Timeout = 500 * time.Millisecond })
	s.initLimit = time.Minute
	before := invoke(t, s, order{})
	kind, message := fail(t, s, order{Do: "hang"})
	if kind != "Sandbox.Timedout" || !strings.HasSuffix(message, " Error: Task timed out after 0.50 seconds") {
		t.Errorf("Invoke = %q, %q", kind, message)
	}
	if alive(before.PID) {
		t.Errorf("process %d outlived its timeout", before.PID)
	}
	// One that answers and never asks for more is killed, too, and the event waiting for it goes to another.
	first := invoke(t, s, order{Do: "answer and hang"})
	if next := invoke(t, s, order{}); next.PID == first.PID || alive(first.PID) {
		t.Errorf("process %d served on", first.PID)
	}
}

func TestConcurrency(t *testing.T) {
	t.Parallel()
	s := start(t, func(f *Function) { f.MaxConcurrency = 3 })
	gate, url := startGate(t)
	var calls sync.WaitGroup
	pids := make([]int, 5)
	for i := range pids {
		calls.Go(func() { pids[i] = invoke(t, s, order{Gate: url}).PID })
	}
	for range 3 {
		<-gate.arrived
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := s.Invoke(ctx, "F", nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Invoke beyond the concurrency = %v, want %v", err, context.DeadlineExceeded)
	}
	if len(gate.arrived) != 0 {
		t.Error("more invocations than the concurrency allows")
	}
	close(gate.open)
	calls.Wait()
	slices.Sort(pids)
	if n := len(slices.Compact(pids)); n != 3 {
		t.Errorf("%d processes for a concurrency of 3", n)
	}
}

func TestLastUsedFirst(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	var gates [3]*gate
	var pids [3]chan int
	for i := range gates {
		var url string
		gates[i], url = startGate(t)
		pids[i] = make(chan int, 1)
		go func() { pids[i] <- invoke(t, s, order{Gate: url}).PID }()
		<-gates[i].arrived
	}
	for _, i := range []int{1, 0, 2} {
		close(gates[i].open)
		last := <-pids[i]
		if next := invoke(t, s, order{}).PID; next != last {
			t.Errorf("process %d served after %d", next, last)
		}
	}
}

func TestCallerLeaves(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	pid := invoke(t, s, order{}).PID
	gate, url := startGate(t)
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan error)
	go func() {
		_, err := s.Invoke(ctx, "F", marshal(order{Gate: url}))
		left <- err
	}()
	<-gate.arrived
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("Invoke = %v, want %v", err, context.Canceled)
	}
	if !alive(pid) {
		t.Error("the function ended with its caller")
	}
	close(gate.open)
}

func TestOldCredentials(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for _, tt := range []struct {
		age, life time.Duration
		want      bool
	}{
		{0, 12 * time.Hour, true},
		{11*time.Hour - time.Second, 12 * time.Hour, true},
		{11*time.Hour + time.Second, 12 * time.Hour, false},
		{29 * time.Minute, time.Hour, true},
		{31 * time.Minute, time.Hour, false},
	} {
		c := &container{born: now.Add(-tt.age), creds: iam.Credentials{Expires: now.Add(tt.life - tt.age)}}
		if got := c.fresh(now); got != tt.want {
			t.Errorf("fresh(%v of %v) = %v, want %v", tt.age, tt.life, got, tt.want)
		}
	}

	config := testConfig(t.TempDir(), nil, "F")
	config.Credentials = func(string) iam.Credentials { return iam.Credentials{Expires: time.Now().Add(time.Nanosecond)} }
	s := open(t, config)
	first := invoke(t, s, order{}).PID
	if second := invoke(t, s, order{}).PID; second == first {
		t.Error("a container with old credentials was reused")
	}
	gone(t, first)
}

func TestEnvironment(t *testing.T) {
	t.Setenv("SECRET_OF_THE_PARENT", "x")
	config := testConfig(t.TempDir(), func(f *Function) {
		f.Environment = map[string]string{"EMPTY": "", "FROM": "template", "AWS_ENDPOINT_URL_S3": ""}
	}, "F")
	config.Environment = func(id string) map[string]string {
		return map[string]string{"FROM": "config of " + id, "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1"}
	}
	expires := time.Now().Add(time.Hour)
	config.Credentials = func(string) iam.Credentials {
		return iam.Credentials{AccessKeyID: "ASIA1", SecretAccessKey: "s3cr3t", SessionToken: "t0ken", Expires: expires}
	}
	s := open(t, config)
	a := invoke(t, s, order{Do: "env"})

	variable := regexp.MustCompile(`^(PATH|AWS_LAMBDA_LOG_STREAM_NAME|AWS_LAMBDA_RUNTIME_API)=.+`)
	got := slices.Clone(a.Env)
	for i := range got {
		got[i] = variable.ReplaceAllString(got[i], "$1=…")
	}
	slices.Sort(got)
	dir := filepath.Dir(config.Functions[0].Bootstrap)
	want := []string{
		"AWS_ACCESS_KEY_ID=ASIA1",
		"AWS_CREDENTIAL_EXPIRATION=" + expires.UTC().Format(time.RFC3339),
		"AWS_DEFAULT_REGION=eu-west-1",
		"AWS_ENDPOINT_URL_S3=http://127.0.0.1:1",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256",
		"AWS_LAMBDA_FUNCTION_NAME=stack-F-1A2B",
		"AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		"AWS_LAMBDA_INITIALIZATION_TYPE=on-demand",
		"AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/stack-F-1A2B",
		"AWS_LAMBDA_LOG_STREAM_NAME=…",
		"AWS_LAMBDA_RUNTIME_API=…",
		"AWS_REGION=eu-west-1",
		"AWS_SECRET_ACCESS_KEY=s3cr3t",
		"AWS_SESSION_TOKEN=t0ken",
		"EMPTY=",
		"FROM=config of F",
		"HTTPS_PROXY=",
		"HTTP_PROXY=",
		"LAMBDA_RUNTIME_DIR=/var/runtime",
		"LAMBDA_TASK_ROOT=" + dir,
		"LANG=en_US.UTF-8",
		"PATH=…",
		"TZ=:UTC",
		"_HANDLER=bootstrap",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
}
