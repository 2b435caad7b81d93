// Package s3 is the embedded AWS's Amazon S3: a versitygw gateway over a
// folder, given the credentials, policies and event notifications of AWS.
//
// The gateway verifies Signature Version 4 (header, query and chunked),
// checksums and conditional writes. What it lacks is added here: temporary
// credentials with a session token, role and bucket policies, 403 instead of
// 404 for whoever may not list, events in S3's own shape, and lifecycle rules.
//
// # Events
//
// A write takes the lock of its key just before it becomes visible, so the
// order of sequencers is the order of writes, and a slow upload keeps nobody
// waiting. An intent goes into the database before the object changes and is
// exchanged for the message, in one transaction, afterwards. What a killed
// process leaves behind is looked up at the next start. So no event is lost;
// one may come twice, as S3 says of its own.
//
// # Limits
//
//   - One Service in a process at a time: the gateway keeps package state. The
//     working directory of the process is the object folder while it runs, so
//     everybody else's paths must be absolute; Close puts it back.
//     Close waits up to ten seconds for requests under way, and for connections
//     that were dialled and never used.
//   - Objects are files. Keys "a" and "a/b" cannot both exist: the second is
//     refused with 400 ObjectParentIsFile, or 409 ExistingObjectIsDirectory the
//     other way round. A segment longer than 255 bytes is 400 KeyTooLongError.
//     A key ending in a slash holds no data and has no versions.
//   - Keys that a file system would read as another key ("u/x/../y", "u//y",
//     "./y"), NUL and invalid UTF-8 are refused with 400 InvalidURI, by every
//     operation; AWS stores most of them as they are.
//   - DELETE of a key that never existed leaves no delete marker behind, and so
//     no event; AWS would make one.
//   - Bucket policies come from the template alone: their API answers 501, as
//     do notifications, lifecycle, and the public access block. Every bucket
//     is private to the account whatever ACL is sent.
//   - Of what a bucket policy gives to everybody, anonymous callers get
//     s3:GetObject only.
//   - The time an object was modified is, for a version that is no longer
//     current, the time it was replaced.
//   - Of a Content-Type sent twice the last one counts, and the signature is
//     checked against it; AWS joins the two and refuses the signature.
//   - Listings ignore encoding-type: keys are never encoded, and the answer names
//     no encoding, by which clients know.
//   - The gateway writes errors that are its own fault to standard error.
//   - Lifecycle rules run at the start and at each midnight (UTC). A version
//     counts as noncurrent from the moment its successor was written, and an
//     upload as begun when the gateway made its folder.
//
// # Trust
//
// Everyone who reaches the address is untrusted; the folder and the database
// are trusted, and hold objects in the clear.
package s3
