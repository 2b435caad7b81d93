package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// The samples have the shapes, member for member, of "Working with AWS Lambda
// proxy integrations for HTTP APIs" (API Gateway Developer Guide) and of
// aws-lambda-go's apigw-v2-request-*.json: header names in any case, a body in
// base64, and each kind of authorizer. Only a JWT authorizer says who is calling.
func TestSamples(t *testing.T) {
	for _, tt := range []struct {
		sample    string
		status    int
		objectKey string
		code      string
	}{
		{"jwt.json", 201, "u/alice/s/a.txt", ""},
		{"no-authorizer.json", 401, "", "unauthenticated"},
		{"lambda-authorizer.json", 401, "", "unauthenticated"},
		{"iam-authorizer.json", 401, "", "unauthenticated"},
	} {
		t.Run(tt.sample, func(t *testing.T) {
			setenv(t)
			handler, err := build()
			if err != nil {
				t.Fatal(err)
			}
			sample, err := os.ReadFile(filepath.Join("..", "..", "pkg", "api", "testdata", tt.sample))
			if err != nil {
				t.Fatal(err)
			}
			out, err := handler.Invoke(t.Context(), sample)
			if err != nil {
				t.Fatalf("Invoke(%s) = %v, want an answer", tt.sample, err)
			}
			var answer struct {
				StatusCode int
				Body       string
			}
			var body struct{ ObjectKey, Code string }
			decode(t, out, &answer)
			decode(t, []byte(answer.Body), &body)
			if answer.StatusCode != tt.status || body.ObjectKey != tt.objectKey || body.Code != tt.code {
				t.Errorf("Invoke(%s) = %d %+v, want %d %q %q", tt.sample, answer.StatusCode, body, tt.status, tt.objectKey, tt.code)
			}
		})
	}
}

func decode(t *testing.T, text []byte, v any) {
	t.Helper()
	if err := json.Unmarshal(text, v); err != nil {
		t.Fatalf("decoding %s: %v", text, err)
	}
}
