package lambda

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain makes this binary a function, too: it is one when it finds itself
// started by a Runtime API, and a whole embedded Lambda when told so
// (parent_test.go).
func TestMain(m *testing.M) {
	switch {
	case os.Getenv("AWS_LAMBDA_RUNTIME_API") != "":
		os.Exit(serveFunction(runtimeClient("http://"+os.Getenv("AWS_LAMBDA_RUNTIME_API")+"/2018-06-01/runtime/"), os.Getenv("INIT")))
	case os.Getenv("LAMBDA_TEST_PARENT") != "":
		os.Exit(runParent(os.Getenv("LAMBDA_TEST_PARENT"), os.Getenv("LAMBDA_TEST_DIR")))
	}
	os.Exit(m.Run())
}

// runtimeClient is the base URL of a Runtime API.
type runtimeClient string

func (c runtimeClient) post(path string, body []byte, header ...string) int {
	_, _, status := do(http.MethodPost, string(c)+path, body, header...)
	return status
}

func (c runtimeClient) next() (http.Header, []byte, int) {
	return do(http.MethodGet, string(c)+"invocation/next", nil)
}

// do makes a request; status 0 says that it failed.
func do(method, url string, body []byte, header ...string) (answer http.Header, text []byte, status int) {
	request, err := http.NewRequestWithContext(context.Background(), method, url, bytes.NewReader(body))
	if err != nil {
		return nil, nil, 0
	}
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, nil, 0
	}
	text, err = io.ReadAll(response.Body)
	if err = errors.Join(err, response.Body.Close()); err != nil {
		return nil, nil, 0
	}
	return response.Header, text, response.StatusCode
}

// order is what a test wants the function to do.
type order struct {
	Do   string `json:"do"`
	Code int    `json:"code,omitempty"`
	Text string `json:"text,omitempty"`
	Gate string `json:"gate,omitempty"` // a URL to get before answering
	Size int    `json:"size,omitempty"`
}

// answer is what most orders are answered with.
type answer struct {
	PID      int               `json:"pid"`
	Text     string            `json:"text"`
	Header   map[string]string `json:"header,omitempty"`
	Env      []string          `json:"env,omitempty"`
	Child    int               `json:"child,omitempty"`
	Statuses []int             `json:"statuses,omitempty"`
	Dir      string            `json:"dir,omitempty"`
}

func serveFunction(c runtimeClient, initialize string) int {
	switch initialize {
	case "exit":
		fmt.Println("dying young")
		return 3
	case "error":
		c.post("init/error", []byte(`{"errorType":"Config.Missing","errorMessage":"no bucket"}`))
		hang() // aws-lambda-go would exit; another runtime may not
	case "hang":
		hang()
	}
	for {
		header, payload, status := c.next()
		if status != http.StatusOK {
			return 1
		}
		var o order
		if err := json.Unmarshal(payload, &o); err != nil {
			return 1
		}
		if code, exit := obey(c, header, o); exit {
			return code
		}
	}
}

func obey(c runtimeClient, header http.Header, o order) (code int, exit bool) {
	id := header.Get("Lambda-Runtime-Aws-Request-Id")
	path := "invocation/" + id + "/"
	a := answer{PID: os.Getpid(), Text: o.Text}
	switch o.Do {
	case "exit":
		return o.Code, true
	case "kill":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "hang":
		if o.Gate != "" {
			do(http.MethodGet, o.Gate, nil)
		}
		hang()
	case "answer and hang":
		c.post(path+"response", marshal(a))
		hang()
	case "answer and exit":
		c.post(path+"response", marshal(a))
		return 1, true
	case "error":
		c.post(path+"error", []byte(`{"errorType":"T","errorMessage":"m"}`), "X", strings.Repeat("x", 900<<10))
		return 0, false
	case "big":
		if status := c.post(path+"response", bytes.Repeat([]byte("x"), o.Size)); status != http.StatusAccepted {
			return 1, true // as aws-lambda-go does
		}
		return 0, false
	case "raw":
		c.post(path+"response", []byte(o.Text))
		return 0, false
	case "misbehave":
		_, _, status := c.next()
		a.Statuses = append(a.Statuses,
			status,
			c.post("invocation/00000000-0000-0000-0000-000000000000/response", nil),
			c.post("init/error", nil),
			c.post("invocation/nonsense", nil))
	case "print":
		fmt.Fprint(os.Stderr, o.Text)
	case "env":
		a.Env = os.Environ()
		a.Dir, _ = os.Getwd()
	case "child":
		child := exec.CommandContext(context.Background(), "/bin/sh", "-c", "while :; do sleep 60; done")
		if err := child.Start(); err != nil {
			return 1, true
		}
		a.Child = child.Process.Pid
	case "header":
		a.Header = map[string]string{}
		for name := range header {
			a.Header[name] = header.Get(name)
		}
	}
	if o.Gate != "" {
		do(http.MethodGet, o.Gate, nil)
	}
	c.post(path+"response", marshal(a))
	return 0, false
}

func marshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return b
}

// hang blocks for good. `select {}` would not do: without cgo the runtime sees
// that nothing can wake the process, and ends it.
func hang() { <-time.After(24 * time.Hour) }
