package upload_test

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"airlock/pkg/upload"
)

// signedBySDK returns the URL that the SDK's signer makes for what a grant tells
// a client to send, at the instant of the grant.
func signedBySDK(g upload.Grant, contentLength int64, c aws.Credentials, region string) (string, error) {
	u, err := url.Parse(g.URL)
	if err != nil {
		return "", err
	}
	at, err := time.Parse("20060102T150405Z", u.Query().Get("X-Amz-Date"))
	if err != nil {
		return "", err
	}
	r, err := http.NewRequestWithContext(context.Background(), g.Method, u.Scheme+"://"+u.Host, io.LimitReader(zeros{}, contentLength))
	if err != nil {
		return "", err
	}
	r.ContentLength = contentLength
	r.URL.Opaque = "//" + u.Host + u.EscapedPath()
	r.URL.RawQuery = "X-Amz-Expires=" + u.Query().Get("X-Amz-Expires")
	for name, value := range g.Headers {
		r.Header.Set(name, value)
	}
	signed, _, err := v4.NewSigner().PresignHTTP(context.Background(), c, r, "UNSIGNED-PAYLOAD", "s3", region, at, func(o *v4.SignerOptions) {
		o.DisableURIPathEscaping, o.DisableHeaderHoisting = true, true
	})
	return signed, err
}

// TestEqualsSDK: byte for byte, on every day and with whatever credentials the
// container then has.
func TestEqualsSDK(t *testing.T) {
	t.Parallel()
	other := aws.Credentials{AccessKeyID: "ASIAANOTHEREXAMPLE00", SecretAccessKey: "another+secret/", SessionToken: "another+token=="}
	synctest.Test(t, func(t *testing.T) {
		var now aws.Credentials
		provider := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return now, nil })
		for _, region := range []string{"eu-west-1", "us-gov-west-1"} {
			g := newGranter(t, func(c *upload.Config) { c.Region, c.Credentials = region, provider })
			// The sixth is signed after midnight. From then on each differs from the one
			// before it in one thing that a signing key is kept for.
			for _, now = range []aws.Credentials{
				credentials, credentials, credentials, credentials, credentials, credentials,
				{AccessKeyID: other.AccessKeyID, SecretAccessKey: credentials.SecretAccessKey, SessionToken: credentials.SessionToken},
				{AccessKeyID: other.AccessKeyID, SecretAccessKey: other.SecretAccessKey, SessionToken: credentials.SessionToken},
				other,
				{AccessKeyID: other.AccessKeyID, SecretAccessKey: other.SecretAccessKey},
			} {
				for _, in := range []upload.Request{hello(), hello(func(r *upload.Request) { r.ContentLength = new(int64) })} {
					got, err := g.CreateUpload(t.Context(), from("alice"), in)
					if err != nil {
						t.Fatal(err)
					}
					want, err := signedBySDK(got, *in.ContentLength, now, region)
					if err != nil || got.URL != want {
						t.Errorf("%v, %s: CreateUpload(%+v) =\n%s, want\n%s, %v", time.Now(), now.AccessKeyID, in, got.URL, want, err)
					}
				}
				time.Sleep(5 * time.Hour)
			}
		}
	})
}

// TestDefaultPort: clients leave a scheme's own port out of Host, so it can't be
// what is signed.
func TestDefaultPort(t *testing.T) {
	t.Parallel()
	for bucketURL, want := range map[string]string{
		"https://s3.example.com:443/media/": "https://s3.example.com/media/u/",
		"http://s3.example.com:80/media/":   "http://s3.example.com/media/u/",
		"http://s3.example.com:443/media/":  "http://s3.example.com:443/media/u/",
		"https://s3.example.com:9000/":      "https://s3.example.com:9000/u/",
		"https://[::443]/media/":            "https://[::443]/media/u/",
	} {
		g := newGranter(t, func(c *upload.Config) { c.BucketURL = bucketURL })
		got, err := g.CreateUpload(t.Context(), from("alice"), hello())
		if err != nil || !strings.HasPrefix(got.URL, want) {
			t.Errorf("CreateUpload over %s = %.80s, %v, want %s…", bucketURL, got.URL, err, want)
		}
		if sdk, err := signedBySDK(got, 13, credentials, "eu-west-1"); err != nil || got.URL != sdk {
			t.Errorf("CreateUpload over %s =\n%s, want\n%s, %v", bucketURL, got.URL, sdk, err)
		}
	}
}
