package catalog

import (
	"errors"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"airlock/pkg/bucketevent"
)

// MalformedEventError reports an event of SQS of which not every message has
// an id, so that no answer could name the failed ones.
type MalformedEventError struct {
	Reason string
}

func (e *MalformedEventError) Error() string { return "read SQS event: " + e.Reason }

// envelope has the members by which Lambda's SQS event is told from S3's own
// event ("Using Lambda with Amazon SQS", AWS Lambda Developer Guide).
type envelope struct {
	Records []struct {
		EventSource string `json:"eventSource"`
		MessageID   string `json:"messageId"`
		// Read later, so that bad UTF-8 in one body is that message's failure.
		Body jsontext.Value `json:"body"`
	} `json:"Records"`
}

// readEvent returns the messages of an SQS event, or one without an id for any
// other event, which then fails unless it is S3's.
func readEvent(payload []byte) (messages []message, queued bool, err error) {
	var e envelope
	err = json.Unmarshal(payload, &e, jsontext.AllowInvalidUTF8(true))
	if err != nil || len(e.Records) == 0 || e.Records[0].EventSource != "aws:sqs" {
		changes, errs := bucketevent.Decode(payload)
		return []message{{changes: changes, errs: errs}}, false, nil
	}
	messages = make([]message, 0, len(e.Records))
	for _, r := range e.Records {
		if r.EventSource != "aws:sqs" {
			return nil, true, &MalformedEventError{"a record is not of SQS"}
		}
		if r.MessageID == "" {
			return nil, true, &MalformedEventError{"a message has no id"}
		}
		m := message{id: r.MessageID}
		if body, err := jsontext.AppendUnquote(nil, r.Body); err != nil {
			m.errs = []error{errors.New("read message: its body is no text of valid UTF-8")}
		} else {
			m.changes, m.errs = bucketevent.Decode(body)
		}
		messages = append(messages, m)
	}
	return messages, true, nil
}
