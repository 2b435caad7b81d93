package bucketevent

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"airlock/pkg/objectkey"
)

// UnsupportedVersionError reports a record of a major version that this package
// was not written for: its members may mean something else.
type UnsupportedVersionError struct {
	Version string // as S3 wrote it, such as "3.0"
}

func (e *UnsupportedVersionError) Error() string {
	return fmt.Sprintf("event version %.16q is not 2.x", e.Version)
}

// UnknownEventError reports an event type the catalog is not meant to get.
type UnknownEventError struct {
	Name string // as S3 wrote it, such as "ObjectRestore:Post"
}

func (e *UnknownEventError) Error() string {
	return fmt.Sprintf("event %.64q is neither a creation nor a removal", e.Name)
}

// Decode reads one notification. It returns the changes of its good records, in
// their order, and an error for each of the others: a bad record takes no other
// with it. A message that is no notification at all gives no change and one
// error; S3's test message, which has no records, gives neither.
//
// Unknown members are ignored, since S3 adds some from time to time. Duplicate
// ones, and invalid UTF-8, are refused. Errors include [*UnsupportedVersionError],
// [*UnknownEventError] and [ErrInvalidSequencer], wrapped.
func Decode(message []byte) ([]Change, []error) {
	d := decoder{names: make(map[string]bool, 8)}
	if err := d.message(message); err != nil {
		return nil, []error{fmt.Errorf("read notification: %w", err)}
	}
	return d.changes, d.errs
}

type decoder struct {
	names   map[string]bool // members of the message so far
	changes []Change
	errs    []error
}

// message reads what is around the records. The tokens are read leniently so
// that a duplicate name or bad UTF-8 inside one record is that record's error.
func (d *decoder) message(message []byte) error {
	dec := jsontext.NewDecoder(bytes.NewBuffer(message),
		jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if dec.PeekKind() != '{' {
		return errors.New("not a JSON object")
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	isTest := false
	for dec.PeekKind() != '}' {
		token, err := dec.ReadToken()
		if err != nil {
			return err
		}
		name := token.String()
		if d.names[name] {
			return errors.New("a member occurs twice")
		}
		d.names[name] = true
		switch name {
		case "Records":
			err = d.records(dec)
		case "Event":
			isTest, err = readsAs(dec, `"s3:TestEvent"`)
		default:
			err = dec.SkipValue()
		}
		if err != nil {
			return err
		}
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return errors.New("text after the JSON object")
	}
	if !d.names["Records"] && !isTest {
		return errors.New("no records")
	}
	return nil
}

func readsAs(dec *jsontext.Decoder, want string) (bool, error) {
	value, err := dec.ReadValue()
	return string(value) == want, err
}

func (d *decoder) records(dec *jsontext.Decoder) error {
	if dec.PeekKind() != '[' {
		return errors.New("records are not a list")
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for i := 0; dec.PeekKind() != ']'; i++ {
		value, err := dec.ReadValue()
		if err != nil {
			return err
		}
		if change, err := decodeRecord(value); err != nil {
			d.errs = append(d.errs, fmt.Errorf("read record %d: %w", i, err))
		} else {
			d.changes = append(d.changes, change)
		}
	}
	_, err := dec.ReadToken()
	return err
}

// record holds the members of a record that matter here, by the names S3 gives
// them.
type record struct {
	EventVersion string `json:"eventVersion"`
	EventSource  string `json:"eventSource"`
	EventName    string `json:"eventName"`
	EventTime    string `json:"eventTime"`
	S3           struct {
		Bucket struct {
			Name string `json:"name"`
		} `json:"bucket"`
		Object struct {
			Key       string `json:"key"`
			Size      *int64 `json:"size"`
			ETag      string `json:"eTag"`
			VersionID string `json:"versionId"`
			Sequencer string `json:"sequencer"`
		} `json:"object"`
	} `json:"s3"`
}

func decodeRecord(value jsontext.Value) (Change, error) {
	var r record
	err := json.Unmarshal(value, &r)
	// S3 writes the version first, so it is known even where a later version's
	// shape cannot be read.
	if major, _, _ := strings.Cut(r.EventVersion, "."); r.EventVersion != "" && major != "2" {
		return Change{}, &UnsupportedVersionError{r.EventVersion}
	}
	if err != nil {
		return Change{}, opaque(err)
	}
	return r.change()
}

// opaque keeps a value's text out of the error, which encoding packages quote.
func opaque(err error) error {
	if semantic, ok := errors.AsType[*json.SemanticError](err); ok {
		return fmt.Errorf("%q has the wrong type", semantic.JSONPointer)
	}
	if errors.Is(err, jsontext.ErrDuplicateName) {
		return errors.New("a member occurs twice")
	}
	return errors.New("invalid UTF-8")
}

func (r *record) change() (Change, error) {
	if r.EventVersion == "" {
		return Change{}, errors.New("no event version")
	}
	if r.EventSource != "aws:s3" {
		return Change{}, fmt.Errorf("event source %.32q is not S3", r.EventSource)
	}
	kind, err := r.kind()
	if err != nil {
		return Change{}, err
	}
	if r.S3.Bucket.Name == "" {
		return Change{}, errors.New("no bucket")
	}
	objectKey, err := decodeKey(r.S3.Object.Key)
	if err != nil {
		return Change{}, err
	}
	sequencer, err := ParseSequencer(r.S3.Object.Sequencer)
	if err != nil {
		return Change{}, err
	}
	at, err := parseTime(r.EventTime)
	if err != nil {
		return Change{}, err
	}
	c := Change{
		Kind:      kind,
		Bucket:    r.S3.Bucket.Name,
		ObjectKey: objectKey,
		VersionID: r.versionID(),
		Sequencer: sequencer,
		Time:      at,
	}
	if kind == Created {
		if r.S3.Object.Size == nil || *r.S3.Object.Size < 0 {
			return Change{}, errors.New("no size of what was created")
		}
		c.ContentLength = *r.S3.Object.Size
		c.ETag = strings.Trim(r.S3.Object.ETag, `"`)
	}
	return c, nil
}

// kind reads the event's name. ObjectRemoved:Delete names a version exactly if
// that version was deleted for good ("Supported event types for SQS, SNS, and
// Lambda", Amazon S3 User Guide); the version may be the one called null.
func (r *record) kind() (Kind, error) {
	switch {
	case strings.HasPrefix(r.EventName, "ObjectCreated:"):
		return Created, nil
	case r.EventName == "ObjectRemoved:DeleteMarkerCreated":
		return Removed, nil
	case r.EventName == "ObjectRemoved:Delete" && r.S3.Object.VersionID == "":
		return Removed, nil
	case r.EventName == "ObjectRemoved:Delete":
		return VersionRemoved, nil
	default:
		return 0, &UnknownEventError{r.EventName}
	}
}

func (r *record) versionID() string {
	if r.S3.Object.VersionID == "null" {
		return ""
	}
	return r.S3.Object.VersionID
}

// decodeKey undoes the form encoding S3 gives to keys: a space comes as '+', a
// plus as %2B ("Event message structure", Amazon S3 User Guide).
func decodeKey(encoded string) (objectkey.Key, error) {
	if encoded == "" {
		return objectkey.Key{}, errors.New("no object key")
	}
	s, err := url.QueryUnescape(encoded)
	if err != nil {
		// Not wrapped: url.EscapeError quotes the key.
		return objectkey.Key{}, errors.New("the object key is not form-encoded")
	}
	return objectkey.Parse(s)
}

// parseTime reads RFC 3339, and the same without a zone as UTC: that is how
// moto, which stands in for S3 in many tests, writes it.
func parseTime(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t, err = time.Parse("2006-01-02T15:04:05", s)
	}
	if err != nil {
		// Not wrapped: time.ParseError quotes whatever stood there.
		return time.Time{}, errors.New("the event time is not RFC 3339")
	}
	return t.UTC(), nil
}
