package catalog_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"airlock/pkg/catalog"
)

func withRequestID(ctx context.Context) context.Context {
	return lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{AwsRequestID: "request-1"})
}

func removed(key, sequencer string) string {
	return record("ObjectRemoved:Delete", key, fmt.Sprintf(`,"sequencer":%q`, sequencer))
}

// The answers are compared as Lambda sends them.
func TestHandleEventQueued(t *testing.T) {
	t.Parallel()
	good := notification(removed("u/alice/payslip", "1"))
	refused := notification(removed("u/alice/refused", "1"))
	none, first := `{"batchItemFailures":[]}`, `{"batchItemFailures":[{"itemIdentifier":"m0"}]}`
	tests := []struct {
		name     string
		bodies   []string
		want     string
		errors   int // lines of level ERROR in the log
		recorded int // records applied, as counted in the log
	}{
		{"one", []string{good}, none, 0, 1},
		{"test message", []string{`{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"media"}`}, none, 0, 0},
		{"twice the same", []string{good, good}, none, 0, 2},
		{"refused by DynamoDB", []string{refused}, first, 1, 0},
		{"no JSON", []string{"hello"}, first, 1, 0},
		{"empty body", []string{""}, first, 1, 0},
		{"version 3", []string{strings.Replace(good, `"2.6"`, `"3.0"`, 1)}, first, 1, 0},
		{"another bucket", []string{strings.Replace(good, `"media"`, `"other"`, 1)}, first, 1, 0},
		{"one of three records unreadable", []string{notification(
			removed("u/alice/x", "1"), removed("u/alice/payslip%zz", "1"), removed("u/alice/y", "1"))}, first, 1, 2},
		{"two of three records refused", []string{notification(
			removed("u/alice/refused", "1"), removed("u/alice/x", "1"), removed("u/alice/refused", "2"))}, first, 2, 1},
		{"ten, of which two fail", []string{
			good, good, notification(removed("u/alice/payslip%zz", "1")), good, good, good, good, refused, good, good,
		}, `{"batchItemFailures":[{"itemIdentifier":"m2"},{"itemIdentifier":"m7"}]}`, 2, 8},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			fake := &fakeAWS{putFails: map[string]bool{"refused": true}}
			handler := lambda.NewHandler(fake.catalog(&log).HandleEvent)
			got, err := handler.Invoke(withRequestID(t.Context()), sqsEvent(tt.bodies...))
			if err != nil || strings.TrimSpace(string(got)) != tt.want {
				t.Errorf("HandleEvent = %s, %v; want %s", got, err, tt.want)
			}
			lines := logLines(t, &log)
			recorded := 0.0
			lines = slices.DeleteFunc(lines, func(line map[string]any) bool {
				if line["msg"] != "recorded" {
					return false
				}
				recorded += line["Recorded"].(float64)
				if delays := line["EventDelay"].([]any); len(delays) != int(line["Recorded"].(float64)) || delays[0].(float64) < 1 {
					t.Errorf("log line %v, want a delay for each record", line)
				}
				return true
			})
			if len(lines) != tt.errors || int(recorded) != tt.recorded {
				t.Errorf("log = %v and %v recorded, want %d lines and %d", lines, recorded, tt.errors, tt.recorded)
			}
			for _, line := range lines {
				if line["level"] != "ERROR" || line["requestId"] != "request-1" || line["messageId"] == "" {
					t.Errorf("log line %v, want an error with the ids of request and message", line)
				}
				if line["msg"] == "record not applied" && (line["space"] != "u/alice" || line["sequencer"] == "") {
					t.Errorf("log line %v, want space and sequencer", line)
				}
			}
			for _, name := range []string{"payslip", "refused"} {
				if strings.Contains(log.String(), name) {
					t.Errorf("log %s holds the name of a file", log.String())
				}
			}
		})
	}
}

// Of a message that fails in part, and of those beside it, the rest is applied.
func TestHandleEventAppliesTheRest(t *testing.T) {
	t.Parallel()
	fake := &fakeAWS{putFails: map[string]bool{"refused": true}}
	event := sqsEvent(
		notification(removed("u/alice/a", "1"), removed("u/alice/%zz", "1"), removed("u/alice/refused", "1"), removed("u/alice/b", "1")),
		"hello", notification(removed("c", "1")))
	if _, err := fake.catalog(io.Discard).HandleEvent(t.Context(), event); err != nil {
		t.Fatal(err)
	}
	for _, key := range [][2]string{{"u/alice", "a"}, {"u/alice", "b"}, {"shared", "c"}} {
		if fake.row(key[0], key[1]) == nil {
			t.Errorf("no row %v", key)
		}
	}
	if len(fake.rows) != 3 {
		t.Errorf("%d rows, want 3", len(fake.rows))
	}
}

func TestHandleEventOddBodies(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`5`, `null`, `{"Records":[]}`, `"` + "\xff" + `"`, `"\ud800"`,
		// The lone surrogate may stand where nobody looks.
		`"{\"Event\":\"s3:TestEvent\",\"Bucket\":\"\ud800\"}"`,
	} {
		good, err := json.Marshal(notification(removed("a", "1")))
		if err != nil {
			t.Fatal(err)
		}
		event := fmt.Sprintf(`{"Records":[{"messageId":"odd","eventSource":"aws:sqs","body":%s},`+
			`{"messageId":"bare","eventSource":"aws:sqs"},{"messageId":"good","eventSource":"aws:sqs","body":%s}]}`, body, good)
		fake := &fakeAWS{}
		got, err := fake.catalog(io.Discard).HandleEvent(t.Context(), []byte(event))
		if err != nil || len(got.BatchItemFailures) != 2 ||
			got.BatchItemFailures[0].ItemIdentifier != "odd" || got.BatchItemFailures[1].ItemIdentifier != "bare" {
			t.Errorf("HandleEvent of body %s = %v, %v; want odd and bare to fail", body, got, err)
		}
		if fake.row("shared", "a") == nil {
			t.Errorf("HandleEvent of body %s did not apply the message beside it", body)
		}
	}
}

func TestHandleEventBare(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, event string
		failed      int
	}{
		{"two records", notification(removed("u/alice/a", "1"), removed("u/alice/b", "1")), 0},
		{"test message", `{"Event":"s3:TestEvent"}`, 0},
		{"one unreadable, one refused, one good", notification(
			removed("u/alice/%zz", "1"), removed("u/alice/refused", "1"), removed("u/alice/a", "1")), 2},
		{"record of odd shape", `{"Records":[{"eventSource":5}]}`, 1},
		{"API Gateway's", `{"version":"2.0","routeKey":"GET /"}`, 1},
		{"no object", `[]`, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			fake := &fakeAWS{putFails: map[string]bool{"refused": true}}
			got, err := fake.catalog(io.Discard).HandleEvent(t.Context(), []byte(tt.event))
			if got.BatchItemFailures == nil || len(got.BatchItemFailures) > 0 {
				t.Errorf("HandleEvent(%s) = %v, want an empty list", tt.event, got)
			}
			if tt.failed == 0 {
				if err != nil {
					t.Errorf("HandleEvent(%s) = %v, want no error", tt.event, err)
				}
				return
			}
			// Lambda's errorType is the name of this type, so it must not be wrapped.
			failed, ok := err.(*catalog.RecordsFailedError) //nolint:errorlint // see above
			if !ok || failed.Failed != tt.failed || failed.Error() == "" {
				t.Errorf("HandleEvent(%s) = %v, want a *RecordsFailedError of %d", tt.event, err, tt.failed)
			}
		})
	}
}

func TestHandleEventMalformed(t *testing.T) {
	t.Parallel()
	for _, event := range []string{
		`{"Records":[{"eventSource":"aws:sqs","body":"{}"}]}`,
		`{"Records":[{"eventSource":"aws:sqs","messageId":"","body":"{}"}]}`,
		`{"Records":[{"eventSource":"aws:sqs","messageId":"m","body":"{}"},` + removed("a", "1") + `]}`,
	} {
		fake := &fakeAWS{}
		_, err := fake.catalog(io.Discard).HandleEvent(t.Context(), []byte(event))
		if malformed, ok := errors.AsType[*catalog.MalformedEventError](err); !ok || malformed.Error() == "" {
			t.Errorf("HandleEvent(%s) = %v, want a *MalformedEventError", event, err)
		}
	}
}

// However slow AWS is, the answer comes at least 300 ms before the deadline,
// and names exactly the messages that were not applied.
func TestHandleEventDeadline(t *testing.T) {
	t.Parallel()
	const deadline = 3 * time.Second
	tests := []struct {
		name       string
		fake       *fakeAWS
		deadline   time.Duration
		atLeast    int // rows
		mostCalls  int
		everything bool
	}{
		{"slow", &fakeAWS{putDelay: 900 * time.Millisecond}, deadline, 16, 24, false},
		{"slow HeadObject too", &fakeAWS{putDelay: 300 * time.Millisecond, headDelay: 400 * time.Millisecond}, deadline, 16, 32, false},
		{"DynamoDB hangs", &fakeAWS{putDelay: time.Hour}, deadline, 0, 8, false},
		{"both hang", &fakeAWS{putDelay: time.Hour, headDelay: time.Hour}, deadline, 0, 8, false},
		{"S3 hangs", &fakeAWS{headDelay: time.Hour}, deadline, 16, 24, false},
		{"fast", &fakeAWS{putDelay: 10 * time.Millisecond}, deadline, 100, 100, true},
		{"no time at all", &fakeAWS{}, 500 * time.Millisecond, 0, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var bodies []string
				for i := range 100 {
					bodies = append(bodies, notification(created(fmt.Sprintf("%d", i), "1")))
				}
				c := tt.fake.catalog(io.Discard)
				start := time.Now()
				ctx, cancel := context.WithDeadline(t.Context(), start.Add(tt.deadline))
				defer cancel()
				got, err := c.HandleEvent(ctx, sqsEvent(bodies...))
				if err != nil {
					t.Fatal(err)
				}
				if left := tt.deadline - time.Since(start); left < 300*time.Millisecond {
					t.Errorf("answered %v before the deadline, want at least 300ms", left)
				}
				failed := make(map[string]bool)
				for _, f := range got.BatchItemFailures {
					failed[f.ItemIdentifier] = true
				}
				rows := 0
				for i := range 100 {
					stored := tt.fake.row("shared", fmt.Sprintf("%d", i)) != nil
					if stored {
						rows++
					}
					if stored == failed[fmt.Sprintf("m%d", i)] {
						t.Errorf("message %d: row stored %t, reported failed %t", i, stored, !stored)
					}
				}
				if rows < tt.atLeast || tt.everything != (len(failed) == 0) {
					t.Errorf("%d rows and %d failures, want at least %d rows", rows, len(failed), tt.atLeast)
				}
				if len(tt.fake.puts) > tt.mostCalls || tt.fake.highest > 8 {
					t.Errorf("%d PutItem calls, %d at once; want at most %d and 8", len(tt.fake.puts), tt.fake.highest, tt.mostCalls)
				}
			})
		})
	}
}

func TestHandleEventCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var log bytes.Buffer
	fake := &fakeAWS{}
	got, err := fake.catalog(&log).HandleEvent(ctx, sqsEvent(notification(removed("a", "1")), notification(removed("b", "1"))))
	if err != nil || len(got.BatchItemFailures) != 2 || len(fake.puts) > 0 {
		t.Errorf("HandleEvent when cancelled = %v, %v, calls %v; want both failed and no call", got, err, fake.puts)
	}
	if lines := logLines(t, &log); len(lines) != 1 || lines[0]["records"] != 2.0 {
		t.Errorf("log = %v, want one line of 2 records", lines)
	}
}

// Changes of one object wait for each other, those of different objects do not.
func TestHandleEventOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fake := &fakeAWS{putDelay: 100 * time.Millisecond}
		var bodies []string
		for i := range 6 {
			// Without sequencers the first change wins, so order shows.
			bodies = append(bodies, notification(
				record("ObjectCreated:Put", "same", fmt.Sprintf(`,"size":%d`, i+1)), removed(fmt.Sprintf("other%d", i), "1")))
		}
		start := time.Now()
		got, err := fake.catalog(io.Discard).HandleEvent(t.Context(), sqsEvent(bodies...))
		if err != nil || len(got.BatchItemFailures) > 0 {
			t.Fatalf("HandleEvent = %v, %v", got, err)
		}
		if slices.Contains(fake.puts, "two at once of same") {
			t.Error("two changes of one object were applied at once")
		}
		if size := fake.row("shared", "same")["contentLength"]["N"]; size != "1" {
			t.Errorf("contentLength = %s, want 1, of the first change", size)
		}
		if got, want := time.Since(start), 600*time.Millisecond; got != want || fake.highest != 7 {
			t.Errorf("took %v with %d calls at once, want %v and 7", got, fake.highest, want)
		}
	})
}
