package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestSmoke plays against `airlock dev`, which CloudFormation says is deployed.
// That what was played is right, and all that can go wrong, is for local/smoke.
func TestSmoke(t *testing.T) {
	t.Parallel()
	d := startDev(t)
	environment := append(awsEnvironment(t, d),
		"AWS_PROFILE=", "AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull, "AWS_EC2_METADATA_DISABLED=true",
		"AWS_ENDPOINT_URL_CLOUDFORMATION="+describing(t, d), "STACK=filestack", "TOKEN="+token(t, d, "alice"), "TOKEN_OTHER="+token(t, d, "bob"))

	t.Run("held", func(t *testing.T) {
		out, err := airlock(t, environment, "smoke").CombinedOutput()
		if err != nil || !regexp.MustCompile(`(?m)^what was tried is as it should be: 9 steps, 15 refusals, \d+\.\d s$`).Match(out) {
			t.Errorf("airlock smoke = %v, want success and the sum:\n%s", err, out)
		}
		checkStored(t, d, 0)
	})
	t.Run("refused", func(t *testing.T) {
		for variable, want := range map[string]string{
			"STACK=":        "airlock: which stack? STACK is its name\n",
			"STACK=another": "airlock: asking CloudFormation for the stack another: ",
			"TOKEN=":        "airlock: TOKEN_OTHER is a second user's token: give the first one's, TOKEN, too\n",
		} {
			var errOut bytes.Buffer
			cmd := airlock(t, append(environment, variable), "smoke")
			cmd.Stderr = &errOut
			if err := cmd.Run(); cmd.ProcessState.ExitCode() != 1 || !strings.HasPrefix(errOut.String(), want) {
				t.Errorf("%s airlock smoke = %v, %q, want exit status 1 and %q", variable, err, &errOut, want)
			}
		}
	})
	t.Run("interrupted", func(t *testing.T) { testSmokeInterrupted(t, d, airlock(t, environment, "smoke")) })
}

// testSmokeInterrupted presses Ctrl-C while files lie in the bucket.
func testSmokeInterrupted(t *testing.T, d *running, cmd *exec.Cmd) {
	var errOut bytes.Buffer
	cmd.Stderr = &errOut
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		// Seconds go by before the next step.
		if strings.Contains(lines.Text(), "POST /signed-urls without a token") {
			checkStored(t, d, 2)
			if err := cmd.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
		}
	}
	err = cmd.Wait()
	if want := "airlock: PUT: after expiry: "; cmd.ProcessState.ExitCode() != 1 || !strings.HasPrefix(errOut.String(), want) {
		t.Errorf("airlock smoke, interrupted = %v, %q, want exit status 1 and %q", err, &errOut, want)
	}
	checkStored(t, d, 0)
}

// checkStored counts the files of users, where the embedded S3 keeps them.
func checkStored(t *testing.T, d *running, want int) {
	t.Helper()
	var files []string
	err := filepath.WalkDir(filepath.Join(d.data, "s3"), func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() && filepath.Ext(path) == ".txt" {
			files = append(files, path)
		}
		return err
	})
	if err != nil || len(files) != want {
		t.Errorf("%q, %v lie in the bucket, want %d files", files, err, want)
	}
}

// describing is a CloudFormation that knows the stack, and refuses all others.
func describing(t *testing.T, d *running) string {
	t.Helper()
	var outputs strings.Builder
	for name, value := range map[string]string{
		"ApiUrl": d.endpoints.API, "CdnUrl": d.endpoints.CDN, "BucketName": d.endpoints.Bucket,
		"CatalogTableName": d.endpoints.Table, "SigningHash": "SHA256",
	} {
		fmt.Fprintf(&outputs, "<member><OutputKey>%s</OutputKey><OutputValue>%s</OutputValue></member>", name, value)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("Action") != "DescribeStacks" || r.FormValue("StackName") != "filestack" {
			http.Error(w, "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>", http.StatusForbidden)
			return
		}
		fmt.Fprintf(w, "<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>filestack</StackName>"+
			"<StackStatus>CREATE_COMPLETE</StackStatus><Outputs>%s</Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>", &outputs)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// token asks dev's issuer, as its greeting says.
func token(t *testing.T, d *running, subject string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.endpoints.Token+"?sub="+subject, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	body, err := io.ReadAll(res.Body)
	if err == nil {
		err = json.Unmarshal(body, &answer)
	}
	if err != nil || answer.AccessToken == "" {
		t.Fatalf("no token for %s: %d, %v", subject, res.StatusCode, err)
	}
	return answer.AccessToken
}
