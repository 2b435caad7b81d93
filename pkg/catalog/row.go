package catalog

import (
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"airlock/pkg/bucketevent"
)

// The attributes of a row. space and path are its primary key.
const (
	attrSpace          = "space"
	attrPath           = "path"
	attrSequencer      = "sequencer"
	attrETag           = "eTag"
	attrContentLength  = "contentLength"
	attrContentType    = "contentType"
	attrChecksumSHA256 = "checksumSHA256"
	attrVersionID      = "versionId"
	attrCreated        = "created"
	attrDeleted        = "deleted"   // tombstones only
	attrExpiresAt      = "expiresAt" // tombstones only: the table's time to live
)

// tombstoneLife is how long a deletion is remembered, so that a creation
// that was overtaken by it is not taken for a new one.
const tombstoneLife = 60 * 24 * time.Hour

// timestampLayout is RFC 3339 with the milliseconds S3 reports, always three
// digits, so that the strings sort as the times do.
const timestampLayout = "2006-01-02T15:04:05.000Z07:00"

type row map[string]types.AttributeValue

// text leaves an empty value out: there is no "known to be empty" here.
func (r row) text(name, value string) {
	if value != "" {
		r[name] = &types.AttributeValueMemberS{Value: value}
	}
}

func (r row) number(name string, value int64) {
	r[name] = &types.AttributeValueMemberN{Value: strconv.FormatInt(value, 10)}
}

func newRow(change bucketevent.Change) row {
	r := make(row, 9)
	r.text(attrSpace, change.ObjectKey.Space())
	r.text(attrPath, change.ObjectKey.Path())
	r.text(attrSequencer, change.Sequencer.String())
	return r
}

// objectRow is the row of an object that is there.
func objectRow(change bucketevent.Change, more details) row {
	r := newRow(change)
	r.text(attrETag, change.ETag)
	r.number(attrContentLength, change.ContentLength)
	r.text(attrContentType, more.contentType)
	r.text(attrChecksumSHA256, more.checksumSHA256)
	r.text(attrVersionID, change.VersionID)
	r.text(attrCreated, change.Time.UTC().Format(timestampLayout))
	return r
}

// tombstone is the row of an object that is there no more. It counts from the
// event, not from now, so that every delivery of the event writes the same row.
func tombstone(change bucketevent.Change) row {
	r := newRow(change)
	r.text(attrDeleted, change.Time.UTC().Format(timestampLayout))
	r.number(attrExpiresAt, change.Time.Add(tombstoneLife).Unix())
	return r
}
