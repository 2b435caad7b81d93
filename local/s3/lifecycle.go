package s3

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/oklog/ulid/v2"
	"github.com/versity/versitygw/s3err"

	"airlock/local/template"
)

const day = 24 * time.Hour

// version is one version of an object, or a delete marker.
type version struct {
	versionID, eTag string
	created         time.Time
	latest, marker  bool
}

// sweeper applies the lifecycle rules of buckets.
func (s *store) sweeper(buckets []template.Bucket) func(context.Context, time.Time) error {
	return func(ctx context.Context, now time.Time) error {
		var errs []error
		for _, b := range buckets {
			for _, rule := range b.Lifecycle {
				if err := s.sweep(ctx, b, rule, now); err != nil {
					errs = append(errs, fmt.Errorf("applying the lifecycle rule %q of %s: %w", rule.ID, b.Name, err))
				}
			}
		}
		return errors.Join(errs...)
	}
}

// daily runs sweep at once, since the machine may have been off at midnight,
// and then at each midnight (UTC), when S3 counts days.
func daily(ctx context.Context, sweep func(context.Context, time.Time) error) {
	for {
		now := time.Now()
		if err := sweep(ctx, now); err != nil && ctx.Err() == nil {
			slog.ErrorContext(ctx, "applying S3 lifecycle rules", "error", err)
		}
		next := time.NewTimer(now.UTC().Truncate(day).Add(day).Sub(now))
		select {
		case <-ctx.Done():
			next.Stop()
			return
		case <-next.C:
		}
	}
}

// due says whether a period of days, begun at since, is over: S3 adds the days
// and rounds up to the next midnight (S3 user guide, "Lifecycle configuration
// elements").
func due(since time.Time, days int, now time.Time) bool {
	end := since.UTC().Add(time.Duration(days) * day)
	if midnight := end.Truncate(day); !midnight.Equal(end) {
		end = midnight.Add(day)
	}
	return !now.Before(end)
}

func (s *store) sweep(ctx context.Context, b template.Bucket, rule template.LifecycleRule, now time.Time) error {
	if rule.AbortIncompleteUploadDays > 0 {
		if err := s.abortUploads(ctx, b.Name, rule, now); err != nil {
			return err
		}
	}
	histories, err := s.histories(ctx, b.Name, rule.Prefix)
	if err != nil {
		return err
	}
	for objectKey, versions := range histories {
		for _, v := range expired(rule, versions, now) {
			in := &s3.DeleteObjectInput{Bucket: &b.Name, Key: &objectKey}
			if v.latest && !v.marker {
				in.IfMatch = &v.eTag // what has been replaced meanwhile stays
			} else {
				in.VersionId = &v.versionID
			}
			_, err := s.remove(ctx, "LifecycleExpiration", in)
			if e := s3err.S3Error(nil); errors.As(err, &e) && e.StatusCode() == http.StatusPreconditionFailed {
				continue
			}
			if err != nil {
				return fmt.Errorf("expiring an object: %w", err)
			}
		}
	}
	return nil
}

// expired picks from the versions of one key, newest first, those that a rule
// ends: a current version gets a delete marker, all others go for good.
func expired(rule template.LifecycleRule, versions []version, now time.Time) []version {
	var out []version
	for i, v := range versions {
		switch {
		case v.latest && v.marker:
			if rule.ExpiredObjectDeleteMarker && len(versions) == 1 {
				out = append(out, v)
			}
		case v.latest:
			if rule.ExpirationDays > 0 && due(v.created, rule.ExpirationDays, now) {
				out = append(out, v)
			}
		case i > 0 && rule.NoncurrentDays > 0 && due(versions[i-1].created, rule.NoncurrentDays, now):
			out = append(out, v)
		}
	}
	return out
}

// abortUploads ends multipart uploads that were begun long ago and never
// completed. They have no event.
func (s *store) abortUploads(ctx context.Context, bucket string, rule template.LifecycleRule, now time.Time) error {
	var keyMarker, idMarker string
	for {
		limit := int32(1000)
		page, err := s.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{
			Bucket: &bucket, Prefix: &rule.Prefix, KeyMarker: &keyMarker, UploadIdMarker: &idMarker, MaxUploads: &limit,
		})
		if err != nil {
			return fmt.Errorf("listing uploads: %w", err)
		}
		for _, u := range page.Uploads {
			if !due(u.Initiated, rule.AbortIncompleteUploadDays, now) {
				continue
			}
			if err := s.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &bucket, Key: &u.Key, UploadId: &u.UploadID}); err != nil {
				return fmt.Errorf("aborting an upload: %w", err)
			}
		}
		if !page.IsTruncated {
			return nil
		}
		keyMarker, idMarker = page.NextKeyMarker, page.NextUploadIDMarker
	}
}

// histories reads the versions of every key under a prefix, newest first.
func (s *store) histories(ctx context.Context, bucket, prefix string) (map[string][]version, error) {
	out := make(map[string][]version)
	var keyMarker, idMarker, delimiter string
	for {
		limit := int32(1000)
		page, err := s.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{
			Bucket: &bucket, Prefix: &prefix, Delimiter: &delimiter,
			KeyMarker: &keyMarker, VersionIdMarker: &idMarker, MaxKeys: &limit,
		})
		if err != nil {
			return nil, fmt.Errorf("listing versions: %w", err)
		}
		for _, v := range page.Versions {
			id := deref(v.VersionId)
			out[*v.Key] = append(out[*v.Key], version{
				versionID: id, eTag: strings.Trim(deref(v.ETag), `"`), latest: deref(v.IsLatest),
				created: created(id, deref(v.LastModified)),
			})
		}
		for _, m := range page.DeleteMarkers {
			id := deref(m.VersionId)
			out[*m.Key] = append(out[*m.Key], version{
				versionID: id, latest: deref(m.IsLatest), marker: true,
				created: created(id, deref(m.LastModified)),
			})
		}
		if !deref(page.IsTruncated) {
			break
		}
		keyMarker, idMarker = deref(page.NextKeyMarker), deref(page.NextVersionIdMarker)
	}
	for _, versions := range out {
		slices.SortStableFunc(versions, func(a, b version) int {
			switch {
			case a.latest:
				return -1
			case b.latest:
				return 1
			}
			return b.created.Compare(a.created)
		})
	}
	return out, nil
}

// created says when a version was made. The gateway copies files when they
// stop being current, so their own time says something else; but its version
// ids are ULIDs, which begin with it.
func created(versionID string, modified time.Time) time.Time {
	id, err := ulid.ParseStrict(versionID)
	if err != nil {
		return modified // "null": written without versioning
	}
	return id.Timestamp()
}
