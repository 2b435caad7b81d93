// Package upload grants uploads: it answers POST /uploads with a presigned S3
// PUT URL. Everything that matters about the file is inside the signature: its
// key, length, type, disposition, checksum where the client gives one, and that
// nothing may be there yet.
//
// Granting is computation only. The package calls no AWS service and links no
// client of one.
//
// Environment: UPLOAD_BUCKET, UPLOAD_URL_TTL, UPLOAD_MAX_BYTES,
// UPLOAD_CONTENT_TYPES, INLINE_CONTENT_TYPES (docs/operations.md).
//
// IAM: s3:PutObject on <bucket>/u/*. A presigned URL can do what its signer
// may do, so the role must be able to do nothing else.
//
// Limits: a single PUT carries at most 5 GiB, and a URL lives at most as long as
// the credentials that signed it ("Uploading objects with presigned URLs",
// Amazon S3 User Guide).
//
// Trusted: the caller's subject, which API Gateway verified. Nothing the client
// sends is trusted; what S3 is told to hold the client to is what was checked.
package upload

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"airlock/pkg/api"
	"airlock/pkg/lambdaenv"
	"airlock/pkg/objectkey"
)

// Limits of S3 and of our own.
const (
	MaxPutBytes = 5 << 30   // S3: one PUT
	MaxTTL      = time.Hour // ours: a URL is a bearer credential
)

// Config is what [New] needs. All of it is read from the environment by [Read].
type Config struct {
	// BucketURL is what keys are appended to, with a slash at its end.
	BucketURL   string
	Region      string
	Credentials aws.CredentialsProvider

	TTL         time.Duration // default and longest life of a URL, 1 s to [MaxTTL]
	MaxBytes    int64         // 1 to [MaxPutBytes]
	Types       MediaTypes    // what may be uploaded
	InlineTypes MediaTypes    // what a browser may show in place
}

// Read takes the configuration from the environment.
func Read(env *lambdaenv.Env) Config {
	s3 := env.AWS(lambdaenv.S3)
	c := Config{
		BucketURL: env.BucketURL(env.String("UPLOAD_BUCKET")), Region: s3.Region, Credentials: s3.Credentials,
		TTL:      env.Duration("UPLOAD_URL_TTL", 15*time.Minute, time.Second, MaxTTL),
		MaxBytes: env.Int64("UPLOAD_MAX_BYTES", MaxPutBytes, 1, MaxPutBytes),
	}
	var err error
	c.Types, err = ParseMediaTypes(env.List("UPLOAD_CONTENT_TYPES", "*/*"))
	env.Add("UPLOAD_CONTENT_TYPES", err)
	c.InlineTypes, err = ParseMediaTypes(env.List("INLINE_CONTENT_TYPES",
		"image/png,image/jpeg,image/gif,image/webp,image/avif,audio/*,video/*,text/plain"))
	env.Add("INLINE_CONTENT_TYPES", err)
	return c
}

// Granter grants uploads. It is safe for concurrent use.
type Granter struct {
	config    Config
	presigner *presigner
}

// New returns a Granter.
func New(c Config) (*Granter, error) {
	p, err := newPresigner(c)
	if err != nil {
		return nil, err
	}
	return &Granter{config: c, presigner: p}, nil
}

// Request is the body of POST /uploads.
type Request struct {
	Name          string `json:"name" code:"invalid_name"`
	Folder        string `json:"folder" code:"invalid_name"`
	ContentType   string `json:"contentType" code:"unsupported_content_type"`
	ContentLength *int64 `json:"contentLength" code:"invalid_content_length" over:"content_too_large"` // bytes
	// ChecksumSHA256 is the base64 of the file's SHA-256, if the client knows it.
	ChecksumSHA256   *string `json:"checksumSHA256" code:"invalid_checksum"`
	ExpiresInSeconds *int64  `json:"expiresInSeconds" code:"invalid_expiry"` // default: [Config.TTL]
}

// Grant is the answer: how to store the file, and until when.
type Grant struct {
	ID        string            `json:"id"`
	ObjectKey string            `json:"objectKey"`
	Method    string            `json:"method"`
	URL       string            `json:"url"`
	Headers   map[string]string `json:"headers"` // to be sent exactly so
	Expires   string            `json:"expires"` // RFC 3339, UTC
}

// Counts implements [api.Counted].
func (Grant) Counts() (name string, n int) { return "UploadsGranted", 1 }

// CreateUpload answers POST /uploads. Errors are [*api.Error]: what the client
// asked for that it may not have, or [api.Unavailable] when the credentials of
// this container have run out.
func (g *Granter) CreateUpload(ctx context.Context, r api.Request, in Request) (Grant, error) {
	key, err := keyFor(r.Caller, in)
	if err != nil {
		return Grant{}, err
	}
	contentType, err := g.config.Types.check(in.ContentType)
	if err != nil {
		return Grant{}, err
	}
	length, err := g.checkLength(in.ContentLength)
	if err != nil {
		return Grant{}, err
	}
	checksum, err := checkChecksum(in.ChecksumSHA256, length)
	if err != nil {
		return Grant{}, err
	}
	ttl, err := api.Lifetime(in.ExpiresInSeconds, g.config.TTL, g.config.TTL)
	if err != nil {
		return Grant{}, err
	}

	headers := g.bind(contentType, length, disposition(g.config.InlineTypes.match(contentType), in.Name), checksum)
	url, expires, err := g.presigner.presign(ctx, http.MethodPut, key, headers, ttl)
	if err != nil {
		return Grant{}, err
	}
	// The client is told to send what is signed, save what its HTTP library sends.
	send := make(map[string]string, len(headers))
	for _, h := range headers {
		if h.name != "Host" && h.name != "Content-Length" {
			send[h.name] = h.value
		}
	}
	return Grant{
		ID: key.ID(), ObjectKey: key.String(), Method: http.MethodPut,
		URL: url, Headers: send, Expires: expires.UTC().Format(time.RFC3339),
	}, nil
}

// bind lists the headers that a PUT is bound to.
func (g *Granter) bind(contentType string, contentLength int64, contentDisposition, checksumSHA256 string) []header {
	all := make([]header, 0, 6)
	all = append(all, header{"Content-Disposition", contentDisposition})
	if contentLength > 0 { // 0 is bound by its checksum: clients send no length with nothing
		all = append(all, header{"Content-Length", strconv.FormatInt(contentLength, 10)})
	}
	all = append(all,
		header{"Content-Type", contentType},
		header{"Host", g.presigner.host},
		header{"If-None-Match", "*"})
	if checksumSHA256 != "" {
		all = append(all, header{"x-amz-checksum-sha256", checksumSHA256})
	}
	return all
}

func keyFor(caller api.Caller, in Request) (objectkey.Key, error) {
	folder := in.Folder
	if folder == "" {
		folder = objectkey.UniqueFolder()
	}
	key, err := objectkey.New(caller.Subject, folder, in.Name)
	if err != nil {
		return objectkey.Key{}, api.Refuse(api.InvalidName, "%v", err)
	}
	return key, nil
}

func (g *Granter) checkLength(n *int64) (int64, error) {
	switch {
	case n == nil:
		return 0, api.Refuse(api.InvalidContentLength, "contentLength is needed: the exact number of bytes")
	case *n < 0:
		return 0, api.Refuse(api.InvalidContentLength, "contentLength is a number of bytes, 0 or more")
	case *n > g.config.MaxBytes:
		return 0, api.Refuse(api.ContentTooLarge, "an upload may have at most %d bytes", g.config.MaxBytes)
	}
	return *n, nil
}
