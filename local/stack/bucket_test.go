package stack_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"airlock/local/stack"
)

// testWrittenOnce holds the bucket's policy to what it is for: not even an
// operator writes over a user's file by accident, and elsewhere they may.
func testWrittenOnce(t *testing.T, s *stack.Stack) {
	put := func(key string, ifNoneMatch *string) error {
		_, err := operatorS3(s).PutObject(t.Context(), &s3.PutObjectInput{
			Bucket: &s.Endpoints.Bucket, Key: &key, Body: strings.NewReader("x"), IfNoneMatch: ifNoneMatch,
		})
		return err
	}
	const key = "u/alice/once/x"
	if err := put(key, nil); err == nil || !strings.Contains(err.Error(), "AccessDenied") {
		t.Errorf("PUT of %s without If-None-Match = %v, want AccessDenied", key, err)
	}
	if err := put(key, aws.String("*")); err != nil {
		t.Errorf("PUT of %s with If-None-Match = %v", key, err)
	}
	for range 2 {
		if err := put("reports/x", nil); err != nil {
			t.Errorf("PUT of reports/x without If-None-Match = %v", err)
		}
	}
}

// testVersionRemoved deletes the only version of a file for good: the row becomes
// a tombstone that keeps the version's own sequencer.
func testVersionRemoved(t *testing.T, s *stack.Stack) {
	user := alice(t, s)
	g, err := user.store(t.Context(), upload{name: "version.txt", contentType: "text/plain", body: []byte("for good")})
	if err != nil {
		t.Fatal(err)
	}
	before, err := awaitRow(t.Context(), s, g.ObjectKey, "created")
	if err != nil {
		t.Fatal(err)
	}
	_, err = operatorS3(s).DeleteObject(t.Context(), &s3.DeleteObjectInput{
		Bucket: &s.Endpoints.Bucket, Key: &g.ObjectKey, VersionId: aws.String(before["versionId"]),
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := awaitRow(t.Context(), s, g.ObjectKey, "deleted")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"space": before["space"], "path": before["path"], "sequencer": before["sequencer"],
		"deleted": got["deleted"], "expiresAt": got["expiresAt"],
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tombstone (-want +got):\n%s", diff)
	}
}
