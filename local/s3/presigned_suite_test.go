package s3

import (
	"encoding/xml"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"airlock/local/iam"
)

// presigning is a presigned URL to be made. Whatever is odd about it is signed:
// only the oddness itself can be why it is refused.
type presigning struct {
	who             iam.Credentials
	method          string
	objectKey       string
	query           url.Values // signed with the rest
	headers         http.Header
	service, region string
	expires         string // "-": none
	at              time.Time
}

func (w *world) presignURL(t *testing.T, p presigning) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), p.method, w.URL()+"/"+testBucket+"/"+escape(p.objectKey), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = p.headers.Clone()
	if r.Header == nil {
		r.Header = http.Header{}
	}
	q := url.Values{}
	for name, values := range p.query {
		q[name] = values
	}
	if p.expires != "-" {
		q.Set("X-Amz-Expires", p.expires)
	}
	r.URL.RawQuery = q.Encode()
	signed, _, err := v4.NewSigner().PresignHTTP(t.Context(),
		aws.Credentials{AccessKeyID: p.who.AccessKeyID, SecretAccessKey: p.who.SecretAccessKey, SessionToken: p.who.SessionToken},
		r, "UNSIGNED-PAYLOAD", p.service, p.region, p.at, func(o *v4.SignerOptions) {
			o.DisableURIPathEscaping = true
			o.DisableHeaderHoisting = true
		})
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// without takes a parameter out of a URL's query.
func without(name string) func(string) string {
	return func(target string) string { return with(name, "")(target) }
}

// with gives a parameter of a URL's query another value; none if it is empty.
func with(name, value string) func(string) string {
	return func(target string) string {
		address, query, _ := strings.Cut(target, "?")
		var kept []string
		for part := range strings.SplitSeq(query, "&") {
			if !strings.HasPrefix(part, name+"=") {
				kept = append(kept, part)
			}
		}
		if value != "" {
			kept = append(kept, name+"="+url.QueryEscape(value))
		}
		return address + "?" + strings.Join(kept, "&")
	}
}

// scope puts another credential scope in place of the one signed for.
func scope(change func(parts []string) []string) func(string) string {
	return func(target string) string {
		u, _ := url.Parse(target)
		parts := strings.Split(u.Query().Get("X-Amz-Credential"), "/")
		return with("X-Amz-Credential", strings.Join(change(parts), "/"))(target)
	}
}

func part(i int, value string) func([]string) []string {
	return func(parts []string) []string {
		parts[i] = value
		return parts
	}
}

// TestPresignedRefusals has the cases that suites of S3's signature check have
// (versitygw's PresignedAuth_*, ceph's test_object_raw_*), with the answers of
// "Authenticating Requests: Using Query Parameters" and "Error responses", S3
// API reference.
func TestPresignedRefusals(t *testing.T) {
	w := start(t, newFolder(t))
	const objectKey = "u/suite/hello.txt"
	w.put(t, objectKey, "Hello, world!")
	const bad, denied, mismatch = "AuthorizationQueryParametersError", "AccessDenied", "SignatureDoesNotMatch"
	now := time.Now()
	for _, test := range []struct {
		name   string
		sign   func(*presigning)
		change func(target string) string // after signing
		send   http.Header
		status int
		code   string
	}{
		{name: "nothing", status: 200},

		{name: "no algorithm", change: without("X-Amz-Algorithm"), status: 400, code: bad},
		{name: "no credential", change: without("X-Amz-Credential"), status: 400, code: bad},
		{name: "no date", change: without("X-Amz-Date"), status: 400, code: bad},
		{name: "no expiry", sign: func(p *presigning) { p.expires = "-" }, status: 400, code: bad},
		{name: "no signed headers", change: without("X-Amz-SignedHeaders"), status: 400, code: bad},
		{name: "no signature", change: without("X-Amz-Signature"), status: 400, code: bad},
		{name: "no parameter at all", change: func(u string) string { return strings.SplitN(u, "?", 2)[0] }, status: 403, code: denied},

		{name: "another algorithm", change: with("X-Amz-Algorithm", "AWS4-HMAC-SHA1"), status: 400, code: bad},
		{name: "an algorithm in lower case", change: with("X-Amz-Algorithm", "aws4-hmac-sha256"), status: 400, code: bad},
		{name: "the asymmetric algorithm", change: with("X-Amz-Algorithm", "AWS4-ECDSA-P256-SHA256"), status: 400, code: bad},
		{name: "signature version 2", change: func(u string) string {
			return strings.SplitN(u, "?", 2)[0] + "?AWSAccessKeyId=" + w.record.AccessKeyID + "&Expires=4102444800&Signature=c2lnbmF0dXJl"
		}, status: 400, code: "InvalidRequest"},

		{name: "credential without a scope", change: scope(func(p []string) []string { return p[:1] }), status: 400, code: bad},
		{name: "credential of four parts", change: scope(func(p []string) []string { return p[:4] }), status: 400, code: bad},
		{name: "credential of six parts", change: scope(func(p []string) []string { return append(p, "more") }), status: 400, code: bad},
		{name: "another region", sign: func(p *presigning) { p.region = "us-east-1" }, status: 400, code: bad},
		{name: "another service", sign: func(p *presigning) { p.service = "sns" }, status: 400, code: bad},
		{name: "another terminator", change: scope(part(4, "aws5_request")), status: 400, code: bad},
		{name: "scope of another day", change: scope(part(1, "20200101")), status: 400, code: bad},
		{name: "scope of no day", change: scope(part(1, "yesterday")), status: 400, code: bad},
		{name: "scope with a date and time", change: scope(part(1, now.UTC().Format("20060102T150405Z"))), status: 400, code: bad},

		{name: "date in another format", change: with("X-Amz-Date", now.UTC().Format(time.RFC3339)), status: 400, code: bad},
		{name: "date without a time", change: with("X-Amz-Date", now.UTC().Format("20060102")), status: 400, code: bad},
		{name: "date of another hour", change: with("X-Amz-Date", now.UTC().Format("20060102")+"T000001Z"), sign: func(p *presigning) { p.expires = "604800" }, status: 403, code: mismatch},

		{name: "expiry of no number", sign: func(p *presigning) { p.expires = "soon" }, status: 400, code: bad},
		{name: "expiry with a fraction", sign: func(p *presigning) { p.expires = "60.5" }, status: 400, code: bad},
		{name: "expiry negative", sign: func(p *presigning) { p.expires = "-7" }, status: 400, code: bad},
		{name: "expiry zero", sign: func(p *presigning) { p.expires = "0"; p.at = now.Add(-2 * time.Second) }, status: 403, code: denied},
		{name: "expiry of a week", sign: func(p *presigning) { p.expires = "604800" }, status: 200},
		{name: "expiry of a second more", sign: func(p *presigning) { p.expires = "604801" }, status: 400, code: bad},
		{name: "expiry beyond 64 bits", sign: func(p *presigning) { p.expires = "99999999999999999999" }, status: 400, code: bad},
		{name: "expired", sign: func(p *presigning) { p.expires = "60"; p.at = now.Add(-2 * time.Minute) }, status: 403, code: denied},
		{name: "a week ago, for a week", sign: func(p *presigning) { p.expires = "604800"; p.at = now.Add(-7*24*time.Hour - time.Minute) }, status: 403, code: denied},
		{name: "a longer life claimed", change: with("X-Amz-Expires", "3600"), status: 403, code: mismatch},
		{name: "not yet valid", sign: func(p *presigning) { p.at = now.Add(time.Hour) }, status: 403, code: denied},
		{name: "of a clock that is fast", sign: func(p *presigning) { p.at = now.Add(5 * time.Minute) }, status: 200},

		{name: "unknown key", sign: func(p *presigning) { p.who.AccessKeyID = "AKIAUNKNOWN000000000"; p.who.SessionToken = "" }, status: 403, code: "InvalidAccessKeyId"},
		{name: "another signature", change: with("X-Amz-Signature", strings.Repeat("0", 64)), status: 403, code: mismatch},
		{name: "signature that is no digest", change: with("X-Amz-Signature", "short"), status: 403, code: mismatch},
		{name: "token for a permanent key", sign: func(p *presigning) { p.who = w.operator }, change: with("X-Amz-Security-Token", "token"), status: 400, code: "InvalidToken"},
		{name: "token of somebody else", sign: func(p *presigning) { p.who.SessionToken = w.presign.SessionToken }, status: 400, code: "InvalidToken"},

		{name: "host not signed", change: with("X-Amz-SignedHeaders", "range"), send: http.Header{"Range": {"bytes=0-1"}}, status: 403, code: denied},
		{name: "more headers claimed than signed", change: with("X-Amz-SignedHeaders", "host;range"), send: http.Header{"Range": {"bytes=0-1"}}, status: 403, code: mismatch},
		{name: "signed header left out", sign: func(p *presigning) { p.headers = http.Header{"X-Amz-Meta-A": {"1"}} }, status: 403, code: mismatch},
		{name: "an x-amz header not signed", send: http.Header{"X-Amz-Meta-A": {"1"}}, status: 403, code: denied},
		{name: "a plain header not signed", send: http.Header{"Accept-Language": {"de"}}, status: 200},
		{name: "a parameter added", change: func(u string) string { return u + "&response-content-type=text%2Fhtml" }, status: 403, code: mismatch},
		{name: "another method", sign: func(p *presigning) { p.method = http.MethodPut }, status: 403, code: mismatch},
		{name: "another bucket", change: func(u string) string { return strings.Replace(u, testBucket, "plain-bucket", 1) }, status: 403, code: mismatch},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := presigning{who: w.record, method: http.MethodGet, objectKey: objectKey, service: "s3", region: testRegion, expires: "60", at: now}
			if test.sign != nil {
				test.sign(&p)
			}
			target := w.presignURL(t, p)
			if test.change != nil {
				target = test.change(target)
			}
			got := send(t, http.MethodGet, target, test.send, "")
			if got.status != test.status || got.code != test.code {
				t.Errorf("GET = %d %s, want %d %s\n%s", got.status, got.code, test.status, test.code, got.body)
			}
		})
	}
}

// A presigned URL does what its signer may, whatever the method.
func TestPresignedOperations(t *testing.T) {
	w := start(t, newFolder(t))
	at := func(method, objectKey string, query url.Values) presigning {
		return presigning{who: w.operator, method: method, objectKey: objectKey, query: query, service: "s3", region: testRegion, expires: "60", at: time.Now()}
	}
	for _, test := range []struct {
		name string
		key  string
	}{
		{"plain", "u/ops/hello.txt"},
		{"UTF-8", "u/ops/süß 漢字 🙂.txt"},
		{"reserved characters", "u/ops/a+b=c&d;e?f#g%2F'(h)*i!.txt"},
		{"decomposed", "u/ops/u\u0308.txt"},
	} {
		t.Run(test.name, func(t *testing.T) {
			const body = "Hello, world!"
			if got := send(t, http.MethodPut, w.presignURL(t, at(http.MethodPut, test.key, nil)), nil, body); got.status != http.StatusOK {
				t.Fatalf("PUT = %d %s, want 200", got.status, got.code)
			}
			get := w.presignURL(t, at(http.MethodGet, test.key, nil))
			for range 2 { // as often as one likes
				if got := send(t, http.MethodGet, get, nil, ""); got.status != http.StatusOK || got.body != body {
					t.Errorf("GET = %d %q, want 200 %q", got.status, got.body, body)
				}
			}
			for asked, want := range map[string]struct {
				status      int
				body, field string
			}{
				"bytes=0-4":   {206, "Hello", "bytes 0-4/13"},
				"bytes=-6":    {206, "world!", "bytes 7-12/13"},
				"bytes=7-":    {206, "world!", "bytes 7-12/13"},
				"bytes=13-20": {416, "", ""},
			} {
				got := send(t, http.MethodGet, get, http.Header{"Range": {asked}}, "")
				if got.status != want.status || want.body != "" && got.body != want.body || got.header.Get("Content-Range") != want.field {
					t.Errorf("GET %s = %d %q %q, want %+v", asked, got.status, got.body, got.header.Get("Content-Range"), want)
				}
			}
			head := send(t, http.MethodHead, w.presignURL(t, at(http.MethodHead, test.key, nil)), nil, "")
			if head.status != http.StatusOK || head.header.Get("Content-Length") != "13" {
				t.Errorf("HEAD = %d %v, want 200 and the length", head.status, head.header)
			}
			if got := send(t, http.MethodHead, get, nil, ""); got.status != http.StatusForbidden {
				t.Errorf("HEAD of a URL for GET = %d, want 403", got.status)
			}
			listing := send(t, http.MethodGet, w.presignURL(t, at(http.MethodGet, "", url.Values{"list-type": {"2"}, "prefix": {test.key}})), nil, "")
			var page struct{ Contents []struct{ Key string } }
			err := xml.Unmarshal([]byte(listing.body), &page)
			if err != nil || listing.status != http.StatusOK || len(page.Contents) != 1 || page.Contents[0].Key != test.key {
				t.Errorf("listing = %d %v %+v, want the one key", listing.status, err, page)
			}
			if got := send(t, http.MethodDelete, get, nil, ""); got.status != http.StatusForbidden {
				t.Errorf("DELETE of a URL for GET = %d, want 403", got.status)
			}
			if got := send(t, http.MethodDelete, w.presignURL(t, at(http.MethodDelete, test.key, nil)), nil, ""); got.status != http.StatusNoContent {
				t.Errorf("DELETE = %d %s, want 204", got.status, got.code)
			}
			if got := send(t, http.MethodGet, get, nil, ""); got.status != http.StatusNotFound || got.code != "NoSuchKey" {
				t.Errorf("GET after it = %d %s, want 404 NoSuchKey", got.status, got.code)
			}
		})
	}

	// "GetObject", S3 API reference: overriding response header values.
	const objectKey = "u/ops/overrides.txt"
	w.put(t, objectKey, "x")
	overrides := map[string]string{
		"Content-Type": "text/csv", "Content-Disposition": `attachment; filename="a b.csv"`, "Cache-Control": "no-store",
		"Content-Language": "de", "Content-Encoding": "identity", "Expires": "Thu, 01 Jan 2026 00:00:00 GMT",
	}
	query := url.Values{}
	for name, value := range overrides {
		query.Set("response-"+strings.ToLower(name), value)
	}
	got := send(t, http.MethodGet, w.presignURL(t, at(http.MethodGet, objectKey, query)), nil, "")
	for name, want := range overrides {
		if got.status != http.StatusOK || got.header.Get(name) != want {
			t.Errorf("GET with response-%s = %d %q, want 200 %q", strings.ToLower(name), got.status, got.header.Get(name), want)
		}
	}
}
