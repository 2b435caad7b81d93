package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// testCLI uses AWS's own command line with aws.env, and nothing else, to find
// the stack.
func testCLI(t *testing.T, d *running) {
	if _, err := exec.LookPath("aws"); err != nil {
		t.Log("NOT RUN: no aws here, so aws.env was not tried with AWS's command line")
		return
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "in.txt"), []byte("from the command line"), 0o600); err != nil {
		t.Fatal(err)
	}
	event := `{"version":"2.0","routeKey":"POST /uploads","headers":{"content-type":"application/json"},` +
		`"requestContext":{"requestId":"cli","authorizer":{"jwt":{"claims":{"sub":"alice","token_use":"access"}}}},` +
		`"body":"{\"name\":\"a.txt\",\"contentType\":\"text/plain\",\"contentLength\":1}"}`
	if err := os.WriteFile(filepath.Join(dir, "event.json"), []byte(event), 0o600); err != nil {
		t.Fatal(err)
	}
	aws := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "aws", args...)
		cmd.Dir = dir
		for _, kv := range os.Environ() {
			if !strings.HasPrefix(kv, "AWS_") {
				cmd.Env = append(cmd.Env, kv)
			}
		}
		cmd.Env = append(cmd.Env, awsEnvironment(t, d)...)
		cmd.Env = append(cmd.Env, "AWS_PAGER=", "AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull, "NO_PROXY=127.0.0.1")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("aws %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}

	if out := aws("s3", "ls"); !strings.Contains(out, d.endpoints.Bucket) {
		t.Errorf("s3 ls = %s, want the bucket %s", out, d.endpoints.Bucket)
	}
	object := "s3://" + d.endpoints.Bucket + "/cli/hello.txt"
	aws("s3", "cp", "in.txt", object)
	aws("s3", "cp", object, "out.txt")
	if b, err := os.ReadFile(filepath.Join(dir, "out.txt")); err != nil || string(b) != "from the command line" {
		t.Errorf("s3 cp there and back = %q, %v", b, err)
	}
	if out := aws("dynamodb", "scan", "--table-name", d.endpoints.Table, "--query", "Items[].path.S"); !strings.Contains(out, "/hello.txt") {
		t.Errorf("dynamodb scan = %s, want the file that curl stored", out)
	}
	if out := aws("secretsmanager", "describe-secret", "--secret-id", d.endpoints.Secret); !strings.Contains(out, "AWSCURRENT") {
		t.Errorf("secretsmanager describe-secret = %s, want a current version", out)
	}
	if out := aws("lambda", "invoke", "--function-name", "PresignFunction", "--payload", "fileb://event.json", "answer.json"); strings.Contains(out, "FunctionError") {
		t.Errorf("lambda invoke = %s, want no function error", out)
	}
	b, err := os.ReadFile(filepath.Join(dir, "answer.json"))
	if err != nil {
		t.Fatal(err)
	}
	var response struct{ StatusCode int }
	if err := json.Unmarshal(b, &response); err != nil || response.StatusCode != 201 {
		t.Errorf("PresignFunction answered %s, %v, want 201", b, err)
	}
}
