package cloudfront

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// How long CloudFront waits for S3: to connect, and for each answer ("Request
// and response behavior for Amazon S3 origins").
const (
	connectTimeout  = 10 * time.Second
	responseTimeout = 30 * time.Second
)

// origin is a bucket, reached in path style.
type origin struct {
	base        *url.URL
	region      string
	credentials aws.Credentials
}

func newOrigin(c Origin) (*origin, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.User != nil {
		return nil, fmt.Errorf("the origin's URL %q is not a bucket's", c.URL)
	}
	if c.Region == "" || c.Credentials.AccessKeyID == "" || c.Credentials.SecretAccessKey == "" {
		return nil, errors.New("the origin has no region or no credentials to sign with")
	}
	u.Path = strings.TrimSuffix(u.Path, "/")
	u.RawPath = ""
	return &origin{base: u, region: c.Region, credentials: aws.Credentials{
		AccessKeyID:     c.Credentials.AccessKeyID,
		SecretAccessKey: c.Credentials.SecretAccessKey,
		SessionToken:    c.Credentials.SessionToken,
		Source:          "origin access control",
	}}, nil
}

func newTransport() *http.Transport {
	return &http.Transport{
		// Proxy stays nil: the origin is on loopback, whatever the environment says.
		DialContext:           (&net.Dialer{Timeout: connectTimeout}).DialContext,
		ResponseHeaderTimeout: responseTimeout,
		// Bodies go through as they are; a gzip added here would be undone here.
		DisableCompression:  true,
		MaxIdleConnsPerHost: 32,
		IdleConnTimeout:     responseTimeout,
	}
}

// forward asks the origin and passes its answer on while it arrives.
func (s *Service) forward(w http.ResponseWriter, r *http.Request, id requestID, b *behavior, t target) Entry {
	key, ok := t.objectKey()
	if !ok {
		return refuse(w, r, id, b, noSuchObject)
	}
	if key == "" {
		key = s.rootKey
	}
	request, err := s.originRequest(r, b.origin, key)
	if err != nil {
		return refuse(w, r, id, b, originUnreachable)
	}
	// Not a Client: CloudFront follows no redirect of S3, it passes them on.
	response, err := s.transport.RoundTrip(request)
	if err != nil {
		if r.Context().Err() != nil {
			return Entry{Result: resultError}
		}
		if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
			return refuse(w, r, id, b, originTimeout)
		}
		return refuse(w, r, id, b, originUnreachable)
	}
	defer func() { _ = response.Body.Close() }()

	h := w.Header()
	copyOriginHeaders(h, response.Header)
	finishHeaders(h, r, id, b, response.StatusCode)
	w.WriteHeader(response.StatusCode)
	if _, err := io.Copy(w, response.Body); err != nil && response.ContentLength < 0 {
		// Without a Content-Length only a broken connection tells the viewer
		// that the file ended early; with one, the server breaks it by itself.
		breakConnection(w)
	}
	return Entry{Status: response.StatusCode, Result: resultOf(response.StatusCode)}
}

// originRequest is what CloudFront sends to S3: no query, no cookies, none of
// the viewer's headers but those of conditions and ranges, and the signature
// of an origin access control. The path is the viewer's, in S3's own encoding:
// S3 decodes it before it looks for a key, so that changes no key, and the
// signature then holds whichever way the viewer wrote it.
func (s *Service) originRequest(r *http.Request, o *origin, key string) (*http.Request, error) {
	u := *o.base
	u.Path = o.base.Path + "/" + key
	u.RawPath = escapeKey(u.Path)
	request, err := http.NewRequestWithContext(r.Context(), r.Method, u.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("cloudfront: making the origin request: %w", err)
	}
	if err := s.sign(r.Context(), request, o); err != nil {
		return nil, err
	}

	// After the signature: none of these is signed, so that no proxy's or
	// viewer's spelling can break it.
	for _, name := range []string{"Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since"} {
		if values := r.Header.Values(name); len(values) > 0 {
			request.Header[name] = append([]string(nil), values...)
		}
	}
	if accepted := normalizeAcceptEncoding(r.Header.Values("Accept-Encoding")); accepted != "" {
		request.Header.Set("Accept-Encoding", accepted)
	}
	request.Header.Set("User-Agent", "Amazon CloudFront")
	return request, nil
}

const unsignedPayload = "UNSIGNED-PAYLOAD"

func (s *Service) sign(ctx context.Context, request *http.Request, o *origin) error {
	request.Header.Set("X-Amz-Content-Sha256", unsignedPayload)
	err := s.signer.SignHTTP(ctx, o.credentials, request, unsignedPayload, "s3", o.region, time.Now())
	if err != nil {
		return fmt.Errorf("cloudfront: signing the origin request: %w", err)
	}
	return nil
}

// newSigner signs as S3 wants it: the path as it is, not escaped once more.
func newSigner() *v4.Signer {
	return v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
}

// normalizeAcceptEncoding keeps of the viewer's header what CloudFront keeps
// with both formats enabled: "br,gzip", one of them, or nothing ("Understand
// cache policies", compression settings).
func normalizeAcceptEncoding(values []string) string {
	var br, gzip bool
	for coding := range strings.SplitSeq(strings.Join(values, ","), ",") {
		name, parameters, _ := strings.Cut(coding, ";")
		if weight := strings.ReplaceAll(parameters, " ", ""); strings.HasPrefix(weight, "q=0") && strings.Trim(weight, "q=0.") == "" {
			continue
		}
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "br":
			br = true
		case "gzip":
			gzip = true
		}
	}
	switch {
	case br && gzip:
		return "br,gzip"
	case br:
		return "br"
	case gzip:
		return "gzip"
	default:
		return ""
	}
}

// copyOriginHeaders copies what CloudFront passes on: all but the headers of a
// single connection, cookies (the cache policy forwards none), and S3's names
// for the request, of which answers through CloudFront show nothing.
func copyOriginHeaders(to, from http.Header) {
	dropped := map[string]bool{
		"Connection": true, "Keep-Alive": true, "Proxy-Authenticate": true, "Proxy-Connection": true, "Te": true,
		"Trailer": true, "Transfer-Encoding": true, "Upgrade": true, "Via": true, "Set-Cookie": true,
		"X-Amz-Request-Id": true, "X-Amz-Id-2": true,
	}
	for value := range strings.SplitSeq(strings.Join(from.Values("Connection"), ","), ",") {
		dropped[http.CanonicalHeaderKey(strings.TrimSpace(value))] = true
	}
	// Present and without a value, or net/http would guess a type from the body.
	to["Content-Type"] = nil
	for name, values := range from {
		if !dropped[name] {
			to[name] = values
		}
	}
}

func breakConnection(w http.ResponseWriter) {
	connection, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	_ = connection.Close()
}
