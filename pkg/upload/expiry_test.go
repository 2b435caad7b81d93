package upload_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"airlock/pkg/api"
	"airlock/pkg/lambdaenv"
	"airlock/pkg/upload"
)

// expiring returns credentials that end after d.
func expiring(d time.Duration) aws.CredentialsProvider {
	c := credentials
	c.CanExpire, c.Expires = true, time.Now().Add(d)
	return provide(c)
}

func TestExpires(t *testing.T) {
	t.Parallel()
	const ttl = 15 * time.Minute
	tests := []struct {
		name        string
		credentials time.Duration // their life, from now; 0: nobody says
		at          time.Duration // into a second
		asked       *int64
		want        int64 // seconds after the whole second
		code        api.Code
	}{
		{name: "default", want: 900},
		{name: "shortest", asked: new(int64(1)), want: 1},
		{name: "longest", asked: new(int64(900)), want: 900},
		{name: "zero", asked: new(int64(0)), code: api.InvalidExpiry},
		{name: "negative", asked: new(int64(-1)), code: api.InvalidExpiry},
		{name: "too long", asked: new(int64(901)), code: api.InvalidExpiry},
		{name: "overflow", asked: new(int64(1<<63 - 1)), code: api.InvalidExpiry},
		{name: "late in a second", at: 999 * time.Millisecond, want: 900},
		{name: "credentials live longer", credentials: time.Hour, want: 900},
		{name: "credentials live as long", credentials: ttl, want: 900},
		{name: "credentials end first", credentials: 100 * time.Second, want: 100},
		{name: "credentials end within a second", credentials: 100*time.Second + 999*time.Millisecond, want: 100},
		{name: "asked for less than the credentials' life", credentials: 100 * time.Second, asked: new(int64(60)), want: 60},
		// X-Amz-Expires counts from 0.6 s ago, so one more whole second fits.
		{name: "fractions that add up", at: 600 * time.Millisecond, credentials: 1400 * time.Millisecond, want: 2},
		{name: "a second left", credentials: time.Second, want: 1},
		{name: "less than a second left", credentials: 999 * time.Millisecond, code: api.Unavailable},
		{name: "no life left", credentials: -time.Hour, code: api.Unavailable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				second := time.Now()
				time.Sleep(tt.at)
				g := newGranter(t, func(c *upload.Config) {
					if tt.credentials != 0 {
						c.Credentials = expiring(tt.credentials)
					}
				})
				in := hello(func(r *upload.Request) { r.ExpiresInSeconds = tt.asked })
				got, err := g.CreateUpload(t.Context(), from("alice"), in)
				if codeOf(err) != tt.code {
					t.Fatalf("CreateUpload(%+v) = error %v, want code %q", in, err, tt.code)
				}
				if err != nil {
					return
				}
				checkExpires(t, got, second.Add(time.Duration(tt.want)*time.Second))

				// The last instant it holds, and the first it does not.
				r, err := arrive(got, 13)
				if err != nil {
					t.Fatal(err)
				}
				end := second.Add(time.Duration(tt.want) * time.Second)
				if err := verify(r, credentials, "eu-west-1", end.Add(-1)); err != nil {
					t.Errorf("just before expires: %v", err)
				}
				if err := verify(r, credentials, "eu-west-1", end); err == nil {
					t.Error("at expires: still valid")
				}
			})
		})
	}
}

// checkExpires sees that a grant says when its URL ends, and that the URL says so too.
func checkExpires(t *testing.T, got upload.Grant, want time.Time) {
	t.Helper()
	u, err := url.Parse(got.URL)
	if err != nil {
		t.Fatal(err)
	}
	date, err := time.Parse("20060102T150405Z", u.Query().Get("X-Amz-Date"))
	if err != nil {
		t.Fatal(err)
	}
	life, err := time.ParseDuration(u.Query().Get("X-Amz-Expires") + "s")
	if err != nil {
		t.Fatal(err)
	}
	if s := want.UTC().Format(time.RFC3339); got.Expires != s || !date.Add(life).Equal(want) {
		t.Errorf("expires = %s, of the URL %v, want %s", got.Expires, date.Add(life), s)
	}
}

// TestExpiresWithFractionalTTL: the default life may be given in any unit, and
// a URL lives whole seconds.
func TestExpiresWithFractionalTTL(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGranter(t, func(c *upload.Config) { c.TTL = 1900 * time.Millisecond })
		got, err := g.CreateUpload(t.Context(), from("alice"), hello())
		if err != nil {
			t.Fatal(err)
		}
		checkExpires(t, got, time.Now().Add(time.Second))
	})
}

func TestCredentialsGone(t *testing.T) {
	t.Parallel()
	const body = `{"name":"x","contentType":"text/plain","contentLength":1}`
	got, log := post(t, newGranter(t, func(c *upload.Config) { c.Credentials = expiring(-time.Minute) }), body)
	if got.StatusCode != 503 || got.code(t) != api.Unavailable || got.Headers["retry-after"] != "1" {
		t.Errorf("POST with expired credentials = %d, %v, %s, want 503 with retry-after", got.StatusCode, got.Headers, got.Body)
	}
	if !strings.Contains(log, "expired") {
		t.Errorf("the log %s does not say why", log)
	}

	// A provider that fails is our fault, and the client learns nothing of it.
	broken := errors.New("no such file: /var/secret")
	got, log = post(t, newGranter(t, func(c *upload.Config) {
		c.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return aws.Credentials{}, broken })
	}), body)
	if got.StatusCode != 500 || got.code(t) != api.Internal || strings.Contains(string(got.Body), "secret") {
		t.Errorf("POST without credentials = %d, %s, want an opaque 500", got.StatusCode, got.Body)
	}
	if !strings.Contains(log, broken.Error()) {
		t.Errorf("the log %s does not hold the cause", log)
	}
}

func TestRead(t *testing.T) {
	required := map[string]string{
		"UPLOAD_BUCKET": "media", "AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "ASIA", "AWS_SECRET_ACCESS_KEY": "secret",
		// Whatever the machine has set is not for this test.
		"AWS_DEFAULT_REGION": "", "AWS_CREDENTIAL_EXPIRATION": "", "AWS_ENDPOINT_URL": "", "AWS_ENDPOINT_URL_S3": "",
		"UPLOAD_URL_TTL": "", "UPLOAD_MAX_BYTES": "", "UPLOAD_CONTENT_TYPES": "", "INLINE_CONTENT_TYPES": "",
	}
	tests := []struct {
		name, value string
		problem     string // part of the error, "" for none
	}{
		{"UPLOAD_URL_TTL", "", ""},
		{"UPLOAD_URL_TTL", "1s", ""},
		{"UPLOAD_URL_TTL", "1h", ""},
		{"UPLOAD_URL_TTL", "1h0m1s", "UPLOAD_URL_TTL must be 1s to 1h0m0s"},
		{"UPLOAD_URL_TTL", "999ms", "UPLOAD_URL_TTL must be"},
		{"UPLOAD_URL_TTL", "900", "UPLOAD_URL_TTL must be"},
		{"UPLOAD_MAX_BYTES", "5368709120", ""},
		{"UPLOAD_MAX_BYTES", "5368709121", "UPLOAD_MAX_BYTES must be 1 to 5368709120"},
		{"UPLOAD_MAX_BYTES", "0", "UPLOAD_MAX_BYTES must be"},
		{"UPLOAD_BUCKET", "", "UPLOAD_BUCKET is not set"},
		{"UPLOAD_CONTENT_TYPES", "image/*, Text/Plain", ""},
		{"UPLOAD_CONTENT_TYPES", "image", "UPLOAD_CONTENT_TYPES has \"image\""},
		{"INLINE_CONTENT_TYPES", "text/plain;charset=utf-8", "INLINE_CONTENT_TYPES has"},
	}
	for _, tt := range tests {
		t.Run(tt.name+"="+tt.value, func(t *testing.T) {
			for name, value := range required {
				t.Setenv(name, value)
			}
			t.Setenv(tt.name, tt.value)
			env := lambdaenv.New()
			c := upload.Read(env)
			err := env.Err()
			if tt.problem != "" {
				if err == nil || !strings.Contains(err.Error(), tt.problem) {
					t.Errorf("Read = error %v, want %q", err, tt.problem)
				}
				return
			}
			if err != nil || c.BucketURL != "https://media.s3.eu-west-1.amazonaws.com/" || c.Region != "eu-west-1" {
				t.Errorf("Read = %+v, %v, want the bucket media in eu-west-1", c, err)
			}
			if _, err := upload.New(c); err != nil {
				t.Errorf("New(Read()): %v", err)
			}
		})
	}
}
