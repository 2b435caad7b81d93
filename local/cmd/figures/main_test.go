package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// output has a line for each figure that is measured, twice over.
func output(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("goos: linux\ncpu: A Processor  \n")
	for i, f := range figures {
		if !strings.HasSuffix(f.benchmark, ".zip") {
			for _, v := range []string{"1.2345", "99", "3"} {
				b.WriteString("Benchmark" + f.benchmark + "-2  \t 10\t 5 ns/op\t " + v + " " + f.unit + "\n")
			}
		} else if i == 0 {
			t.Fatal("the first figure is an archive")
		}
	}
	return b.String() + "PASS\n"
}

func folder(t *testing.T, document string) (file, archives string) {
	t.Helper()
	archives = t.TempDir()
	for _, f := range figures {
		if strings.HasSuffix(f.benchmark, ".zip") {
			if err := os.WriteFile(filepath.Join(archives, f.benchmark), make([]byte, 1_234_567), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	file = filepath.Join(archives, "performance.md")
	if err := os.WriteFile(file, []byte(document), 0o600); err != nil {
		t.Fatal(err)
	}
	return file, archives
}

func TestRun(t *testing.T) {
	t.Parallel()
	file, archives := folder(t, "before\n<!-- figures -->\nold\n<!-- /figures -->\nafter\n")
	var printed strings.Builder
	if err := run(strings.NewReader(output(t)), &printed, file, archives); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	got := string(text)
	for _, want := range []string{
		"| presign: one URL, against one SigV4 | x-sigv4 | 3 | 12 | 4.4 |\n",
		"| record: one event read | ns/record | 3 |  |  |\n",
		"| sign: archive, arm64 | MB | 1.23 | 3.3 | 3.1 |\n",
		", A Processor, ",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("run wrote\n%s\nwant %q in it", got, want)
		}
	}
	if !strings.HasPrefix(got, "before\n<!-- figures -->\n`make bench`, ") || !strings.HasSuffix(got, " |\n<!-- /figures -->\nafter\n") || strings.Contains(got, "old") {
		t.Errorf("run wrote\n%s\nwant the table in the place of the old one", got)
	}
	if n := strings.Count(printed.String(), "\n"); n != len(figures)+2 || !strings.Contains(got, printed.String()) {
		t.Errorf("run printed %d lines:\n%s\nwant the table", n, &printed)
	}
}

func TestRunRefuses(t *testing.T) {
	t.Parallel()
	const document = "<!-- figures -->\n<!-- /figures -->\n"
	for _, tt := range []struct{ name, document, output, want string }{
		{"missing figure", document, strings.ReplaceAll(output(t), "BenchmarkSignRSA", "BenchmarkOther"), "nothing was measured of SignRSA, x-raw"},
		{"failure", document, output(t) + "FAIL\tairlock/pkg/upload\n", "a benchmark failed"},
		{"no number", document, output(t) + "BenchmarkX-2 1 a b\n", `parsing "a"`},
		{"no place", "text\n", output(t), "it has no"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			file, archives := folder(t, tt.document)
			err := run(strings.NewReader(tt.output), &strings.Builder{}, file, archives)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("run = %v, want %s", err, tt.want)
			}
			if text, _ := os.ReadFile(file); string(text) != tt.document {
				t.Errorf("run changed the document to %q", text)
			}
		})
	}
}
