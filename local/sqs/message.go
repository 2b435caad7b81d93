package sqs

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"
)

// message is one message as it is stored.
type message struct {
	ID            string
	Body          string
	Sent          time.Time
	ReceiveCount  int       `json:",omitempty"`
	FirstReceived time.Time `json:",omitzero"`
	// Source is the ARN of the queue whose dead letter this is.
	Source string `json:",omitempty"`

	visible time.Time // from when it may be received: in the key
}

// keyBytes is the length of a key: the time at which the message is visible, the
// time at which it was sent, its id. Keys sort by the first, so a queue's head is
// what to deliver next, and its first future key is when to look again.
const keyBytes = 8 + 8 + 16

func (m message) key() ([]byte, error) {
	key := make([]byte, 0, keyBytes)
	key = binary.BigEndian.AppendUint64(key, nanoseconds(m.visible))
	key = binary.BigEndian.AppendUint64(key, nanoseconds(m.Sent))
	id, err := hex.DecodeString(string(bytes.ReplaceAll([]byte(m.ID), []byte("-"), nil)))
	if err != nil || len(id) != 16 {
		return nil, fmt.Errorf("message id %q is no UUID", m.ID)
	}
	return append(key, id...), nil
}

// nanoseconds since 1970: never negative, so that they sort as bytes.
func nanoseconds(t time.Time) uint64 { return uint64(max(t.UnixNano(), 0)) }

func visibleOf(key []byte) time.Time { return timeOf(key[:8]) }

func sentOf(key []byte) time.Time { return timeOf(key[8:16]) }

func timeOf(b []byte) time.Time {
	return time.Unix(0, int64(binary.BigEndian.Uint64(b))) //nolint:gosec // written by nanoseconds
}

// receipt is the receipt handle: the key under which the message was put when it
// was received. Once it is received again it lies under another one, and the old
// handle deletes nothing.
func receipt(key []byte) string { return base64.StdEncoding.EncodeToString(key) }

func (q *queue) put(tx *bbolt.Tx, m message) error {
	key, err := m.key()
	if err != nil {
		return err
	}
	value, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encoding a message: %w", err)
	}
	return tx.Bucket(q.bucket).Put(key, value)
}

// decode reads a stored message. What it returns shares nothing with the
// transaction.
func decode(key, value []byte) (message, error) {
	if len(key) != keyBytes {
		return message{}, errors.New("a stored message has a malformed key")
	}
	var m message
	if err := json.Unmarshal(value, &m); err != nil {
		return message{}, fmt.Errorf("decoding a stored message: %w", err)
	}
	m.visible = visibleOf(key)
	return m, nil
}

func (q *queue) expired(key []byte, now time.Time) bool {
	return now.Sub(sentOf(key)) > q.Retention
}
