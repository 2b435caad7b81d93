// Package measure compares the functions as processes with one that does
// nothing, built with the same flags: how long they take to start, to answer
// first, to answer when warm, and what memory they hold. Figures are ratios of
// medians, both sides taken in turns in one run, so that they carry over to
// machines that are slower or busy; Lambda's own share is in neither.
package measure

import (
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"airlock/local/template"
)

const root = "../.."

// target is a function with all that it needs to start and to be asked.
type target struct {
	bootstrap string
	env       []string
	event     []byte
	want      string // is in its answer
}

// build makes what the Makefile's pattern makes: other flags, other figures.
func build(b *testing.B, logicalID string) string {
	b.Helper()
	dir := b.TempDir()
	cmd := exec.CommandContext(b.Context(), "make", "-s", "-C", root, "build-"+logicalID, "ARTIFACTS_DIR="+dir)
	cmd.Env = append(os.Environ(), "GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH, "MAKEFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("building %s: %v\n%s", logicalID, err, out)
	}
	return filepath.Join(dir, "bootstrap")
}

func emptyTarget(b *testing.B, env []string, event []byte) target {
	b.Helper()
	bootstrap := filepath.Join(b.TempDir(), "bootstrap")
	cmd := exec.CommandContext(b.Context(), "go", "build", "-trimpath", "-tags", "lambda.norpc", "-ldflags", "-s -w", "-o", bootstrap, "./empty")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("building empty: %v\n%s", err, out)
	}
	return target{bootstrap, env, event, ""}
}

// newTarget builds a function and gives it the template's own environment, with
// an AWS in the place of AWS, and a sample of events/.
func newTarget(b *testing.B, logicalID, event, want string, a aws) target {
	b.Helper()
	s, err := template.Load(filepath.Join(root, "template.yaml"), template.Options{
		StackName: "airlock", Region: "eu-west-1", AccountID: "123456789012",
		Parameters: map[string]string{"Issuer": "https://issuer.example.com", "Audience": "a"},
	})
	if err != nil {
		b.Fatal(err)
	}
	t := target{bootstrap: build(b, logicalID), want: want}
	if t.event, err = os.ReadFile(filepath.Join(root, "events", event)); err != nil {
		b.Fatal(err)
	}
	t.env = []string{
		"AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=ASIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY=secret",
		"AWS_SESSION_TOKEN=" + strings.Repeat("IQoJb3JpZ2lu+X2VjE/w", 40), "AWS_ENDPOINT_URL=" + a.url, "SSL_CERT_FILE=" + a.roots,
	}
	for _, f := range s.Functions {
		if f.LogicalID != logicalID {
			continue
		}
		for name, value := range f.Environment {
			if name == "UPLOAD_BUCKET" {
				value = "airlock-bucket" // the sample's
			}
			if value != "" {
				t.env = append(t.env, name+"="+value)
			}
		}
	}
	return t
}

func median[T cmp.Ordered](all []T) T {
	slices.Sort(all)
	return all[len(all)/2]
}

func ratio(a, b []time.Duration) float64 { return float64(median(a)) / float64(median(b)) }

// BenchmarkStart: the CPU time of a new process up to its wait for the first
// event, x-empty, with what it fetches until then; the time its first answer
// takes, x-warm as long as its later ones; and the memory it then holds.
func BenchmarkStart(b *testing.B) {
	for _, f := range []struct{ logicalID, event, want string }{
		{"PresignFunction", "presign-post-uploads.json", `"statusCode":201`},
		{"SignFunction", "sign-post-signed-urls.json", `"statusCode":200`},
		{"RecordFunction", "record-sqs-put.json", `"batchItemFailures":[]`},
	} {
		b.Run(f.logicalID, func(b *testing.B) {
			ours := newTarget(b, f.logicalID, f.event, f.want, startAWS(b, newECDSA(b)))
			empty := emptyTarget(b, ours.env, ours.event)
			var us, them, first, warm []time.Duration
			var memory []int64
			for b.Loop() {
				us = append(us, start(b, ours.bootstrap, ours.env).stop())
				them = append(them, start(b, empty.bootstrap, empty.env).stop())

				c := start(b, ours.bootstrap, ours.env)
				first = append(first, c.invoke(b, ours.event, ours.want))
				memory = append(memory, c.memory(b))
				c.stop()
				c = start(b, ours.bootstrap, ours.env)
				for i := range 20 {
					if took := c.invoke(b, ours.event, ours.want); i > 0 {
						warm = append(warm, took)
					}
				}
				c.stop()
			}
			b.ReportMetric(ratio(us, them), "x-empty")
			b.ReportMetric(ratio(first, warm), "x-warm")
			b.ReportMetric(float64(median(memory))/1e6, "MB")
		})
	}
}

// BenchmarkWarmPresign: a warm request from event to answer, x-empty in the
// median and at the 99th percentile.
func BenchmarkWarmPresign(b *testing.B) {
	ours := newTarget(b, "PresignFunction", "presign-post-uploads.json", `"statusCode":201`, aws{url: "https://127.0.0.1"})
	us, them := inTurns(b, ours, emptyTarget(b, ours.env, ours.event))
	b.ReportMetric(ratio(us, them), "x-empty")
	b.ReportMetric(float64(us[len(us)*99/100])/float64(them[len(them)*99/100]), "x-empty-p99")
}

// BenchmarkWarmSign: a warm request that signs one URL with an ECDSA key, x-RSA
// as long as with an RSA key.
func BenchmarkWarmSign(b *testing.B) {
	ecdsaKey := newTarget(b, "SignFunction", "sign-post-signed-urls.json", `"statusCode":200`, startAWS(b, newECDSA(b)))
	rsaKey := newTarget(b, "SignFunction", "sign-post-signed-urls.json", `"statusCode":200`, startAWS(b, newRSA(b)))
	us, them := inTurns(b, ecdsaKey, rsaKey)
	b.ReportMetric(ratio(us, them), "x-RSA")
}

// inTurns asks two warm processes by turns, fresh ones in every round.
func inTurns(b *testing.B, x, y target) (tookX, tookY []time.Duration) {
	b.Helper()
	for b.Loop() {
		cx, cy := start(b, x.bootstrap, x.env), start(b, y.bootstrap, y.env)
		for i := range 520 {
			dx, dy := cx.invoke(b, x.event, x.want), cy.invoke(b, y.event, y.want)
			if i >= 20 { // warm by then
				tookX, tookY = append(tookX, dx), append(tookY, dy)
			}
		}
		cx.stop()
		cy.stop()
	}
	return tookX, tookY
}
