package sqs

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"airlock/local/template"

	"go.etcd.io/bbolt"
)

// TestMain makes this binary a process that can be killed, too: with a message
// in flight.
func TestMain(m *testing.M) {
	if path := os.Getenv("SQS_TEST_DB"); path != "" {
		os.Exit(holdMessage(path))
	}
	os.Exit(m.Run())
}

func holdMessage(path string) int {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{NoSync: true})
	if err != nil {
		return 1
	}
	s, err := New(testConfig(db))
	if err != nil {
		return 1
	}
	s.speedup = 1000
	if _, err := s.Send(mainARN, []byte("survivor")); err != nil {
		return 1
	}
	// The function never answers.
	err = s.Poll(context.Background(), events(), func(context.Context, []byte) ([]byte, string, error) {
		if _, err := os.Stdout.WriteString("in flight\n"); err != nil {
			os.Exit(1)
		}
		select {}
	})
	if err != nil {
		return 1
	}
	return 0
}

func TestKilled(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "db")
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	holder := exec.CommandContext(t.Context(), executable)
	holder.Env = append(os.Environ(), "SQS_TEST_DB="+path)
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("the process to be killed: %q, %v", line, err)
	}
	if err := holder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = holder.Wait() // it was killed

	config := testConfig(openDB(t, path))
	config.Speedup = 1000
	s, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	delivered := make(chan record, 1)
	poll(t, s, events(), func(_ context.Context, payload []byte) ([]byte, string, error) {
		delivered <- records(t, payload)[0]
		return nil, "", nil
	})
	if r := <-delivered; r.Body != "survivor" || r.Attributes["ApproximateReceiveCount"] != "2" {
		t.Errorf("delivered %+v, want the message received once before", r)
	}
}

func TestReopen(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "db")
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(testConfig(db))
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{"a", "b", "c"} {
		send(t, s, mainARN, body)
	}
	b, err := s.receive(s.queues[mainARN], 2, 1<<20)
	if err != nil || len(b.records) != 2 {
		t.Fatalf("receive = %v, %v; want 2 messages", b, err)
	}
	if err := s.remove(s.queues[mainARN], [][]byte{b.records[0].handle}); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s, err = New(testConfig(openDB(t, path)))
	if err != nil {
		t.Fatal(err)
	}
	checkDepth(t, s, mainARN, 1, 1)
}

// A receipt handle dies when its message is received again.
func TestOldReceipt(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.speedup = 1 << 40 // visible again at once
	q := s.queues[mainARN]
	send(t, s, mainARN, "x")
	first, err := s.receive(q, 1, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	s.speedup = 1
	second, err := s.receive(q, 1, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		b    batch
		left int
	}{{first, 1}, {second, 0}} {
		if err := s.remove(q, [][]byte{step.b.records[0].handle}); err != nil {
			t.Error(err)
		}
		checkDepth(t, s, mainARN, 0, step.left)
	}
}

func TestSendRefuses(t *testing.T) {
	t.Parallel()
	s := newService(t)
	for _, tt := range []struct{ name, arn, body, want string }{
		{"no such queue", "arn:other", "x", "QueueDoesNotExist"},
		{"empty", mainARN, "", "MissingParameter"},
		{"largest", mainARN, strings.Repeat("x", 1<<20), ""},
		{"too large", mainARN, strings.Repeat("x", 1<<20+1), "InvalidParameterValue"},
		{"bad UTF-8", mainARN, "a\xff", "InvalidMessageContents"},
		{"control", mainARN, "a\x00", "InvalidMessageContents"},
		{"no character", mainARN, "a\uffff", "InvalidMessageContents"},
		{"what XML allows", mainARN, "\t\r\n\u0085\ufffd\U0010ffff", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := s.Send(tt.arn, []byte(tt.body))
			var e *Error
			code := ""
			if errors.As(err, &e) {
				code = e.Code
			}
			if code != tt.want || (err != nil) != (tt.want != "") {
				t.Errorf("Send = %v, want %q", err, tt.want)
			}
		})
	}
	if _, _, err := s.Depth("arn:other"); err == nil {
		t.Error("Depth of no queue succeeded")
	}
	if _, err := s.Redrive("arn:other"); err == nil {
		t.Error("Redrive of no queue succeeded")
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	db := openDB(t, filepath.Join(t.TempDir(), "db"))
	for want, change := range map[string]func(*template.Queue){
		"visibility timeout":    func(q *template.Queue) { q.VisibilityTimeout = 13 * time.Hour },
		"retention":             func(q *template.Queue) { q.Retention = time.Second },
		"maxReceiveCount":       func(q *template.Queue) { q.MaxReceiveCount = 0 },
		"does not exist":        func(q *template.Queue) { q.DeadLetterARN = "arn:other" },
		"its own dead-letter":   func(q *template.Queue) { q.DeadLetterARN = q.ARN },
		"it has no ARN":         func(q *template.Queue) { q.ARN = "" },
		"configuring queue Mai": func(q *template.Queue) { q.Retention = 0 },
	} {
		config := testConfig(db)
		change(&config.Queues[0])
		if _, err := New(config); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New = %v, want %q", err, want)
		}
	}
	if _, err := New(Config{}); err == nil {
		t.Error("New of nothing succeeded")
	}
}
