package main

import (
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The samples have the shapes, member for member, of AWS's own: "Event message
// structure" and "EventBridge event message structure" of the Amazon S3 User
// Guide, and the s3-event.json and s3-glacier-event.json of aws-lambda-go.
// Straight from the bucket and wrapped by SQS, each is recorded or refused alike.
func TestSamples(t *testing.T) {
	for _, tt := range []struct {
		sample string
		rows   []string // written, "space path"; none: refused
	}{
		{"put-2.0.json", []string{"u/alice 2.0/smile.jpg"}},
		{"delete-2.1.json", []string{"u/alice 2.1/gone.txt"}},
		{"multipart-2.5.json", []string{"u/alice 2.5/film (1).mp4"}},
		{"restore-2.3.json", nil},
		{"lifecycle-2.6.json", nil},
		{"eventbridge.json", nil},
	} {
		t.Run(tt.sample, func(t *testing.T) {
			sample, err := os.ReadFile(filepath.Join("..", "..", "pkg", "bucketevent", "testdata", tt.sample))
			if err != nil {
				t.Fatal(err)
			}
			queued, err := json.Marshal(map[string]any{"Records": []any{map[string]any{
				"messageId": "m1", "receiptHandle": "r1", "body": string(sample), "attributes": map[string]string{},
				"messageAttributes": map[string]any{}, "eventSource": "aws:sqs",
				"eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:airlock-ObjectEventQueue", "awsRegion": "eu-west-1",
			}}})
			if err != nil {
				t.Fatal(err)
			}
			for way, event := range map[string][]byte{"bare": sample, "queued": queued} {
				if rows, refused := handle(t, event); !slices.Equal(rows, tt.rows) || refused != (tt.rows == nil) {
					t.Errorf("HandleEvent(%s, %s) wrote %q, refused: %t, want %q", tt.sample, way, rows, refused, tt.rows)
				}
			}
		})
	}
}

// handle runs the function as built, and says which rows it wrote and whether
// it asked for the event to come again.
func handle(t *testing.T, event []byte) (rows []string, refused bool) {
	t.Helper()
	fake := &fakeAWS{}
	server := httptest.NewServer(fake)
	defer server.Close()
	setenv(t, strings.Replace(server.URL, "127.0.0.1", "localhost", 1))
	objects, err := build()
	if err != nil {
		t.Fatal(err)
	}
	response, err := objects.HandleEvent(t.Context(), event)
	for _, call := range fake.calls {
		text, err := json.Marshal(call)
		if err != nil {
			t.Fatal(err)
		}
		var write struct {
			Item struct{ Space, Path struct{ S string } }
		}
		// What asks S3 is a text, and no object.
		if json.Unmarshal(text, &write) == nil {
			rows = append(rows, write.Item.Space.S+" "+write.Item.Path.S)
		}
	}
	return rows, err != nil || len(response.BatchItemFailures) > 0
}
