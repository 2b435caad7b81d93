package s3

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
)

// The two ways of keeping an object's metadata, as written in the file that
// makes a folder keep the way it began with.
const (
	inXattrs  = "xattr"
	inSideCar = "sidecar"
)

// copyLimit is the largest object CopyObject takes (S3 API reference,
// CopyObject: 5 GB).
const copyLimit = 5 << 30

// objects is the gateway's storage engine and where it keeps metadata.
type objects struct {
	posix    *posix.Posix
	metadata meta.MetadataStorer
}

// openObjects opens the engine over dir, in which stand:
//
//	objects/   one folder for each bucket
//	versions/  what is no longer current
//	meta/      metadata, where the file system knows no extended attributes
//	metadata   one word: where metadata is kept
func openObjects(dir string) (objects, error) {
	root, versions, sideCar := filepath.Join(dir, "objects"), filepath.Join(dir, "versions"), filepath.Join(dir, "meta")
	for _, d := range []string{root, versions, sideCar} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return objects{}, fmt.Errorf("making the S3 folder: %w", err)
		}
	}
	kind, err := metadataKind(filepath.Join(dir, "metadata"), root)
	if err != nil {
		return objects{}, err
	}
	o := objects{metadata: meta.XattrMeta{}}
	if kind == inSideCar {
		if o.metadata, err = meta.NewSideCar(sideCar); err != nil {
			return objects{}, fmt.Errorf("opening the metadata folder: %w", err)
		}
	}
	o.posix, err = quietly(func() (*posix.Posix, error) {
		return posix.New(root, o.metadata, posix.PosixOpts{
			VersioningDir:       versions,
			CopyObjectThreshold: copyLimit,
		})
	})
	if err != nil {
		return objects{}, fmt.Errorf("opening the S3 folder: %w", err)
	}
	return o, nil
}

// metadataKind reads which kind the folder began with, or chooses one.
func metadataKind(file, root string) (string, error) {
	known, err := os.ReadFile(file)
	if err == nil {
		switch kind := strings.TrimSpace(string(known)); kind {
		case inXattrs, inSideCar:
			return kind, nil
		default:
			return "", fmt.Errorf("reading %s: unknown kind of metadata %q", file, kind)
		}
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("reading the kind of metadata: %w", err)
	}
	kind := inXattrs
	if err := (meta.XattrMeta{}).Test(root); err != nil {
		kind = inSideCar
	}
	if err := os.WriteFile(file, []byte(kind+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("noting the kind of metadata: %w", err)
	}
	return kind, nil
}

// quietly runs f with standard output closed off: posix.New announces its
// versions folder there, and a program's output is its own. f runs for about a
// millisecond, while the stack is still starting.
func quietly[T any](f func() (T, error)) (T, error) {
	stdout := os.Stdout
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		var none T
		return none, fmt.Errorf("opening the null device: %w", err)
	}
	os.Stdout = null
	defer func() {
		os.Stdout = stdout
		_ = null.Close() // nothing was kept there
	}()
	return f()
}
