package story

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

var (
	helloBytes  = []byte("Hello, world!")
	victimBytes = []byte("only these 24 bytes, now")
)

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return base64.StdEncoding.EncodeToString(s[:])
}

// Main is the product's main job, and the refusals that make it one.
func Main() []Step { return append(userSteps(), refusals()...) }

func userSteps() []Step {
	return []Step{
		{Name: "a token for alice", run: func(ctx context.Context, p *player) (string, error) {
			var err error
			p.alice, err = p.Token(ctx, "alice")
			return "from the issuer", err
		}},
		{Name: "POST /uploads: hello.txt, 13 bytes", run: func(ctx context.Context, p *player) (string, error) {
			g, a, err := p.grantUpload(ctx, p.alice, map[string]any{
				"name": "hello.txt", "contentType": "text/plain", "contentLength": len(helloBytes), "checksumSHA256": sum(helloBytes),
			})
			p.hello = g
			return a.String() + " " + g.ObjectKey, err
		}},
		{Name: "PUT to S3, straight", run: func(ctx context.Context, p *player) (string, error) {
			a, err := p.put(ctx, p.hello, helloBytes)
			p.stored = time.Now()
			return a.String(), errors.Join(err, a.want(http.StatusOK))
		}},
		{Name: "record writes it into the catalog", run: func(ctx context.Context, p *player) (string, error) {
			return p.awaitRow(ctx, p.hello.ObjectKey)
		}},
		{Name: "POST /signed-urls: 1 hour", run: func(ctx context.Context, p *player) (string, error) {
			var err error
			p.signed, err = p.signURL(ctx, p.alice, p.hello.ObjectKey, 3600)
			return "200 " + p.signed, err
		}},
		{Name: "GET from the CDN, bytes compared", run: func(ctx context.Context, p *player) (string, error) {
			return p.download(ctx, p.signed, helloBytes)
		}},
	}
}

// download fetches a signed URL and holds the answer to the bytes, and to the
// headers without which a stored file could run in a browser.
func (p *player) download(ctx context.Context, signedURL string, want []byte) (string, error) {
	a, err := p.fetch(ctx, signedURL)
	if err := errors.Join(err, a.want(http.StatusOK)); err != nil {
		return "", err
	}
	if !bytes.Equal(a.body, want) {
		return "", fmt.Errorf("got %d other bytes", len(a.body))
	}
	if a.header.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(a.header.Get("Content-Security-Policy"), "sandbox") {
		return "", errors.New("the answer lacks its security headers")
	}
	return fmt.Sprintf("%s, %d bytes", a, len(a.body)), nil
}

// Operator is the oldest form of the story: an operator's own upload to a key
// of no user, handed out by a caller who may read any.
func Operator() []Step {
	return []Step{
		{Name: "an operator uploads hello.txt with the SDK", run: func(ctx context.Context, p *player) (string, error) {
			p.stores(p.OperatorKey)
			_, err := p.Operator.PutObject(ctx, &s3.PutObjectInput{
				Bucket: &p.Bucket, Key: &p.OperatorKey, Body: bytes.NewReader(helloBytes), ContentType: aws.String("text/plain"),
			})
			p.stored = time.Now()
			return "stored as " + p.OperatorKey, err
		}},
		{Name: "record writes it into the catalog", run: func(ctx context.Context, p *player) (string, error) {
			return p.awaitRow(ctx, p.OperatorKey)
		}},
		{Name: "POST /signed-urls with the read-any scope: 1 hour", run: func(ctx context.Context, p *player) (string, error) {
			var err error
			if p.reader, err = p.Token(ctx, "operator", p.ReadAnyScope); err != nil {
				return "", err
			}
			p.signed, err = p.signURL(ctx, p.reader, p.OperatorKey, 3600)
			return "200 " + p.signed, err
		}},
		{Name: "GET from the CDN, bytes compared", run: func(ctx context.Context, p *player) (string, error) {
			return p.download(ctx, p.signed, helloBytes)
		}},
		{Name: "the same without the scope", Refusal: true, run: func(ctx context.Context, p *player) (string, error) {
			token, err := p.Token(ctx, "alice")
			if err != nil {
				return "", err
			}
			a, err := p.post(ctx, "/signed-urls", token, map[string]any{"objectKeys": []string{p.OperatorKey}})
			return a.String(), errors.Join(err, a.want(http.StatusNotFound))
		}},
	}
}

// changeQuery returns the URL with one query parameter put through change.
func changeQuery(signed, name string, change func(string) string) string {
	head, query, _ := strings.Cut(signed, "?")
	pairs := strings.Split(query, "&")
	for i, pair := range pairs {
		if value, ok := strings.CutPrefix(pair, name+"="); ok {
			pairs[i] = name + "=" + change(value)
		}
	}
	return head + "?" + strings.Join(pairs, "&")
}

// changePath returns the URL with the last segment of its path replaced.
func changePath(signed, segment string) string {
	head, query, _ := strings.Cut(signed, "?")
	return head[:strings.LastIndexByte(head, '/')+1] + url.PathEscape(segment) + "?" + query
}

// uniqueName keeps one playing out of another's way.
func uniqueName(base string) string { return rand.Text()[:8] + "-" + base }
