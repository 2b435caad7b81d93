package stack_test

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"airlock/local/stack"
)

var seed = flag.Uint64("seed", rand.Uint64(), "of the random keys; a failure prints it")

// keyPieces is what random keys are made of: first what some reader on the way
// takes for something else.
var keyPieces = []string{
	"*", "?", "%", "+", "#", "&", "=", `"`, " ", "  ", "'", ".", "..", "...", "~", ";", ":", "@", "$", ",", "!", "(", "[", "{", "|", "^", "`", "<",
	"%2F", "%2e%2e", "%00", "%zz", "%25", "%C3%A9", "&amp;", "a+b", "é", "e\u0301", "ß", "İ", "日本", "\u00a0", "\u200d", "\U0001F600",
	"a", "B", "0", "-", "_", ".txt",
}

const maxSegment, maxKey = 255, 1024 // bytes: design, section 4

// segment is a random text of exactly n bytes that begins with prefix. It is no
// dot segment.
func segment(random *rand.Rand, prefix string, n int) string {
	s := prefix
	for len(s) < n {
		piece := keyPieces[random.IntN(len(keyPieces))]
		if len(s)+len(piece) <= n {
			s += piece
		}
	}
	if s == "." || s == ".." {
		return strings.Repeat("x", n)
	}
	return s
}

// keyFile is a file with a random key, of a user's own space.
type keyFile struct {
	space, folder, name string
	body                []byte
}

// randomFile makes the i-th file of a user. Its first folder is its own: the
// embedded S3 keeps objects as files, and could not hold both a and a/b.
func randomFile(random *rand.Rand, space string, i int) keyFile {
	room := maxKey - len(space) - len("/")
	if random.IntN(10) > 0 { // a hundred of the longest would not fit into one request
		room = 20 + random.IntN(400)
	}
	name := segment(random, "", 1+random.IntN(min(maxSegment, room-10)))
	room -= len(name) + len("/")
	first := fmt.Sprintf("%d ", i)
	folder := segment(random, first, min(len(first)+random.IntN(maxSegment-len(first)+1), room))
	for room -= len(folder) + len("/"); room > 0 && random.IntN(4) > 0; {
		next := segment(random, "", 1+random.IntN(min(maxSegment, room)))
		folder += "/" + next
		room -= len(next) + len("/")
	}
	return keyFile{space, folder, name, fmt.Appendf(nil, "%s %d", space, i)}
}

func (f keyFile) objectKey() string { return f.space + "/" + f.folder + "/" + f.name }

// spaceOf is where a user's objects lie: u/ and the subject, but for every byte
// outside of [A-Za-z0-9_-], which is .HH (design, section 4).
func spaceOf(subject string) string {
	space := "u/"
	for _, c := range []byte(subject) {
		if strings.IndexByte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-", c) >= 0 {
			space += string(rune(c))
		} else {
			space += fmt.Sprintf(".%02X", c)
		}
	}
	return space
}

// testRandomKeys takes a thousand files of random keys the whole way: in, into
// the catalog under exactly that key, and out with the right bytes.
func testRandomKeys(t *testing.T, s *stack.Stack) {
	const clients, batch = 16, 100
	subjects := []string{"alice", "auth0|7", "é +%", "a/../*?.", "_-", "42", "x@example.com", "\U0001F600", `"`, "keys"}
	t.Logf("-seed=%d", *seed)
	random := rand.New(rand.NewPCG(*seed, 0))
	var users []client
	var files []keyFile // of each user in turn, a batch
	lengths := map[int]int{}
	for _, subject := range subjects {
		users = append(users, as(t, s, map[string]any{"sub": subject}))
		for i := range batch {
			f := randomFile(random, spaceOf(subject), i)
			if key := f.objectKey(); len(key) > maxKey || !utf8.ValidString(key) {
				t.Fatalf("%q has %d bytes, or is no UTF-8", key, len(key))
			}
			lengths[len(f.objectKey())/200*200]++
			files = append(files, f)
		}
	}
	// each runs do for every file, by many clients at once.
	each := func(what string, do func(ctx context.Context, i int) error) {
		t.Helper()
		work, began := make(chan int), time.Now()
		var group sync.WaitGroup
		for range clients {
			group.Go(func() {
				for i := range work {
					if err := do(t.Context(), i); err != nil {
						t.Errorf("%s %q: %v", what, files[i].objectKey(), err)
					}
				}
			})
		}
		for i := range files {
			work <- i
		}
		close(work)
		group.Wait()
		t.Logf("%s took %v", what, time.Since(began))
		if t.Failed() {
			t.FailNow()
		}
	}
	each("storing", func(ctx context.Context, i int) error {
		f := files[i]
		g, err := users[i/batch].store(ctx, upload{f.folder, f.name, "text/plain", f.body})
		if err == nil && g.ObjectKey != f.objectKey() {
			err = fmt.Errorf("the grant is for %q", g.ObjectKey)
		}
		return err
	})
	began, missing := time.Now(), len(files)
	err := await(t.Context(), func() (bool, error) {
		rows, err := scan(t.Context(), s)
		missing = 0
		for _, f := range files {
			sum := md5.Sum(f.body)
			// Not its checksum: record asks S3 for that, and does not wait for the answer.
			switch r := rows[place{f.space, f.folder + "/" + f.name}]; {
			case r == nil:
				missing++
			case r["contentLength"] != fmt.Sprint("N ", len(f.body)) || r["eTag"] != hex.EncodeToString(sum[:]):
				return false, fmt.Errorf("the row of %q is %v", f.objectKey(), r)
			}
		}
		return missing == 0, err
	})
	if err != nil {
		t.Fatalf("waiting for %d rows: %v", missing, err)
	}
	t.Logf("recording took %v more", time.Since(began))
	var urls []string
	for i, user := range users {
		var keys []string
		for _, f := range files[i*batch : (i+1)*batch] {
			keys = append(keys, f.objectKey())
		}
		signed, err := user.sign(t.Context(), keys...)
		if err != nil {
			t.Fatal(err)
		}
		urls = append(urls, signed...)
	}
	each("fetching", func(ctx context.Context, i int) error {
		a, err := get(ctx, urls[i], nil)
		if err == nil && (a.status != http.StatusOK || string(a.body) != string(files[i].body)) {
			err = fmt.Errorf("%v, want 200 %s", a, files[i].body)
		}
		return err
	})
	t.Logf("keys by length: %v", lengths)
}
