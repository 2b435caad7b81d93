package drift

import (
	"bytes"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"airlock/local/template"
)

// TestBounds deploys the template with values on both sides of each parameter's
// bounds: whatever the template lets through, every function starts with.
func TestBounds(t *testing.T) {
	t.Parallel()
	functions := starters(t)
	for _, tt := range []struct {
		parameter string
		good, bad []string
	}{
		{"UploadUrlTtl", []string{"1s", "999s", "3600s", "1m", "60m", "1h"}, []string{"", "0s", "3601s", "4000s", "0m", "61m", "2h", "1h30m", "15", "-1s", "1d", "01s"}},
		{"UploadMaxBytes", []string{"1", "5368709120"}, []string{"", "0", "-1", "5368709121", "5e9", "many"}},
		{"UploadContentTypes", []string{"*/*", "image/*", "text/plain,application/vnd.a+json,*/*"}, []string{"", "*", "image", "*/png", "image/png, image/gif", "a/b,", "image/png;q=1", "im*/png"}},
		{"InlineContentTypes", []string{"text/plain", "video/*"}, []string{"", "*", "text/plain,,a/b", "text /plain"}},
		{"SignedUrlTtl", []string{"", "1s", "9999s", "1440m", "24h"}, []string{"0s", "0h", "8761h", "1h1m", "8760"}},
		{"SignedUrlMaxTtl", []string{"1s", "9999999s", "99999m", "999h", "7999h", "8699h", "8759h", "8760h"}, []string{"", "0s", "8761h", "8800h", "9000h", "10000h", "100000m", "1h1m"}},
		{"SigningHash", []string{"SHA1", "SHA256"}, []string{"", "sha1", "SHA512"}},
		{"KeyAlgorithm", []string{"ECDSA_P256", "RSA_2048"}, []string{"", "RSA_4096", "ed25519"}},
		{"SigningKeyCacheTtl", []string{"0s", "1s", "86399s", "86400s", "1m", "1439m", "1440m", "1h", "24h"}, []string{"", "86401s", "90000s", "1441m", "2000m", "25h", "0h", "5m0s"}},
		{"ReadAnyScope", []string{"x", "files/read:any"}, []string{"", "a b"}},
		{"RotationDays", []string{"1", "1000"}, []string{"0", "1001", "1.5"}},
	} {
		t.Run(tt.parameter, func(t *testing.T) {
			t.Parallel()
			for _, value := range tt.bad {
				if _, err := deploy(map[string]string{tt.parameter: value}); err == nil {
					t.Errorf("the template takes %s=%q", tt.parameter, value)
				}
			}
			for _, value := range tt.good {
				stack, err := deploy(map[string]string{tt.parameter: value})
				if err != nil {
					t.Errorf("%s=%q: %v", tt.parameter, value, err)
					continue
				}
				for _, f := range stack.Functions {
					if !usesParameter(t, f.LogicalID, tt.parameter) {
						continue
					}
					if problem := functions.start(t, f); problem != "" {
						t.Errorf("the template takes %s=%q, and %s does not start: %s", tt.parameter, value, f.LogicalID, problem)
					}
				}
			}
		})
	}
	// That the test sees a function that does not start.
	stack, err := deploy(map[string]string{"SignedUrlTtl": "2h", "SignedUrlMaxTtl": "1h"})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range stack.Functions {
		problem := functions.start(t, f)
		if want := f.LogicalID == "SignFunction"; strings.Contains(problem, "SIGNED_URL_TTL must be") != want {
			t.Errorf("%s with a TTL above the longest: %q", f.LogicalID, problem)
		}
	}
}

func deploy(parameters map[string]string) (*template.Stack, error) {
	all := map[string]string{"Issuer": "https://issuer.example.com", "Audience": "a"}
	maps.Copy(all, parameters)
	return template.Load(filepath.Join(root, "template.yaml"), template.Options{
		StackName: "airlock", Region: "eu-central-1", AccountID: "123456789012", Parameters: all,
	})
}

// usesParameter says whether a function's entry in the template names it.
func usesParameter(t *testing.T, logicalID, parameter string) bool {
	t.Helper()
	_, entry, _ := strings.Cut(read(t, "template.yaml"), "\n  "+logicalID+":\n")
	entry, _, _ = strings.Cut(entry, "\n\n")
	return strings.Contains(entry, "!Ref "+parameter+"\n")
}

// binaries are the functions, built for this machine.
type binaries string

func starters(t *testing.T) binaries {
	t.Helper()
	dir := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-tags", "lambda.norpc", "-o", dir, "./functions/...")
	build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0", "GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the functions: %v\n%s", err, out)
	}
	return binaries(dir)
}

// start runs a function until it asks for its first event, or says why it won't.
func (b binaries) start(t *testing.T, f template.Function) (problem string) {
	t.Helper()
	asked := make(chan struct{}, 1)
	runtimeAPI := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case asked <- struct{}{}:
		default:
		}
		<-r.Context().Done()
	}))
	defer runtimeAPI.Close()
	// What a function asks AWS while it starts is refused, and not asked again.
	noAWS := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) }))
	defer noAWS.Close()
	cmd := exec.CommandContext(t.Context(), filepath.Join(string(b), strings.ToLower(strings.TrimSuffix(f.LogicalID, "Function"))))
	cmd.Env = []string{
		"AWS_LAMBDA_RUNTIME_API=" + strings.TrimPrefix(runtimeAPI.URL, "http://"), "AWS_REGION=eu-central-1",
		"AWS_ACCESS_KEY_ID=ASIAEXAMPLE", "AWS_SECRET_ACCESS_KEY=secret",
	}
	for name, value := range f.Environment {
		if strings.HasPrefix(name, "AWS_ENDPOINT_URL") {
			value = noAWS.URL
		}
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	var says bytes.Buffer
	cmd.Stderr = &says
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // what it said stands in says
	}()
	select {
	case <-asked:
		_ = cmd.Process.Kill()
		<-ended
		return ""
	case <-ended:
		return strings.TrimSpace(says.String()) + " (it ended)"
	}
}
