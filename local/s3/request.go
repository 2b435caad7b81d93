package s3

import (
	"context"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gofiber/fiber/v3"
	"github.com/versity/versitygw/s3api/utils"
	"github.com/versity/versitygw/s3err"
)

// maxKeyBytes is S3's limit (S3 user guide, "Naming Amazon S3 objects").
const maxKeyBytes = 1024

// maxClockSkew is by how much a request may be dated ahead (S3 API reference,
// "Error responses", RequestTimeTooSkewed). The gateway looks at the end of a
// presigned URL's life only.
const maxClockSkew = 15 * time.Minute

// request is what authorization and events need to know of a request and the
// gateway does not hand on. Its strings outlive the request.
type request struct {
	// context holds the condition keys the gateway knows nothing of.
	context   url.Values
	anonymous bool
	method    string
	bucket    string
	objectKey string
	policy    bool // asks for ?policy
	sourceIP  string
	requestID string
	hostID    string
}

// requestKey finds the request among the values of a context.
type requestKey struct{}

// requestFrom gives what inspect has noted; a zero request where the caller is
// the service itself.
func requestFrom(ctx context.Context) request {
	r, _ := ctx.Value(requestKey{}).(request)
	return r
}

// inspect is the gateway's first middleware: it refuses keys that the file
// system would take for others, and notes what is needed later.
func inspect(c fiber.Ctx) error {
	decoded, err := url.PathUnescape(string(c.Request().URI().PathOriginal()))
	if err != nil {
		return s3err.GetAPIError(s3err.ErrInvalidURI)
	}
	bucket, objectKey, _ := strings.Cut(strings.TrimPrefix(decoded, "/"), "/")
	if objectKey != "" {
		if err := checkKey(objectKey); err != nil {
			return err
		}
	}
	query := c.Request().URI().QueryArgs()
	presigned := utils.IsPresignedURLAuth(c)
	if presigned {
		if err := checkPresigned(c); err != nil {
			return err
		}
	}
	// Every request shares the connection's buffers, so all strings are copied.
	r := request{
		context:   make(url.Values),
		method:    strings.Clone(c.Method()),
		bucket:    bucket,
		objectKey: objectKey,
		policy:    query.Has("policy"),
		sourceIP:  strings.Clone(c.IP()),
	}
	r.requestID, r.hostID = utils.EnsureRequestIDs(c)
	switch {
	case c.Get(fiber.HeaderAuthorization) != "":
		r.context.Set("s3:authtype", "REST-HEADER")
		r.context.Set("s3:signatureversion", "AWS4-HMAC-SHA256")
	case presigned:
		r.context.Set("s3:authtype", "REST-QUERY-STRING")
		r.context.Set("s3:signatureversion", "AWS4-HMAC-SHA256")
	default:
		r.anonymous = true
	}
	for header, conditionKey := range map[string]string{
		fiber.HeaderIfNoneMatch: "s3:if-none-match",
		fiber.HeaderIfMatch:     "s3:if-match",
	} {
		if v := c.Get(header); v != "" {
			r.context.Set(conditionKey, strings.Clone(v))
		}
	}
	// True for what makes an object appear: PutObject, CopyObject, a form and
	// CompleteMultipartUpload, not for beginning an upload or sending its parts
	// (S3 user guide, "Enforce conditional writes").
	switch {
	case r.method == http.MethodPut:
		r.context.Set("s3:objectcreationoperation", strconv.FormatBool(!query.Has("partNumber")))
	case r.method == http.MethodPost:
		r.context.Set("s3:objectcreationoperation", strconv.FormatBool(objectKey == "" || query.Has("uploadId")))
	}
	c.Locals(requestKey{}, r)
	return nil
}

// checkPresigned refuses what a signature in the query does not cover, and what
// is dated ahead. The gateway computes the signature from the first parameter of
// each name, and does not look for a second authorization; S3 signs the query as
// it came, and wants one mechanism ("Authenticating Requests: Using Query
// Parameters", API reference).
func checkPresigned(c fiber.Ctx) error {
	if c.Get(fiber.HeaderAuthorization) != "" {
		return s3err.APIError{
			Code:           "InvalidArgument",
			Description:    "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified",
			HTTPStatusCode: http.StatusBadRequest,
		}
	}
	// A date that is none is the gateway's to refuse.
	if date, err := time.Parse("20060102T150405Z", c.Query("X-Amz-Date")); err == nil && time.Until(date) > maxClockSkew {
		return s3err.APIError{Code: "AccessDenied", Description: "Request is not yet valid", HTTPStatusCode: http.StatusForbidden}
	}
	seen := make(map[string]bool)
	for b := range c.Request().URI().QueryArgs().All() {
		name := string(b)
		if !strings.HasPrefix(name, "X-Amz-") {
			continue
		}
		if seen[name] {
			return s3err.APIError{
				Code:           "AuthorizationQueryParametersError",
				Description:    "An X-Amz query parameter is there more than once.",
				HTTPStatusCode: http.StatusBadRequest,
			}
		}
		seen[name] = true
	}
	return nil
}

// checkKey refuses a key that would not come back as it was sent.
func checkKey(objectKey string) error {
	if len(objectKey) > maxKeyBytes {
		return s3err.GetKeyTooLongErr(int64(len(objectKey)), maxKeyBytes)
	}
	name := strings.TrimSuffix(objectKey, "/")
	first, _, _ := strings.Cut(name, "/")
	switch {
	case !utf8.ValidString(objectKey),
		strings.ContainsRune(objectKey, 0),
		name == "", name == ".", name == "..",
		path.Clean("/"+name) != "/"+name,
		first == ".sgwtmp": // the gateway's own folder in every bucket
		return s3err.GetAPIError(s3err.ErrInvalidURI)
	}
	return nil
}
