package main

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// setenv gives the process what the template and Lambda give the function.
func setenv(t *testing.T, endpoint string) {
	t.Helper()
	for name, value := range map[string]string{
		"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "", "AWS_CREDENTIAL_EXPIRATION": "",
		"AWS_ACCESS_KEY_ID": "ASIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "example", "AWS_SESSION_TOKEN": "token",
		"AWS_ENDPOINT_URL": "", "AWS_ENDPOINT_URL_S3": endpoint, "AWS_ENDPOINT_URL_DYNAMODB": endpoint, "AWS_ENDPOINT_URL_SECRETS_MANAGER": "",
		"UPLOAD_BUCKET": "airlock-bucket", "CATALOG_TABLE": "airlock-CatalogTable",
	} {
		t.Setenv(name, value)
	}
}

// fakeAWS plays DynamoDB and S3 at one address and writes down what it is asked.
type fakeAWS struct {
	mu    sync.Mutex
	calls []any
}

func (f *fakeAWS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.Method == http.MethodHead {
		f.calls = append(f.calls, "HEAD "+r.URL.String())
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("x-amz-checksum-sha256", "MV9b23bQeMQ7isAGTkoBZGErH853yGk0W/yUx1iU7dM=")
		w.Header().Set("x-amz-checksum-type", "FULL_OBJECT")
		return
	}
	call := map[string]any{"target": r.Header.Get("X-Amz-Target")}
	text, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(text, &call)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	f.calls = append(f.calls, call)
	const answer = `{}`
	// Without it the SDK warns at each call.
	w.Header().Set("X-Amz-Crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE([]byte(answer))), 10))
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	_, _ = fmt.Fprint(w, answer)
}

func TestHandleEvent(t *testing.T) {
	for _, tt := range []struct{ name, event string }{
		{"sqs-put", "record-sqs-put.json"},
		{"sqs-test-event", "record-sqs-test-event.json"},
		{"s3-put", "record-s3-put.json"},
		{"s3-delete", "record-s3-delete.json"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fake := &fakeAWS{calls: []any{}}
			server := httptest.NewServer(fake)
			defer server.Close()
			// A name, not an address: there the SDK would choose virtual-hosted style,
			// for which a name such as airlock-bucket.localhost must resolve.
			setenv(t, strings.Replace(server.URL, "127.0.0.1", "localhost", 1))
			objects, err := build()
			if err != nil {
				t.Fatal(err)
			}
			response, err := objects.HandleEvent(t.Context(), readEvent(t, tt.event))
			if err != nil {
				t.Fatalf("HandleEvent(%s) = %v, want no error", tt.event, err)
			}
			golden(t, tt.name+".json", map[string]any{"response": response, "calls": fake.calls})
		})
	}
}

func TestBuildNamesEveryMissingVariable(t *testing.T) {
	setenv(t, "")
	required := []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "UPLOAD_BUCKET", "CATALOG_TABLE"}
	for _, name := range required {
		t.Setenv(name, "")
	}
	_, err := build()
	if err == nil || strings.Contains(err.Error(), "\n") {
		t.Fatalf("build() without %q = %v, want one line", required, err)
	}
	for _, name := range required {
		if strings.Count(err.Error(), name+" is not set") != 1 {
			t.Errorf("build() = %q, want %s named once", err, name)
		}
	}
}

// readEvent reads a sample event, which must have the shape of SQS's or S3's.
func readEvent(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "events", name))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(name, "record-sqs-") {
		decodeStrictly(t, b, new(events.S3Event))
		return b
	}
	var e events.SQSEvent
	decodeStrictly(t, b, &e)
	for _, message := range e.Records {
		sum := md5.Sum([]byte(message.Body))
		if got := hex.EncodeToString(sum[:]); got != message.Md5OfBody {
			t.Errorf("%s says %s is the MD5 of its body, want %s", name, message.Md5OfBody, got)
		}
	}
	return b
}

func decodeStrictly(t *testing.T, b []byte, v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		t.Fatalf("decoding %s: %v", b, err)
	}
}

func golden(t *testing.T, name string, v any) {
	t.Helper()
	var got bytes.Buffer
	e := json.NewEncoder(&got)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", path, diff)
	}
}
