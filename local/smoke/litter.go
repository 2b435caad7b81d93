package smoke

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// litter is what the story stores. Its keys are fresh, so every version of them
// is the story's own.
type litter struct {
	client *s3.Client
	bucket string
	keys   []string
}

func (l *litter) add(objectKey string) {
	if !slices.Contains(l.keys, objectKey) {
		l.keys = append(l.keys, objectKey)
	}
}

// remove tries to remove every version of every key, and says what may be left.
func (l *litter) remove(ctx context.Context) error {
	var errs []error
	for _, objectKey := range l.keys {
		if err := l.removeObject(ctx, objectKey); err != nil {
			errs = append(errs, fmt.Errorf("%s may be left in the bucket %s: %w", objectKey, l.bucket, err))
		}
	}
	return errors.Join(errs...)
}

func (l *litter) removeObject(ctx context.Context, objectKey string) error {
	var versions []*string
	pages := s3.NewListObjectVersionsPaginator(l.client, &s3.ListObjectVersionsInput{Bucket: &l.bucket, Prefix: &objectKey})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, v := range page.Versions {
			if *v.Key == objectKey {
				versions = append(versions, v.VersionId)
			}
		}
	}
	if len(versions) == 0 {
		return nil
	}
	// The catalog keeps no row of a key under a delete marker, in whatever order the
	// events come; that of a version removed before it was recorded it would keep.
	marker, err := l.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &l.bucket, Key: &objectKey})
	if err != nil {
		return err
	}
	var errs []error
	for _, version := range append(versions, marker.VersionId) {
		_, err := l.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &l.bucket, Key: &objectKey, VersionId: version})
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
