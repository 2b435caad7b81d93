package catalog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"airlock/pkg/bucketevent"
	"airlock/pkg/lambdaenv"
)

const (
	// headTimeout bounds HeadObject, whose answer is welcome but never waited for.
	headTimeout = time.Second
	// writeTimeout bounds a write with the client's retries, so that one hanging
	// connection does not use up a batch's time.
	writeTimeout = 5 * time.Second
)

// When a row may be written. "space" is a word DynamoDB reserves, hence #space.
const (
	ifNoRow = "attribute_not_exists(#space)"
	// True where there is no row at all, and where the row has no sequencer.
	ifNewer = "attribute_not_exists(sequencer) OR sequencer < :sequencer"
	ifOther = "(" + ifNewer + ") AND "
	// Version ids are never used twice, so this row is of that very version.
	ifVersion = ifOther + "versionId = :versionId"
	// S3's null version has no id. Without "created" the row is a tombstone.
	ifNullVersion = ifOther + "attribute_exists(created) AND attribute_not_exists(versionId)"
)

// bury makes a tombstone of the row of a version that is gone.
const bury = "SET deleted = :deleted, expiresAt = :expiresAt " +
	"REMOVE eTag, contentLength, contentType, checksumSHA256, versionId, created"

// WrongBucketError reports an event of a bucket the catalog does not keep.
type WrongBucketError struct {
	Bucket string
}

func (e *WrongBucketError) Error() string {
	return fmt.Sprintf("event of bucket %.64q, which is not the catalog's", e.Bucket)
}

// Apply writes what a change did to its object into the table, unless the table
// knows better already, which is success too. It may be called with the same
// change any number of times.
//
// The type and the checksum of a new object come from S3; where S3 does not tell
// within a second, the row does without. Apply keeps to ctx's deadline; it logs
// nothing about the error it returns.
//
// Errors: [*WrongBucketError]; after any other, DynamoDB mostly, the row is not
// known to be written.
func (c *Catalog) Apply(ctx context.Context, change bucketevent.Change) error {
	if change.Bucket != c.bucket {
		return &WrongBucketError{change.Bucket}
	}
	switch change.Kind {
	case bucketevent.Created:
		return c.put(ctx, change, objectRow(change, c.details(ctx, change)))
	case bucketevent.Removed:
		return c.put(ctx, change, tombstone(change))
	case bucketevent.VersionRemoved:
		return c.applyVersionRemoved(ctx, change)
	default:
		return fmt.Errorf("apply change: unknown kind %v", change.Kind)
	}
}

func (c *Catalog) applyVersionRemoved(ctx context.Context, change bucketevent.Change) error {
	if change.Sequencer.IsZero() {
		// Without one a change applies only where no row is, and this kind only
		// where one is.
		return nil
	}
	values := make(row, 4)
	values.text(":sequencer", change.Sequencer.String())
	condition := ifNullVersion
	if change.VersionID != "" {
		condition = ifVersion
		values.text(":versionId", change.VersionID)
	}
	// The row keeps the sequencer of the version that is gone. The removal's own
	// would refuse a newer version whose creation is still on its way, and a file
	// that is there would never be in the catalog.
	dead := tombstone(change)
	values[":deleted"], values[":expiresAt"] = dead[attrDeleted], dead[attrExpiresAt]

	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	_, err := c.dynamoDB.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &c.table, Key: row{attrSpace: dead[attrSpace], attrPath: dead[attrPath]},
		UpdateExpression: aws.String(bury), ConditionExpression: &condition, ExpressionAttributeValues: values,
	})
	return written(err, "bury row")
}

// written turns the answer to a conditional write into Apply's: a condition that
// does not hold is no error.
func written(err error, doing string) error {
	if _, refused := errors.AsType[*types.ConditionalCheckFailedException](err); refused || err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, lambdaenv.Cause(err))
}

// put writes the row if it is newer than what is stored, or, for a change
// without a sequencer, if nothing is.
func (c *Catalog) put(ctx context.Context, change bucketevent.Change, r row) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()

	in := &dynamodb.PutItemInput{TableName: &c.table, Item: r, ConditionExpression: aws.String(ifNewer)}
	if change.Sequencer.IsZero() {
		in.ConditionExpression = aws.String(ifNoRow)
		in.ExpressionAttributeNames = map[string]string{"#space": attrSpace}
	} else {
		values := make(row, 1)
		values.text(":sequencer", change.Sequencer.String())
		in.ExpressionAttributeValues = values
	}
	_, err := c.dynamoDB.PutItem(ctx, in)
	return written(err, "put row")
}

// details is what S3 knows about an object and its event does not say.
type details struct {
	contentType    string
	checksumSHA256 string // base64
}

// details asks S3 once. It takes at most half of the time left: the row is
// what the other half is for.
func (c *Catalog) details(ctx context.Context, change bucketevent.Change) details {
	timeout := headTimeout
	if deadline, ok := ctx.Deadline(); ok {
		timeout = min(timeout, time.Until(deadline)/2)
	}
	headCtx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()

	in := &s3.HeadObjectInput{
		Bucket:       &c.bucket,
		Key:          aws.String(change.ObjectKey.String()),
		ChecksumMode: s3types.ChecksumModeEnabled,
	}
	switch {
	case change.VersionID != "":
		in.VersionId = &change.VersionID
	case change.ETag != "":
		// The key may hold another object by now, of another type.
		in.IfMatch = aws.String(`"` + change.ETag + `"`)
	}
	out, err := c.s3.HeadObject(headCtx, in, func(o *s3.Options) { o.Retryer = aws.NopRetryer{} })
	if err != nil {
		c.logHeadFailure(ctx, change, err)
		return details{}
	}
	d := details{contentType: aws.ToString(out.ContentType)}
	// A multipart upload's SHA-256 is one of its parts' checksums, not of the
	// object ("Checking object integrity", Amazon S3 User Guide).
	if out.ChecksumType == s3types.ChecksumTypeFullObject {
		d.checksumSHA256 = aws.ToString(out.ChecksumSHA256)
	}
	return d
}

// logHeadFailure leaves out the error's text, which can hold the object's URL.
func (c *Catalog) logHeadFailure(ctx context.Context, change bucketevent.Change, err error) {
	level, attrs := slog.LevelWarn, recordAttrs(ctx, change)
	if response, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		attrs = append(attrs, slog.Int("status", response.HTTPStatusCode()), slog.String("s3RequestId", response.ServiceRequestID()))
		// Gone or replaced since: what happens to files. Without s3:ListBucket a
		// missing one is 403, which may also be a missing permission.
		if s := response.HTTPStatusCode(); s == http.StatusNotFound || s == http.StatusPreconditionFailed {
			level = slog.LevelInfo
		}
	} else {
		attrs = append(attrs, slog.Bool("timedOut", errors.Is(err, context.DeadlineExceeded)))
	}
	c.log.LogAttrs(ctx, level, "object's type and checksum not known", attrs...)
}
