package conformance

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"airlock/local/stack"
)

// boto3 finds its way around a stack by aws.env, and no other variable.
func TestBoto3(t *testing.T) {
	needPython(t)
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Fatal(err)
	}
	project := filepath.Dir(filepath.Dir(here))
	data := t.TempDir()
	s := startStack(t, stack.Options{Data: data})
	const recorded = "u/alice/boto3/hello.txt"
	record(t, s, recorded, "Hello, world!")
	variables, err := os.ReadFile(filepath.Join(data, "aws.env"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, python, filepath.Join(here, "testdata", "clients.py"),
		s.Endpoints.Bucket, s.Endpoints.Table, s.Endpoints.Secret, recorded, filepath.Join(project, "events", "presign-post-uploads.json"))
	// A version manager's python needs these two; neither is AWS's.
	cmd.Env = append(strings.Fields(string(variables)), "PATH="+os.Getenv("PATH"), "HOME="+t.TempDir())
	var problems strings.Builder
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("clients.py: %v\n%s", err, &problems)
	}
	var got map[string]any
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("clients.py wrote %s: %v", out, err)
	}
	object := []any{true, true, "text/plain", true, "PreconditionFailed"}
	want := map[string]any{
		"buckets": []any{s.Endpoints.Bucket},
		"objects": map[string]any{
			"boto3/plain.txt": object, "boto3/a+b=c&d;e f.txt": object, "boto3/süß 漢字 🙂.txt": object, "boto3/100%25.txt": object,
		},
		"listed": true, "deleted": true, "gone": "NoSuchKey",
		"put":                        []any{200., ""},
		"get":                        []any{200., "presigned"},
		"get with another signature": []any{403., "SignatureDoesNotMatch"},
		"put to the URL for get":     []any{403., "SignatureDoesNotMatch"},
		"rows":                       []any{[]any{"u/alice", "boto3/hello.txt", 13., "text/plain"}},
		"query without a key":        "ValidationException",
		"secret":                     []any{[]any{"keyPairId", "next", "privateKey"}, []any{"AWSCURRENT"}},
		"described":                  []any{"AWSCURRENT"},
		"no secret":                  "ResourceNotFoundException",
		"invoked":                    []any{200., nil, 201., "u/alice/mysubpath/hello.txt"},
		"no function":                "ResourceNotFoundException",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what boto3 saw (-want +got):\n%s", diff)
	}
}

// record stores an object and returns when the record function has its row.
func record(t *testing.T, s *stack.Stack, objectKey, body string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // bounds a failure only
	defer cancel()
	storage := s3.NewFromConfig(s.AWS(s.Endpoints.S3), func(o *s3.Options) { o.UsePathStyle = true })
	if _, err := storage.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &s.Endpoints.Bucket, Key: &objectKey, Body: strings.NewReader(body), ContentType: aws.String("text/plain"), IfNoneMatch: aws.String("*"),
	}); err != nil {
		t.Fatal(err)
	}
	parts := strings.SplitN(objectKey, "/", 3)
	table := dynamodb.NewFromConfig(s.AWS(s.Endpoints.DynamoDB))
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for {
		out, err := table.GetItem(ctx, &dynamodb.GetItemInput{TableName: &s.Endpoints.Table, Key: map[string]types.AttributeValue{
			"space": &types.AttributeValueMemberS{Value: "u/" + parts[1]}, "path": &types.AttributeValueMemberS{Value: parts[2]},
		}})
		if err != nil {
			t.Fatal(err)
		}
		if out.Item["contentType"] != nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("no row for %q within a minute", objectKey)
		case <-poll.C:
		}
	}
}
