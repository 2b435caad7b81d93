package s3

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/versity/versitygw/backend/meta"
)

// The engine's names for two pieces of metadata. A delete marker is a file that
// has the second one.
const (
	eTagAttribute   = "etag"
	markerAttribute = "delete-marker"
)

// afterStore makes a key whose object has just been stored an object. Without
// extended attributes, metadata belongs to the path and not to the file, so
// that of a delete marker would outlive it.
func (s *store) afterStore(bucket, objectKey string) error {
	if _, sideCar := s.metadata.(meta.SideCar); !sideCar {
		return nil
	}
	return s.dropAttribute(bucket, objectKey, markerAttribute)
}

// afterRemove makes a key that was deleted absent. The engine takes whatever
// has an ETag for present when it checks If-None-Match, delete markers too;
// S3 lets such a write succeed (S3 user guide, "Conditional writes"). And in a
// side-car, metadata stays behind when the file goes.
func (s *store) afterRemove(bucket, objectKey string) error {
	_, err := os.Lstat(filepath.Join(bucket, objectKey))
	if err != nil && absent(err) {
		if err := s.metadata.DeleteAttributes(bucket, objectKey); err != nil && !absent(err) {
			return fmt.Errorf("dropping metadata: %w", err)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking for what is left: %w", err)
	}
	marker, err := s.hasAttribute(bucket, objectKey, markerAttribute)
	if err != nil || !marker {
		return err
	}
	return s.dropAttribute(bucket, objectKey, eTagAttribute)
}

// afterKill does what a killed process may not have come to. A marker that has
// an ETag is one that was stored over, or one that was just made.
func (s *store) afterKill(c change) error {
	if c.removal() {
		return s.afterRemove(c.Bucket, c.ObjectKey)
	}
	stored, err := s.hasAttribute(c.Bucket, c.ObjectKey, eTagAttribute)
	if err != nil || !stored {
		return err
	}
	return s.afterStore(c.Bucket, c.ObjectKey)
}

func (s *store) hasAttribute(bucket, objectKey, name string) (bool, error) {
	_, err := s.metadata.RetrieveAttribute(nil, bucket, objectKey, name)
	switch {
	case err == nil:
		return true, nil
	case absent(err):
		return false, nil
	}
	return false, fmt.Errorf("reading the metadata %s: %w", name, err)
}

func (s *store) dropAttribute(bucket, objectKey, name string) error {
	if err := s.metadata.DeleteAttribute(bucket, objectKey, name); err != nil && !absent(err) {
		return fmt.Errorf("dropping the metadata %s: %w", name, err)
	}
	return nil
}

func absent(err error) bool {
	return errors.Is(err, meta.ErrNoSuchKey) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}
