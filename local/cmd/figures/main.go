// Command figures turns the output of `go test -bench`, read from its standard
// input, into the table of docs/performance.md: each figure with the goal it has
// to reach and the floor below which nothing was seen. It writes the table into
// that file, between two comments, and prints it.
//
//	figures docs/performance.md dist
package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// figure is one row. A benchmark's figure is the median of its runs.
type figure struct {
	what        string
	benchmark   string // without "Benchmark"; or the name of an archive
	unit        string
	goal, floor float64 // 0: none
}

// Goals and floors are from experiments with a plain program of the SDK and with
// the least that does the job.
var figures = []figure{
	{"presign: one URL, against one SigV4", "Presign", "x-sigv4", 12, 4.4},
	{"presign: one URL", "Presign", "allocs/op", 80, 18},
	{"presign: start, against an empty function", "Start/PresignFunction", "x-empty", 1.10, 0.96},
	{"presign: warm request, median, against an empty function", "WarmPresign", "x-empty", 1.35, 1.31},
	{"presign: warm request, 99th percentile, against an empty function's", "WarmPresign", "x-empty-p99", 2.0, 1.9},
	{"presign: memory after the first request", "Start/PresignFunction", "MB", 8, 6.8},
	{"sign: one URL, P-256, against the bare signature", "SignECDSA", "x-raw", 1.10, 1.05},
	{"sign: one URL, P-256", "SignECDSA", "allocs/op", 66, 0},
	{"sign: one URL, RSA-2048, against the bare signature", "SignRSA", "x-raw", 1.03, 0.99},
	{"sign: one URL, RSA-2048", "SignRSA", "allocs/op", 10, 0},
	{"sign: warm request, P-256 against RSA-2048", "WarmSign", "x-RSA", 0.25, 0.20},
	{"sign: start with the secret fetched over TLS, against an empty function", "Start/SignFunction", "x-empty", 2.3, 1.8},
	{"sign: memory after the first request", "Start/SignFunction", "MB", 10.5, 9.9},
	{"record: start with two TLS connections, against an empty function", "Start/RecordFunction", "x-empty", 2.3, 2.0},
	{"record: first request, against a warm one", "Start/RecordFunction", "x-warm", 3, 2.0},
	{"record: memory after the first request", "Start/RecordFunction", "MB", 10.5, 9.9},
	{"record: one event read", "BucketEvent", "ns/record", 0, 0},
	{"a request decoded and answered, strictly, against encoding/json", "Decode", "x-encoding/json", 0, 0},
	{"presign: archive, arm64", "PresignFunction.zip", "MB", 2.9, 2.67},
	{"sign: archive, arm64", "SignFunction.zip", "MB", 3.3, 3.10},
	{"record: archive, arm64", "RecordFunction.zip", "MB", 3.7, 3.45},
	{"rotate: archive, arm64", "RotateFunction.zip", "MB", 4.5, 3.2},
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: go test -bench . | figures performance.md archives")
		os.Exit(2)
	}
	if err := run(os.Stdin, os.Stdout, os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "figures:", err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer, document, archives string) error {
	measured, err := read(in)
	if err != nil {
		return err
	}
	if err := weigh(measured, archives); err != nil {
		return err
	}
	rows, err := table(measured)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(document)
	if err != nil {
		return err
	}
	heading := fmt.Sprintf("`make bench`, %s, %s, %d CPUs, %s/%s, %s\n\n",
		time.Now().UTC().Format(time.DateOnly), measured.cpu, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
	if text, err = replace(text, heading+rows); err != nil {
		return fmt.Errorf("%s: %w", document, err)
	}
	if _, err := io.WriteString(out, rows); err != nil {
		return err
	}
	return os.WriteFile(document, text, 0o644) //nolint:gosec // a document of the repository, like those beside it
}

// results are all values of each figure, by benchmark and unit.
type results struct {
	cpu    string
	values map[[2]string][]float64
}

// read takes benchmark lines, "BenchmarkPresign-2  360  6661 ns/op  12 allocs/op",
// and leaves out all others but a failure.
func read(in io.Reader) (*results, error) {
	r := &results{values: map[[2]string][]float64{}}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		line := lines.Text()
		if cpu, ok := strings.CutPrefix(line, "cpu: "); ok {
			r.cpu = strings.TrimSpace(cpu)
		}
		if strings.HasPrefix(line, "FAIL") || strings.HasPrefix(line, "--- FAIL") {
			return nil, errors.New("a benchmark failed")
		}
		fields := strings.Fields(line)
		if !strings.HasPrefix(line, "Benchmark") || len(fields) < 4 {
			continue
		}
		name := strings.TrimPrefix(fields[0], "Benchmark")
		if i := strings.LastIndexByte(name, '-'); i > 0 { // GOMAXPROCS
			name = name[:i]
		}
		for i := 2; i+1 < len(fields); i += 2 {
			v, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", line, err)
			}
			key := [2]string{name, fields[i+1]}
			r.values[key] = append(r.values[key], v)
		}
	}
	return r, lines.Err()
}

// weigh adds the archives' sizes.
func weigh(r *results, folder string) error {
	files, err := filepath.Glob(filepath.Join(folder, "*.zip"))
	if err != nil {
		return err
	}
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			return err
		}
		r.values[[2]string{filepath.Base(file), "MB"}] = []float64{float64(info.Size()) / 1e6}
	}
	return nil
}

func table(r *results) (string, error) {
	var b strings.Builder
	b.WriteString("| figure | unit | ours | goal | floor |\n|---|---|---:|---:|---:|\n")
	for _, f := range figures {
		values := r.values[[2]string{f.benchmark, f.unit}]
		if len(values) == 0 {
			return "", fmt.Errorf("nothing was measured of %s, %s", f.benchmark, f.unit)
		}
		slices.Sort(values)
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", f.what, f.unit, number(values[len(values)/2]), number(f.goal), number(f.floor))
	}
	return b.String(), nil
}

// number has three digits that count.
func number(v float64) string {
	switch {
	case v == 0:
		return ""
	case v == float64(int64(v)) || v >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

const begin, end = "<!-- figures -->\n", "<!-- /figures -->\n"

func replace(text []byte, table string) ([]byte, error) {
	before, rest, ok := bytes.Cut(text, []byte(begin))
	_, after, closed := bytes.Cut(rest, []byte(end))
	if !ok || !closed {
		return nil, fmt.Errorf("it has no %q and %q", strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	return slices.Concat(before, []byte(begin+table+end), after), nil
}
