package s3

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	bolt "go.etcd.io/bbolt"

	"airlock/local/template"
)

// The service's buckets in the database.
const (
	intentsBucket = "s3/intents" // writes under way, by sequencer
	outboxBucket  = "s3/outbox"  // messages to deliver, in order
	testedBucket  = "s3/tested"  // notifications whose s3:TestEvent was sent
)

// retryAfter is how long a message waits after a queue has refused it.
const retryAfter = time.Second

// events keeps what has happened until a queue has it.
type events struct {
	db            *bolt.DB
	notify        func(ctx context.Context, queueARN string, message []byte) error
	notifications map[string][]template.Notification // by bucket
	region        string
	accountID     string
	wake          chan struct{}
}

func newEvents(c Config) (*events, error) {
	e := &events{
		db: c.DB, notify: c.Notify,
		notifications: make(map[string][]template.Notification),
		region:        c.Region, accountID: c.AccountID,
		wake: make(chan struct{}, 1),
	}
	for _, b := range c.Buckets {
		for _, n := range b.Notifications {
			if err := checkNotification(n); err != nil {
				return nil, fmt.Errorf("reading the notifications of bucket %s: %w", b.Name, err)
			}
		}
		e.notifications[b.Name] = b.Notifications
	}
	err := c.DB.Update(func(tx *bolt.Tx) error {
		for _, name := range []string{intentsBucket, outboxBucket, testedBucket} {
			if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("making the database's S3 buckets: %w", err)
	}
	return e, nil
}

// intend stores that c is about to happen and gives it its sequencer, which is
// greater than every one before, whatever run of the program gave it.
func (e *events) intend(c change) (sequencer uint64, err error) {
	value, err := json.Marshal(c)
	if err != nil {
		return 0, fmt.Errorf("writing an intent: %w", err)
	}
	err = e.db.Update(func(tx *bolt.Tx) error {
		intents := tx.Bucket([]byte(intentsBucket))
		if sequencer, err = intents.NextSequence(); err != nil {
			return err
		}
		return intents.Put(ordinal(sequencer), value)
	})
	if err != nil {
		return 0, fmt.Errorf("storing an intent: %w", err)
	}
	return sequencer, nil
}

// forget drops an intent: nothing has changed.
func (e *events) forget(sequencer uint64) error {
	err := e.db.Update(func(tx *bolt.Tx) error {
		return tx.Bucket([]byte(intentsBucket)).Delete(ordinal(sequencer))
	})
	if err != nil {
		return fmt.Errorf("dropping an intent: %w", err)
	}
	return nil
}

// settle exchanges an intent for its messages.
func (e *events) settle(sequencer uint64, c change, o outcome) error {
	messages, err := e.messages(c, o, sequencer)
	if err != nil {
		return err
	}
	err = e.db.Update(func(tx *bolt.Tx) error {
		for _, m := range messages {
			if err := enqueue(tx, m); err != nil {
				return err
			}
		}
		return tx.Bucket([]byte(intentsBucket)).Delete(ordinal(sequencer))
	})
	if err != nil {
		return fmt.Errorf("storing an event: %w", err)
	}
	e.ring()
	return nil
}

// pending lists the intents an earlier run has left behind.
func (e *events) pending() (sequencers []uint64, changes []change, err error) {
	err = e.db.View(func(tx *bolt.Tx) error {
		return tx.Bucket([]byte(intentsBucket)).ForEach(func(k, v []byte) error {
			var c change
			if err := json.Unmarshal(v, &c); err != nil {
				return err
			}
			sequencers, changes = append(sequencers, binary.BigEndian.Uint64(k)), append(changes, c)
			return nil
		})
	})
	if err != nil {
		return nil, nil, fmt.Errorf("reading intents: %w", err)
	}
	return sequencers, changes, nil
}

// announce sends the test event that S3 sends when a notification is set, once
// for each notification and data folder (S3 user guide, "Event message
// structure").
func (e *events) announce() error {
	for bucket, notifications := range e.notifications {
		for _, n := range notifications {
			err := e.db.Update(func(tx *bolt.Tx) error {
				tested, id := tx.Bucket([]byte(testedBucket)), []byte(configurationID(bucket, n))
				if tested.Get(id) != nil {
					return nil
				}
				body, err := json.Marshal(testEvent{
					Service: "Amazon S3", Event: "s3:TestEvent",
					Time: time.Now().UTC().Format(eventTime), Bucket: bucket,
					RequestID: rand.Text()[:16], HostID: rand.Text() + rand.Text(),
				})
				if err != nil {
					return err
				}
				if err := enqueue(tx, message{Queue: n.QueueARN, Body: body}); err != nil {
					return err
				}
				return tested.Put(id, []byte{})
			})
			if err != nil {
				return fmt.Errorf("storing a test event: %w", err)
			}
		}
	}
	return nil
}

func enqueue(tx *bolt.Tx, m message) error {
	outbox := tx.Bucket([]byte(outboxBucket))
	n, err := outbox.NextSequence()
	if err != nil {
		return err
	}
	value, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return outbox.Put(ordinal(n), value)
}

// deliver hands messages to their queues until ctx ends. One that a queue
// refuses is tried again later and holds up no other.
func (e *events) deliver(ctx context.Context) {
	for {
		var again <-chan time.Time
		if err := e.deliverAll(ctx); err != nil && ctx.Err() == nil {
			slog.WarnContext(ctx, "delivering S3 events; will try again", "error", err)
			again = time.After(retryAfter)
		}
		select {
		case <-ctx.Done():
			return
		case <-e.wake:
		case <-again:
		}
	}
}

// deliverAll tries every message once and returns the last refusal.
func (e *events) deliverAll(ctx context.Context) error {
	var keys [][]byte
	var messages []message
	err := e.db.View(func(tx *bolt.Tx) error {
		return tx.Bucket([]byte(outboxBucket)).ForEach(func(k, v []byte) error {
			var m message
			if err := json.Unmarshal(v, &m); err != nil {
				return err
			}
			keys, messages = append(keys, append([]byte(nil), k...)), append(messages, m)
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("reading the outbox: %w", err)
	}
	var refused error
	for i, m := range messages {
		if err := e.notify(ctx, m.Queue, m.Body); err != nil {
			refused = fmt.Errorf("notifying %s: %w", m.Queue, err)
			continue
		}
		err := e.db.Update(func(tx *bolt.Tx) error {
			return tx.Bucket([]byte(outboxBucket)).Delete(keys[i])
		})
		if err != nil {
			return fmt.Errorf("emptying the outbox: %w", err)
		}
	}
	return refused
}

// ring tells deliver that there is something new.
func (e *events) ring() {
	select {
	case e.wake <- struct{}{}:
	default: // it is told already
	}
}

// ordinal writes n so that bytes sort as numbers.
func ordinal(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
