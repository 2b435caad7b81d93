package lambdaenv

import (
	"context"
	"errors"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Services as they stand at the end of AWS_ENDPOINT_URL_… ("Service-specific
// endpoints", AWS SDKs and Tools Reference Guide).
const (
	S3             = "S3"
	DynamoDB       = "DYNAMODB"
	SecretsManager = "SECRETS_MANAGER"
	CloudFront     = "CLOUDFRONT"
)

// AWS returns the configuration of one service's client, from what Lambda puts
// into every container: AWS_REGION and the role's temporary credentials.
// AWS_ENDPOINT_URL_<service> and AWS_ENDPOINT_URL are honoured.
//
// config.LoadDefaultConfig would do the same and link SSO, STS and IMDS for it,
// none of which a container ever asks (docs/adr/0004).
func (e *Env) AWS(service string) aws.Config {
	credentials := e.credentials()
	cfg := aws.Config{
		Region: e.region(),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return credentials, nil
		}),
	}
	if endpoint := e.endpoint(service); endpoint != "" {
		cfg.BaseEndpoint = &endpoint
	}
	return cfg
}

// credentials cannot be refreshed: a container keeps those it was born with.
// Expires is known only where AWS_CREDENTIAL_EXPIRATION tells it.
func (e *Env) credentials() aws.Credentials {
	c := aws.Credentials{
		AccessKeyID:     e.String("AWS_ACCESS_KEY_ID"),
		SecretAccessKey: e.String("AWS_SECRET_ACCESS_KEY"),
		SessionToken:    os.Getenv("AWS_SESSION_TOKEN"),
		Source:          "Lambda environment",
	}
	if s := os.Getenv("AWS_CREDENTIAL_EXPIRATION"); s != "" {
		t, err := time.Parse(time.RFC3339, s)
		if err != nil {
			e.problem("AWS_CREDENTIAL_EXPIRATION", "must be a time of RFC 3339")
		}
		c.CanExpire, c.Expires = true, t
	}
	return c
}

func (e *Env) region() string {
	if r := os.Getenv("AWS_DEFAULT_REGION"); r != "" {
		return e.StringOr("AWS_REGION", r)
	}
	return e.String("AWS_REGION")
}

func (e *Env) endpoint(service string) string {
	for _, name := range []string{"AWS_ENDPOINT_URL_" + service, "AWS_ENDPOINT_URL"} {
		s := os.Getenv(name)
		if s == "" {
			continue
		}
		e.Add(name, checkOrigin(s))
		return strings.TrimSuffix(s, "/")
	}
	return ""
}

// BucketURL returns the URL below which a bucket's keys lie, with a slash at
// its end: virtual-hosted and regional on AWS, since new buckets answer 307 on
// the global name; path style on an endpoint of one's own.
func (e *Env) BucketURL(bucket string) string {
	if endpoint := e.endpoint(S3); endpoint != "" {
		return endpoint + "/" + bucket + "/"
	}
	region, suffix := e.region(), "amazonaws.com"
	if strings.HasPrefix(region, "cn-") {
		suffix = "amazonaws.com.cn"
	}
	return "https://" + bucket + ".s3." + region + "." + suffix + "/"
}

// Origin returns a variable that must be a scheme and a host, without a path.
func (e *Env) Origin(name string) string {
	s := e.String(name)
	if s != "" {
		e.Add(name, checkOrigin(s))
	}
	return strings.TrimSuffix(s, "/")
}

func checkOrigin(s string) error {
	u, err := url.Parse(s)
	// Paths are appended to it as text, so nothing may follow the host: not even
	// the lone ? or # of which a parsed URL shows nothing.
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Hostname() == "" ||
		strings.TrimSuffix(s, "/") != u.Scheme+"://"+u.Host {
		return errors.New("must be a URL of scheme and host alone, such as https://d111111abcdef8.cloudfront.net")
	}
	return nil
}
