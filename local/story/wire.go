package story

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// grant is the answer to POST /uploads.
type grant struct {
	ID, ObjectKey, Method, URL string
	Headers                    map[string]string
	Expires                    time.Time
}

// answer is what came back, read to the end.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// maxBody bounds what is read of an answer; the story's files are small.
const maxBody = 1 << 20

func (p *player) do(ctx context.Context, method, url string, headers map[string]string, body []byte) (answer, error) {
	r, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return answer{}, fmt.Errorf("%s to what is no URL", method) // which may be a bearer credential
	}
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	res, err := p.http.Do(r)
	if err != nil {
		// The client's error holds the whole URL, the network's names the host alone.
		what := fmt.Sprintf("%s of %s failed before an answer came", method, r.URL.Host)
		if network := (*net.OpError)(nil); errors.As(err, &network) {
			return answer{}, fmt.Errorf("%s: %w", what, network)
		}
		return answer{}, errors.New(what)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(res.Body, maxBody))
	return answer{res.StatusCode, res.Header, b}, err
}

// post calls the API. token may be empty.
func (p *player) post(ctx context.Context, path, token string, in any) (answer, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return answer{}, err
	}
	headers := map[string]string{"Content-Type": "application/json"}
	if token != "" {
		headers["Authorization"] = "Bearer " + token
	}
	return p.do(ctx, http.MethodPost, p.API+path, headers, body)
}

// want is nil if the answer has the status. What was granted though it should
// have been refused is a bearer credential, and S3's error repeats the request:
// of a body only the sentence meant for people is told.
func (a answer) want(status int) error {
	if a.status == status || a.status == 0 { // no answer: do has said why
		return nil
	}
	return fmt.Errorf("answered %s, want %d%s", a, status, a.detail())
}

// detail is what a problem document or an XML error says to people.
func (a answer) detail() string {
	var problem struct{ Detail string }
	var document struct{ Message string }
	if json.Unmarshal(a.body, &problem) == nil && problem.Detail != "" {
		return fmt.Sprintf(": %.300s", problem.Detail)
	}
	if xml.Unmarshal(a.body, &document) == nil && document.Message != "" {
		return fmt.Sprintf(": %.300s", document.Message)
	}
	return ""
}

// String is the status and what the body calls it.
func (a answer) String() string {
	s := fmt.Sprint(a.status)
	var problem struct{ Code, Message string }
	switch {
	case bytes.HasPrefix(bytes.TrimSpace(a.body), []byte("<")):
		if _, rest, ok := strings.Cut(string(a.body), "<Code>"); ok {
			code, _, _ := strings.Cut(rest, "</Code>")
			s += " " + code
		}
	case json.Unmarshal(a.body, &problem) == nil:
		s = strings.TrimSpace(s + " " + problem.Code + problem.Message)
	}
	return s
}

// grantUpload asks for an upload and insists on getting it.
func (p *player) grantUpload(ctx context.Context, token string, request map[string]any) (grant, answer, error) {
	a, err := p.post(ctx, "/uploads", token, request)
	if err != nil {
		return grant{}, a, err
	}
	if err := a.want(http.StatusCreated); err != nil {
		return grant{}, a, err
	}
	var g grant
	if err := json.Unmarshal(a.body, &g); err != nil {
		return grant{}, a, fmt.Errorf("reading the grant: %w", err)
	}
	return g, a, nil
}

// put stores body as g says, with other headers where given.
func (p *player) put(ctx context.Context, g grant, body []byte, other ...string) (answer, error) {
	p.stores(g.ObjectKey)
	headers := map[string]string{}
	for name, value := range g.Headers {
		headers[name] = value
	}
	for i := 0; i+1 < len(other); i += 2 {
		headers[other[i]] = other[i+1]
	}
	return p.do(ctx, g.Method, g.URL, headers, body)
}

// signURL asks for one signed URL and insists on getting it.
func (p *player) signURL(ctx context.Context, token, objectKey string, seconds int) (string, error) {
	a, err := p.post(ctx, "/signed-urls", token, map[string]any{
		"objectKeys": []string{objectKey}, "expiresInSeconds": seconds,
	})
	if err != nil {
		return "", err
	}
	if err := a.want(http.StatusOK); err != nil {
		return "", err
	}
	var out struct {
		SignedURLs []struct{ ObjectKey, URL string }
	}
	if err := json.Unmarshal(a.body, &out); err != nil || len(out.SignedURLs) != 1 || out.SignedURLs[0].ObjectKey != objectKey {
		return "", errors.New("the answer is not one URL for the key asked for")
	}
	return out.SignedURLs[0].URL, nil
}

// fetch gets a signed URL, and while the CDN itself refuses it gets it again: a
// key group may be new.
func (p *player) fetch(ctx context.Context, signedURL string) (answer, error) {
	deadline := time.Now().Add(p.Patience.Edge)
	for tries := 1; ; tries++ {
		a, err := p.do(ctx, http.MethodGet, signedURL, nil, nil)
		if err != nil || !a.isSignatureRefused() {
			return a, err
		}
		if time.Now().After(deadline) {
			return answer{}, fmt.Errorf("%w: %w", ErrSignatureRefused, a.want(http.StatusOK))
		}
		if tries == 1 && p.Waits != nil {
			p.Waits(fmt.Sprintf("the CDN answers %s; a new key group takes minutes to reach every edge: trying again for up to %v", a, p.Patience.Edge))
		}
		if err := pause(ctx, p.Patience.Edge/30); err != nil {
			return answer{}, err
		}
	}
}

// isSignatureRefused tells the edge's own XML from S3's, which it hands through
// with S3's name in it, and from the page of a firewall.
func (a answer) isSignatureRefused() bool {
	return a.status == http.StatusForbidden && a.header.Get("Server") != "AmazonS3" && bytes.Contains(a.body, []byte("<Code>"))
}

// awaitRow polls the catalog until the row is there.
func (p *player) awaitRow(ctx context.Context, objectKey string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(p.Patience.Row, 20*time.Second))
	defer cancel()
	for {
		found, err := p.Recorded(ctx, objectKey)
		if err != nil && ctx.Err() == nil {
			return "", fmt.Errorf("looking into the catalog: %w", err)
		}
		if found {
			return fmt.Sprintf("%d ms after S3 had it", time.Since(p.stored).Milliseconds()), nil
		}
		if pause(ctx, cmp.Or(p.Patience.Poll, 5*time.Millisecond)) != nil {
			return "", fmt.Errorf("no row after %v", time.Since(p.stored).Round(time.Second))
		}
	}
}

func (p *player) stores(objectKey string) {
	if p.Stores != nil {
		p.Stores(objectKey)
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
