package rotation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
)

const (
	// answerMargin is what is left of the function's time when work is given up,
	// for the answer and its retries; a third of it where there is little.
	answerMargin = 12 * time.Second
	// answerTimeout is one attempt's.
	answerTimeout = 3 * time.Second
	// answerPause is between attempts, and grows.
	answerPause = 500 * time.Millisecond
	answerTries = 4
	// maxReason keeps the answer far below the 4,096 bytes CloudFormation takes.
	maxReason = 400
)

// answer is what CloudFormation is told ("Custom resource response objects", AWS
// CloudFormation User Guide).
type answer struct {
	Status             string      `json:"Status"`
	Reason             string      `json:"Reason,omitempty"`
	PhysicalResourceID string      `json:"PhysicalResourceId"`
	StackID            string      `json:"StackId"`
	RequestID          string      `json:"RequestId"`
	LogicalResourceID  string      `json:"LogicalResourceId"`
	Data               *answerData `json:"Data,omitempty"`
}

type answerData struct {
	KeyGroupID string `json:"KeyGroupId"`
}

// beforeDeadline bounds the work so that there is time to answer.
func beforeDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-min(answerMargin, time.Until(deadline)/3)))
}

// answer puts the outcome to where CloudFormation waits for it, an hour by
// default. The address is a credential, so no error holds it.
func (h *Handler) answer(ctx context.Context, to string, a answer) error {
	body, err := json.Marshal(a)
	if err != nil {
		return errors.New("answering CloudFormation: the event's ids are not text")
	}
	for try := 1; ; try++ {
		if err = h.send(ctx, to, body); err == nil {
			return nil
		}
		if try == answerTries {
			return fmt.Errorf("answering CloudFormation: %w", err)
		}
		if pause(ctx, time.Duration(try)*answerPause) != nil {
			return fmt.Errorf("answering CloudFormation: %w", err)
		}
	}
}

func (h *Handler) send(ctx context.Context, to string, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPut, to, bytes.NewReader(body))
	if err != nil || r.URL.Scheme != "https" && r.URL.Scheme != "http" || r.URL.Host == "" {
		return errors.New("ResponseURL is not a URL")
	}
	// The address is signed for no type; Go sends the header, empty.
	r.Header["Content-Type"] = []string{""}
	res, err := h.HTTP.Do(r)
	if err != nil {
		// The error's own text has the address.
		if transport, ok := errors.AsType[*url.Error](err); ok {
			err = transport.Err
		}
		return fmt.Errorf("no answer: %w", err)
	}
	if err := res.Body.Close(); err != nil {
		return errors.New("the answer was cut short")
	}
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("status %d", res.StatusCode)
	}
	return nil
}

// shorten cuts a text to maxReason bytes, between characters.
func shorten(text string) string {
	text = strings.ToValidUTF8(text, "?")
	if len(text) <= maxReason {
		return text
	}
	cut := maxReason
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut]
}

// pause lets a time pass, or returns ctx's error.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
