package stack_test

import (
	"bytes"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"airlock/local/stack"
)

// putGrants are what is asked for: with each, other headers are signed.
var putGrants = []struct {
	name, body string
	checksum   bool
}{
	{"with checksum", "Hello, world!", true},
	{"without checksum", "Hello, world!", false},
	{"empty", "", false},
}

// testPutDeviations sends all that is not what was granted. At the end the exact
// request is answered 200: it could not be if one of the others had been stored,
// and so it was for their deviation that they were refused.
func testPutDeviations(t *testing.T, s *stack.Stack) {
	for _, tt := range putGrants {
		t.Run(tt.name, func(t *testing.T) {
			g, exact, addr := putRequest(t, s, tt.body, tt.checksum, 900)
			_, late, _ := putRequest(t, s, tt.body, tt.checksum, 1)
			expired := time.Now().Add(time.Second)

			deviations := putDeviations(t, g, exact)
			refuse := func(about string, r wireRequest) {
				// Not 412: it would say that the request was fine, but for what is stored.
				switch a, err := r.send(t.Context(), addr); {
				case err != nil:
					t.Errorf("%s: %v", about, err)
				case a.status != http.StatusBadRequest && a.status != http.StatusForbidden &&
					a.status != http.StatusMethodNotAllowed && a.status != http.StatusLengthRequired:
					t.Errorf("%s: %s = %v, want 400, 403, 405 or 411", about, r.method, a)
				}
			}
			for _, d := range deviations {
				if slices.Contains(standInGaps, d.about) {
					continue
				}
				r := exact.clone()
				d.change(&r)
				refuse(d.about, r)
			}
			if a, err := exact.send(t.Context(), addr); err != nil || a.status != http.StatusOK {
				t.Errorf("PUT as granted, after %d others = %v, %v, want 200", len(deviations), a, err)
			}
			if a, err := exact.send(t.Context(), addr); err != nil || a.status != http.StatusPreconditionFailed {
				t.Errorf("PUT as granted, again = %v, %v, want 412", a, err)
			}

			if err := await(t.Context(), func() (bool, error) { return time.Now().After(expired), nil }); err != nil {
				t.Fatal(err)
			}
			refuse("expired", late)
		})
	}
}

// testPutEquivalents sends the granted request in other words, which must be
// taken, and the gaps of the embedded S3, so that a change of them shows. Either
// way the object is what was granted.
func testPutEquivalents(t *testing.T, s *stack.Stack) {
	const body = "Hello, world!"
	recase := func(f func(string) string) func(*wireRequest) {
		return func(r *wireRequest) {
			for i := range r.headers {
				r.headers[i][0] = f(r.headers[i][0])
			}
		}
	}
	equivalents := []putDeviation{
		{"header names in upper case", recase(strings.ToUpper)},
		{"header names in lower case", recase(strings.ToLower)},
		{"headers in another order", func(r *wireRequest) { slices.Reverse(r.headers) }},
		{"white space around the values", func(r *wireRequest) {
			for i := range r.headers {
				r.headers[i][1] = "  " + r.headers[i][1] + " "
			}
		}},
		{"headers of a browser", func(r *wireRequest) {
			r.headers = append(r.headers, [][2]string{
				{"Origin", "http://localhost"}, {"Referer", "http://localhost/"}, {"User-Agent", "x"}, {"Accept", "*/*"}, {"Cookie", "a=b"},
			}...)
		}},
		{"a slash of the key encoded", func(r *wireRequest) { r.target = strings.Replace(r.target, "/u/alice/", "/u%2Falice%2F", 1) }},
	}
	g, exact, _ := putRequest(t, s, body, true, 900)
	for _, d := range putDeviations(t, g, exact) {
		if slices.Contains(standInGaps, d.about) {
			equivalents = append(equivalents, d)
		}
	}
	for _, e := range equivalents {
		t.Run(e.about, func(t *testing.T) {
			g, r, addr := putRequest(t, s, body, true, 900)
			e.change(&r)
			if a, err := r.send(t.Context(), addr); err != nil || a.status != http.StatusOK {
				t.Fatalf("PUT = %v, %v, want 200", a, err)
			}
			head, err := operatorS3(s).HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &s.Endpoints.Bucket, Key: &g.ObjectKey})
			if err != nil {
				t.Fatal(err)
			}
			want := []string{g.Headers["Content-Type"], g.Headers["Content-Disposition"]}
			if diff := cmp.Diff(want, []string{*head.ContentType, *head.ContentDisposition}); diff != "" {
				t.Errorf("stored type and disposition (-granted +got):\n%s", diff)
			}
		})
	}
}

// testPlainHeaders stores a file with every header that S3 keeps and no grant
// signs. They are those that docs/security.md names, and the CDN's answer is none
// of their making.
func testPlainHeaders(t *testing.T, s *stack.Stack) {
	const body = "Hello, world!"
	g, r, addr := putRequest(t, s, body, false, 900)
	r.headers = append(r.headers, [][2]string{
		{"Cache-Control", "public, max-age=31536000, immutable"},
		{"Content-Encoding", "br"},
		{"Content-Language", "tlh"},
		{"Expires", "Fri, 01 Jan 2100 00:00:00 GMT"},
		{"Content-Security-Policy", "default-src *"},
		{"X-Content-Type-Options", "none"},
		{"Access-Control-Allow-Origin", "*"},
		{"Set-Cookie", "a=b"},
		{"Location", "https://example.com/"},
		{"Refresh", "0; url=https://example.com/"},
		{"Link", "</x>; rel=preload"},
	}...)
	if a, err := r.send(t.Context(), addr); err != nil || a.status != http.StatusOK {
		t.Fatalf("PUT with unsigned headers = %v, %v, want 200", a, err)
	}
	head, err := operatorS3(s).HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &s.Endpoints.Bucket, Key: &g.ObjectKey})
	if err != nil {
		t.Fatal(err)
	}
	kept := map[string]*string{
		"Cache-Control": head.CacheControl, "Content-Encoding": head.ContentEncoding, "Content-Language": head.ContentLanguage, "Expires": head.ExpiresString,
	}
	var stored []string
	for name, value := range kept {
		if sent, _ := r.header(name); value != nil && *value == sent {
			stored = append(stored, name)
		}
	}
	slices.Sort(stored)
	if diff := cmp.Diff(settableHeaders(t), stored); diff != "" {
		t.Errorf("what an uploader can set (-docs/security.md +stored):\n%s", diff)
	}
	if len(head.Metadata) != 0 || head.WebsiteRedirectLocation != nil {
		t.Errorf("stored with metadata %v, redirect %v, want none", head.Metadata, head.WebsiteRedirectLocation)
	}

	a, err := alice(t, s).download(t.Context(), g.ObjectKey)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	for _, name := range []string{
		"Cache-Control", "Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy", "Strict-Transport-Security",
		"Content-Type", "Content-Disposition", "Access-Control-Allow-Origin", "Set-Cookie", "Location", "Refresh", "Link",
	} {
		got[name] = a.header.Values(name)
	}
	want := map[string][]string{
		"Cache-Control":             {"private, no-cache"},
		"Content-Security-Policy":   {"default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; sandbox"},
		"X-Content-Type-Options":    {"nosniff"},
		"Referrer-Policy":           {"no-referrer"},
		"Strict-Transport-Security": {"max-age=63072000; includeSubDomains"},
		"Content-Type":              {g.Headers["Content-Type"]}, "Content-Disposition": {g.Headers["Content-Disposition"]},
		"Access-Control-Allow-Origin": nil, "Set-Cookie": nil, "Location": nil, "Refresh": nil, "Link": nil,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("headers of the CDN's answer (-want +got):\n%s", diff)
	}
	if string(a.body) != body {
		t.Errorf("downloaded %q, want %q", a.body, body)
	}
}

// settableHeaders are those that docs/security.md says may be added, sorted.
func settableHeaders(t *testing.T) []string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(project, "docs", "security.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, sentence, ok := strings.Cut(string(b), "A plain header that is not signed may be added to a presigned PUT, and S3 stores it: ")
	if !ok {
		t.Fatal("docs/security.md does not say which headers an uploader can add")
	}
	sentence, _, _ = strings.Cut(sentence, ".")
	names := strings.Split(strings.ReplaceAll(sentence, "`", ""), ", ")
	slices.Sort(names)
	return names
}

// testRacingUploads grants one key eight times, for files that differ, and sends
// all at once: one is stored, and the catalog has that one.
func testRacingUploads(t *testing.T, s *stack.Stack) {
	const racers = 8
	user := alice(t, s)
	var grants [racers]grant
	body := func(i int) []byte { return bytes.Repeat([]byte{'a' + byte(i)}, i+1) }
	for i := range racers {
		g, err := user.grant(t.Context(), upload{"race", "one.txt", "text/plain", body(i)})
		if err != nil {
			t.Fatal(err)
		}
		grants[i] = g
	}
	var answers [racers]answer
	var group sync.WaitGroup
	for i, g := range grants {
		group.Go(func() {
			var err error
			if answers[i], err = g.put(t.Context(), bytes.NewReader(body(i)), int64(len(body(i)))); err != nil {
				t.Errorf("PUT %d: %v", i, err)
			}
		})
	}
	group.Wait()
	var winners []int
	for i, a := range answers {
		switch a.status {
		case http.StatusOK:
			winners = append(winners, i)
		case http.StatusPreconditionFailed, http.StatusConflict:
		default:
			t.Errorf("PUT %d = %v, want 200, 409 or 412", i, a)
		}
	}
	if len(winners) != 1 {
		t.Fatalf("%v of %d racing PUTs were answered 200, want one", winners, racers)
	}
	won := body(winners[0])
	checkRow(t, s, grants[0].ObjectKey, upload{contentType: "text/plain", body: won}, time.Now().Add(-time.Minute))
	if a, err := user.download(t.Context(), grants[0].ObjectKey); err != nil || !bytes.Equal(a.body, won) {
		t.Errorf("download = %v, %v, want the winner's %q", a, err, won)
	}
}

// putRequest asks for an upload of alice, and returns the granted request as it
// goes over the wire, and to whom.
func putRequest(t *testing.T, s *stack.Stack, body string, withChecksum bool, seconds int) (grant, wireRequest, string) {
	t.Helper()
	in := map[string]any{"name": "hello.txt", "contentType": "text/plain", "contentLength": len(body), "expiresInSeconds": seconds}
	if withChecksum {
		in["checksumSHA256"] = checksum([]byte(body))
	}
	var g grant
	if err := alice(t, s).call(t.Context(), "/uploads", in, http.StatusCreated, &g); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(g.URL)
	if err != nil {
		t.Fatal(err)
	}
	r := wireRequest{method: g.Method, target: u.RequestURI(), body: body, headers: [][2]string{
		{"Host", u.Host}, {"Content-Length", strconv.Itoa(len(body))},
	}}
	for name, value := range g.Headers {
		r.headers = append(r.headers, [2]string{name, value})
	}
	return g, r, u.Host
}
