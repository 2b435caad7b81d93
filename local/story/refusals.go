package story

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// refusals are everything that must not work. victim is a granted upload that
// nobody has made yet: each wrong PUT must leave it unmade, and the right one
// must work in the end, so that none was refused for another reason.
func refusals() []Step {
	steps := []Step{
		{Name: "grants for the refusals, two of them for 1 second", run: prepareRefusals},
		putRefusal("PUT: other bytes of the same length", func(g grant) (grant, []byte, []string) {
			return g, bytes.ToUpper(victimBytes), nil
		}, http.StatusBadRequest),
		putRefusal("PUT: one byte more", func(g grant) (grant, []byte, []string) {
			return g, append(bytes.Clone(victimBytes), '!'), nil
		}, http.StatusForbidden),
		putRefusal("PUT: another content type", func(g grant) (grant, []byte, []string) {
			return g, victimBytes, []string{"Content-Type", "text/html"}
		}, http.StatusForbidden),
		putRefusal("PUT: on another key", func(g grant) (grant, []byte, []string) {
			g.URL, g.ObjectKey = changePath(g.URL, "other.txt"), path.Dir(g.ObjectKey)+"/other.txt"
			return g, victimBytes, nil
		}, http.StatusForbidden),
		{Name: "and nothing of it was stored", run: func(ctx context.Context, p *player) (string, error) {
			prefix := p.victim.ObjectKey[:strings.LastIndexByte(p.victim.ObjectKey, '/')+1]
			out, err := p.Operator.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &p.Bucket, Prefix: &prefix})
			if err == nil && len(out.Contents) != 0 {
				err = fmt.Errorf("%d objects lie under the refused key's folder", len(out.Contents))
			}
			return "no object", err
		}},
		{Name: "PUT: as granted", run: func(ctx context.Context, p *player) (string, error) {
			a, err := p.put(ctx, p.victim, victimBytes)
			return a.String(), errors.Join(err, a.want(http.StatusOK))
		}},
		putRefusal("PUT: a second time", func(g grant) (grant, []byte, []string) {
			return g, victimBytes, nil
		}, http.StatusPreconditionFailed),
		{Name: "GET straight from S3", Refusal: true, run: func(ctx context.Context, p *player) (string, error) {
			plain, _, _ := strings.Cut(p.hello.URL, "?")
			a, err := p.do(ctx, http.MethodGet, plain, nil, nil)
			return a.String(), errors.Join(err, a.want(http.StatusForbidden))
		}},
		cdnRefusal("CDN: without a signature", func(p *player) string {
			plain, _, _ := strings.Cut(p.signed, "?")
			return plain
		}),
		cdnRefusal("CDN: with another path", func(p *player) string {
			_, query, _ := strings.Cut(p.signed, "?")
			other, _, _ := strings.Cut(p.shortURL, "?")
			return other + "?" + query
		}),
		cdnRefusal("CDN: with a changed Expires", func(p *player) string {
			return changeQuery(p.signed, "Expires", func(s string) string {
				n, _ := strconv.ParseInt(s, 10, 64)
				return strconv.FormatInt(n+3600, 10)
			})
		}),
		cdnRefusal("CDN: with a changed signature", func(p *player) string {
			return changeQuery(p.signed, "Signature", func(s string) string {
				swapped := "A"
				if s[len(s)/2] == 'A' {
					swapped = "B"
				}
				return s[:len(s)/2] + swapped + s[len(s)/2+1:]
			})
		}),
		{Name: "bob asks for alice's file", Refusal: true, run: func(ctx context.Context, p *player) (string, error) {
			var err error
			if p.bob, err = p.Token(ctx, "bob"); err != nil {
				return "", err
			}
			a, err := p.post(ctx, "/signed-urls", p.bob, map[string]any{"objectKeys": []string{p.hello.ObjectKey}})
			return a.String(), errors.Join(err, a.want(http.StatusNotFound))
		}},
	}
	for _, route := range []string{"/uploads", "/signed-urls"} {
		steps = append(steps, Step{Name: "POST " + route + " without a token", Refusal: true, run: func(ctx context.Context, p *player) (string, error) {
			a, err := p.post(ctx, route, "", map[string]any{})
			return a.String(), errors.Join(err, a.want(http.StatusUnauthorized))
		}})
	}
	return append(steps,
		Step{Name: "PUT: after expiry", Refusal: true, run: func(ctx context.Context, p *player) (string, error) {
			if err := pause(ctx, time.Until(p.shortLived)); err != nil {
				return "", err
			}
			a, err := p.put(ctx, p.shortPut, victimBytes)
			return a.String(), errors.Join(err, a.want(http.StatusForbidden))
		}},
		cdnRefusal("CDN: after expiry", func(p *player) string { return p.shortURL }),
	)
}

func prepareRefusals(ctx context.Context, p *player) (string, error) {
	request := map[string]any{
		"name": uniqueName("victim.txt"), "contentType": "text/plain",
		"contentLength": len(victimBytes), "checksumSHA256": sum(victimBytes),
	}
	var err error
	if p.victim, _, err = p.grantUpload(ctx, p.alice, request); err != nil {
		return "", err
	}
	request["expiresInSeconds"] = 1
	if p.shortPut, _, err = p.grantUpload(ctx, p.alice, request); err != nil {
		return "", err
	}
	if p.shortURL, err = p.signURL(ctx, p.alice, p.victim.ObjectKey, 1); err != nil {
		return "", err
	}
	// Both ends lie on whole seconds.
	p.shortLived = time.Now().Add(2100*time.Millisecond + p.Patience.Skew)
	return "201, 201, 200", nil
}

// putRefusal is a PUT for the victim's grant that must be answered with status.
func putRefusal(name string, change func(grant) (grant, []byte, []string), status int) Step {
	return Step{Name: name, Refusal: true, run: func(ctx context.Context, p *player) (string, error) {
		g, body, headers := change(p.victim)
		a, err := p.put(ctx, g, body, headers...)
		return a.String(), errors.Join(err, a.want(status))
	}}
}

// cdnRefusal is a GET that the edge must answer with 403.
func cdnRefusal(name string, url func(*player) string) Step {
	return Step{Name: name, Refusal: true, run: func(ctx context.Context, p *player) (string, error) {
		a, err := p.do(ctx, http.MethodGet, url(p), nil, nil)
		return a.String(), errors.Join(err, a.want(http.StatusForbidden))
	}}
}
