package upload

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// sigV4 signs requests in their query, by AWS Signature Version 4
// ("Authenticating Requests: Using Query Parameters", Amazon S3 API Reference).
// aws/signer/v4 does it too, for every service and at several times the price;
// it is the oracle of the tests (docs/adr/0011). Safe for concurrent use.
type sigV4 struct {
	region string
	today  atomic.Pointer[day]
}

// request is what a URL permits.
type request struct {
	method  string
	origin  string // scheme and host
	path    string // escaped as S3 canonicalises it: all but unreserved characters and "/"
	headers []header
	expires time.Duration // whole seconds, after the instant of signing
}

// header is one that is signed. A request's headers are in the order of their
// names in lower case, and their values as S3 canonicalises them: no runs of
// spaces, none at the ends.
type header struct{ name, value string }

// day is what the URLs of one day and one set of credentials have in common.
type day struct {
	accessKeyID, secret, token, date string

	scope      string
	key        []byte // derived from the secret and the scope
	credential string // this and securityToken: parameters, escaped
	// securityToken has an & before it, or is "" with credentials that are permanent.
	securityToken string
}

const algorithm = "AWS4-HMAC-SHA256"

// presign returns the URL of r, signed at an instant in UTC.
func (s *sigV4) presign(c aws.Credentials, r request, at time.Time) string {
	var buf [len("20060102T150405Z")]byte
	instant := at.AppendFormat(buf[:0], "20060102T150405Z")
	d := s.day(c, string(instant[:len("20060102")]))

	// S3 sorts the query by name before it hashes it: in this order it is sorted.
	signed := make([]byte, 0, 2048)
	signed = append(signed, r.origin...)
	signed = append(append(signed, r.path...), '?')
	query := len(signed)
	signed = append(signed, "X-Amz-Algorithm="+algorithm+"&X-Amz-Credential="...)
	signed = append(signed, d.credential...)
	signed = append(append(signed, "&X-Amz-Date="...), instant...)
	signed = strconv.AppendInt(append(signed, "&X-Amz-Expires="...), int64(r.expires/time.Second), 10)
	signed = append(append(signed, d.securityToken...), "&X-Amz-SignedHeaders="...)
	signed = appendNames(signed, r.headers, "%3B")

	canonical := make([]byte, 0, 2048)
	canonical = append(append(canonical, r.method...), '\n')
	canonical = append(append(canonical, r.path...), '\n')
	canonical = append(append(canonical, signed[query:]...), '\n')
	for _, h := range r.headers {
		canonical = append(appendLower(canonical, h.name), ':')
		canonical = append(append(canonical, h.value...), '\n')
	}
	canonical = appendNames(append(canonical, '\n'), r.headers, ";")
	canonical = append(canonical, "\nUNSIGNED-PAYLOAD"...)
	hash := sha256.Sum256(canonical)

	toSign := append(canonical[:0], algorithm+"\n"...)
	toSign = append(append(toSign, instant...), '\n')
	toSign = append(append(toSign, d.scope...), '\n')
	toSign = hex.AppendEncode(toSign, hash[:])
	signed = append(signed, "&X-Amz-Signature="...)
	return string(hex.AppendEncode(signed, hmacSHA256(d.key, toSign)))
}

// day returns what a date (YYYYMMDD) shares. Credentials and dates change, so it
// is one instance that is kept, not a table.
func (s *sigV4) day(c aws.Credentials, date string) *day {
	if d := s.today.Load(); d != nil && d.date == date &&
		d.accessKeyID == c.AccessKeyID && d.secret == c.SecretAccessKey && d.token == c.SessionToken {
		return d
	}
	d := &day{
		accessKeyID: c.AccessKeyID, secret: c.SecretAccessKey, token: c.SessionToken, date: date,
		scope: date + "/" + s.region + "/s3/aws4_request", key: []byte("AWS4" + c.SecretAccessKey),
	}
	for _, part := range []string{date, s.region, "s3", "aws4_request"} {
		d.key = hmacSHA256(d.key, []byte(part))
	}
	// A space, which QueryEscape writes as S3 does not, is in neither.
	d.credential = url.QueryEscape(c.AccessKeyID + "/" + d.scope)
	if c.SessionToken != "" {
		d.securityToken = "&X-Amz-Security-Token=" + url.QueryEscape(c.SessionToken)
	}
	s.today.Store(d)
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
