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

// presigner makes presigned URLs.
type presigner struct {
	credentials aws.CredentialsProvider
	signer      sigV4
	origin      string
	host        string
	path        string // "/…/": what a key is appended to
}

func newPresigner(c Config) (*presigner, error) {
	u, err := url.Parse(c.BucketURL)
	if err != nil || u.Host == "" || !strings.HasSuffix(u.Path, "/") {
		return nil, errors.New("the bucket's URL needs a host, and a slash at its end")
	}
	// A scheme's own port is sent by no client, and so can't be signed.
	host := strings.TrimSuffix(u.Host, map[string]string{"http": ":80", "https": ":443"}[u.Scheme])
	return &presigner{
		credentials: c.Credentials, signer: sigV4{region: c.Region},
		origin: u.Scheme + "://" + host, host: host, path: u.EscapedPath(),
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

	var buf [256]byte // most paths fit; append moves the others to the heap
	r := request{
		method: http.MethodPut, origin: s.origin, path: string(p.key.AppendURLPath(append(buf[:0], s.path...))),
		headers: s.headers(p), expires: ttl,
	}
	// The client is told to send what is signed, save what its HTTP library sends.
	send := make(map[string]string, len(r.headers))
	for _, h := range r.headers {
		if h.name != "Host" && h.name != "Content-Length" {
			send[h.name] = h.value
		}
	}
	return signedPut{url: s.signer.presign(credentials, r, now), headers: send, expires: now.Add(ttl)}, nil
}

// headers are those a PUT is bound to, in the order of their names.
func (s *presigner) headers(p put) []header {
	all := make([]header, 0, 6)
	all = append(all, header{"Content-Disposition", p.contentDisposition})
	if p.contentLength > 0 { // 0 is bound by its checksum: clients send no length with nothing
		all = append(all, header{"Content-Length", strconv.FormatInt(p.contentLength, 10)})
	}
	all = append(all,
		header{"Content-Type", p.contentType},
		header{"Host", s.host},
		header{"If-None-Match", "*"})
	if p.checksumSHA256 != "" {
		all = append(all, header{"x-amz-checksum-sha256", p.checksumSHA256})
	}
	return all
}
