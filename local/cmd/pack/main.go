// Command pack makes the zip file that Lambda takes: `pack <bootstrap> <zip>`.
//
// The same binary gives the same bytes, on every machine and day: what a zip
// file's digest says about it can be checked by building it again.
package main

import (
	"archive/zip"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// packed is the time that every entry bears: the earliest a zip file can say.
var packed = time.Date(1980, time.January, 1, 0, 0, 0, 0, time.UTC)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "pack:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return errors.New("usage: pack <bootstrap> <zip>")
	}
	return pack(args[0], args[1])
}

// pack writes target beside its place and renames it: there is never half a
// zip file at target, and an old one stays where packing fails.
func pack(bootstrap, target string) (err error) {
	in, err := os.Open(bootstrap)
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // only read

	dir := filepath.Dir(target)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	out, err := os.CreateTemp(dir, ".pack-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(out.Name()))
		}
	}()
	if err := errors.Join(write(out, in), out.Chmod(0o644), out.Close()); err != nil {
		return fmt.Errorf("packing %s: %w", target, err)
	}
	return os.Rename(out.Name(), target)
}

// write writes the archive: one entry, bootstrap at the root and executable,
// which is what the runtime provided.al2023 looks for.
func write(w io.Writer, bootstrap io.Reader) error {
	archive := zip.NewWriter(w)
	archive.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(w, flate.BestCompression)
	})
	header := &zip.FileHeader{Name: "bootstrap", Method: zip.Deflate, Modified: packed}
	header.SetMode(0o755)
	entry, err := archive.CreateHeader(header)
	if err != nil {
		return err
	}
	if _, err := io.Copy(entry, bootstrap); err != nil {
		return err
	}
	return archive.Close()
}
