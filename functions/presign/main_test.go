package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// required is what the function does not start without.
var required = []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "UPLOAD_BUCKET"}

// setenv gives the process what the template and Lambda give the function.
func setenv(t *testing.T) {
	t.Helper()
	for name, value := range map[string]string{
		"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "", "AWS_CREDENTIAL_EXPIRATION": "",
		"AWS_ACCESS_KEY_ID": "ASIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "example", "AWS_SESSION_TOKEN": "token",
		"AWS_ENDPOINT_URL": "", "AWS_ENDPOINT_URL_S3": "", "AWS_ENDPOINT_URL_DYNAMODB": "", "AWS_ENDPOINT_URL_SECRETS_MANAGER": "",
		"UPLOAD_BUCKET": "airlock-bucket", "UPLOAD_URL_TTL": "15m", "UPLOAD_MAX_BYTES": "5368709120", "UPLOAD_CONTENT_TYPES": "*/*",
		"INLINE_CONTENT_TYPES": "image/png,image/jpeg,image/gif,image/webp,image/avif,audio/*,video/*,text/plain",
	} {
		t.Setenv(name, value)
	}
}

// In a bubble it is always the same time, so that not even the signature varies.
func TestInvoke(t *testing.T) {
	for _, tt := range []struct{ name, event, endpoint string }{
		{"post-uploads", "presign-post-uploads.json", ""},
		{"post-uploads-local", "presign-post-uploads.json", "http://127.0.0.1:9000"},
		{"no-token", "presign-post-uploads-no-token.json", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			setenv(t)
			t.Setenv("AWS_ENDPOINT_URL_S3", tt.endpoint)
			event := readEvent(t, tt.event)
			synctest.Test(t, func(t *testing.T) {
				handler, err := build()
				if err != nil {
					t.Fatal(err)
				}
				out, err := handler.Invoke(t.Context(), event)
				if err != nil {
					t.Fatalf("Invoke(%s) = %v, want an answer", tt.event, err)
				}
				golden(t, tt.name+".json", out)
			})
		})
	}
}

// The codes stand in tags, which the compiler does not check.
func TestWrongTypes(t *testing.T) {
	setenv(t)
	handler, err := build()
	if err != nil {
		t.Fatal(err)
	}
	event := string(readEvent(t, "presign-post-uploads.json"))
	for _, tt := range []struct{ member, code string }{
		{`"name":7`, "invalid_name"},
		{`"folder":7`, "invalid_name"},
		{`"contentType":7`, "unsupported_content_type"},
		{`"contentLength":"7"`, "invalid_content_length"},
		{`"contentLength":7.5`, "invalid_content_length"},
		{`"contentLength":99999999999999999999`, "content_too_large"},
		{`"contentLength":-99999999999999999999`, "invalid_content_length"},
		{`"expiresInSeconds":99999999999999999999`, "invalid_expiry"},
		{`"checksumSHA256":7`, "invalid_checksum"},
		{`"expiresInSeconds":"7"`, "invalid_expiry"},
	} {
		t.Run(tt.member, func(t *testing.T) {
			var e events.APIGatewayV2HTTPRequest
			decodeStrictly(t, []byte(event), &e)
			e.Body = "{" + tt.member + "}"
			payload, err := json.Marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			out, err := handler.Invoke(t.Context(), payload)
			if err != nil || !strings.Contains(string(out), `\"code\":\"`+tt.code+`\"`) {
				t.Errorf("Invoke with %s = %s, %v, want code %s", e.Body, out, err, tt.code)
			}
		})
	}
}

func TestBuildNamesEveryMissingVariable(t *testing.T) {
	setenv(t)
	for _, name := range required {
		t.Setenv(name, "")
	}
	const want = "environment: AWS_ACCESS_KEY_ID is not set; AWS_SECRET_ACCESS_KEY is not set; AWS_REGION is not set; UPLOAD_BUCKET is not set"
	if handler, err := build(); handler != nil || err == nil || err.Error() != want {
		t.Errorf("build() without %q = %v, %v, want error %q", required, handler, err, want)
	}
}

func TestBuildNamesEveryBadVariable(t *testing.T) {
	setenv(t)
	t.Setenv("AWS_ENDPOINT_URL_S3", "nonsense")
	t.Setenv("UPLOAD_URL_TTL", "2h")
	t.Setenv("UPLOAD_MAX_BYTES", "5368709121")
	t.Setenv("UPLOAD_CONTENT_TYPES", "nonsense")
	t.Setenv("INLINE_CONTENT_TYPES", "image/png,")
	_, err := build()
	if err == nil {
		t.Fatal("build() with five bad variables = nil, want an error")
	}
	for _, name := range []string{"AWS_ENDPOINT_URL_S3", "UPLOAD_URL_TTL", "UPLOAD_MAX_BYTES", "UPLOAD_CONTENT_TYPES", "INLINE_CONTENT_TYPES"} {
		if strings.Count(err.Error(), name+" ") != 1 {
			t.Errorf("build() = %q, want %s named once", err, name)
		}
	}
}

// readEvent reads a sample event, which must have API Gateway's shape.
func readEvent(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "events", name))
	if err != nil {
		t.Fatal(err)
	}
	decodeStrictly(t, b, new(events.APIGatewayV2HTTPRequest))
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

// golden compares an answer, its members in one order and its body laid open,
// with a file under testdata.
func golden(t *testing.T, name string, answer []byte) {
	t.Helper()
	var a struct {
		StatusCode int               `json:"statusCode"`
		Headers    map[string]string `json:"headers"`
		Body       any               `json:"body"`
	}
	decodeStrictly(t, answer, &a)
	body, ok := a.Body.(string)
	if !ok {
		t.Fatalf("the body of %s is no text", answer)
	}
	decodeStrictly(t, []byte(body), &a.Body)
	var got bytes.Buffer
	e := json.NewEncoder(&got)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(a); err != nil {
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
