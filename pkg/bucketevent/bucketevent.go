// Package bucketevent reads what S3 says about a bucket: a notification becomes
// a list of [Change].
//
// It needs no environment and no IAM action, and keeps nothing between calls.
//
// Read: S3's own notification, version 2 of any minor ("Event message
// structure", Amazon S3 User Guide), and its s3:TestEvent. Not read, and
// therefore an error: EventBridge's shape, SNS's envelope, and event types
// other than ObjectCreated:* and ObjectRemoved:*.
//
// Nothing in a notification is trusted but that S3 wrote it; whether the bucket
// is the right one is for the caller to check. Errors name what is wrong and
// where, and never repeat an object's key: keys hold the names of users' files.
package bucketevent

import (
	"strconv"
	"time"

	"airlock/pkg/objectkey"
)

// Change is one thing that happened to one object. [Decode] makes it, and its
// fields then hold what their comments say. Changes compare with ==.
type Change struct {
	Kind      Kind
	Bucket    string // never empty
	ObjectKey objectkey.Key

	// VersionID is the version created, the delete marker left behind, or the
	// version removed. Empty is S3's null version: all there is in a bucket
	// that never had versions.
	VersionID string

	// Sequencer orders the changes of one object. Some notifications have none.
	Sequencer Sequencer

	// Time is when S3 did it, in UTC.
	Time time.Time

	// ContentLength, in bytes, and ETag, without quotes, describe what was
	// created. S3 leaves them out of removals; here they are then 0 and "".
	ContentLength int64
	ETag          string
}

// Kind says what a change did.
type Kind int

const (
	// Created: the object is there, whole.
	Created Kind = iota + 1
	// Removed: the key names no object any more. In a bucket with versions a
	// delete marker hides them.
	Removed
	// VersionRemoved: one version is gone for good. Whether the key still
	// names an object depends on which one it was, and S3 does not say.
	VersionRemoved
)

// String returns the kind's name, for logs.
func (k Kind) String() string {
	switch k {
	case Created:
		return "created"
	case Removed:
		return "removed"
	case VersionRemoved:
		return "version removed"
	default:
		return "Kind(" + strconv.Itoa(int(k)) + ")"
	}
}
