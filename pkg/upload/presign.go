package upload

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"airlock/pkg/api"
	"airlock/pkg/objectkey"
)

// put is one PutObject, all of it checked.
type put struct {
	key                objectkey.Key
	contentType        string
	contentLength      int64
	contentDisposition string
	checksumSHA256     string // base64, or "" for none
	ttl                time.Duration
}

type signedPut struct {
	url     string
	headers map[string]string
	expires time.Time
}

// presigner makes presigned URLs with aws/signer/v4 alone. s3.PresignClient
// drops length and type of an empty file, links the whole S3 client, and takes
// four times as long (docs/adr/0003).
type presigner struct {
	signer      *v4.Signer
	credentials aws.CredentialsProvider
	region      string
	scheme      string
	host        string
	prefix      string // "//host/…/": what a key is appended to in URL.Opaque
}

func newPresigner(c Config) (*presigner, error) {
	u, err := url.Parse(c.BucketURL)
	if err != nil || u.Host == "" || !strings.HasSuffix(u.Path, "/") {
		return nil, errors.New("the bucket's URL needs a host, and a slash at its end")
	}
	return &presigner{
		credentials: c.Credentials, region: c.Region,
		scheme: u.Scheme, host: u.Host, prefix: "//" + u.Host + u.EscapedPath(),
		signer: v4.NewSigner(func(o *v4.SignerOptions) {
			// The key is escaped once, by objectkey, as S3 canonicalises it.
			o.DisableURIPathEscaping = true
			// S3 ignores a checksum that was moved into the query: anything could be stored.
			o.DisableHeaderHoisting = true
		}),
	}, nil
}

// presign signs p. The URL ends with its TTL or with the credentials, whichever
// is first, and expires says which instant that is.
func (s *presigner) presign(ctx context.Context, p put) (signedPut, error) {
	credentials, err := s.credentials.Retrieve(ctx)
	if err != nil {
		return signedPut{}, fmt.Errorf("retrieving credentials: %w", err)
	}
	// X-Amz-Date has whole seconds, and S3 counts X-Amz-Expires from there.
	now := time.Now().UTC().Truncate(time.Second)
	ttl := p.ttl
	if credentials.CanExpire {
		ttl = min(ttl, credentials.Expires.Sub(now).Truncate(time.Second))
	}
	if ttl < time.Second {
		return signedPut{}, api.Down(errors.New("the credentials of this container have expired"), time.Second)
	}

	// Most URLs fit; append moves the others to the heap.
	var buf [256]byte
	opaque := string(p.key.AppendURLPath(append(buf[:0], s.prefix...)))
	query := string(strconv.AppendInt(append(buf[:0], "X-Amz-Expires="...), int64(ttl/time.Second), 10))
	request := http.Request{
		Method: http.MethodPut, Host: s.host, ContentLength: p.contentLength,
		// Opaque is signed and printed as it stands; Path would be escaped anew.
		URL:    &url.URL{Scheme: s.scheme, Host: s.host, Opaque: opaque, RawQuery: query},
		Header: make(http.Header, 5),
	}
	headers := map[string]string{
		"Content-Type":        p.contentType,
		"Content-Disposition": p.contentDisposition,
		"If-None-Match":       "*",
	}
	if p.checksumSHA256 != "" {
		headers["x-amz-checksum-sha256"] = p.checksumSHA256
	}
	// What the client is told to send is what is signed.
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	signed, _, err := s.signer.PresignHTTP(ctx, credentials, &request, "UNSIGNED-PAYLOAD", "s3", s.region, now)
	if err != nil {
		return signedPut{}, fmt.Errorf("presigning a PUT: %w", err)
	}
	return signedPut{url: signed, headers: headers, expires: now.Add(ttl)}, nil
}
