package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"airlock/local/stack"
)

// asAirlock makes the test binary the program itself.
const asAirlock = "AIRLOCK_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asAirlock) != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// airlock is the program as a process of its own, in the project's folder.
func airlock(t *testing.T, environment []string, args ...string) *exec.Cmd {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir = "../../.."
	cmd.Env = append(os.Environ(), asAirlock+"=1", "AIRLOCK_PORT=0", "AIRLOCK_DATA="+t.TempDir(), "AIRLOCK_SIGNING_KEY=")
	cmd.Env = append(cmd.Env, environment...)
	return cmd
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	notKey := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(notKey, []byte("swordfish"), 0o600); err != nil {
		t.Fatal(err)
	}
	const usage, ports = "airlock: usage: airlock demo | dev | rotate | smoke\n", "airlock: AIRLOCK_PORT must be 0 to 65527\n"
	for _, tt := range []struct {
		name        string
		environment []string
		args        []string
		want        string
	}{
		{"nothing asked", nil, nil, usage},
		{"too much asked", nil, []string{"dev", "now"}, usage},
		{"unknown", nil, []string{"--help"}, usage},
		{"nothing to rotate", []string{"AIRLOCK_DATA=" + os.DevNull}, []string{"rotate"}, "airlock: nothing runs with its data in " + os.DevNull + ": start it with `make dev`\n"},
		{"port is no number", []string{"AIRLOCK_PORT=http"}, []string{"dev"}, ports},
		{"port too high", []string{"AIRLOCK_PORT=65528"}, []string{"dev"}, ports},
		{"port negative", []string{"AIRLOCK_PORT=-1"}, []string{"dev"}, ports},
		{"key missing", []string{"AIRLOCK_SIGNING_KEY=/no/such.pem"}, []string{"dev"}, "airlock: AIRLOCK_SIGNING_KEY: open /no/such.pem: no such file or directory\n"},
		{"key is none", []string{"AIRLOCK_SIGNING_KEY=" + notKey}, []string{"dev"}, "airlock: the signing key: not PEM\n"},
		{"data is a file", []string{"AIRLOCK_DATA=" + notKey}, []string{"dev"}, "airlock: making the data folder: mkdir " + notKey + ": not a directory\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cmd := airlock(t, tt.environment, tt.args...)
			var out, errOut bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &errOut
			err := cmd.Run()
			if cmd.ProcessState.ExitCode() != 1 || errOut.String() != tt.want || out.Len() != 0 {
				t.Errorf("airlock %v = %v, %q, %q, want exit status 1 and %q", tt.args, err, &out, &errOut, tt.want)
			}
		})
	}
}

func TestDemo(t *testing.T) {
	t.Parallel()
	cmd := airlock(t, nil, "demo")
	temp := t.TempDir()
	cmd.Env = append(cmd.Env, "TMPDIR="+temp)
	out, err := cmd.CombinedOutput()
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if last := lines[len(lines)-1]; err != nil || !regexp.MustCompile(`^all as it should be: 13 steps, 16 refusals, \d+\.\d s$`).MatchString(last) {
		t.Errorf("airlock demo = %v, last line %q, want success and the sum", err, last)
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) != 0 {
		t.Errorf("the demo left %v, %v behind", left, err)
	}
}

// running is `airlock dev`, up.
type running struct {
	cmd       *exec.Cmd
	data      string
	commands  []string // that the greeting shows
	endpoints stack.Endpoints
	rest      bytes.Buffer  // what it wrote after them; to be read when it has ended
	ended     chan struct{} // closed then
}

// startDev returns when the greeting is out, and ends dev with the test.
func startDev(t *testing.T) *running {
	t.Helper()
	return startDevIn(t, "../../..", filepath.Join(t.TempDir(), "data"))
}

// startDevIn is startDev of a project's folder, with its state in data.
func startDevIn(t *testing.T, project, data string) *running {
	t.Helper()
	d := &running{data: data, ended: make(chan struct{})}
	d.cmd = airlock(t, []string{"AIRLOCK_DATA=" + d.data}, "dev")
	d.cmd.Dir = project
	d.cmd.Cancel = func() error { return d.cmd.Process.Signal(syscall.SIGTERM) }
	d.cmd.WaitDelay = 20 * time.Second
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { <-d.ended })
	lines := bufio.NewReader(out)
	defer func() {
		go func() {
			defer close(d.ended)
			_, _ = lines.WriteTo(&d.rest)
			_ = d.cmd.Wait() // what it returns stands in ProcessState
		}()
	}()
	for len(d.commands) < 3 {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatalf("reading the greeting: %v", err)
		}
		if strings.HasPrefix(line, "curl ") {
			d.commands = append(d.commands, line)
		}
	}
	b, err := os.ReadFile(filepath.Join(d.data, "endpoints.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &d.endpoints); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDev(t *testing.T) {
	t.Parallel()
	d := startDev(t)
	t.Run("curl", func(t *testing.T) { testCurl(t, d) })
	t.Run("files", func(t *testing.T) { testFiles(t, d) })
	t.Run("aws", func(t *testing.T) { testCLI(t, d) })
	t.Run("rotate", func(t *testing.T) { testRotate(t, d) })
	t.Run("interrupt", func(t *testing.T) { testInterrupt(t, d) })
}

// testCurl runs the commands of the greeting as a person would, one by one.
func testCurl(t *testing.T, d *running) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Log("NOT RUN: no curl here, so the greeting's commands were not tried")
		return
	}
	want := []string{
		`^\{"id":"[\w-]+","objectKey":"u/alice/[0-9a-f-]{36}/hello\.txt","method":"PUT","url":"http://127`,
		`(?s)^HTTP/1\.1 200 OK\r\n`,
		`(?s)^HTTP/1\.1 200 OK\r\n.*\r\n\r\nHello, world!$`,
	}
	for i, command := range d.commands {
		shell := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", command)
		shell.Dir = t.TempDir()
		out, err := shell.CombinedOutput()
		if err != nil || !regexp.MustCompile(want[i]).Match(out) {
			t.Errorf("%s\n= %v, %s\nwant %s", command, err, out, want[i])
		}
	}
}

// testFiles looks at what dev leaves for other programs. All of it is secret.
func testFiles(t *testing.T, d *running) {
	env := awsEnvironment(t, d)
	want := map[string]string{
		"AWS_REGION": d.endpoints.Region, "AWS_DEFAULT_REGION": d.endpoints.Region,
		"AWS_ENDPOINT_URL_S3": d.endpoints.S3, "AWS_ENDPOINT_URL_DYNAMODB": d.endpoints.DynamoDB,
		"AWS_ENDPOINT_URL_SECRETS_MANAGER": d.endpoints.SecretsManager, "AWS_ENDPOINT_URL_LAMBDA": d.endpoints.Lambda,
		"AWS_ENDPOINT_URL_CLOUDFRONT": d.endpoints.CloudFront,
	}
	for _, pair := range env {
		name, value, _ := strings.Cut(pair, "=")
		if form, ok := map[string]string{"AWS_ACCESS_KEY_ID": `^AKIA[A-Z2-7]{16}$`, "AWS_SECRET_ACCESS_KEY": `^[A-Z2-7]{40}$`}[name]; ok {
			if !regexp.MustCompile(form).MatchString(value) {
				t.Errorf("aws.env: %s is not of the form %s", name, form)
			}
			continue
		}
		if w, ok := want[name]; !ok || value != w {
			t.Errorf("aws.env: %s=%s, want %q", name, value, w)
		}
		delete(want, name)
	}
	if len(env) != 9 || len(want) != 0 {
		t.Errorf("aws.env has %d lines and lacks %v, want 9 and nothing", len(env), want)
	}
	testEnvironments(t, d)
	info, err := os.Stat(d.data)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the data folder: %v, %v, want mode 0700", info, err)
	}
	err = filepath.WalkDir(d.data, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasPrefix(path, filepath.Join(d.data, "s3")) || filepath.Base(path) == "grant.json" {
			return err
		}
		info, err := entry.Info()
		if err == nil && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, want 0600", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// testEnvironments holds env.json to what `sam local invoke --env-vars` takes: by
// logical id, variables that the template declares, since SAM passes no others.
func testEnvironments(t *testing.T, d *running) {
	b, err := os.ReadFile(filepath.Join(d.data, "env.json"))
	if err != nil {
		t.Fatal(err)
	}
	var functions map[string]map[string]string
	if err := json.Unmarshal(b, &functions); err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("../../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, logicalID := range []string{"PresignFunction", "RecordFunction", "SignFunction", "RotateFunction"} {
		variables := functions[logicalID]
		for name, want := range map[string]string{
			"AWS_ENDPOINT_URL_S3": d.endpoints.S3, "AWS_ENDPOINT_URL_DYNAMODB": d.endpoints.DynamoDB,
			"AWS_ENDPOINT_URL_SECRETS_MANAGER": d.endpoints.SecretsManager, "AWS_ENDPOINT_URL_CLOUDFRONT": d.endpoints.CloudFront,
		} {
			if variables[name] != want {
				t.Errorf("env.json: %s of %s = %q, want %q", name, logicalID, variables[name], want)
			}
		}
		for name := range variables {
			if !regexp.MustCompile(`(?m)^ +` + name + `: `).Match(source) {
				t.Errorf("env.json: %s of %s is not declared in the template", name, logicalID)
			}
		}
	}
	for variable, want := range map[[2]string]string{
		{"PresignFunction", "UPLOAD_BUCKET"}: d.endpoints.Bucket, {"RecordFunction", "CATALOG_TABLE"}: d.endpoints.Table,
		{"SignFunction", "DELIVERY_BASE_URL"}: d.endpoints.CDN, {"RotateFunction", "SIGNING_KEY_SECRET"}: d.endpoints.Secret,
	} {
		if got := functions[variable[0]][variable[1]]; got != want {
			t.Errorf("env.json: %s of %s = %q, want %q", variable[1], variable[0], got, want)
		}
	}
	if len(functions) != 4 {
		t.Errorf("env.json has %d functions, want 4", len(functions))
	}
}

func awsEnvironment(t *testing.T, d *running) []string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(d.data, "aws.env"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
}

// testInterrupt ends dev as Ctrl-C does: nothing of it is left.
func testInterrupt(t *testing.T, d *running) {
	functions := children(t, d.cmd.Process.Pid)
	if len(functions) == 0 {
		t.Fatal("no function is running: there is nothing to check")
	}
	if err := d.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	<-d.ended
	if code := d.cmd.ProcessState.ExitCode(); code != 0 || !strings.HasSuffix(d.rest.String(), "\nstopping\n") {
		t.Errorf("exit status %d after Ctrl-C, want 0 and \"stopping\":\n%s", code, &d.rest)
	}
	if _, err := os.Stat(filepath.Join(d.data, "endpoints.json")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("endpoints.json: %v, want that it is gone", err)
	}
	for _, pid := range functions {
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("the function with the process id %d is still there: %v", pid, err)
		}
	}
	for _, endpoint := range []string{d.endpoints.API, d.endpoints.CDN, d.endpoints.S3, d.endpoints.Lambda, d.endpoints.DynamoDB, d.endpoints.SecretsManager, d.endpoints.CloudFront, d.endpoints.Issuer} {
		u, err := url.Parse(endpoint)
		if err != nil {
			t.Fatal(err)
		}
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp4", u.Host)
		if err != nil {
			t.Errorf("%s can't be taken again: %v", u.Host, err)
			continue
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
}

// children are the processes that a process has started and that still run:
// from /proc where there is one, from ps elsewhere.
func children(t *testing.T, parent int) []int {
	t.Helper()
	var table strings.Builder
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range stats {
		// "1 (name) S 0 …"; a process may have ended meanwhile.
		if b, err := os.ReadFile(file); err == nil {
			pid, rest, _ := strings.Cut(string(b), " ")
			fields := strings.Fields(rest[strings.LastIndexByte(rest, ')')+1:])
			fmt.Fprintln(&table, pid, fields[1])
		}
	}
	if len(stats) == 0 {
		var out []byte
		out, err = exec.CommandContext(t.Context(), "ps", "-A", "-o", "pid=,ppid=").Output()
		table.Write(out)
	}
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for line := range strings.Lines(table.String()) {
		var pid, ppid int
		if _, err := fmt.Sscan(line, &pid, &ppid); err == nil && ppid == parent {
			pids = append(pids, pid)
		}
	}
	return pids
}
