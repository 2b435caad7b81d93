package stack

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"airlock/local/template"
)

// build makes every function's bootstrap for this machine by the very target
// SAM calls for Lambda, and returns the absolute paths by logical id. Go's build
// cache knows what is fresh.
func build(ctx context.Context, source string, functions []template.Function) (map[string]string, error) {
	binaries := map[string]string{}
	for _, f := range functions {
		binaries[f.LogicalID] = filepath.Join(source, ".build", "functions", f.LogicalID, "bootstrap")
	}
	// One make a function: ARTIFACTS_DIR is one variable.
	type result struct {
		logicalID string
		out       []byte
		err       error
	}
	results := make(chan result)
	for _, f := range functions {
		go func() {
			cmd := exec.CommandContext(ctx, "make", "-s", "-C", source, "build-"+f.LogicalID, "ARTIFACTS_DIR="+filepath.Dir(binaries[f.LogicalID]))
			cmd.Env = append(cleanEnvironment(), "GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH, "CGO_ENABLED=0")
			out, err := cmd.CombinedOutput()
			results <- result{f.LogicalID, out, err}
		}()
	}
	var first error
	for range functions {
		if r := <-results; r.err != nil && first == nil {
			first = fmt.Errorf("building %s: %w\n%s", r.logicalID, r.err, bytes.TrimSpace(r.out))
		}
	}
	return binaries, first
}

// cleanEnvironment leaves out what an outer make, or an outer build for another
// platform, would pass on.
func cleanEnvironment() []string {
	var env []string
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		switch name {
		case "MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES", "GOOS", "GOARCH", "CGO_ENABLED", "ARTIFACTS_DIR":
		default:
			env = append(env, kv)
		}
	}
	return env
}
