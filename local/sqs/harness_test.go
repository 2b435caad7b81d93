package sqs

import (
	"context"
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	"airlock/local/template"

	"go.etcd.io/bbolt"
)

const (
	mainARN = "arn:aws:sqs:eu-west-1:111122223333:main"
	deadARN = "arn:aws:sqs:eu-west-1:111122223333:dead"
)

func testQueues() []template.Queue {
	return []template.Queue{
		{LogicalID: "Main", ARN: mainARN, VisibilityTimeout: 2 * time.Minute, Retention: 14 * 24 * time.Hour, DeadLetterARN: deadARN, MaxReceiveCount: 5},
		{LogicalID: "Dead", ARN: deadARN, VisibilityTimeout: 30 * time.Second, Retention: 14 * 24 * time.Hour},
	}
}

func testConfig(db *bbolt.DB) Config {
	return Config{DB: db, Region: "eu-west-1", AccountID: "111122223333", Queues: testQueues()}
}

func openDB(t *testing.T, path string) *bbolt.DB {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("closing the database: %v", err)
		}
	})
	return db
}

func newService(t *testing.T) *Service {
	t.Helper()
	s, err := New(testConfig(openDB(t, filepath.Join(t.TempDir(), "db"))))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func send(t *testing.T, s *Service, arn, body string) string {
	t.Helper()
	id, err := s.Send(arn, []byte(body))
	if err != nil {
		t.Fatalf("Send(%q): %v", body, err)
	}
	return id
}

func checkDepth(t *testing.T, s *Service, arn string, visible, inFlight int) {
	t.Helper()
	v, f, err := s.Depth(arn)
	if err != nil || v != visible || f != inFlight {
		t.Errorf("Depth(%s) = %d, %d, %v; want %d, %d", arn, v, f, err, visible, inFlight)
	}
}

func events() template.EventSource {
	return template.EventSource{QueueARN: mainARN, BatchSize: 10, ReportBatchItemFailures: true}
}

// poll starts a poller, and stops it and waits for it when the test ends or the
// returned function is called.
func poll(t *testing.T, s *Service, src template.EventSource, invoke Invoke) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Poll(ctx, src, invoke) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Poll: %v", err)
		}
	}
	t.Cleanup(stop)
	return stop
}

func records(t *testing.T, payload []byte) []record {
	t.Helper()
	var e struct{ Records []record }
	if err := json.Unmarshal(payload, &e); err != nil {
		t.Errorf("event %s: %v", payload, err)
	}
	return e.Records
}

// report is the answer that says which messages failed.
func report(ids ...string) []byte {
	response := `{"batchItemFailures":[`
	for i, id := range ids {
		if i > 0 {
			response += ","
		}
		response += `{"itemIdentifier":"` + id + `"}`
	}
	return []byte(response + "]}")
}
