package iam

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

const (
	testRegion  = "eu-central-1"
	testService = "secretsmanager"
)

func newRequest(t *testing.T, method, url, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// signWithSDK signs as the product's Lambdas do.
func signWithSDK(t *testing.T, r *http.Request, c Credentials, body, region, service string, at time.Time) {
	t.Helper()
	err := v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{
		AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken,
	}, r, hexSHA256([]byte(body)), service, region, at)
	if err != nil {
		t.Fatal(err)
	}
}

// The vectors carry the date at which a bubble begins.
func TestAuthenticateBotocore(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/sigv4_botocore.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Vectors []struct {
			Name, AccessKeyID, SecretAccessKey, SessionToken string
			Service, Region, Method, URL, Body               string
			Headers                                          map[string]string
		}
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Vectors) == 0 {
		t.Fatal("no vectors")
	}
	for _, v := range file.Vectors {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				d := NewDirectory()
				d.Add(&Principal{Name: "caller"}, Credentials{
					AccessKeyID: v.AccessKeyID, SecretAccessKey: v.SecretAccessKey, SessionToken: v.SessionToken,
				})
				r := newRequest(t, v.Method, v.URL, v.Body)
				for name, value := range v.Headers {
					r.Header.Set(name, value)
				}
				if p, err := d.Authenticate(r, []byte(v.Body), v.Region, v.Service); err != nil || p.Name != "caller" {
					t.Errorf("Authenticate = %v, %v, want the caller", p, err)
				}
			})
		})
	}
}

func TestAuthenticateSDK(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"http://127.0.0.1:8080/",
		"https://secretsmanager.eu-central-1.amazonaws.com",
		"http://127.0.0.1:1/2015-03-31/functions/name%3Aalias/invocations?Qualifier=a%20b&B=&A=%2F",
		"http://127.0.0.1:1/with space/é?x=~-_.&x=a+b",
	} {
		t.Run(url, func(t *testing.T) {
			t.Parallel()
			d := NewDirectory()
			want := &Principal{Name: "SignFunction"}
			c := d.Issue(want, time.Hour)
			const body = `{"SecretId":"a"}`
			r := newRequest(t, http.MethodPost, url, body)
			r.Header.Set("X-Amz-Target", "secretsmanager.GetSecretValue")
			signWithSDK(t, r, c, body, testRegion, testService, time.Now())
			if got, err := d.Authenticate(r, []byte(body), testRegion, testService); got != want || err != nil {
				t.Errorf("Authenticate = %v, %v, want %v", got, err, want)
			}
		})
	}
}

func TestAuthenticateRefuses(t *testing.T) {
	t.Parallel()
	const body = `{"SecretId":"a"}`
	const (
		missing      = "MissingAuthenticationTokenException"
		incomplete   = "IncompleteSignatureException"
		invalid      = "InvalidSignatureException"
		unrecognized = "UnrecognizedClientException"
		expired      = "ExpiredTokenException"
	)
	set := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	// edit replaces within the Authorization header.
	edit := func(old, now string) func(*http.Request) {
		return func(r *http.Request) {
			was := r.Header.Get("Authorization")
			r.Header.Set("Authorization", strings.Replace(was, old, now, 1))
		}
	}
	tests := []struct {
		name    string
		region  string        // of the signature; "" is the right one
		service string        // of the signature
		age     time.Duration // of the signature when it arrives
		tamper  func(*http.Request)
		body    string // as it arrives
		want    string // error code; "" is success
		text    string // in the message
	}{
		{name: "untouched"},
		{name: "at the edge of the skew", age: 5 * time.Minute},
		{name: "older than the skew", age: 5*time.Minute + time.Second, want: invalid, text: "Signature expired: 20000101T000000Z is now earlier than 20000101T000001Z (20000101T000501Z - 5 min.)"},
		{name: "newer than the skew", age: -5*time.Minute - time.Second, want: invalid, text: "Signature not yet current"},
		{name: "no header", tamper: func(r *http.Request) { r.Header.Del("Authorization") }, want: missing},
		{name: "two headers", tamper: func(r *http.Request) { r.Header.Add("Authorization", "x") }, want: incomplete},
		{name: "a bearer token", tamper: set("Authorization", "Bearer opaque-token"), want: incomplete},
		{name: "SigV4A", tamper: edit("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"), want: incomplete},
		{name: "no signature", tamper: edit("Signature=", "Sig="), want: incomplete, text: "requires 'Signature' parameter"},
		{name: "no credential", tamper: edit("Credential=", "Cred="), want: incomplete, text: "requires 'Credential' parameter"},
		{name: "no signed headers", tamper: edit("SignedHeaders=", "Signed="), want: incomplete, text: "requires 'SignedHeaders' parameter"},
		{name: "one parameter too many", tamper: edit("Credential=", "More=1, Credential="), want: incomplete},
		{name: "a parameter twice", tamper: edit("Credential=", "Credential=x, Credential="), want: incomplete},
		{name: "short credential", tamper: edit("/aws4_request", ""), want: incomplete, text: "exactly 5 slash-delimited elements"},
		{name: "no date", tamper: func(r *http.Request) { r.Header.Del("X-Amz-Date") }, want: incomplete, text: "'X-Amz-Date'"},
		{name: "another kind of date", tamper: set("X-Amz-Date", "Sat, 01 Jan 2000 00:00:00 GMT"), want: incomplete, text: "ISO-8601"},
		{name: "another terminator", tamper: edit("aws4_request", "aws4"), want: invalid, text: "valid terminator"},
		{name: "another day", tamper: edit("/20000101/", "/20000102/"), want: invalid, text: "Date in Credential scope"},
		{name: "another region", region: "us-east-1", want: invalid, text: "valid region"},
		{name: "another service", service: "dynamodb", want: invalid, text: "correct service: 'secretsmanager'"},
		{name: "host not signed", tamper: edit("host;", ""), want: invalid, text: "'Host'"},
		{name: "target not signed", tamper: edit(";x-amz-target", ""), want: invalid, text: "'x-amz-target' must be"},
		{name: "header added", tamper: set("X-Amz-Extra", "1"), want: invalid, text: "'x-amz-extra' must be"},
		{name: "a signed header missing", tamper: edit("host;", "absent;host;"), want: invalid, text: "does not match"},
		{name: "another access key", tamper: edit("ASIA", "ASIB"), want: unrecognized},
		{name: "no session token", tamper: func(r *http.Request) { r.Header.Del("X-Amz-Security-Token") }, want: unrecognized},
		{name: "another session token", tamper: set("X-Amz-Security-Token", "x"), want: unrecognized},
		{name: "expired", age: 2 * time.Minute, tamper: func(*http.Request) { time.Sleep(time.Minute) }, want: expired},
		{name: "another method", tamper: func(r *http.Request) { r.Method = http.MethodPut }, want: invalid, text: "does not match"},
		{name: "another path", tamper: func(r *http.Request) { r.URL.Path = "/x" }, want: invalid, text: "does not match"},
		{name: "a query", tamper: func(r *http.Request) { r.URL.RawQuery = "a=1" }, want: invalid, text: "does not match"},
		{name: "an unreadable query", tamper: func(r *http.Request) { r.URL.RawQuery = "a=%zz" }, want: invalid, text: "does not match"},
		{name: "another host", tamper: func(r *http.Request) { r.Host = "127.0.0.1:9" }, want: invalid, text: "does not match"},
		{name: "another target", tamper: set("X-Amz-Target", "secretsmanager.PutSecretValue"), want: invalid, text: "does not match"},
		{name: "another body", body: `{"SecretId":"b"}`, want: invalid, text: "does not match"},
		{name: "unsigned payload", tamper: set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD"), want: invalid},
		{name: "another signature", tamper: edit("Signature=", "Signature=0"), want: invalid, text: "does not match"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ttl := time.Hour
				if test.want == expired {
					ttl = 3 * time.Minute
				}
				d := NewDirectory()
				c := d.Issue(&Principal{Name: "SignFunction"}, ttl)
				region, service, sent := testRegion, testService, body
				if test.region != "" {
					region = test.region
				}
				if test.service != "" {
					service = test.service
				}
				if test.body != "" {
					sent = test.body
				}
				r := newRequest(t, http.MethodPost, "http://127.0.0.1:8080/", body)
				r.Header.Set("X-Amz-Target", "secretsmanager.GetSecretValue")
				at := time.Now()
				if test.age < 0 {
					at = at.Add(-test.age)
				}
				signWithSDK(t, r, c, body, region, service, at)
				time.Sleep(max(test.age, 0))
				if test.tamper != nil {
					test.tamper(r)
				}
				p, err := d.Authenticate(r, []byte(sent), testRegion, testService)
				if test.want == "" {
					if err != nil || p.Name != "SignFunction" {
						t.Fatalf("Authenticate = %v, %v, want the caller", p, err)
					}
					return
				}
				var refusal *Error
				if !errors.As(err, &refusal) || p != nil {
					t.Fatalf("Authenticate = %v, %v, want %s", p, err, test.want)
				}
				if refusal.Code != test.want || refusal.Status != http.StatusBadRequest || !strings.Contains(refusal.Message, test.text) {
					t.Errorf("Authenticate = %d %v, want 400 %s … %s", refusal.Status, refusal, test.want, test.text)
				}
				for _, secret := range []string{c.SecretAccessKey, c.SessionToken, "opaque-token"} {
					if strings.Contains(refusal.Message, secret) {
						t.Errorf("the message %q repeats what was sent", refusal.Message)
					}
				}
			})
		})
	}
}

// A header that only claims to hash the body, though it is itself signed.
func TestAuthenticatePayloadHash(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, header string
		want         bool
	}{
		{"the body's", hexSHA256([]byte("{}")), true},
		{"another's", hexSHA256([]byte("other")), false},
		{"unsigned", "UNSIGNED-PAYLOAD", false},
		{"upper case", strings.ToUpper(hexSHA256([]byte("{}"))), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := NewDirectory()
			c := d.Issue(&Principal{}, time.Hour)
			r := newRequest(t, http.MethodPost, "http://127.0.0.1/", "{}")
			r.Header.Set("X-Amz-Content-Sha256", test.header)
			signWithSDK(t, r, c, "{}", testRegion, testService, time.Now())
			if _, err := d.Authenticate(r, []byte("{}"), testRegion, testService); (err == nil) != test.want {
				t.Errorf("Authenticate = %v, want success %t", err, test.want)
			}
		})
	}
}

// A long-term key has no session token, so one that comes along is wrong.
func TestAuthenticateLongTerm(t *testing.T) {
	t.Parallel()
	d := NewDirectory()
	c := Credentials{AccessKeyID: "AKIAEXAMPLE000000001", SecretAccessKey: "example"}
	d.Add(&Principal{Name: "operator", Operator: true}, c)
	for token, want := range map[string]bool{"": true, "x": false} {
		sent := c
		sent.SessionToken = token
		r := newRequest(t, http.MethodPost, "http://127.0.0.1/", "")
		signWithSDK(t, r, sent, "", testRegion, testService, time.Now())
		if _, err := d.Authenticate(r, nil, testRegion, testService); (err == nil) != want {
			t.Errorf("Authenticate with the token %q = %v, want success %t", token, err, want)
		}
	}
}

func TestRefusalStatus(t *testing.T) {
	t.Parallel()
	for service, want := range map[string]int{
		"dynamodb": 400, "secretsmanager": 400, "sqs": 400, "lambda": 403, "cloudfront": 403,
	} {
		_, err := NewDirectory().Authenticate(newRequest(t, http.MethodGet, "http://127.0.0.1/", ""), nil, testRegion, service)
		var refusal *Error
		if !errors.As(err, &refusal) || refusal.Status != want {
			t.Errorf("Authenticate for %s = %v, want status %d", service, err, want)
		}
	}
}

// FuzzParseAuthorization holds that whatever is sent is either refused without
// being repeated, or complete.
func FuzzParseAuthorization(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=A/20000101/r/s/aws4_request, SignedHeaders=host;x-amz-date, Signature=00", "20000101T000000Z")
	f.Add("AWS4-HMAC-SHA256 Credential=,Signature=,SignedHeaders=", "")
	f.Add("Bearer tokentokentoken", "x")
	f.Add("AWS4-HMAC-SHA256 =,,==;", "20000101T000000Z")
	f.Fuzz(func(t *testing.T, header, date string) {
		a, problem := parseAuthorization(http.Header{"Authorization": {header}, "X-Amz-Date": {date}})
		if problem != "" {
			if _, rest, _ := strings.Cut(header, " "); len(rest) > 40 && strings.Contains(problem, rest) {
				t.Errorf("parseAuthorization(%q) repeats it: %q", header, problem)
			}
			return
		}
		if a.signature == "" || len(a.signedHeaders) == 0 || a.date.IsZero() && !strings.HasPrefix(date, "0001") {
			t.Errorf("parseAuthorization(%q, %q) = %+v, incomplete", header, date, a)
		}
	})
}
