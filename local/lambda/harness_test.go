package lambda

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"airlock/local/iam"
	"airlock/local/template"
)

// testConfig makes functions of this test binary, with a timeout no test waits
// for. change, if not nil, may alter each.
func testConfig(dir string, change func(*Function), names ...string) Config {
	config := Config{
		IAM:       iam.NewDirectory(),
		Region:    "eu-west-1",
		AccountID: "111122223333",
		Credentials: func(logicalID string) iam.Credentials {
			return iam.Credentials{
				AccessKeyID: "ASIA" + logicalID, SecretAccessKey: "s", SessionToken: "t",
				Expires: time.Now().Add(12 * time.Hour),
			}
		},
	}
	for _, name := range names {
		bootstrap := filepath.Join(dir, name, "bootstrap")
		executable, err := os.Executable()
		if err == nil {
			err = os.MkdirAll(filepath.Dir(bootstrap), 0o755)
		}
		if err == nil {
			err = os.Symlink(executable, bootstrap)
		}
		if err != nil {
			continue // New finds no binary and says so
		}
		f := Function{
			Function: template.Function{
				LogicalID: name, Name: "stack-" + name + "-1A2B", MemoryMB: 256, Timeout: time.Minute,
				ARN:         "arn:aws:lambda:eu-west-1:111122223333:function:stack-" + name + "-1A2B",
				RoleARN:     "arn:aws:iam::111122223333:role/" + name,
				Environment: map[string]string{},
			},
			Bootstrap: bootstrap,
		}
		if change != nil {
			change(&f)
		}
		config.Functions = append(config.Functions, f)
	}
	return config
}

// start opens a Service with the function F, and closes it when the test ends.
func start(t *testing.T, change func(*Function)) *Service {
	t.Helper()
	return open(t, testConfig(t.TempDir(), change, "F"))
}

func open(t *testing.T, config Config) *Service {
	t.Helper()
	s, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

// invoke carries out an order and returns its answer.
func invoke(t *testing.T, s *Service, o order) answer {
	t.Helper()
	result, err := s.Invoke(t.Context(), "F", marshal(o))
	if err != nil || result.FunctionError != "" {
		t.Fatalf("Invoke(%+v) = %s, %q, %v", o, result.Payload, result.FunctionError, err)
	}
	var a answer
	if err := json.Unmarshal(result.Payload, &a); err != nil {
		t.Fatalf("Invoke(%+v) = %s: %v", o, result.Payload, err)
	}
	return a
}

// fail carries out an order that must fail, and returns type and message.
func fail(t *testing.T, s *Service, o order) (errorType, message string) {
	t.Helper()
	result, err := s.Invoke(t.Context(), "F", marshal(o))
	if err != nil || result.FunctionError != "Unhandled" {
		t.Fatalf("Invoke(%+v) = %s, %q, %v; want Unhandled", o, result.Payload, result.FunctionError, err)
	}
	var e struct{ ErrorType, ErrorMessage string }
	if err := json.Unmarshal(result.Payload, &e); err != nil {
		t.Fatalf("Invoke(%+v) = %s: %v", o, result.Payload, err)
	}
	return e.ErrorType, e.ErrorMessage
}

// gate holds up functions that get its URL until it is opened.
type gate struct {
	arrived chan struct{} // receives one element for each arrival
	open    chan struct{}
}

func newGate() *gate {
	return &gate{arrived: make(chan struct{}, 100), open: make(chan struct{})}
}

func (g *gate) serve() *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		g.arrived <- struct{}{}
		select {
		case <-g.open:
		case <-r.Context().Done():
		}
	}))
}

// startGate serves a gate for the length of a test.
func startGate(t *testing.T) (*gate, string) {
	t.Helper()
	g := newGate()
	server := g.serve()
	t.Cleanup(server.Close)
	return g, server.URL
}

// alive says whether a process exists, zombies aside.
func alive(pid int) bool {
	if state, err := os.ReadFile(filepath.Join("/proc", itoa(pid), "stat")); err == nil {
		// pid (name) state …
		for i := len(state) - 1; i >= 0; i-- {
			if state[i] == ')' {
				return state[i+2] != 'Z'
			}
		}
	}
	return syscall.Kill(pid, 0) == nil
}

func itoa(n int) string { return string(marshal(n)) }

// gone waits until a process has ended, and fails the test if it does not.
func gone(t *testing.T, pid int) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for alive(pid) {
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatalf("process %d is still there", pid)
		}
	}
}

// lines collects what functions log.
type lines struct {
	mu   sync.Mutex
	text []string
}

func (l *lines) add(logicalID string, line []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, logicalID+": "+string(line))
}

func (l *lines) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text
}
