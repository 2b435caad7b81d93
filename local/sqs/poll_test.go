package sqs

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"airlock/local/template"

	"github.com/google/go-cmp/cmp"
)

func TestEvent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		payloads := make(chan string, 1)
		poll(t, s, events(), func(_ context.Context, payload []byte) ([]byte, string, error) {
			payloads <- string(payload)
			return nil, "", nil
		})
		synctest.Wait()
		id := send(t, s, mainARN, `{"a":"<ä>"}`)
		got := <-payloads
		synctest.Wait()
		handle := records(t, []byte(got))[0].ReceiptHandle
		// Known answer: the shape is that of AWS's example, the hash md5sum's.
		want := `{"Records":[{"messageId":"` + id + `","receiptHandle":"` + handle + `","body":"{\"a\":\"<ä>\"}","attributes":{` +
			`"ApproximateFirstReceiveTimestamp":"946684800000","ApproximateReceiveCount":"1","SenderId":"111122223333","SentTimestamp":"946684800000"},` +
			`"messageAttributes":{},"md5OfBody":"70c58ba5bcc9bf3c3043dddc7ee97417","eventSource":"aws:sqs",` +
			`"eventSourceARN":"arn:aws:sqs:eu-west-1:111122223333:main","awsRegion":"eu-west-1"}]}`
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("event (-want +got):\n%s", diff)
		}
		if time.Since(time.UnixMilli(946684800000)) != 0 {
			t.Error("a message was not delivered at once")
		}
		checkDepth(t, s, mainARN, 0, 0)
	})
}

// A message that always fails is tried maxReceiveCount times, each time when its
// visibility timeout ends, and then lies among the dead letters.
func TestVisibilityAndDeadLetters(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		start := time.Now()
		var mu sync.Mutex
		var tries []string
		poll(t, s, events(), func(_ context.Context, payload []byte) ([]byte, string, error) {
			mu.Lock()
			defer mu.Unlock()
			r := records(t, payload)[0]
			tries = append(tries, fmt.Sprint(time.Since(start), " ", r.Attributes["ApproximateReceiveCount"]))
			return report(r.MessageID), "", nil
		})
		id := send(t, s, mainARN, "poison")
		synctest.Wait()
		checkDepth(t, s, mainARN, 0, 1)
		time.Sleep(time.Hour)
		synctest.Wait()
		if diff := cmp.Diff([]string{"0s 1", "2m0s 2", "4m0s 3", "6m0s 4", "8m0s 5"}, tries); diff != "" {
			t.Errorf("tries (-want +got):\n%s", diff)
		}
		checkDepth(t, s, mainARN, 0, 0)
		checkDepth(t, s, deadARN, 1, 0)

		var letter record
		stop := poll(t, s, template.EventSource{QueueARN: deadARN}, func(_ context.Context, payload []byte) ([]byte, string, error) {
			letter = records(t, payload)[0]
			return nil, "Unhandled", nil
		})
		synctest.Wait()
		stop()
		if letter.MessageID != id || letter.Body != "poison" || letter.Attributes["SentTimestamp"] != milliseconds(start) ||
			letter.Attributes["DeadLetterQueueSourceArn"] != mainARN {
			t.Errorf("dead letter = %+v, want id %s, its body and its time", letter, id)
		}
	})
}

func TestRedrive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		healed := false
		var mu sync.Mutex
		var counts []string
		poll(t, s, events(), func(_ context.Context, payload []byte) ([]byte, string, error) {
			mu.Lock()
			defer mu.Unlock()
			if !healed {
				return nil, "Unhandled", nil
			}
			for _, r := range records(t, payload) {
				counts = append(counts, r.Body+" "+r.Attributes["ApproximateReceiveCount"])
			}
			return nil, "", nil
		})
		for i := range 3 {
			send(t, s, mainARN, fmt.Sprint(i))
		}
		send(t, s, deadARN, "by hand")
		time.Sleep(time.Hour)
		synctest.Wait()
		checkDepth(t, s, deadARN, 4, 0)
		mu.Lock()
		healed = true
		mu.Unlock()
		if n, err := s.Redrive(deadARN); n != 3 || err != nil {
			t.Errorf("Redrive = %d, %v; want 3", n, err)
		}
		synctest.Wait()
		if len(counts) != 3 || strings.Join(counts, "")[1:3] != " 1" {
			t.Errorf("redriven = %q, want 3 messages never received before", counts)
		}
		checkDepth(t, s, mainARN, 0, 0)
		checkDepth(t, s, deadARN, 1, 0)
		if n, err := s.Redrive(deadARN); n != 0 || err != nil {
			t.Errorf("Redrive again = %d, %v; want 0", n, err)
		}
	})
}

func TestRetention(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		send(t, s, mainARN, "old")
		time.Sleep(14 * 24 * time.Hour)
		checkDepth(t, s, mainARN, 1, 0)
		time.Sleep(time.Second)
		poll(t, s, events(), func(context.Context, []byte) ([]byte, string, error) {
			t.Error("an expired message was delivered")
			return nil, "", nil
		})
		synctest.Wait()
		checkDepth(t, s, mainARN, 0, 0)
	})
}

func TestThrottled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		start := time.Now()
		var mu sync.Mutex
		calls, last := 0, ""
		poll(t, s, events(), func(_ context.Context, payload []byte) ([]byte, string, error) {
			mu.Lock()
			defer mu.Unlock()
			calls++
			if time.Since(start) < 150*time.Second {
				return nil, "", errors.New("TooManyRequestsException")
			}
			last = records(t, payload)[0].Attributes["ApproximateReceiveCount"]
			return nil, "", nil
		})
		send(t, s, mainARN, "x")
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		// Received twice, at 0 s and 120 s, and tried again and again in between.
		if last != "2" || calls < 10 || calls > 50 {
			t.Errorf("delivered as receive %s after %d calls, want 2 after some 25", last, calls)
		}
		checkDepth(t, s, mainARN, 0, 0)
	})
}

func TestBatches(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		source template.EventSource
		bodies int
		size   int
		want   []int
		after  time.Duration
	}{
		{"ten at a time", template.EventSource{}, 25, 1, []int{10, 10, 5}, 0},
		{"a full window", template.EventSource{BatchSize: 20, BatchingWindow: 5 * time.Second}, 40, 1, []int{20, 20}, 0},
		{"an unfilled window", template.EventSource{BatchSize: 20, BatchingWindow: 5 * time.Second}, 3, 1, []int{3}, 5 * time.Second},
		{"six megabytes", template.EventSource{}, 10, 1 << 20, []int{5, 5}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newService(t)
				for range tt.bodies {
					send(t, s, mainARN, strings.Repeat("x", tt.size))
				}
				start := time.Now()
				var mu sync.Mutex
				var got []int
				var after time.Duration
				tt.source.QueueARN = mainARN
				poll(t, s, tt.source, func(_ context.Context, payload []byte) ([]byte, string, error) {
					mu.Lock()
					defer mu.Unlock()
					if len(payload) > 6<<20 {
						t.Errorf("a payload of %d bytes", len(payload))
					}
					got = append(got, len(records(t, payload)))
					after = time.Since(start)
					return nil, "", nil
				})
				time.Sleep(time.Minute)
				synctest.Wait()
				mu.Lock()
				defer mu.Unlock()
				total := 0
				for _, n := range got {
					total += n
				}
				if len(got) != len(tt.want) || total != tt.bodies || after != tt.after {
					t.Errorf("batches of %v after %v, want %v after %v", got, after, tt.want, tt.after)
				}
			})
		})
	}
}

func TestConcurrencyAndStop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		for range 10 {
			send(t, s, mainARN, "x")
		}
		var mu sync.Mutex
		running, cut := 0, 0
		stop := poll(t, s, template.EventSource{QueueARN: mainARN, BatchSize: 1, MaximumConcurrency: 3}, func(ctx context.Context, _ []byte) ([]byte, string, error) {
			mu.Lock()
			running++
			slow := running == 1
			mu.Unlock()
			if slow {
				<-ctx.Done()
				mu.Lock()
				cut++
				mu.Unlock()
				return nil, "", ctx.Err()
			}
			time.Sleep(3 * time.Second) // virtual
			return nil, "", nil
		})
		synctest.Wait()
		if running != 3 {
			t.Errorf("%d invocations at once, want 3", running)
		}
		start := time.Now()
		stop()
		// Two ended in their own time, the third was cut off.
		if d := time.Since(start); d != stopGrace || cut != 1 {
			t.Errorf("stopped after %v with %d cut off, want %v and 1", d, cut, stopGrace)
		}
		checkDepth(t, s, mainARN, 7, 1)
	})
}

// Whatever fails at random, every message is processed or becomes a dead letter.
func TestNothingIsLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const total = 1000
		s := newService(t)
		random := rand.New(rand.NewPCG(1, 2))
		var mu sync.Mutex
		processed := map[string]bool{}
		chance := func(percent int) bool { return random.IntN(100) < percent }
		poll(t, s, events(), func(_ context.Context, payload []byte) ([]byte, string, error) {
			mu.Lock()
			defer mu.Unlock()
			switch {
			case chance(10):
				return nil, "", errors.New("throttled")
			case chance(10):
				return nil, "Unhandled", nil
			case chance(10):
				return []byte("garbage"), "", nil
			}
			var failed []string
			for _, r := range records(t, payload) {
				if chance(50) {
					failed = append(failed, r.MessageID)
				} else {
					processed[r.MessageID] = true
				}
			}
			return report(failed...), "", nil
		})
		var senders sync.WaitGroup
		for range 10 {
			senders.Go(func() {
				for range total / 10 {
					if _, err := s.Send(mainARN, []byte("x")); err != nil {
						t.Error(err)
					}
				}
			})
		}
		senders.Wait()
		time.Sleep(time.Hour)
		synctest.Wait()
		checkDepth(t, s, mainARN, 0, 0)
		dead, _, err := s.Depth(deadARN)
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		if dead == 0 || len(processed)+dead != total {
			t.Errorf("%d processed and %d dead of %d", len(processed), dead, total)
		}
	})
}

func TestPollRefuses(t *testing.T) {
	t.Parallel()
	s := newService(t)
	for want, src := range map[string]template.EventSource{
		"QueueDoesNotExist":     {QueueARN: "arn:other"},
		"batch size 11 needs":   {QueueARN: mainARN, BatchSize: 11},
		"batch size 10001":      {QueueARN: mainARN, BatchSize: 10_001, BatchingWindow: time.Second},
		"maximum concurrency 1": {QueueARN: mainARN, MaximumConcurrency: 1},
		"batching window 6m0s":  {QueueARN: mainARN, BatchingWindow: 6 * time.Minute},
	} {
		if err := s.Poll(t.Context(), src, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Poll(%+v) = %v, want %s", src, err, want)
		}
	}
}
