package stack_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"airlock/local/stack"
)

// refused starts a stack that must not come up, and returns why.
func refused(ctx context.Context, t *testing.T, o stack.Options) string {
	t.Helper()
	if o.Source == "" {
		o.Source = project
	}
	s, err := stack.Start(ctx, o)
	if err == nil {
		stop(t, s)
		t.Fatalf("Start(%+v) came up", o)
	}
	return err.Error()
}

// TestSecondStack tries to start another stack in a folder in use. The first
// one, and what it wrote there, must not notice.
func TestSecondStack(t *testing.T) {
	data := t.TempDir()
	s := start(t, stack.Options{Data: data})
	got := refused(t.Context(), t, stack.Options{Data: data})
	if want := "the data folder " + data + " is in use by another stack"; got != want {
		t.Errorf("Start = %q, want %q", got, want)
	}
	if diff := cmp.Diff(s.Endpoints, readEndpoints(t, data)); diff != "" {
		t.Errorf("endpoints.json (-want +got):\n%s", diff)
	}
}

func TestStartRefuses(t *testing.T) {
	t.Run("port in use", func(t *testing.T) {
		first := freePorts(t)
		for _, taken := range []int{first, first + 6} {
			l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(taken)))
			if err != nil {
				t.Fatal(err)
			}
			got := refused(t.Context(), t, stack.Options{Data: t.TempDir(), Port: first})
			want := fmt.Sprintf("port %d is in use; AIRLOCK_PORT=%d takes others, AIRLOCK_PORT=0 any free ones", taken, first+100)
			if got != want {
				t.Errorf("Start with port %d taken = %q, want %q", taken, got, want)
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
		}
	})
	t.Run("last port in use", func(t *testing.T) {
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(stack.LastPort)))
		if err == nil { // else another holds it, which is as good
			defer func() { _ = l.Close() }()
		}
		got := refused(t.Context(), t, stack.Options{Data: t.TempDir(), Port: stack.LastPort})
		want := fmt.Sprintf("port %d is in use; AIRLOCK_PORT=%d takes others, AIRLOCK_PORT=0 any free ones", stack.LastPort, stack.LastPort-100)
		if got != want {
			t.Errorf("Start = %q, want %q", got, want)
		}
	})
	t.Run("data folder is a file", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "file")
		write(t, file, "")
		got := refused(t.Context(), t, stack.Options{Data: file})
		if want := "making the data folder: mkdir " + file + ": not a directory"; got != want {
			t.Errorf("Start = %q, want %q", got, want)
		}
	})
	t.Run("state is not a database", func(t *testing.T) {
		data := t.TempDir()
		write(t, filepath.Join(data, "state.db"), strings.Repeat("not a database\n", 1000))
		if got := refused(t.Context(), t, stack.Options{Data: data}); !strings.HasPrefix(got, "opening the data folder: ") || strings.Contains(got, "\n") {
			t.Errorf("Start = %q, want one line about opening the data folder", got)
		}
	})
	t.Run("signing key", func(t *testing.T) {
		p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		data := t.TempDir()
		const unreadable, unfit = "not an unencrypted private key in PKCS#8, PKCS#1 or SEC 1", "CloudFront takes RSA with 2048 bits and ECDSA on P-256 only"
		for _, tt := range []struct{ about, pem, want string }{
			{"empty", "", "not PEM"},
			{"no PEM", "swordfish", "not PEM"},
			{"no key", "-----BEGIN PRIVATE KEY-----\nc3dvcmRmaXNo\n-----END PRIVATE KEY-----\n", unreadable},
			{"a certificate", "-----BEGIN CERTIFICATE-----\nc3dvcmRmaXNo\n-----END CERTIFICATE-----\n", unreadable},
			{"P-384", string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: must(t, x509.MarshalECPrivateKey, p384)})), unfit},
		} {
			if got, want := refused(t.Context(), t, stack.Options{Data: data, SigningKey: []byte(tt.pem)}), "the signing key: "+tt.want; got != want {
				t.Errorf("%s: Start = %q, want %q", tt.about, got, want)
			}
		}
		// Nothing of it can have been kept.
		if files, err := os.ReadDir(data); err != nil || len(files) != 0 {
			t.Errorf("the data folder holds %v, %v, want nothing", files, err)
		}
	})
	t.Run("no project", func(t *testing.T) {
		dir, data := t.TempDir(), t.TempDir()
		write(t, filepath.Join(data, "endpoints.json"), "of a stack that was killed")
		got := refused(t.Context(), t, stack.Options{Source: dir, Data: data})
		if !strings.Contains(got, filepath.Join(dir, "template.yaml")) || strings.Contains(got, "\n") {
			t.Errorf("Start = %q, want one line naming template.yaml", got)
		}
		if _, err := os.Stat(filepath.Join(data, "endpoints.json")); !os.IsNotExist(err) {
			t.Errorf("endpoints.json: %v, want that it is gone", err)
		}
	})
	t.Run("given up", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if got := refused(ctx, t, stack.Options{Data: t.TempDir()}); !strings.Contains(got, "building") {
			t.Errorf("Start under a context that has ended = %q, want that nothing is built", got)
		}
	})
	t.Run("given up while keys are made", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var given atomic.Pointer[time.Time]
		got := refused(ctx, t, stack.Options{Source: project, Data: t.TempDir(), Intercept: func(service string, next http.Handler) http.Handler {
			if service != "cloudfront" {
				return next
			}
			return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				now := time.Now()
				given.CompareAndSwap(nil, &now)
				cancel()
				<-r.Context().Done() // it would never answer
			})
		}})
		// The function would go on for a quarter of an hour.
		if at := given.Load(); at == nil || !strings.Contains(got, "context canceled") || time.Since(*at) > time.Minute {
			t.Errorf("Start = %q, given up at %v, want that it is over soon after", got, at)
		}
	})
	t.Run("unknown property", func(t *testing.T) {
		source := copyProject(t)
		edit(t, filepath.Join(source, "template.yaml"), "      VisibilityTimeout: 120\n", "      VisibilityTimeout: 120\n      VisibilityTimeoutt: 1\n")
		got := refused(t.Context(), t, stack.Options{Source: source, Data: t.TempDir()})
		if !strings.Contains(got, "template.yaml:") || !strings.Contains(got, "VisibilityTimeoutt") || !strings.Contains(got, "ObjectEventQueue") {
			t.Errorf("Start = %q, want the place, the resource and the property", got)
		}
	})
	t.Run("function does not compile", func(t *testing.T) {
		source := copyProject(t)
		edit(t, filepath.Join(source, "functions", "sign", "main.go"), "func main() {", "func main() { swordfish()")
		got := refused(t.Context(), t, stack.Options{Source: source, Data: t.TempDir()})
		if !strings.HasPrefix(got, "building SignFunction: ") || strings.Count(got, "functions/sign/main.go:") != 1 || strings.Count(got, "undefined: swordfish") != 1 {
			t.Errorf("Start = %q, want one error with the compiler's line", got)
		}
	})
}

// TestMissingEnvironment runs functions that the template has told too little:
// they say so in one line, once for all variables, and end.
func TestMissingEnvironment(t *testing.T) {
	source := copyProject(t)
	template := filepath.Join(source, "template.yaml")
	edit(t, template, "          SIGNING_KEY_SECRET: !Ref SigningKeySecret\n          READ_ANY_SCOPE", "          READ_ANY_SCOPE")
	edit(t, template, "          DELIVERY_BASE_URL: ", "          NO_DELIVERY_BASE_URL: ")
	edit(t, template, "          UPLOAD_URL_TTL: !Ref UploadUrlTtl\n", "          UPLOAD_URL_TTL: 2h\n")
	var log logBuffer
	s := start(t, stack.Options{Source: source, Log: slog.New(slog.NewTextHandler(&log, nil))})
	user := alice(t, s)
	for path, in := range map[string]any{
		"/signed-urls": map[string]any{"objectKeys": []string{"u/alice/a"}},
		"/uploads":     map[string]any{"name": "a", "contentType": "text/plain", "contentLength": 1},
	} {
		a, err := user.post(t.Context(), path, in)
		if err != nil || a.status != http.StatusInternalServerError || string(a.body) != `{"message":"Internal Server Error"}` {
			t.Errorf("POST %s = %v, %v, want 500 and API Gateway's own words", path, a, err)
		}
	}
	for _, want := range []string{
		`function=SignFunction line="sign: environment: DELIVERY_BASE_URL is not set; SIGNING_KEY_SECRET is not set"` + "\n",
		`function=PresignFunction line="presign: environment: UPLOAD_URL_TTL must be 1s to 1h0m0s"` + "\n",
	} {
		if got := log.String(); !strings.Contains(got, want) {
			t.Errorf("log = %s\nwant in it %s", got, want)
		}
	}
}

// copyProject is a copy of what functions are made of, to be changed.
func copyProject(t *testing.T) string {
	t.Helper()
	source := t.TempDir()
	for _, name := range []string{"functions", "pkg"} {
		if err := os.CopyFS(filepath.Join(source, name), os.DirFS(filepath.Join(project, name))); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"template.yaml", "Makefile", "go.mod", "go.sum"} {
		b, err := os.ReadFile(filepath.Join(project, name))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(source, name), string(b))
	}
	return source
}

// edit replaces the one place where old stands in a file.
func edit(t *testing.T, file, old, replacement string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(b), old); n != 1 {
		t.Fatalf("%s has %d times %q, want 1", filepath.Base(file), n, old)
	}
	write(t, file, strings.Replace(string(b), old, replacement, 1))
}

func write(t *testing.T, file, content string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
