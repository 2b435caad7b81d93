package catalog

import (
	"context"
	"encoding/json" //nolint:depguard // RawMessage: how Lambda's library hands an event over as it came
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"airlock/pkg/bucketevent"
	"airlock/pkg/lambdaenv"
	"airlock/pkg/metric"
	"airlock/pkg/objectkey"
)

const (
	// concurrency is how many objects are worked on at once.
	concurrency = 8
	// answerMargin is what is left of the deadline when the last call is given
	// up: enough to log, answer, and be well before Lambda ends the process.
	answerMargin = 400 * time.Millisecond
	// startMargin is the least time in which a record is still begun.
	startMargin = time.Second
)

// RecordsFailedError reports that some records of an event without a queue were
// not applied. They have been logged; the event may be sent again as it is.
type RecordsFailedError struct {
	Failed int
}

func (e *RecordsFailedError) Error() string {
	return fmt.Sprintf("%d records were not applied", e.Failed)
}

// errNoTime marks a change that was not begun.
var errNoTime = errors.New("no time left")

// message is one delivery: what SQS wraps, or a whole event without a queue.
type message struct {
	id      string // "" without a queue
	changes []bucketevent.Change
	errs    []error // of records that could not be read
}

// task is one change of one message, and what became of it.
type task struct {
	message int
	change  bucketevent.Change
	err     error
}

// HandleEvent is the Lambda handler for S3's notifications, through SQS or
// straight from the bucket. It applies what it can before ctx's deadline and
// answers at least 300 ms before it; all failures are logged, once.
//
// Through SQS the answer lists the messages to be delivered again, exactly those
// of which a record was not applied, and the error is nil. Straight from the
// bucket there is no partial answer: the error is [*RecordsFailedError]. An SQS
// event whose messages can't be told apart is [*MalformedEventError].
//
// Changes of one object are applied in the order in which the event has them,
// the others side by side.
func (c *Catalog) HandleEvent(ctx context.Context, payload json.RawMessage) (events.SQSEventResponse, error) {
	// Lambda takes null for "none failed" too, but documents the empty list.
	response := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}

	messages, queued, err := readEvent(payload)
	if err != nil {
		c.log.LogAttrs(ctx, slog.LevelError, "event not read", requestAttr(ctx), slog.String("error", err.Error()))
		return response, err
	}
	failures := c.apply(ctx, messages)
	if queued {
		for i, n := range failures {
			if n > 0 {
				response.BatchItemFailures = append(response.BatchItemFailures,
					events.SQSBatchItemFailure{ItemIdentifier: messages[i].id})
			}
		}
		return response, nil
	}
	if failures[0] > 0 {
		return response, &RecordsFailedError{failures[0]}
	}
	return response, nil
}

// apply applies the messages' changes and returns, for each message, how many
// of its records failed.
func (c *Catalog) apply(ctx context.Context, messages []message) []int {
	tasks := c.run(ctx, messages)

	failures := make([]int, len(messages))
	for i, m := range messages {
		failures[i] = len(m.errs)
		for _, err := range m.errs {
			c.log.LogAttrs(ctx, slog.LevelError, "record not read", requestAttr(ctx),
				slog.String("messageId", m.id), slog.String("error", err.Error()))
		}
	}
	notBegun := 0
	var delays []time.Duration // of what was applied, since S3 did it
	for _, t := range tasks {
		if t.err == nil {
			delays = append(delays, time.Since(t.change.Time))
			continue
		}
		failures[t.message]++
		if errors.Is(t.err, errNoTime) {
			notBegun++
			continue
		}
		attrs := append(recordAttrs(ctx, t.change),
			slog.String("messageId", messages[t.message].id), slog.String("error", t.err.Error()))
		c.log.LogAttrs(ctx, slog.LevelError, "record not applied", attrs...)
	}
	if notBegun > 0 {
		c.log.LogAttrs(ctx, slog.LevelWarn, "records not begun before the deadline", requestAttr(ctx), slog.Int("records", notBegun))
	}
	for some := range slices.Chunk(delays, metric.MaxValues) {
		attrs := append([]slog.Attr{requestAttr(ctx)},
			metric.Attrs("", metric.Count("Recorded", len(some)), metric.Durations("EventDelay", some))...)
		c.log.LogAttrs(ctx, slog.LevelInfo, "recorded", attrs...)
	}
	return failures
}

// run applies all changes, the changes of one object one after the other.
func (c *Catalog) run(ctx context.Context, messages []message) []*task {
	deadline, hasDeadline := ctx.Deadline()
	if hasDeadline {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-answerMargin))
		defer cancel()
	}

	var tasks []*task
	var objects []objectkey.Key // in the order in which the event names them
	byObject := make(map[objectkey.Key][]*task)
	for i, m := range messages {
		for _, change := range m.changes {
			t := &task{message: i, change: change}
			tasks = append(tasks, t)
			if byObject[change.ObjectKey] == nil {
				objects = append(objects, change.ObjectKey)
			}
			byObject[change.ObjectKey] = append(byObject[change.ObjectKey], t)
		}
	}

	queue := make(chan []*task, len(objects))
	for _, k := range objects {
		queue <- byObject[k]
	}
	close(queue)
	var workers sync.WaitGroup
	for range min(concurrency, len(objects)) {
		workers.Go(func() {
			for object := range queue {
				for _, t := range object {
					if ctx.Err() != nil || hasDeadline && time.Until(deadline) < startMargin {
						t.err = errNoTime
					} else {
						t.err = c.Apply(ctx, t.change)
					}
				}
			}
		})
	}
	workers.Wait()
	return tasks
}

// recordAttrs names a record in the log without naming the file.
func recordAttrs(ctx context.Context, change bucketevent.Change) []slog.Attr {
	return []slog.Attr{
		requestAttr(ctx),
		slog.String("kind", change.Kind.String()),
		slog.String(attrSpace, change.ObjectKey.Space()),
		slog.String(attrSequencer, change.Sequencer.String()),
	}
}

func requestAttr(ctx context.Context) slog.Attr {
	return slog.String("requestId", lambdaenv.RequestID(ctx))
}
