package upload_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"airlock/pkg/api"
	"airlock/pkg/upload"
)

var update = flag.Bool("update", false, "write what the code does now to testdata/")

// sessionToken is as long as real ones are, and has the characters of base64
// that a query string must escape.
var sessionToken = strings.Repeat("IQoJb3JpZ2lu+X2VjE/w", 40)

var credentials = aws.Credentials{
	AccessKeyID:     "ASIAIOSFODNN7EXAMPLE",
	SecretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
	SessionToken:    sessionToken,
}

// provide hands out fixed credentials.
func provide(c aws.Credentials) aws.CredentialsProvider {
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return c, nil })
}

// testConfig is the default configuration; change turns it into a test's own.
func testConfig(change ...func(*upload.Config)) upload.Config {
	c := upload.Config{
		BucketURL: "https://media.s3.eu-west-1.amazonaws.com/", Region: "eu-west-1", Credentials: provide(credentials),
		TTL: 15 * time.Minute, MaxBytes: upload.MaxPutBytes,
		Types:       upload.MediaTypes{"*/*"},
		InlineTypes: upload.MediaTypes{"image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "audio/*", "video/*", "text/plain"},
	}
	for _, f := range change {
		f(&c)
	}
	return c
}

func newGranter(t testing.TB, change ...func(*upload.Config)) *upload.Granter {
	t.Helper()
	g, err := upload.New(testConfig(change...))
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// from is a request of the user with that token subject.
func from(subject string) api.Request { return api.Request{Caller: api.NewCaller(subject)} }

// hello is a request that is granted; change turns it into a test's own.
func hello(change ...func(*upload.Request)) upload.Request {
	r := upload.Request{Name: "hello.txt", Folder: "mysubpath", ContentType: "text/plain", ContentLength: new(int64(13))}
	for _, f := range change {
		f(&r)
	}
	return r
}

// codeOf is the code of a refusal, "" for no error and "other" for any other one.
func codeOf(err error) api.Code {
	if err == nil {
		return ""
	}
	var refusal *api.Error
	if errors.As(err, &refusal) {
		return refusal.Code
	}
	return "other"
}

// answer is what API Gateway gets from the function.
type answer struct {
	StatusCode int               `json:"statusCode"`
	Headers    map[string]string `json:"headers"`
	Body       json.RawMessage   `json:"body"`
}

// post sends a body through the function's handler, as API Gateway does, and
// returns the answer and what was logged.
func post(t *testing.T, g *upload.Granter, body string) (answer, string) {
	t.Helper()
	event, err := json.Marshal(map[string]any{
		"routeKey": "POST /uploads",
		"headers":  map[string]string{"content-type": "application/json"},
		"body":     body,
		"requestContext": map[string]any{
			"requestId":  "request-1",
			"authorizer": map[string]any{"jwt": map[string]any{"claims": map[string]string{"sub": "alice"}}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	h := api.NewHandler(slog.New(slog.NewJSONHandler(&log, nil)), map[string]api.Endpoint{
		"POST /uploads": api.JSON(http.StatusCreated, g.CreateUpload),
	})
	payload, err := h.Invoke(t.Context(), event)
	if err != nil {
		t.Fatalf("Invoke(%s): %v", event, err)
	}
	var wire struct {
		answer
		Body string `json:"body"`
	}
	if err := json.Unmarshal(payload, &wire); err != nil {
		t.Fatalf("Invoke(%s) = %s: %v", event, payload, err)
	}
	wire.answer.Body = json.RawMessage(wire.Body)
	return wire.answer, log.String()
}

// code is the code of a problem document, "" for any other answer.
func (a answer) code(t *testing.T) api.Code {
	t.Helper()
	var problem struct {
		Code api.Code `json:"code"`
	}
	if err := json.Unmarshal(a.Body, &problem); err != nil {
		t.Fatalf("the answer %s: %v", a.Body, err)
	}
	return problem.Code
}
