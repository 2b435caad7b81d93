package drift

import (
	"debug/buildinfo"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestBuild builds every function as `sam build` does ("Building Lambda functions
// with custom runtimes", AWS SAM Developer Guide): the target by the logical id,
// where to put it, and no word of the platform. What comes out must run in the
// template's runtime.
func TestBuild(t *testing.T) {
	t.Parallel()
	for _, f := range load(t).Functions {
		t.Run(f.LogicalID, func(t *testing.T) {
			t.Parallel()
			artifacts := t.TempDir()
			cmd := exec.CommandContext(t.Context(), "make", "build-"+f.LogicalID)
			cmd.Dir = root
			// As from a shell of somebody who builds for his own machine.
			cmd.Env = []string{"ARTIFACTS_DIR=" + artifacts}
			for _, kv := range os.Environ() {
				switch name, _, _ := strings.Cut(kv, "="); name {
				case "MAKEFLAGS", "MAKELEVEL", "MFLAGS", "GOOS", "GOARCH", "GOFLAGS", "CGO_ENABLED":
				default:
					cmd.Env = append(cmd.Env, kv)
				}
			}
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("make build-%s: %v\n%s", f.LogicalID, err, out)
			}
			files, err := os.ReadDir(artifacts)
			if err != nil || len(files) != 1 || files[0].Name() != "bootstrap" {
				t.Fatalf("make build-%s made %v, %v, want bootstrap alone", f.LogicalID, files, err)
			}
			checkBinary(t, filepath.Join(artifacts, "bootstrap"), strings.ToLower(strings.TrimSuffix(f.LogicalID, "Function")))
		})
	}
}

func checkBinary(t *testing.T, path, function string) {
	t.Helper()
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if want := "airlock/functions/" + function; info.Path != want {
		t.Errorf("%s is %s, want %s", path, info.Path, want)
	}
	want := map[string]string{"GOOS": "linux", "GOARCH": "arm64", "CGO_ENABLED": "0", "-tags": "lambda.norpc", "-trimpath": "true"}
	for _, setting := range info.Settings {
		if setting.Value == want[setting.Key] {
			delete(want, setting.Key)
		}
	}
	if len(want) > 0 {
		t.Errorf("%s was built with %v, want %v as well", path, info.Settings, want)
	}
	file, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	if file.Machine != elf.EM_AARCH64 {
		t.Errorf("%s is for %v, want arm64", path, file.Machine)
	}
	if libraries, err := file.ImportedLibraries(); err != nil || len(libraries) > 0 || file.Section(".interp") != nil {
		t.Errorf("%s needs %v, %v, want a static binary", path, libraries, err)
	}
	if file.Section(".symtab") != nil || file.Section(".debug_info") != nil {
		t.Errorf("%s has its symbols, want it stripped", path)
	}
}
