// Package catalog keeps one DynamoDB row for each object of the bucket, as S3
// reports it: at least once, late, and in any order.
//
// Environment: none; the caller passes names and clients.
//
// IAM actions: dynamodb:PutItem and dynamodb:UpdateItem on the table; s3:GetObject
// and s3:GetObjectVersion on the bucket's objects, which is what HeadObject asks
// for.
//
// Every change is one conditional write, so that applying it again, or after a
// later one, does nothing, and no read comes before a write.
// Of creations and delete markers with a sequencer, the row a key ends with
// depends on their set alone; the limits below say what is outside that.
//
// Limits:
//   - A change without a sequencer can't be placed: it is applied only where no
//     row is, and the next change with one replaces it.
//   - When the stored version is removed for good, S3 does not say which older
//     version shows from then on: the key counts as deleted until it is next
//     written. In the same way, removing a delete marker brings no row back, and
//     the removal of a version that arrives before its creation is lost.
//   - A tombstone lives 60 days after the deletion, longer than any queue keeps
//     an event (14 days, "Amazon SQS message quotas").
//
// Trusted: whoever may write to the queue, for the bucket's own events. Events of
// another bucket are refused. Keys are names of users' files and are not logged.
package catalog

import (
	"log/slog"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Config is what a Catalog works with.
type Config struct {
	Table  string // name of the table
	Bucket string // the only bucket whose events are taken

	// DynamoDB's retries are the client's own; the catalog adds none.
	DynamoDB *dynamodb.Client
	// S3 is asked once per object created, never again.
	S3 *s3.Client

	Log *slog.Logger // nil: slog.Default()
}

// Catalog is safe for concurrent use.
type Catalog struct {
	table    string
	bucket   string
	dynamoDB *dynamodb.Client
	s3       *s3.Client
	log      *slog.Logger
}

// New returns the catalog in a table. It makes no call.
func New(cfg Config) *Catalog {
	log := cfg.Log
	if log == nil {
		log = slog.Default()
	}
	return &Catalog{table: cfg.Table, bucket: cfg.Bucket, dynamoDB: cfg.DynamoDB, s3: cfg.S3, log: log}
}
