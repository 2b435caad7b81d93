package upload_test

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	gocmp "github.com/google/go-cmp/cmp"

	"airlock/pkg/upload"
)

// arrive sends what a grant tells a client to send over a wire of memory, and
// returns the request as a server reads it.
func arrive(g upload.Grant, contentLength int64, change ...func(*http.Request)) (*http.Request, error) {
	r, err := http.NewRequestWithContext(context.Background(), g.Method, g.URL, io.LimitReader(zeros{}, contentLength))
	if err != nil {
		return nil, err
	}
	r.ContentLength = contentLength
	if contentLength == 0 {
		r.Body = http.NoBody
	}
	for name, value := range g.Headers {
		r.Header.Set(name, value)
	}
	for _, f := range change {
		f(r)
	}
	var wire bytes.Buffer
	if err := r.Write(&wire); err != nil {
		return nil, err
	}
	return http.ReadRequest(bufio.NewReader(&wire))
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// verify checks a presigned request as S3 does, from nothing but what arrived
// ("Authenticating requests: using query parameters", Amazon S3 API Reference).
// It shares no code with the signer under test.
func verify(r *http.Request, c aws.Credentials, region string, now time.Time) error {
	rawPath, rawQuery, _ := strings.Cut(r.RequestURI, "?")
	query := make(map[string]string)
	var canonicalQuery []string
	for pair := range strings.SplitSeq(rawQuery, "&") {
		name, value, _ := strings.Cut(pair, "=")
		value, err := url.PathUnescape(value) // '+' is a plus
		if _, twice := query[name]; twice || err != nil {
			return fmt.Errorf("query: %q twice, or %w", name, err)
		}
		query[name] = value
		if name != "X-Amz-Signature" {
			canonicalQuery = append(canonicalQuery, name+"="+escape(value, ""))
		}
	}
	slices.Sort(canonicalQuery)
	path, err := url.PathUnescape(rawPath)
	if err != nil {
		return err
	}
	date, err := time.Parse("20060102T150405Z", query["X-Amz-Date"])
	if err != nil {
		return err
	}
	seconds, err := strconv.Atoi(query["X-Amz-Expires"])
	if err != nil || seconds < 1 || seconds > 7*24*60*60 {
		return fmt.Errorf("X-Amz-Expires=%q: %w", query["X-Amz-Expires"], err)
	}
	if now.Before(date) || !now.Before(date.Add(time.Duration(seconds)*time.Second)) {
		return errors.New("the request has expired, or is not valid yet")
	}
	scope := date.Format("20060102") + "/" + region + "/s3/aws4_request"
	if query["X-Amz-Credential"] != c.AccessKeyID+"/"+scope || query["X-Amz-Security-Token"] != c.SessionToken {
		return errors.New("the credentials are not those")
	}

	r.Header.Set("Host", r.Host)
	r.Header.Set("Content-Length", strconv.FormatInt(r.ContentLength, 10))
	names := strings.Split(query["X-Amz-SignedHeaders"], ";")
	for name := range r.Header {
		if name = strings.ToLower(name); strings.HasPrefix(name, "x-amz-") && !slices.Contains(names, name) {
			return fmt.Errorf("%s was sent and not signed", name)
		}
	}
	var headers string
	for _, name := range names {
		headers += name + ":" + strings.Join(strings.Fields(strings.Join(r.Header.Values(name), ",")), " ") + "\n"
	}
	canonical := strings.Join([]string{
		r.Method, escape(path, "/"), strings.Join(canonicalQuery, "&"), headers, query["X-Amz-SignedHeaders"], "UNSIGNED-PAYLOAD",
	}, "\n")
	hash := sha256.Sum256([]byte(canonical))
	toSign := "AWS4-HMAC-SHA256\n" + query["X-Amz-Date"] + "\n" + scope + "\n" + hex.EncodeToString(hash[:])
	mac := []byte("AWS4" + c.SecretAccessKey)
	for _, s := range append(strings.Split(scope, "/"), toSign) {
		h := hmac.New(sha256.New, mac)
		h.Write([]byte(s))
		mac = h.Sum(nil)
	}
	if got, want := query["X-Amz-Signature"], hex.EncodeToString(mac); got != want {
		return fmt.Errorf("SignatureDoesNotMatch: %s, not %s, over\n%s", got, want, canonical)
	}
	return nil
}

// escape is AWS's UriEncode.
func escape(s, safe string) string {
	const unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
	var b strings.Builder
	for _, c := range []byte(s) {
		if strings.IndexByte(unreserved+safe, c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func TestSignedHeaders(t *testing.T) {
	t.Parallel()
	const helloSHA256 = "MV9b23bQeMQ7isAGTkoBZGErH853yGk0W/yUx1iU7dM="
	const emptySHA256 = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
	tests := []struct {
		name          string
		contentLength int64
		checksum      *string
		want          string
		wantChecksum  string
	}{
		{"without checksum", 13, nil, "content-disposition;content-length;content-type;host;if-none-match", ""},
		{"with checksum", 13, new(helloSHA256), "content-disposition;content-length;content-type;host;if-none-match;x-amz-checksum-sha256", helloSHA256},
		{"empty", 0, nil, "content-disposition;content-type;host;if-none-match;x-amz-checksum-sha256", emptySHA256},
		{"empty, said so", 0, new(emptySHA256), "content-disposition;content-type;host;if-none-match;x-amz-checksum-sha256", emptySHA256},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := hello(func(r *upload.Request) { r.ContentLength, r.ChecksumSHA256 = &tt.contentLength, tt.checksum })
			got, err := newGranter(t).CreateUpload(t.Context(), from("alice"), in)
			if err != nil {
				t.Fatal(err)
			}
			u, err := url.Parse(got.URL)
			if err != nil || u.Query().Get("X-Amz-SignedHeaders") != tt.want {
				t.Errorf("CreateUpload(%+v) signs %q, %v, want %q", in, u.Query().Get("X-Amz-SignedHeaders"), err, tt.want)
			}
			want := map[string]string{
				"Content-Type": "text/plain", "If-None-Match": "*",
				"Content-Disposition": `inline; filename="hello.txt"; filename*=UTF-8''hello.txt`,
			}
			if tt.wantChecksum != "" {
				want["x-amz-checksum-sha256"] = tt.wantChecksum
			}
			if diff := gocmp.Diff(want, got.Headers); diff != "" {
				t.Errorf("CreateUpload(%+v), headers (-want +got):\n%s", in, diff)
			}
		})
	}
}

// TestBinding changes one thing at a time of a granted request: S3 must refuse
// each of these.
func TestBinding(t *testing.T) {
	t.Parallel()
	set := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	const other = "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="
	tests := []struct {
		name   string
		length int64
		change func(*http.Request)
		bound  bool
	}{
		{"nothing", 13, func(*http.Request) {}, false},
		{"longer", 14, func(*http.Request) {}, true},
		{"empty", 0, func(*http.Request) {}, true},
		{"type", 13, set("Content-Type", "text/html"), true},
		{"type's case", 13, set("Content-Type", "Text/plain"), true},
		{"no type", 13, func(r *http.Request) { r.Header.Del("Content-Type") }, true},
		{"disposition", 13, set("Content-Disposition", "inline"), true},
		{"no disposition", 13, func(r *http.Request) { r.Header.Del("Content-Disposition") }, true},
		{"overwrite", 13, func(r *http.Request) { r.Header.Del("If-None-Match") }, true},
		{"checksum", 13, set("X-Amz-Checksum-Sha256", other), true},
		{"no checksum", 13, func(r *http.Request) { r.Header.Del("X-Amz-Checksum-Sha256") }, true},
		{"acl", 13, set("X-Amz-Acl", "public-read"), true},
		{"method", 13, func(r *http.Request) { r.Method = http.MethodPost }, true},
		{"host", 13, func(r *http.Request) { r.Host = "other.s3.eu-west-1.amazonaws.com" }, true},
		{"key", 13, func(r *http.Request) { r.URL.Path = "/u/bob/mysubpath/hello.txt" }, true},
		{"expiry", 13, func(r *http.Request) {
			r.URL.RawQuery = strings.Replace(r.URL.RawQuery, "X-Amz-Expires=900", "X-Amz-Expires=901", 1)
		}, true},
		{"query", 13, func(r *http.Request) { r.URL.RawQuery += "&partNumber=1" }, true},
	}
	in := hello(func(r *upload.Request) { r.ChecksumSHA256 = new("MV9b23bQeMQ7isAGTkoBZGErH853yGk0W/yUx1iU7dM=") })
	got, err := newGranter(t).CreateUpload(t.Context(), from("alice"), in)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, err := arrive(got, tt.length, tt.change)
			if err != nil {
				t.Fatal(err)
			}
			if err := verify(r, credentials, "eu-west-1", now); (err != nil) != tt.bound {
				t.Errorf("with another %s: %v, want refused: %v", tt.name, err, tt.bound)
			}
		})
	}
}

// TestBotocore compares with what botocore signs (testdata/vectors.py). The two
// order the query differently; S3 sorts it.
func TestBotocore(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		BucketURL, Subject, URL string
		Request                 upload.Request
		Headers                 map[string]string
	}
	if err := json.Unmarshal(b, &vectors); err != nil || len(vectors) == 0 {
		t.Fatalf("%d vectors, %v", len(vectors), err)
	}
	for _, v := range vectors {
		t.Run(v.Request.Name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g := newGranter(t, func(c *upload.Config) { c.BucketURL = v.BucketURL })
				got, err := g.CreateUpload(t.Context(), from(v.Subject), v.Request)
				if err != nil {
					t.Fatal(err)
				}
				if diff := gocmp.Diff(sortQuery(v.URL), sortQuery(got.URL)); diff != "" {
					t.Errorf("CreateUpload(%+v), URL (-want +got):\n%s", v.Request, diff)
				}
				if diff := gocmp.Diff(v.Headers, got.Headers); diff != "" {
					t.Errorf("CreateUpload(%+v), headers (-want +got):\n%s", v.Request, diff)
				}
			})
		})
	}
}

func sortQuery(rawURL string) []string {
	base, query, _ := strings.Cut(rawURL, "?")
	pairs := strings.Split(query, "&")
	slices.SortFunc(pairs, cmp.Compare)
	return append([]string{base}, pairs...)
}

// TestPresignClient compares with the SDK's own S3 client, which finds the host
// and escapes the key by itself. Only the operation's name, which it puts into
// the query, must be taken out.
func TestPresignClient(t *testing.T) {
	t.Parallel()
	const checksum = "MV9b23bQeMQ7isAGTkoBZGErH853yGk0W/yUx1iU7dM="
	for _, name := range []string{"hello.txt", "50% off + more.pdf", "a=b&c=d?e#f;g@h:i$j,k.txt", "日本 ÿ😀", `it's (!*"<>^{|}~[]'`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				in := hello(func(r *upload.Request) { r.Name, r.ChecksumSHA256 = name, new(checksum) })
				got, err := newGranter(t).CreateUpload(t.Context(), from("alice"), in)
				if err != nil {
					t.Fatal(err)
				}
				client := s3.NewPresignClient(s3.New(s3.Options{Region: "eu-west-1", Credentials: provide(credentials)}), func(o *s3.PresignOptions) {
					o.Presigner = withoutOperation{}
					o.Expires = 15 * time.Minute
				})
				want, err := client.PresignPutObject(t.Context(), &s3.PutObjectInput{
					Bucket: aws.String("media"), Key: aws.String("u/alice/mysubpath/" + name), ContentType: aws.String("text/plain"),
					ContentLength: aws.Int64(13), ChecksumSHA256: aws.String(checksum),
					ContentDisposition: aws.String(got.Headers["Content-Disposition"]), IfNoneMatch: aws.String("*"),
				})
				if err != nil {
					t.Fatal(err)
				}
				if diff := gocmp.Diff(sortQuery(want.URL), sortQuery(got.URL)); diff != "" {
					t.Errorf("CreateUpload(%+v), URL (-PresignClient +got):\n%s", in, diff)
				}
			})
		})
	}
}

// withoutOperation is the SDK's signer, without x-id in the query.
type withoutOperation struct{}

func (withoutOperation) PresignHTTP(
	ctx context.Context, c aws.Credentials, r *http.Request, payloadHash, service, region string, at time.Time, options ...func(*v4.SignerOptions),
) (string, http.Header, error) {
	query := r.URL.Query()
	query.Del("x-id")
	r.URL.RawQuery = query.Encode()
	options = append(options, func(o *v4.SignerOptions) {
		o.DisableURIPathEscaping, o.DisableHeaderHoisting = true, true // the first, as the S3 client's own signer
	})
	return v4.NewSigner().PresignHTTP(ctx, c, r, payloadHash, service, region, at, options...)
}
