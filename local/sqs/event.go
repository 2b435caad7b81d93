package sqs

import (
	"bytes"
	"crypto/md5" //nolint:gosec // md5OfBody is part of SQS's message format, not a protection
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// record is one message in the event a function is given ("Using Lambda with
// Amazon SQS", example standard queue message event).
type record struct {
	MessageID         string            `json:"messageId"`
	ReceiptHandle     string            `json:"receiptHandle"`
	Body              string            `json:"body"`
	Attributes        map[string]string `json:"attributes"`
	MessageAttributes struct{}          `json:"messageAttributes"`
	MD5OfBody         string            `json:"md5OfBody"`
	EventSource       string            `json:"eventSource"`
	EventSourceARN    string            `json:"eventSourceARN"`
	AWSRegion         string            `json:"awsRegion"`
}

// event writes the payload of one invocation.
func (s *Service) event(q *queue, messages []received) ([]byte, error) {
	var e struct{ Records []record }
	for _, m := range messages {
		sum := md5.Sum([]byte(m.Body)) //nolint:gosec // as above
		attributes := map[string]string{
			"ApproximateReceiveCount":          strconv.Itoa(m.ReceiveCount),
			"SentTimestamp":                    milliseconds(m.Sent),
			"SenderId":                         s.accountID,
			"ApproximateFirstReceiveTimestamp": milliseconds(m.FirstReceived),
		}
		if m.Source != "" {
			attributes["DeadLetterQueueSourceArn"] = m.Source
		}
		e.Records = append(e.Records, record{
			MessageID:      m.ID,
			ReceiptHandle:  receipt(m.handle),
			Body:           m.Body,
			Attributes:     attributes,
			MD5OfBody:      hex.EncodeToString(sum[:]),
			EventSource:    "aws:sqs",
			EventSourceARN: q.ARN,
			AWSRegion:      s.region,
		})
	}
	var payload bytes.Buffer
	encoder := json.NewEncoder(&payload)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(e); err != nil {
		return nil, fmt.Errorf("encoding an event: %w", err)
	}
	return bytes.TrimSuffix(payload.Bytes(), []byte("\n")), nil
}

func milliseconds(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }

// recordBytes is at least the size of a message's record: what stands around a
// body is about 700 bytes, and JSON writes a character of a body as two bytes
// (a quote, a line's end) or as itself. Only U+2028 and U+2029, three bytes
// long, become six.
func recordBytes(m message) int {
	escaped := 0
	for _, r := range m.Body {
		switch r {
		case '"', '\\', '\n', '\r', '\t':
			escaped++
		case '\u2028', '\u2029':
			escaped += 3
		}
	}
	return 1024 + len(m.Body) + escaped
}
