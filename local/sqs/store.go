package sqs

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"go.etcd.io/bbolt"
)

// batch is what one receive has taken out of a queue.
type batch struct {
	records []received
	// deadline is when its messages become visible again.
	deadline time.Time
	// next is when the queue's first invisible message becomes visible; zero:
	// there is none.
	next time.Time
}

// received is a message and the key under which it waits for its deletion.
type received struct {
	message
	handle []byte
}

// receive takes up to limit visible messages whose event records have at most
// maxBytes together (but always one), and makes them invisible. Messages on the
// way that are too old are deleted, and those received maxReceiveCount times
// already go to the dead-letter queue ("Using dead-letter queues in Amazon SQS").
func (s *Service) receive(q *queue, limit, maxBytes int) (batch, error) {
	now := time.Now()
	b := batch{deadline: now.Add(s.wait(q.VisibilityTimeout))}
	dead := false
	err := s.db.Update(func(tx *bbolt.Tx) error {
		b.records, b.next, dead = nil, time.Time{}, false
		keys, err := q.head(tx, now, limit, maxBytes)
		if err != nil {
			return err
		}
		for _, key := range keys {
			taken, buried, err := s.take(tx, q, key, now, b.deadline)
			if err != nil {
				return err
			}
			dead = dead || buried
			if taken != nil {
				b.records = append(b.records, *taken)
			}
		}
		if key, _ := tx.Bucket(q.bucket).Cursor().First(); key != nil {
			b.next = visibleOf(key)
		}
		return nil
	})
	if err != nil {
		return batch{}, fmt.Errorf("receiving from %s: %w", q.LogicalID, err)
	}
	if dead {
		s.queues[q.DeadLetterARN].ring()
	}
	return b, nil
}

// head lists the keys that one receive has to look at: a batch of messages to
// deliver, and those before them that will turn out to be too old or dead.
func (q *queue) head(tx *bbolt.Tx, now time.Time, limit, maxBytes int) ([][]byte, error) {
	var keys [][]byte
	size, live := 0, 0
	cursor := tx.Bucket(q.bucket).Cursor()
	for key, value := cursor.First(); key != nil && live < limit; key, value = cursor.Next() {
		if visibleOf(key).After(now) {
			break
		}
		m, err := decode(key, value)
		if err != nil {
			return nil, err
		}
		if !q.expired(key, now) && !q.exhausted(m) {
			size += recordBytes(m)
			if live > 0 && size > maxBytes {
				break
			}
			live++
		}
		keys = append(keys, slices.Clone(key))
	}
	return keys, nil
}

func (q *queue) exhausted(m message) bool {
	return q.DeadLetterARN != "" && m.ReceiveCount >= q.MaxReceiveCount
}

// take does with one message what its time has come for: delete it, bury it
// among the dead letters, or hand it out until deadline.
func (s *Service) take(tx *bbolt.Tx, q *queue, key []byte, now, deadline time.Time) (taken *received, buried bool, err error) {
	bucket := tx.Bucket(q.bucket)
	m, err := decode(key, bucket.Get(key))
	if err != nil {
		return nil, false, err
	}
	if err := bucket.Delete(key); err != nil {
		return nil, false, err
	}
	switch {
	case q.expired(key, now):
		return nil, false, nil
	case q.exhausted(m):
		m.Source, m.visible = q.ARN, now
		return nil, true, s.queues[q.DeadLetterARN].put(tx, m)
	}
	m.ReceiveCount++
	if m.FirstReceived.IsZero() {
		m.FirstReceived = now
	}
	m.visible = deadline
	if err := q.put(tx, m); err != nil {
		return nil, false, err
	}
	handle, err := m.key()
	return &received{m, handle}, false, err
}

// remove deletes messages that have been dealt with, all or none. One received
// again in the meantime lies under another handle, and stays.
func (s *Service) remove(q *queue, handles [][]byte) error {
	if len(handles) == 0 {
		return nil
	}
	err := s.db.Update(func(tx *bbolt.Tx) error {
		for _, handle := range handles {
			if err := tx.Bucket(q.bucket).Delete(handle); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("deleting from %s: %w", q.LogicalID, err)
	}
	return nil
}

// Depth counts the messages that can be received now, and those that have been
// received and are neither deleted nor visible again. Expired ones are deleted.
func (s *Service) Depth(queueARN string) (visible, inFlight int, err error) {
	q, err := s.queue(queueARN)
	if err != nil {
		return 0, 0, err
	}
	now := time.Now()
	err = s.db.Update(func(tx *bbolt.Tx) error {
		visible, inFlight = 0, 0
		expired, err := q.scan(tx, now, func(key, _ []byte) error {
			if visibleOf(key).After(now) {
				inFlight++
			} else {
				visible++
			}
			return nil
		})
		if err != nil {
			return err
		}
		return q.deleteAll(tx, expired)
	})
	if err != nil {
		return 0, 0, fmt.Errorf("counting %s: %w", q.LogicalID, err)
	}
	return visible, inFlight, nil
}

// Redrive moves the visible messages of a dead-letter queue back to the queues
// they came from and says how many. They are new messages there, as
// StartMessageMoveTask makes them: with a new id and time, never received.
// A message that was sent to the dead-letter queue by hand, or whose queue is
// gone, stays. All are moved, or none.
func (s *Service) Redrive(deadLetterARN string) (moved int, err error) {
	q, err := s.queue(deadLetterARN)
	if err != nil {
		return 0, err
	}
	now := time.Now()
	var rung map[*queue]bool
	err = s.db.Update(func(tx *bbolt.Tx) error {
		moved, rung = 0, map[*queue]bool{}
		var gone [][]byte
		expired, err := q.scan(tx, now, func(key, value []byte) error {
			m, err := decode(key, value)
			if err != nil {
				return err
			}
			source := s.queues[m.Source]
			if source == nil || m.visible.After(now) {
				return nil
			}
			moved++
			rung[source] = true
			gone = append(gone, bytes.Clone(key))
			return source.put(tx, message{ID: uuid.NewString(), Body: m.Body, Sent: now, visible: now})
		})
		if err != nil {
			return err
		}
		return q.deleteAll(tx, append(gone, expired...))
	})
	if err != nil {
		return 0, fmt.Errorf("redriving %s: %w", q.LogicalID, err)
	}
	for source := range rung {
		source.ring()
	}
	return moved, nil
}

// scan calls visit for each message that is not expired, and returns the keys of
// those that are: a bucket must not change under a cursor.
func (q *queue) scan(tx *bbolt.Tx, now time.Time, visit func(key, value []byte) error) (expired [][]byte, err error) {
	cursor := tx.Bucket(q.bucket).Cursor()
	for key, value := cursor.First(); key != nil; key, value = cursor.Next() {
		if q.expired(key, now) {
			expired = append(expired, bytes.Clone(key))
			continue
		}
		if err := visit(key, value); err != nil {
			return nil, err
		}
	}
	return expired, nil
}

func (q *queue) deleteAll(tx *bbolt.Tx, keys [][]byte) error {
	for _, key := range keys {
		if err := tx.Bucket(q.bucket).Delete(key); err != nil {
			return err
		}
	}
	return nil
}
