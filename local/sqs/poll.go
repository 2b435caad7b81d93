package sqs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"airlock/local/template"

	"go.etcd.io/bbolt"
)

const (
	defaultBatchSize   = 10 // "CreateEventSourceMapping", BatchSize
	defaultConcurrency = 5  // batches at once, with which Lambda begins to poll a standard queue
	maxPayloadBytes    = 6 << 20

	// stopGrace is how long the end of Poll waits for running invocations.
	stopGrace = 5 * time.Second

	minBackoff = 100 * time.Millisecond
	maxBackoff = 10 * time.Second
)

// Invoke runs a function once. err says that it did not run (it was throttled).
type Invoke = func(ctx context.Context, payload []byte) (response []byte, functionError string, err error)

// source is a running event source mapping.
type source struct {
	*Service
	template.EventSource
	queue  *queue
	invoke Invoke
}

// Poll feeds the messages of src's queue to a function until ctx ends, in batches
// of up to BatchSize (0: 10) and up to MaximumConcurrency (0: 5) at once. It
// deletes what the function has answered for; what failed becomes visible again
// when its visibility timeout ends, not before. An invocation that returned an
// err is tried again, with growing pauses, for as long as the batch is invisible.
//
// When ctx ends, Poll receives no more, gives running invocations 5 seconds to
// end, then ends the context they were given, and returns when they have
// returned. Messages whose invocation was cut off are delivered again, after
// their visibility timeout and in whatever process then polls. The returned
// error is nil, unless src is invalid or the database fails.
func (s *Service) Poll(ctx context.Context, src template.EventSource, invoke Invoke) error {
	q, err := s.queue(src.QueueARN)
	if err != nil {
		return err
	}
	if src.BatchSize == 0 {
		src.BatchSize = defaultBatchSize
	}
	if src.MaximumConcurrency == 0 {
		src.MaximumConcurrency = defaultConcurrency
	}
	if err := checkSource(src); err != nil {
		return fmt.Errorf("polling %s: %w", q.LogicalID, err)
	}
	return source{s, src, q, invoke}.run(ctx)
}

// checkSource holds src to the limits of CreateEventSourceMapping.
func checkSource(src template.EventSource) error {
	switch {
	case src.BatchingWindow < 0 || src.BatchingWindow > 5*time.Minute:
		return fmt.Errorf("batching window %v is not between 0 and 5 min", src.BatchingWindow)
	case src.BatchSize < 1 || src.BatchSize > 10_000:
		return fmt.Errorf("batch size %d is not between 1 and 10000", src.BatchSize)
	case src.BatchSize > 10 && src.BatchingWindow < time.Second:
		return fmt.Errorf("batch size %d needs a batching window of at least 1 s", src.BatchSize)
	case src.MaximumConcurrency < 2 || src.MaximumConcurrency > 1000:
		return fmt.Errorf("maximum concurrency %d is not between 2 and 1000", src.MaximumConcurrency)
	}
	return nil
}

func (s source) run(ctx context.Context) error {
	invocations, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	var running sync.WaitGroup
	err := s.dispatch(ctx, invocations, &running)
	grace := time.AfterFunc(stopGrace, cancel)
	defer grace.Stop()
	running.Wait()
	return err
}

// dispatch starts an invocation for each batch until ctx ends.
func (s source) dispatch(ctx, invocations context.Context, running *sync.WaitGroup) error {
	slots := make(chan struct{}, s.MaximumConcurrency)
	for {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		b, err := s.await(ctx)
		if err != nil || len(b.records) == 0 {
			return err
		}
		running.Go(func() {
			defer func() { <-slots }()
			s.process(ctx, invocations, b)
		})
	}
}

// await returns the next batch; an empty one when ctx has ended.
func (s source) await(ctx context.Context) (batch, error) {
	for ctx.Err() == nil {
		bell := s.queue.listen()
		if s.BatchingWindow > 0 {
			if err := s.gather(ctx); err != nil {
				return batch{}, err
			}
			if ctx.Err() != nil {
				break
			}
		}
		b, err := s.receive(s.queue, s.BatchSize, maxPayloadBytes)
		if err != nil || len(b.records) > 0 {
			return b, err
		}
		sleep(ctx, bell, b.next)
	}
	return batch{}, nil
}

// gather waits until a whole batch is visible, or the batching window has passed
// since one message was.
func (s source) gather(ctx context.Context) error {
	var end time.Time
	for ctx.Err() == nil {
		bell := s.queue.listen()
		visible, next, err := s.look()
		switch {
		case err != nil:
			return err
		case visible == 0:
			return nil
		case end.IsZero():
			end = time.Now().Add(s.wait(s.BatchingWindow))
		}
		if visible >= s.BatchSize || !time.Now().Before(end) {
			return nil
		}
		if next.IsZero() || next.After(end) {
			next = end
		}
		sleep(ctx, bell, next)
	}
	return nil
}

// look counts the visible messages, up to a batch of them, and says when the
// next becomes visible.
func (s source) look() (visible int, next time.Time, err error) {
	now := time.Now()
	err = s.db.View(func(tx *bbolt.Tx) error {
		cursor := tx.Bucket(s.queue.bucket).Cursor()
		for key, _ := cursor.First(); key != nil && visible < s.BatchSize; key, _ = cursor.Next() {
			if visibleOf(key).After(now) {
				next = visibleOf(key)
				break
			}
			visible++
		}
		return nil
	})
	return visible, next, err
}

// sleep ends with ctx, the bell, or at the time until, if there is one.
func sleep(ctx context.Context, bell <-chan struct{}, until time.Time) {
	var alarm <-chan time.Time
	if !until.IsZero() {
		alarm = time.After(time.Until(until))
	}
	select {
	case <-ctx.Done():
	case <-bell:
	case <-alarm:
	}
}

// process delivers one batch and deletes what succeeded. ctx ends the retries;
// invocations ends what runs.
func (s source) process(ctx, invocations context.Context, b batch) {
	payload, err := s.event(s.queue, b.records)
	if err != nil {
		slog.ErrorContext(ctx, "an event could not be made", "queue", s.queue.LogicalID, "error", err)
		return
	}
	response, functionError, err := s.attempt(ctx, invocations, payload, b.deadline)
	if err != nil {
		slog.WarnContext(ctx, "a batch was not delivered", "queue", s.queue.LogicalID, "messages", len(b.records), "error", err)
		return
	}
	handles, err := s.succeeded(b, response, functionError)
	if err != nil {
		slog.WarnContext(ctx, "a batch failed", "queue", s.queue.LogicalID, "messages", len(b.records), "error", err)
		return
	}
	if err := s.remove(s.queue, handles); err != nil {
		// They will be delivered once more.
		slog.ErrorContext(ctx, "messages were not deleted", "queue", s.queue.LogicalID, "error", err)
	}
}

// attempt invokes the function until it has run, or the batch is visible again.
func (s source) attempt(ctx, invocations context.Context, payload []byte, deadline time.Time) ([]byte, string, error) {
	pause := minBackoff
	for {
		response, functionError, err := s.invoke(invocations, payload)
		if err == nil {
			return response, functionError, nil
		}
		if invocations.Err() != nil {
			return nil, "", err
		}
		until := time.Now().Add(s.wait(pause))
		if until.After(deadline) {
			return nil, "", err
		}
		sleep(ctx, nil, until)
		if ctx.Err() != nil {
			return nil, "", err
		}
		pause = min(2*pause, maxBackoff)
	}
}

// succeeded lists the handles of the messages the function has answered for.
func (s source) succeeded(b batch, response []byte, functionError string) ([][]byte, error) {
	if functionError != "" {
		return nil, errors.New("the function failed: " + functionError)
	}
	failed := map[string]bool{}
	if s.ReportBatchItemFailures {
		ids := make(map[string]bool, len(b.records))
		for _, m := range b.records {
			ids[m.ID] = true
		}
		var err error
		if failed, err = failures(response, ids); err != nil {
			return nil, err
		}
	}
	handles := make([][]byte, 0, len(b.records))
	for _, m := range b.records {
		if !failed[m.ID] {
			handles = append(handles, m.handle)
		}
	}
	return handles, nil
}
