package upload

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"airlock/pkg/api"
	"airlock/pkg/objectkey"
)

// presigner signs requests for a bucket's objects in their query, by AWS
// Signature Version 4 ("Authenticating Requests: Using Query Parameters", Amazon
// S3 API Reference). aws/signer/v4 does it too, for every service and at several
// times the price; it is the oracle of the tests (docs/adr/0011). A presigner is
// safe for concurrent use.
type presigner struct {
	credentials aws.CredentialsProvider
	region      string
	origin      string // scheme and host
	host        string
	path        string // "/…/": what a key is appended to
	today       atomic.Pointer[day]
}

// header is one that is signed. A request's headers are in the order of their
// names in lower case, and their values as S3 canonicalises them: no runs of
// spaces, none at the ends.
type header struct{ name, value string }

func newPresigner(c Config) (*presigner, error) {
	u, err := url.Parse(c.BucketURL)
	if err != nil || u.Host == "" || !strings.HasSuffix(u.Path, "/") {
		return nil, errors.New("the bucket's URL needs a host, and a slash at its end")
	}
	// A scheme's own port is sent by no client, and so can't be signed.
	host := strings.TrimSuffix(u.Host, map[string]string{"http": ":80", "https": ":443"}[u.Scheme])
	return &presigner{
		credentials: c.Credentials, region: c.Region,
		origin: u.Scheme + "://" + host, host: host, path: u.EscapedPath(),
	}, nil
}

// presign returns a URL for one request. It ends with its TTL or with the
// credentials, whichever is first, and expires says which instant that is.
func (p *presigner) presign(ctx context.Context, method string, key objectkey.Key, headers []header, ttl time.Duration) (
	signed string, expires time.Time, err error,
) {
	credentials, err := p.credentials.Retrieve(ctx)
	if err != nil {
		return "", time.Time{}, fmt.Errorf("retrieving credentials: %w", err)
	}
	// X-Amz-Date has whole seconds, and S3 counts X-Amz-Expires from there.
	now := time.Now().UTC().Truncate(time.Second)
	if credentials.CanExpire {
		ttl = min(ttl, credentials.Expires.Sub(now).Truncate(time.Second))
	}
	if ttl < time.Second {
		return "", time.Time{}, api.Down(errors.New("the credentials of this container have expired"), time.Second)
	}
	return p.sign(credentials, method, key, headers, now, ttl), now.Add(ttl), nil
}

const algorithm = "AWS4-HMAC-SHA256"

// sign returns the URL of a request, signed at an instant in UTC for whole
// seconds.
func (p *presigner) sign(c aws.Credentials, method string, key objectkey.Key, headers []header, at time.Time, ttl time.Duration) string {
	var buf [len("20060102T150405Z")]byte
	instant := at.AppendFormat(buf[:0], "20060102T150405Z")
	d := p.day(c, string(instant[:len("20060102")]))

	// S3 sorts the query by name before it hashes it: in this order it is sorted.
	signed := make([]byte, 0, 2048)
	signed = append(signed, p.origin...)
	path := len(signed)
	signed = key.AppendURLPath(append(signed, p.path...))
	query := len(signed) + len("?")
	signed = append(signed, "?X-Amz-Algorithm="+algorithm+"&X-Amz-Credential="...)
	signed = append(signed, d.credential...)
	signed = append(append(signed, "&X-Amz-Date="...), instant...)
	signed = strconv.AppendInt(append(signed, "&X-Amz-Expires="...), int64(ttl/time.Second), 10)
	signed = append(append(signed, d.securityToken...), "&X-Amz-SignedHeaders="...)
	signed = appendNames(signed, headers, "%3B")

	canonical := make([]byte, 0, 2048)
	canonical = append(append(canonical, method...), '\n')
	canonical = append(append(canonical, signed[path:query-1]...), '\n')
	canonical = append(append(canonical, signed[query:]...), '\n')
	for _, h := range headers {
		canonical = append(appendLower(canonical, h.name), ':')
		canonical = append(append(canonical, h.value...), '\n')
	}
	canonical = appendNames(append(canonical, '\n'), headers, ";")
	canonical = append(canonical, "\nUNSIGNED-PAYLOAD"...)
	hash := sha256.Sum256(canonical)

	toSign := append(canonical[:0], algorithm+"\n"...)
	toSign = append(append(toSign, instant...), '\n')
	toSign = append(append(toSign, d.scope...), '\n')
	toSign = hex.AppendEncode(toSign, hash[:])
	signed = append(signed, "&X-Amz-Signature="...)
	return string(hex.AppendEncode(signed, hmacSHA256(d.key, toSign)))
}

// day is what the URLs of one day and one set of credentials have in common.
type day struct {
	accessKeyID, secret, token, date string

	scope      string
	key        []byte // derived from the secret and the scope
	credential string // this and securityToken: parameters, escaped
	// securityToken has an & before it, or is "" with credentials that are permanent.
	securityToken string
}

// day returns what a date (YYYYMMDD) shares. Credentials and dates change, so it
// is one instance that is kept, not a table.
func (p *presigner) day(c aws.Credentials, date string) *day {
	if d := p.today.Load(); d != nil && d.date == date &&
		d.accessKeyID == c.AccessKeyID && d.secret == c.SecretAccessKey && d.token == c.SessionToken {
		return d
	}
	d := &day{
		accessKeyID: c.AccessKeyID, secret: c.SecretAccessKey, token: c.SessionToken, date: date,
		scope: date + "/" + p.region + "/s3/aws4_request", key: []byte("AWS4" + c.SecretAccessKey),
	}
	for _, part := range []string{date, p.region, "s3", "aws4_request"} {
		d.key = hmacSHA256(d.key, []byte(part))
	}
	// A space, which QueryEscape writes as S3 does not, is in neither.
	d.credential = url.QueryEscape(c.AccessKeyID + "/" + d.scope)
	if c.SessionToken != "" {
		d.securityToken = "&X-Amz-Security-Token=" + url.QueryEscape(c.SessionToken)
	}
	p.today.Store(d)
	return d
}

func hmacSHA256(key, message []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(message)
	return h.Sum(nil)
}

func appendNames(b []byte, headers []header, separator string) []byte {
	for i, h := range headers {
		if i > 0 {
			b = append(b, separator...)
		}
		b = appendLower(b, h.name)
	}
	return b
}

func appendLower(b []byte, ascii string) []byte {
	for _, c := range []byte(ascii) {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		b = append(b, c)
	}
	return b
}
