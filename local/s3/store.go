package s3

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"
)

// store is the gateway's backend: files, with events for what changes them and
// with AWS's answers where the two differ.
type store struct {
	*posix.Posix
	metadata meta.MetadataStorer
	access   *access
	events   *events
	locks    *keyLocks
}

var _ backend.Backend = (*store)(nil)

// PutObject stores one object and reports ObjectCreated:Put, or :Post for a
// browser's form.
func (s *store) PutObject(ctx context.Context, in s3response.PutObjectInput) (s3response.PutObjectOutput, error) {
	event := "ObjectCreated:Put"
	if requestFrom(ctx).method == http.MethodPost {
		event = "ObjectCreated:Post"
	}
	// A form's key is not in the path, where inspect would have seen it.
	if err := checkKey(*in.Key); err != nil {
		return s3response.PutObjectOutput{}, err
	}
	w := s.write(ctx, event, *in.Bucket, *in.Key)
	defer w.end()
	if strings.HasSuffix(*in.Key, "/") {
		// Such a key has no body that would be read.
		if err := w.begin(); err != nil {
			return s3response.PutObjectOutput{}, err
		}
	} else {
		in.Body = gated(in.Body, w.begin)
	}
	out, err := s.Posix.PutObject(ctx, in)
	if err != nil {
		return out, err
	}
	return out, w.created()
}

// CopyObject copies one object and reports ObjectCreated:Copy.
func (s *store) CopyObject(ctx context.Context, in s3response.CopyObjectInput) (s3response.CopyObjectOutput, error) {
	if err := checkSource(in.CopySource); err != nil {
		return s3response.CopyObjectOutput{}, err
	}
	w := s.write(ctx, "ObjectCreated:Copy", *in.Bucket, *in.Key)
	defer w.end()
	if err := w.begin(); err != nil {
		return s3response.CopyObjectOutput{}, err
	}
	out, err := s.Posix.CopyObject(ctx, in)
	if err != nil {
		return conceal(ctx, s, sourceBucket(in.CopySource), out, err)
	}
	return out, w.created()
}

// UploadPartCopy makes a part of another object. It creates no object, so
// there is no event.
func (s *store) UploadPartCopy(ctx context.Context, in *s3.UploadPartCopyInput) (s3response.CopyPartResult, error) {
	if err := checkSource(in.CopySource); err != nil {
		return s3response.CopyPartResult{}, err
	}
	out, err := s.Posix.UploadPartCopy(ctx, in)
	return conceal(ctx, s, sourceBucket(in.CopySource), out, err)
}

// CompleteMultipartUpload makes an object of parts and reports
// ObjectCreated:CompleteMultipartUpload.
func (s *store) CompleteMultipartUpload(ctx context.Context, in *s3.CompleteMultipartUploadInput) (s3response.CompleteMultipartUploadResult, string, error) {
	w := s.write(ctx, "ObjectCreated:CompleteMultipartUpload", *in.Bucket, *in.Key)
	defer w.end()
	if err := w.begin(); err != nil {
		return s3response.CompleteMultipartUploadResult{}, "", err
	}
	out, versionID, err := s.Posix.CompleteMultipartUpload(ctx, in)
	if err != nil {
		return out, versionID, err
	}
	return out, versionID, w.created()
}

// DeleteObject puts a delete marker over an object, or removes a version, and
// reports which of the two.
func (s *store) DeleteObject(ctx context.Context, in *s3.DeleteObjectInput) (*s3.DeleteObjectOutput, error) {
	return s.remove(ctx, "ObjectRemoved", in)
}

// DeleteObjects is many times DeleteObject, each with its own outcome.
func (s *store) DeleteObjects(ctx context.Context, in *s3.DeleteObjectsInput) (s3response.DeleteResult, error) {
	var result s3response.DeleteResult
	for _, o := range in.Delete.Objects {
		out, err := s.DeleteObject(ctx, &s3.DeleteObjectInput{
			Bucket: in.Bucket, Key: o.Key, VersionId: o.VersionId,
			IfMatch: o.ETag, IfMatchLastModifiedTime: o.LastModifiedTime, IfMatchSize: o.Size,
		})
		if err != nil {
			result.Error = append(result.Error, s3err.ObjectDeleteError(o.Key, o.VersionId, err))
			continue
		}
		deleted := types.DeletedObject{Key: o.Key, VersionId: o.VersionId, DeleteMarker: out.DeleteMarker}
		if out.DeleteMarker != nil && *out.DeleteMarker {
			deleted.DeleteMarkerVersionId = out.VersionId
		}
		result.Deleted = append(result.Deleted, deleted)
	}
	return result, nil
}

// GetObject opens an object.
func (s *store) GetObject(ctx context.Context, in *s3.GetObjectInput) (*s3.GetObjectOutput, error) {
	out, err := s.Posix.GetObject(ctx, in)
	return conceal(ctx, s, *in.Bucket, out, err)
}

// HeadObject describes an object.
func (s *store) HeadObject(ctx context.Context, in *s3.HeadObjectInput) (*s3.HeadObjectOutput, error) {
	out, err := s.Posix.HeadObject(ctx, in)
	return conceal(ctx, s, *in.Bucket, out, err)
}

// GetObjectAttributes describes an object in more detail.
func (s *store) GetObjectAttributes(ctx context.Context, in *s3.GetObjectAttributesInput) (s3response.GetObjectAttributesResponse, error) {
	out, err := s.Posix.GetObjectAttributes(ctx, in)
	return conceal(ctx, s, *in.Bucket, out, err)
}

// conceal turns "no such key" into 403 for a caller who may not list the
// bucket (S3 API reference, GetObject, "Permissions"). The delete marker that
// comes with the error is kept back with it: its headers would say that there
// was something. What S3 does with them on a 403 is nowhere documented.
func conceal[T any](ctx context.Context, s *store, bucket string, out T, err error) (T, error) {
	if e := s3err.S3Error(nil); errors.As(err, &e) && e.BaseError().Code == "NoSuchKey" && !s.access.mayList(ctx, bucket) {
		var nothing T
		return nothing, s3err.GetAPIError(s3err.ErrAccessDenied)
	}
	return out, err
}

// checkSource refuses a copy source that names a key as no object can be named.
func checkSource(source *string) error {
	_, objectKey, _, err := backend.ParseCopySource(*source)
	if err != nil {
		return err
	}
	return checkKey(objectKey)
}

func sourceBucket(source *string) string {
	bucket, _, _, _ := backend.ParseCopySource(*source) // checkSource has seen it
	return bucket
}

// object is the present state of a key, or of one of its versions.
type object struct {
	exists    bool
	size      int64
	eTag      string
	versionID string
	modified  time.Time
}

// look reads the state of a key; versionID "" is the current version. A delete
// marker is no object.
func (s *store) look(ctx context.Context, bucket, objectKey, versionID string) (object, error) {
	in := &s3.HeadObjectInput{Bucket: &bucket, Key: &objectKey}
	if versionID != "" {
		in.VersionId = &versionID
	}
	// What happened must be found out even if the client has gone.
	out, err := s.Posix.HeadObject(context.WithoutCancel(ctx), in)
	if e := s3err.S3Error(nil); errors.As(err, &e) {
		switch e.BaseError().Code {
		case "NoSuchKey", "NoSuchVersion", "MethodNotAllowed":
			return object{}, nil
		}
	}
	if err != nil {
		return object{}, err
	}
	o := object{exists: true, eTag: strings.Trim(deref(out.ETag), `"`), versionID: deref(out.VersionId)}
	o.size, o.modified = deref(out.ContentLength), deref(out.LastModified)
	return o, nil
}

func deref[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
