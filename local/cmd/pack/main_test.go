package main

import (
	"archive/zip"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestPack(t *testing.T) {
	t.Parallel()
	binary := bytes.Repeat([]byte("\x7fELF and so on, "), 5000)
	dir := t.TempDir()
	bootstrap := writeFile(t, filepath.Join(dir, "elsewhere"), binary)
	target := filepath.Join(dir, "dist", "SignFunction.zip")
	if err := run([]string{bootstrap, target}); err != nil {
		t.Fatalf("run(%s, %s) = %v, want nil", bootstrap, target, err)
	}

	archive, err := zip.OpenReader(target)
	if err != nil {
		t.Fatalf("OpenReader(%s) = %v, want a zip file", target, err)
	}
	t.Cleanup(func() { _ = archive.Close() })
	if len(archive.File) != 1 {
		t.Fatalf("%d entries, want 1", len(archive.File))
	}
	entry := archive.File[0]
	if entry.Name != "bootstrap" || entry.Mode() != 0o755 || entry.Method != zip.Deflate {
		t.Errorf("entry %q, mode %v, method %d, want bootstrap, %v, %d", entry.Name, entry.Mode(), entry.Method, os.FileMode(0o755), zip.Deflate)
	}
	if want := time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC); !entry.Modified.Equal(want) {
		t.Errorf("Modified = %v, want %v", entry.Modified, want)
	}
	r, err := entry.Open()
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(got, binary) {
		t.Errorf("read %d bytes, %v, want the binary's %d", len(got), err, len(binary))
	}
}

// TestPackRepeats packs the same binary from another file, written on another
// day with another mode: none of it may show.
func TestPackRepeats(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var zips [2][]byte
	for i := range zips {
		bootstrap := writeFile(t, filepath.Join(dir, string(rune('a'+i))), []byte("the same binary"))
		when := time.Date(2020+i, 2, 3, 4, 5, 6, 0, time.UTC)
		if err := os.Chtimes(bootstrap, when, when); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(bootstrap, os.FileMode(0o600+i*0o100)); err != nil {
			t.Fatal(err)
		}
		target := filepath.Join(dir, "out.zip")
		if err := pack(bootstrap, target); err != nil {
			t.Fatalf("pack = %v, want nil", err)
		}
		var err error
		if zips[i], err = os.ReadFile(target); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(zips[0], zips[1]) {
		t.Errorf("packed twice: %x and %x, want the same bytes", zips[0], zips[1])
	}
}

// TestPackFailure: nothing half-done is left, and what was there stays.
func TestPackFailure(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	target := writeFile(t, filepath.Join(dir, "old.zip"), []byte("old"))
	// A folder opens, and fails when it is read: half-way.
	if err := pack(dir, target); err == nil {
		t.Error("pack(a folder) = nil, want an error")
	}
	if err := pack(filepath.Join(dir, "missing"), target); err == nil {
		t.Error("pack(no file) = nil, want an error")
	}
	if err := run([]string{"bootstrap"}); err == nil {
		t.Error("run(one argument) = nil, want an error")
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 {
		t.Errorf("left behind: %v, want old.zip only", entries)
	}
	if got, err := os.ReadFile(target); err != nil || string(got) != "old" {
		t.Errorf("%s = %q, %v, want it untouched", target, got, err)
	}
}

func writeFile(t *testing.T, name string, content []byte) string {
	t.Helper()
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
