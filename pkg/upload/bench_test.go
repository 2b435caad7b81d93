package upload

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"airlock/pkg/objectkey"
)

// BenchmarkPresign is the presign call alone, with a session token as long as
// a Lambda's. Its unit x-sigv4 is the ratio to the least that Signature Version
// 4 costs: one hash and one HMAC, see [leastSigV4].
func BenchmarkPresign(b *testing.B) {
	credentials := aws.Credentials{
		AccessKeyID: "ASIAIOSFODNN7EXAMPLE", SecretAccessKey: "secret", SessionToken: strings.Repeat("IQoJb3JpZ2lu+X2VjE/w", 40),
	}
	g, err := New(Config{
		BucketURL: "https://media.s3.eu-west-1.amazonaws.com/", Region: "eu-west-1",
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return credentials, nil }),
	})
	if err != nil {
		b.Fatal(err)
	}
	key, err := objectkey.New("alice", "mysubpath", "hello.txt")
	if err != nil {
		b.Fatal(err)
	}
	headers := g.bind("text/plain", 13, disposition(true, "hello.txt"), "")
	ctx := b.Context()
	// The two take turns, so that a busy moment of the machine hits both.
	const turn = 500
	var reference time.Duration
	b.ReportAllocs()
	n := 0
	for ; b.Loop(); n++ {
		if _, _, err := g.presigner.presign(ctx, http.MethodPut, key, headers, 15*time.Minute); err != nil {
			b.Fatal(err)
		}
		if n%turn == 0 {
			b.StopTimer()
			reference += leastSigV4(turn)
			b.StartTimer()
		}
	}
	turns := (n + turn - 1) / turn
	presign, least := b.Elapsed().Seconds()/float64(n), reference.Seconds()/float64(turns*turn)
	b.ReportMetric(presign/least, "x-sigv4")
}

// leastSigV4 times, n times over, what no presigner can do without: SHA-256 of the
// canonical request, here without a session token, and HMAC with a signing
// key that is derived once a day.
func leastSigV4(n int) time.Duration {
	canonical := []byte(strings.Join([]string{
		"PUT",
		"/u/alice/mysubpath/hello.txt",
		"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=ASIAIOSFODNN7EXAMPLE%2F20000101%2Feu-west-1%2Fs3%2Faws4_request" +
			"&X-Amz-Date=20000101T000000Z&X-Amz-Expires=900" +
			"&X-Amz-SignedHeaders=content-disposition%3Bcontent-length%3Bcontent-type%3Bhost%3Bif-none-match",
		"content-disposition:inline; filename=\"hello.txt\"; filename*=UTF-8''hello.txt",
		"content-length:13", "content-type:text/plain", "host:media.s3.eu-west-1.amazonaws.com", "if-none-match:*", "",
		"content-disposition;content-length;content-type;host;if-none-match",
		"UNSIGNED-PAYLOAD",
	}, "\n"))
	toSign := []byte("AWS4-HMAC-SHA256\n20000101T000000Z\n20000101/eu-west-1/s3/aws4_request\n")
	mac := hmac.New(sha256.New, make([]byte, sha256.Size))
	var text, signature []byte
	start := time.Now()
	for range n {
		hash := sha256.Sum256(canonical)
		text = hex.AppendEncode(append(text[:0], toSign...), hash[:])
		mac.Reset()
		mac.Write(text)
		signature = mac.Sum(signature[:0])
	}
	return time.Since(start)
}
