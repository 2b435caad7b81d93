// Package sqs is Amazon SQS as far as an event pipeline needs it: standard
// queues kept in a bbolt database, and the event source that feeds them to a
// Lambda function.
//
// Delivery is at least once. A message is stored before Send returns and is
// deleted only after a function has answered for it; receipts, visibility and
// counts are stored with it as absolute times, so that a process may be killed
// at any point. A received message is invisible for the queue's visibility
// timeout; received once too often, it moves to the dead-letter queue with its
// id, body and original time; older than the retention period, it is deleted.
//
// Limits, from "Amazon SQS message quotas": a body of at most 1 MiB of the
// characters XML allows. There are no FIFO queues, delays, message attributes or
// batches, and no HTTP API: the services of the embedded AWS call the methods.
// An expired message is never seen again, but its space is reclaimed only when
// its queue is next read.
//
// Trusted: the callers, who decide who may send; no policy is evaluated here.
package sqs

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"go.etcd.io/bbolt"

	"airlock/local/template"
)

const maxBodyBytes = 1 << 20

// Config is what a Service is made from. Everything but Speedup is required.
type Config struct {
	DB        *bbolt.DB // shared; this package owns the buckets named sqs/…
	Region    string
	AccountID string
	Queues    []template.Queue

	// Speedup lets the waits of the queues (visibility timeouts, batching
	// windows, back-off) pass so many times as fast, for tests. 0 and 1: as on AWS.
	Speedup int
}

// Service holds the queues of one template. It has no goroutines of its own and
// is safe for concurrent use.
type Service struct {
	db        *bbolt.DB
	region    string
	accountID string
	speedup   time.Duration
	queues    map[string]*queue // by ARN
}

// queue is the configuration of one queue, and the bell of its pollers.
type queue struct {
	template.Queue
	bucket []byte

	mu   sync.Mutex
	bell chan struct{} // closed, and replaced, when a message has become visible
}

// Error is a refusal in AWS's words.
type Error struct {
	Code    string // QueueDoesNotExist, InvalidMessageContents, InvalidParameterValue …
	Status  int
	Message string
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// New makes the buckets of the queues that have none yet. Messages of queues no
// longer in the template stay in the database, unseen.
func New(cfg Config) (*Service, error) {
	if cfg.DB == nil || cfg.Region == "" || cfg.AccountID == "" || cfg.Speedup < 0 {
		return nil, errors.New("configuring sqs: DB, Region and AccountID are required, and Speedup is not negative")
	}
	s := &Service{
		db:        cfg.DB,
		region:    cfg.Region,
		accountID: cfg.AccountID,
		speedup:   time.Duration(max(cfg.Speedup, 1)),
		queues:    map[string]*queue{},
	}
	for _, q := range cfg.Queues {
		if err := check(q, cfg.Queues); err != nil {
			return nil, fmt.Errorf("configuring queue %s: %w", q.LogicalID, err)
		}
		s.queues[q.ARN] = &queue{Queue: q, bucket: []byte("sqs/" + q.ARN), bell: make(chan struct{})}
	}
	err := cfg.DB.Update(func(tx *bbolt.Tx) error {
		for _, q := range s.queues {
			if _, err := tx.CreateBucketIfNotExists(q.bucket); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("making the queues' buckets: %w", err)
	}
	return s, nil
}

// check holds a queue to the limits of "Amazon SQS: SetQueueAttributes".
func check(q template.Queue, all []template.Queue) error {
	switch {
	case q.ARN == "":
		return errors.New("it has no ARN")
	case q.VisibilityTimeout < 0 || q.VisibilityTimeout > 12*time.Hour:
		return fmt.Errorf("visibility timeout %v is not between 0 and 12 h", q.VisibilityTimeout)
	case q.Retention < time.Minute || q.Retention > 14*24*time.Hour:
		return fmt.Errorf("retention %v is not between 1 min and 14 days", q.Retention)
	case q.DeadLetterARN == "":
		return nil
	case q.MaxReceiveCount < 1 || q.MaxReceiveCount > 1000:
		return fmt.Errorf("maxReceiveCount %d is not between 1 and 1000", q.MaxReceiveCount)
	case q.DeadLetterARN == q.ARN:
		return errors.New("it is its own dead-letter queue")
	}
	for _, other := range all {
		if other.ARN == q.DeadLetterARN {
			return nil
		}
	}
	return fmt.Errorf("its dead-letter queue %s does not exist", q.DeadLetterARN)
}

func (s *Service) queue(arn string) (*queue, error) {
	q := s.queues[arn]
	if q == nil {
		return nil, &Error{"QueueDoesNotExist", http.StatusBadRequest, "The specified queue does not exist: " + arn}
	}
	return q, nil
}

// wait is how long a queue's wait takes here.
func (s *Service) wait(d time.Duration) time.Duration { return d / s.speedup }

// Send stores a message; it is durable and on its way to the queue's pollers when
// Send returns. Errors are *Error (QueueDoesNotExist, InvalidMessageContents,
// InvalidParameterValue, MissingParameter), or the database's. Sending again
// makes another message.
func (s *Service) Send(queueARN string, body []byte) (messageID string, err error) {
	q, err := s.queue(queueARN)
	if err != nil {
		return "", err
	}
	if err := checkBody(body); err != nil {
		return "", err
	}
	now := time.Now()
	m := message{ID: uuid.NewString(), Body: string(body), Sent: now, visible: now}
	if err := s.db.Update(func(tx *bbolt.Tx) error { return q.put(tx, m) }); err != nil {
		return "", fmt.Errorf("storing a message in %s: %w", q.LogicalID, err)
	}
	q.ring()
	return m.ID, nil
}

// checkBody holds a body to what SendMessage accepts.
func checkBody(body []byte) error {
	switch {
	case len(body) == 0:
		return &Error{"MissingParameter", http.StatusBadRequest, "The request must contain the parameter MessageBody."}
	case len(body) > maxBodyBytes:
		return &Error{
			"InvalidParameterValue", http.StatusBadRequest,
			fmt.Sprintf("One or more parameters are invalid. Reason: Message must be shorter than %d bytes.", maxBodyBytes),
		}
	}
	for rest := body; len(rest) > 0; {
		r, n := utf8.DecodeRune(rest)
		bad := r == utf8.RuneError && n == 1 || r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0xfffe || r == 0xffff
		if bad {
			return &Error{
				"InvalidMessageContents", http.StatusBadRequest,
				fmt.Sprintf("Invalid binary character %#U was found in the message body.", r),
			}
		}
		rest = rest[n:]
	}
	return nil
}

// ring wakes the queue's pollers.
func (q *queue) ring() {
	q.mu.Lock()
	defer q.mu.Unlock()
	close(q.bell)
	q.bell = make(chan struct{})
}

// listen returns what the next ring closes. Listen before looking, or a message
// that comes in between is overslept.
func (q *queue) listen() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.bell
}
