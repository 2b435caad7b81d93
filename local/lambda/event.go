package lambda

import (
	"context"
	"log/slog"
	"time"
)

// retryDelays are the waits before the second and the third try of an event
// ("How Lambda handles errors and retries with asynchronous invocation").
func retryDelays() []time.Duration { return []time.Duration{time.Minute, 2 * time.Minute} }

// enqueue takes an event for asynchronous invocation: it waits for its turn
// behind the function's concurrency, and is tried three times.
func (s *Service) enqueue(f *function, inv *invocation) error {
	if !s.begin() {
		return ErrClosed
	}
	go func() {
		defer s.tasks.Done()
		ok := retry(s.ctx, retryDelays(), func() bool { return s.attempt(f, inv) })
		if !ok {
			slog.Warn("an asynchronous event was dropped", "function", f.LogicalID, "requestId", inv.id)
		}
	}()
	return nil
}

// attempt runs an event once. All attempts have one request id.
func (s *Service) attempt(f *function, event *invocation) bool {
	inv := newInvocation(event.payload)
	inv.id = event.id
	if err := s.enter(s.ctx, f); err != nil {
		return false
	}
	if err := s.launch(f, inv); err != nil {
		return false
	}
	return inv.wait(s.ctx) == nil && inv.result.FunctionError == ""
}

// retry calls attempt until it succeeds, after each delay once more, and says
// whether it did. The end of ctx ends the waits.
func retry(ctx context.Context, delays []time.Duration, attempt func() bool) bool {
	for {
		if attempt() {
			return true
		}
		if len(delays) == 0 {
			return false
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(delays[0]):
			delays = delays[1:]
		}
	}
}
