package stack_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"mime"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"airlock/local/stack"
)

const hostileName = `a b+c%&=#?*"';~`

// testNames takes files of hostile names in, through the catalog, and out.
func testNames(t *testing.T, s *stack.Stack) {
	user := as(t, s, map[string]any{"sub": "auth0|7/é"})
	for _, tt := range []struct{ about, folder, name string }{
		{"plain", "", "hello.txt"},
		{"reserved characters", "", hostileName},
		{"reserved characters in folders", hostileName + "/" + hostileName, hostileName},
		{"escapes that are none", "%2F%2e%2E", "%00%zz+%2B"},
		{"spaces", " two  spaces ", "  three   spaces  "},
		{"dots", "...", "..a"},
		{"composed", "", "Caf\u00e9.txt"},
		{"decomposed", "", "Cafe\u0301.txt"},
		{"beyond the basic plane", "\U0001F4C1/\u65e5\u672c\u8a9e", "\U0001F600.txt"},
		{"255 bytes", "", strings.Repeat("n", 251) + ".txt"},
		{"255 bytes, not ASCII", strings.Repeat("\u00e9", 127), strings.Repeat("\u65e5", 85)},
	} {
		t.Run(tt.about, func(t *testing.T) {
			began := time.Now()
			u := upload{tt.folder, tt.name, "application/pdf", []byte("the bytes of " + tt.about)}
			g, err := user.store(t.Context(), u)
			if err != nil {
				t.Fatal(err)
			}
			path, ok := strings.CutPrefix(g.ObjectKey, "u/auth0.7C7.2F.C3.A9/")
			if !ok || !strings.HasSuffix(path, "/"+tt.name) || tt.folder != "" && path != tt.folder+"/"+tt.name {
				t.Fatalf("the object key of %q in %q is %q", tt.name, tt.folder, g.ObjectKey)
			}
			checkRow(t, s, g.ObjectKey, u, began)
			a, err := user.download(t.Context(), g.ObjectKey)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(a.body, u.body) {
				t.Errorf("downloaded %q, want %q", a.body, u.body)
			}
			form, params, err := mime.ParseMediaType(a.header.Get("Content-Disposition"))
			if err != nil || form != "attachment" || params["filename"] != tt.name {
				t.Errorf("Content-Disposition %q names %q, %v, want an attachment %q", a.header.Get("Content-Disposition"), params["filename"], err, tt.name)
			}
			if got := a.header.Get("Content-Type"); got != u.contentType {
				t.Errorf("Content-Type = %q, want %q", got, u.contentType)
			}
		})
	}
}

// checkRow holds the row of an upload to section 6 of the design: exactly these
// attributes, with what another hand has computed.
func checkRow(t *testing.T, s *stack.Stack, objectKey string, u upload, began time.Time) {
	t.Helper()
	got, err := awaitRow(t.Context(), s, objectKey, "created")
	if err != nil {
		t.Fatal(err)
	}
	head, err := operatorS3(s).HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &s.Endpoints.Bucket, Key: &objectKey})
	if err != nil {
		t.Fatal(err)
	}
	owner, path, _ := strings.Cut(strings.TrimPrefix(objectKey, "u/"), "/")
	sum := md5.Sum(u.body)
	want := map[string]string{
		"space": "u/" + owner, "path": path, "sequencer": got["sequencer"], "created": got["created"],
		"eTag": hex.EncodeToString(sum[:]), "contentLength": "N " + strconv.Itoa(len(u.body)),
		"contentType": u.contentType, "checksumSHA256": checksum(u.body), "versionId": *head.VersionId,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("row of %q (-want +got):\n%s", objectKey, diff)
	}
	if !regexp.MustCompile(`^[0-9A-F]{32}$`).MatchString(got["sequencer"]) {
		t.Errorf("sequencer = %q, want 32 upper-case hex digits", got["sequencer"])
	}
	created, err := time.Parse(time.RFC3339, got["created"])
	if err != nil || created.Before(began.Truncate(time.Millisecond)) || created.After(time.Now()) || !strings.HasSuffix(got["created"], "Z") {
		t.Errorf("created = %q, %v, want a UTC time since %v", got["created"], err, began)
	}
}

// testHostileBatch signs a hundred keys in one request, the most there may be.
func testHostileBatch(t *testing.T, s *stack.Stack) {
	user := alice(t, s)
	var keys []string
	for i := range 100 {
		u := upload{"batch " + hostileName, fmt.Sprint(i, hostileName), "text/plain", []byte(fmt.Sprint(i))}
		g, err := user.store(t.Context(), u)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, g.ObjectKey)
	}
	urls, err := user.sign(t.Context(), keys...)
	if err != nil {
		t.Fatal(err)
	}
	for i, u := range urls {
		if a, err := get(t.Context(), u, nil); err != nil || a.status != http.StatusOK || string(a.body) != fmt.Sprint(i) {
			t.Errorf("GET %q = %v, %v, want 200 %d", keys[i], a, err, i)
		}
	}
	var tooMany any
	if err := user.call(t.Context(), "/signed-urls", map[string]any{"objectKeys": append(keys, keys[0])}, http.StatusBadRequest, &tooMany); err != nil {
		t.Error(err)
	}
}

func testEmptyFile(t *testing.T, s *stack.Stack) {
	user, began := alice(t, s), time.Now()
	in := map[string]any{"name": "empty", "contentType": "text/plain", "contentLength": 0}
	var g grant
	if err := user.call(t.Context(), "/uploads", in, http.StatusCreated, &g); err != nil {
		t.Fatal(err)
	}
	if a, err := g.put(t.Context(), strings.NewReader("x"), 1); err != nil || a.status < 400 || a.status >= 500 {
		t.Errorf("PUT of 1 byte where 0 were granted = %v, %v, want 4xx", a, err)
	}
	if r, err := row(t.Context(), s, g.ObjectKey); err != nil || r != nil {
		t.Errorf("the refused PUT left the row %v, %v", r, err)
	}
	if a, err := g.put(t.Context(), nil, 0); err != nil || a.status != http.StatusOK {
		t.Fatalf("PUT of nothing = %v, %v, want 200", a, err)
	}
	checkRow(t, s, g.ObjectKey, upload{contentType: "text/plain"}, began)
	if a, err := user.download(t.Context(), g.ObjectKey); err != nil || len(a.body) != 0 {
		t.Errorf("download = %v, %v, want nothing", a, err)
	}
}

// pattern is an endless text in which no two blocks of a megabyte are alike.
type pattern struct{ at uint64 }

func (p *pattern) Read(b []byte) (int, error) {
	n := 0
	for ; n+8 <= len(b); n += 8 {
		for i := range 8 {
			b[n+i] = byte(p.at * 0x9E3779B97F4A7C15 >> (8 * i))
		}
		p.at++
	}
	return n, nil
}

// testBigFile streams a file that nobody on the way should hold in memory.
func testBigFile(t *testing.T, s *stack.Stack) {
	const size = 64 << 20
	user := alice(t, s)
	var g grant
	in := map[string]any{"name": "big", "contentType": "application/octet-stream", "contentLength": size}
	if err := user.call(t.Context(), "/uploads", in, http.StatusCreated, &g); err != nil {
		t.Fatal(err)
	}
	sent := sha256.New()
	if a, err := g.put(t.Context(), io.TeeReader(io.LimitReader(&pattern{}, size), sent), size); err != nil || a.status != http.StatusOK {
		t.Fatalf("PUT of 64 MiB = %v, %v, want 200", a, err)
	}
	urls, err := user.sign(t.Context(), g.ObjectKey)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, urls[0], nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := direct.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	got := sha256.New()
	if n, err := io.Copy(got, res.Body); err != nil || n != size || !bytes.Equal(got.Sum(nil), sent.Sum(nil)) {
		t.Errorf("downloaded %d bytes, %v, want the %d that were sent", n, err, size)
	}

	want := make([]byte, 16)
	if _, err := (&pattern{at: size / 2 / 8}).Read(want); err != nil {
		t.Fatal(err)
	}
	first := size / 2
	a, err := get(t.Context(), urls[0], map[string]string{"Range": fmt.Sprintf("bytes=%d-%d", first, first+15)})
	if err != nil || a.status != http.StatusPartialContent || !bytes.Equal(a.body, want) {
		t.Errorf("GET of 16 bytes in the middle = %d %x, %v, want 206 %x", a.status, a.body, err, want)
	}
	if got, want := a.header.Get("Content-Range"), fmt.Sprintf("bytes %d-%d/%d", first, first+15, size); got != want {
		t.Errorf("Content-Range = %q, want %q", got, want)
	}
	if r, err := awaitRow(t.Context(), s, g.ObjectKey, "created"); err != nil || r["contentLength"] != fmt.Sprint("N ", size) {
		t.Errorf("row = %v, %v, want %d bytes", r, err, size)
	}
}

// testManyClients uploads 200 files, 16 at a time: each is recorded, as itself.
func testManyClients(t *testing.T, s *stack.Stack) {
	const files, clients = 200, 16
	work, keys := make(chan int), make([]string, files)
	file := func(i int) upload {
		return upload{name: fmt.Sprintf("%d.txt", i), contentType: "text/plain", body: []byte(strings.Repeat("x", i))}
	}
	var group sync.WaitGroup
	for c := range clients {
		user := as(t, s, map[string]any{"sub": fmt.Sprintf("client%d", c)})
		group.Go(func() {
			for i := range work {
				g, err := user.store(t.Context(), file(i))
				if err != nil {
					t.Errorf("upload %d: %v", i, err)
				}
				keys[i] = g.ObjectKey
			}
		})
	}
	for i := range files {
		work <- i
	}
	close(work)
	group.Wait()
	if t.Failed() {
		return
	}
	for i, key := range keys {
		r, err := awaitRow(t.Context(), s, key, "created")
		if err != nil {
			t.Fatal(err)
		}
		// Not its checksum: record asks S3 for that, and does not wait for the answer.
		if sum := md5.Sum(file(i).body); r["contentLength"] != fmt.Sprint("N ", i) || r["eTag"] != hex.EncodeToString(sum[:]) {
			t.Errorf("row of upload %d = %v", i, r)
		}
	}
}

// testDeletion deletes a file as an operator does.
func testDeletion(t *testing.T, s *stack.Stack) {
	user := alice(t, s)
	g, err := user.store(t.Context(), upload{name: "gone.txt", contentType: "text/plain", body: []byte("soon gone")})
	if err != nil {
		t.Fatal(err)
	}
	before, err := awaitRow(t.Context(), s, g.ObjectKey, "created")
	if err != nil {
		t.Fatal(err)
	}
	urls, err := user.sign(t.Context(), g.ObjectKey)
	if err != nil {
		t.Fatal(err)
	}
	if a, err := get(t.Context(), urls[0], nil); err != nil || a.status != http.StatusOK {
		t.Fatalf("GET before the deletion = %v, %v, want 200", a, err)
	}
	deleteObject(t.Context(), t, s, g.ObjectKey)
	got, err := awaitRow(t.Context(), s, g.ObjectKey, "deleted")
	if err != nil {
		t.Fatal(err)
	}
	deleted, err := time.Parse(time.RFC3339, got["deleted"])
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"space": before["space"], "path": before["path"], "sequencer": got["sequencer"],
		"deleted": got["deleted"], "expiresAt": fmt.Sprint("N ", deleted.Add(60*24*time.Hour).Unix()),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tombstone (-want +got):\n%s", diff)
	}
	if got["sequencer"] <= before["sequencer"] {
		t.Errorf("the deletion's sequencer %s is not above the creation's %s", got["sequencer"], before["sequencer"])
	}
	if a, err := get(t.Context(), urls[0], nil); err != nil || a.status != http.StatusForbidden {
		t.Errorf("GET after the deletion = %v, %v, want 403", a, err)
	}
}

func deleteObject(ctx context.Context, t *testing.T, s *stack.Stack, objectKey string) {
	t.Helper()
	if _, err := operatorS3(s).DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.Endpoints.Bucket, Key: &objectKey}); err != nil {
		t.Fatal(err)
	}
}
