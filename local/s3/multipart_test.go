package s3

import (
	"bytes"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

func testMultipart(t *testing.T, w *world) {
	const objectKey, partSize = "u/multipart/film.bin", 5 << 20
	c := w.client(w.operator)
	bucket := aws.String(testBucket)
	begin := func() *string {
		out, err := c.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{
			Bucket: bucket, Key: aws.String(objectKey), ChecksumAlgorithm: types.ChecksumAlgorithmSha256, ContentType: aws.String("video/mp4"),
		})
		if err != nil {
			t.Fatal(err)
		}
		for i, body := range [][]byte{bytes.Repeat([]byte{1}, partSize), []byte("tail")} {
			_, err := c.UploadPart(t.Context(), &s3.UploadPartInput{
				Bucket: bucket, Key: aws.String(objectKey), UploadId: out.UploadId, PartNumber: aws.Int32(int32(i + 1)),
				Body: bytes.NewReader(body), ChecksumSHA256: aws.String(checksum(string(body))),
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		return out.UploadId
	}
	complete := func(id *string, size int64) error {
		parts, err := c.ListParts(t.Context(), &s3.ListPartsInput{Bucket: bucket, Key: aws.String(objectKey), UploadId: id})
		if err != nil {
			t.Fatal(err)
		}
		var done []types.CompletedPart
		for _, p := range parts.Parts {
			done = append(done, types.CompletedPart{PartNumber: p.PartNumber, ETag: p.ETag, ChecksumSHA256: p.ChecksumSHA256})
		}
		_, err = c.CompleteMultipartUpload(t.Context(), &s3.CompleteMultipartUploadInput{
			Bucket: bucket, Key: aws.String(objectKey), UploadId: id, IfNoneMatch: aws.String("*"), MpuObjectSize: &size,
			MultipartUpload: &types.CompletedMultipartUpload{Parts: done},
		})
		return err
	}
	first, second := begin(), begin()
	if err := complete(first, partSize+5); statusOf(err) != 400 {
		t.Errorf("CompleteMultipartUpload with a wrong size = %v, want 400", err)
	}
	if err := complete(first, partSize+4); err != nil {
		t.Fatalf("CompleteMultipartUpload = %v", err)
	}
	if err := complete(second, partSize+4); codeOf(err) != "PreconditionFailed" {
		t.Errorf("CompleteMultipartUpload over an object = %v, want PreconditionFailed", err)
	}
	if _, err := c.AbortMultipartUpload(t.Context(), &s3.AbortMultipartUploadInput{Bucket: bucket, Key: aws.String(objectKey), UploadId: second}); err != nil {
		t.Errorf("AbortMultipartUpload = %v", err)
	}
	if _, err := c.ListParts(t.Context(), &s3.ListPartsInput{Bucket: bucket, Key: aws.String(objectKey), UploadId: second}); codeOf(err) != "NoSuchUpload" {
		t.Errorf("ListParts after the abort = %v, want NoSuchUpload", err)
	}
	got := w.inbox.wait(t, objectKey, 1)
	o := got[0].S3.Object
	if len(got) != 1 || got[0].EventName != "ObjectCreated:CompleteMultipartUpload" || *o.Size != partSize+4 || !strings.HasSuffix(o.ETag, "-2") {
		t.Errorf("%d events, the first %s %+v", len(got), got[0].EventName, o)
	}
}
