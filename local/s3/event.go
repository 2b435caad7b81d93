package s3

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"airlock/local/template"
)

// eventTime is RFC 3339 in UTC with milliseconds, as S3 writes it.
const eventTime = "2006-01-02T15:04:05.000Z"

// change is what is known of a write before it happens: the intent.
type change struct {
	Event       string // ObjectCreated:Put; ObjectRemoved, where the outcome decides the rest
	Bucket      string
	ObjectKey   string
	VersionID   string // of a removal that names a version
	Time        time.Time
	PrincipalID string
	SourceIP    string
	RequestID   string
	HostID      string
}

// removal says whether c is to delete something; all else stores an object.
func (c change) removal() bool { return !strings.HasPrefix(c.Event, "ObjectCreated:") }

// outcome is what a write came to.
type outcome struct {
	event     string
	versionID string
	size      *int64 // nil for removals
	eTag      string
}

// message is one event on its way to a queue.
type message struct {
	Queue string
	Body  []byte
}

// The structure of an event, version 2.x (S3 user guide, "Event message
// structure"), in the order S3 writes it.
type (
	envelope struct {
		Records []record
	}
	record struct {
		EventVersion      string            `json:"eventVersion"`
		EventSource       string            `json:"eventSource"`
		AWSRegion         string            `json:"awsRegion"`
		EventTime         string            `json:"eventTime"`
		EventName         string            `json:"eventName"`
		UserIdentity      identity          `json:"userIdentity"`
		RequestParameters map[string]string `json:"requestParameters"`
		ResponseElements  map[string]string `json:"responseElements"`
		S3                recordS3          `json:"s3"`
	}
	recordS3 struct {
		SchemaVersion   string       `json:"s3SchemaVersion"`
		ConfigurationID string       `json:"configurationId"`
		Bucket          recordBucket `json:"bucket"`
		Object          recordObject `json:"object"`
	}
	identity struct {
		PrincipalID string `json:"principalId"`
	}
	recordBucket struct {
		Name          string   `json:"name"`
		OwnerIdentity identity `json:"ownerIdentity"`
		ARN           string   `json:"arn"`
	}
	recordObject struct {
		Key       string `json:"key"`
		Size      *int64 `json:"size,omitempty"`
		ETag      string `json:"eTag,omitempty"`
		VersionID string `json:"versionId,omitempty"`
		Sequencer string `json:"sequencer"`
	}
	testEvent struct {
		Service   string
		Event     string
		Time      string
		Bucket    string
		RequestID string `json:"RequestId"`
		HostID    string `json:"HostId"`
	}
)

// encodeKey writes a key as events do: as a form's field, save that slashes
// stay (S3 user guide, "Event message structure").
func encodeKey(objectKey string) string {
	return strings.ReplaceAll(url.QueryEscape(objectKey), "%2F", "/")
}

// messages writes the events that the bucket's notifications want of a write.
func (e *events) messages(c change, o outcome, sequencer uint64) ([]message, error) {
	var out []message
	for _, n := range e.notifications[c.Bucket] {
		if !wants(n, o.event, c.ObjectKey) {
			continue
		}
		body, err := json.Marshal(envelope{Records: []record{{
			EventVersion:      "2.3",
			EventSource:       "aws:s3",
			AWSRegion:         e.region,
			EventTime:         c.Time.UTC().Format(eventTime),
			EventName:         o.event,
			UserIdentity:      identity{c.PrincipalID},
			RequestParameters: map[string]string{"sourceIPAddress": c.SourceIP},
			ResponseElements:  map[string]string{"x-amz-request-id": c.RequestID, "x-amz-id-2": c.HostID},
			S3: recordS3{
				SchemaVersion:   "1.0",
				ConfigurationID: configurationID(c.Bucket, n),
				Bucket:          recordBucket{Name: c.Bucket, OwnerIdentity: identity{e.accountID}, ARN: arnPrefix + c.Bucket},
				Object: recordObject{
					Key:       encodeKey(c.ObjectKey),
					Size:      o.size,
					ETag:      o.eTag,
					VersionID: o.versionID,
					Sequencer: sequencerText(sequencer),
				},
			},
		}}})
		if err != nil {
			return nil, fmt.Errorf("writing an event: %w", err)
		}
		out = append(out, message{Queue: n.QueueARN, Body: body})
	}
	return out, nil
}

// sequencerText has one length for all, as S3's have for one key.
func sequencerText(sequencer uint64) string { return fmt.Sprintf("%018X", sequencer) }

// wants says whether a notification asks for an event of a key.
func wants(n template.Notification, event, objectKey string) bool {
	want := strings.TrimPrefix(n.Event, "s3:")
	if family, all := strings.CutSuffix(want, "*"); all && !strings.HasPrefix(event, family) || !all && event != want {
		return false
	}
	return strings.HasPrefix(objectKey, n.Prefix) && strings.HasSuffix(objectKey, n.Suffix)
}

// knownEvents are the event types a notification may ask for here.
func knownEvents() []string {
	return []string{
		"s3:ObjectCreated:*", "s3:ObjectCreated:Put", "s3:ObjectCreated:Post", "s3:ObjectCreated:Copy", "s3:ObjectCreated:CompleteMultipartUpload",
		"s3:ObjectRemoved:*", "s3:ObjectRemoved:Delete", "s3:ObjectRemoved:DeleteMarkerCreated",
		"s3:LifecycleExpiration:*", "s3:LifecycleExpiration:Delete", "s3:LifecycleExpiration:DeleteMarkerCreated",
	}
}

// checkNotification refuses what would never be sent.
func checkNotification(n template.Notification) error {
	if !slices.Contains(knownEvents(), n.Event) {
		return fmt.Errorf("notifying of %q: this event is not supported", n.Event)
	}
	if strings.Contains(n.Prefix+n.Suffix, "%") {
		return fmt.Errorf("notifying of keys like %q, %q: percent-encoded filters are not supported", n.Prefix, n.Suffix)
	}
	return nil
}

// configurationID looks as those CloudFormation makes, and stays the same for
// the same notification.
func configurationID(bucket string, n template.Notification) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q %q", bucket, n.Event, n.QueueARN, n.Prefix, n.Suffix))
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}
