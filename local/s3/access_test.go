package s3

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"airlock/local/iam"
)

func testRoles(t *testing.T, w *world) {
	const objectKey = "u/roles/file.txt"
	version := w.put(t, objectKey, "x").VersionId
	for _, test := range []struct {
		name   string
		who    iam.Credentials
		call   func(*testing.T, *s3.Client) error
		status int // 0: allowed
	}{
		{"presign puts", w.presign, put("u/roles/new.txt"), 0},
		{"presign puts elsewhere", w.presign, put("shared/new.txt"), 403},
		{"presign reads", w.presign, get(objectKey, nil), 403},
		{"presign deletes", w.presign, del(objectKey), 403},
		{"presign lists", w.presign, list, 403},
		{"presign lists buckets", w.presign, listBuckets, 403},
		{"presign tags", w.presign, func(t *testing.T, c *s3.Client) error {
			_, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(testBucket), Key: aws.String("u/roles/tagged"), Tagging: aws.String("a=b"), Body: strings.NewReader("x")})
			return err
		}, 403},
		{"presign copies what it cannot read", w.presign, func(t *testing.T, c *s3.Client) error {
			_, err := c.CopyObject(t.Context(), &s3.CopyObjectInput{Bucket: aws.String(testBucket), Key: aws.String("u/roles/copy"), CopySource: aws.String(testBucket + "/" + objectKey)})
			return err
		}, 403},
		{"record reads", w.record, get(objectKey, nil), 0},
		{"record reads a version", w.record, get(objectKey, version), 0},
		{"record puts", w.record, put("u/roles/other.txt"), 403},
		{"edge reads", w.edge, get(objectKey, nil), 0},
		{"edge reads a version", w.edge, get(objectKey, version), 403},
		{"edge lists", w.edge, list, 403},
		{"operator lists", w.operator, list, 0},
		{"operator lists buckets", w.operator, listBuckets, 0},
		{"operator puts", w.operator, put("anything"), 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			err := test.call(t, w.client(test.who))
			if got := statusOf(err); got != test.status || got == 403 && codeOf(err) != "AccessDenied" {
				t.Errorf("= %d %v, want %d", got, err, test.status)
			}
		})
	}
}

func put(objectKey string) func(*testing.T, *s3.Client) error {
	return func(t *testing.T, c *s3.Client) error {
		_, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(testBucket), Key: &objectKey, Body: strings.NewReader("x")})
		return err
	}
}

func get(objectKey string, version *string) func(*testing.T, *s3.Client) error {
	return func(t *testing.T, c *s3.Client) error {
		out, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String(testBucket), Key: &objectKey, VersionId: version})
		if err != nil {
			return err
		}
		return out.Body.Close()
	}
}

func del(objectKey string) func(*testing.T, *s3.Client) error {
	return func(t *testing.T, c *s3.Client) error {
		_, err := c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String(testBucket), Key: &objectKey})
		return err
	}
}

func list(t *testing.T, c *s3.Client) error {
	_, err := c.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String(testBucket)})
	return err
}

func listBuckets(t *testing.T, c *s3.Client) error {
	_, err := c.ListBuckets(t.Context(), &s3.ListBucketsInput{})
	return err
}

func testCredentials(t *testing.T, w *world) {
	const objectKey = "u/credentials/file.txt"
	w.put(t, objectKey, "x")
	reader, _, _ := w.iam.Lookup(w.record.AccessKeyID)
	expired := w.iam.Issue(reader, -time.Second)
	wrongToken, noToken, unknown, wrongSecret, tokenAdded := w.record, w.record, w.record, w.record, w.operator
	wrongToken.SessionToken += "x"
	noToken.SessionToken = ""
	unknown.AccessKeyID = "ASIAUNKNOWN000000000"
	wrongSecret.SecretAccessKey += "x"
	tokenAdded.SessionToken = "token"
	for _, test := range []struct {
		name   string
		who    iam.Credentials
		status int
		code   string
	}{
		{"good", w.record, 200, ""},
		{"expired", expired, 400, "ExpiredToken"},
		{"wrong token", wrongToken, 400, "InvalidToken"},
		{"no token", noToken, 400, "InvalidToken"},
		{"token with a long-term key", tokenAdded, 400, "InvalidToken"},
		{"unknown key", unknown, 403, "InvalidAccessKeyId"},
		{"wrong secret", wrongSecret, 403, "SignatureDoesNotMatch"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := codeOf(get(objectKey, nil)(t, w.client(test.who))); got != test.code {
				t.Errorf("signed header: code = %q, want %q", got, test.code)
			}
			got := send(t, http.MethodGet, w.signedURL(t, test.who, http.MethodGet, objectKey, http.Header{}, -1, time.Minute, time.Now()), nil, "")
			if got.status != test.status || got.code != test.code {
				t.Errorf("presigned URL: %d %s, want %d %s", got.status, got.code, test.status, test.code)
			}
		})
	}
}

func testBucketPolicy(t *testing.T, w *world) {
	w.put(t, "public/page.html", "hi")
	w.put(t, "u/private/page.html", "hi")
	operator := w.client(w.operator)
	for _, call := range []func(*testing.T, *s3.Client) error{put("locked/file"), get("locked/file", nil), del("locked/file")} {
		if err := call(t, operator); codeOf(err) != "AccessDenied" {
			t.Errorf("the operator, denied by the bucket's policy: %v, want AccessDenied", err)
		}
	}
	if err := put("once/file")(t, operator); codeOf(err) != "AccessDenied" {
		t.Errorf("PutObject without If-None-Match = %v, want AccessDenied", err)
	}
	conditional := &s3.PutObjectInput{Bucket: aws.String(testBucket), Key: aws.String("once/file"), IfNoneMatch: aws.String("*"), Body: strings.NewReader("x")}
	if _, err := operator.PutObject(t.Context(), conditional); err != nil {
		t.Errorf("PutObject with If-None-Match = %v", err)
	}
	if _, err := operator.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: aws.String(testBucket), Key: aws.String("once/big")}); err != nil {
		t.Errorf("CreateMultipartUpload, which creates no object = %v", err)
	}
	stranger := w.iam.Issue(&iam.Principal{Name: "other edge", ARN: "cloudfront.amazonaws.com", Context: map[string][]string{"aws:sourcearn": {testEdgeARN + "2"}}}, time.Hour)
	if err := get("u/private/page.html", nil)(t, w.client(stranger)); codeOf(err) != "AccessDenied" {
		t.Errorf("GetObject by another distribution = %v, want AccessDenied", err)
	}
	for _, test := range []struct {
		method, path string
		status       int
	}{
		{http.MethodGet, "/public/page.html", 200},
		{http.MethodHead, "/public/page.html", 200},
		{http.MethodGet, "/public/missing.html", 403},
		{http.MethodPut, "/public/page.html", 403},
		{http.MethodDelete, "/public/page.html", 403},
		{http.MethodGet, "/u/private/page.html", 403},
		{http.MethodHead, "/u/private/page.html", 403},
		{http.MethodGet, "/locked/file", 403},
		{http.MethodGet, "/?list-type=2", 403},
		{http.MethodGet, "/?policy", 501},
	} {
		if got := send(t, test.method, w.URL()+"/"+testBucket+test.path, nil, ""); got.status != test.status {
			t.Errorf("anonymous %s %s = %d %s, want %d", test.method, test.path, got.status, got.code, test.status)
		}
	}
}

func testMissingObject(t *testing.T, w *world) {
	const objectKey = "u/missing/deleted.txt"
	w.put(t, objectKey, "x")
	if err := del(objectKey)(t, w.client(w.operator)); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		who    iam.Credentials
		status int
	}{
		{"may list", w.operator, 404},
		{"may not list", w.record, 403},
		{"edge", w.edge, 403},
	} {
		for _, k := range []string{"u/missing/never.txt", objectKey} {
			_, err := w.client(test.who).HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String(testBucket), Key: &k})
			if statusOf(err) != test.status {
				t.Errorf("%s: HeadObject(%s) = %v, want %d", test.name, k, err, test.status)
			}
			// Only a caller who may list learns that there was something.
			marker := ""
			if test.status == http.StatusNotFound && k == objectKey {
				marker = "true"
			}
			url := w.signedURL(t, test.who, http.MethodGet, k, http.Header{}, -1, time.Minute, time.Now())
			got := send(t, http.MethodGet, url, nil, "").header
			if got.Get("X-Amz-Delete-Marker") != marker || (got.Get("Last-Modified") == "") != (marker == "") {
				t.Errorf("%s: GET of %s = %v, want delete marker %q, and its time with it", test.name, k, got, marker)
			}
			if err := get(k, nil)(t, w.client(test.who)); statusOf(err) != test.status {
				t.Errorf("%s: GetObject(%s) = %v, want %d", test.name, k, err, test.status)
			}
		}
	}
}

func testNotImplemented(t *testing.T, w *world) {
	c := w.client(w.operator)
	bucket := aws.String(testBucket)
	_, getPolicy := c.GetBucketPolicy(t.Context(), &s3.GetBucketPolicyInput{Bucket: bucket})
	_, putPolicy := c.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: bucket, Policy: aws.String("{}")})
	_, deletePolicy := c.DeleteBucketPolicy(t.Context(), &s3.DeleteBucketPolicyInput{Bucket: bucket})
	_, notification := c.PutBucketNotificationConfiguration(t.Context(), &s3.PutBucketNotificationConfigurationInput{Bucket: bucket, NotificationConfiguration: &types.NotificationConfiguration{}})
	_, lifecycle := c.GetBucketLifecycleConfiguration(t.Context(), &s3.GetBucketLifecycleConfigurationInput{Bucket: bucket})
	_, block := c.GetPublicAccessBlock(t.Context(), &s3.GetPublicAccessBlockInput{Bucket: bucket})
	for name, err := range map[string]error{
		"GetBucketPolicy": getPolicy, "PutBucketPolicy": putPolicy, "DeleteBucketPolicy": deletePolicy,
		"PutBucketNotificationConfiguration": notification, "GetBucketLifecycleConfiguration": lifecycle, "GetPublicAccessBlock": block,
	} {
		if codeOf(err) != "NotImplemented" || statusOf(err) != http.StatusNotImplemented {
			t.Errorf("%s = %v, want 501 NotImplemented", name, err)
		}
	}
}
