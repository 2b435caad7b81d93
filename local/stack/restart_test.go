package stack_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"airlock/local/stack"
)

// freePorts finds a first port from which on a whole stack's are free, below
// those that systems give out by themselves.
func freePorts(t *testing.T) int {
	t.Helper()
	const count = 65535 - stack.LastPort + 1
search:
	for first := 21000 + os.Getpid()%5000; first < 32000; first += count {
		for i := range count {
			l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(first+i)))
			if err != nil {
				continue search
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
		}
		return first
	}
	t.Fatal("no free ports")
	return 0
}

// TestRestart stops a stack and starts it again in the same folder: what was
// there is there, and what was signed is good.
func TestRestart(t *testing.T) {
	o := stack.Options{Data: t.TempDir(), Port: freePorts(t)}
	s := start(t, o)
	user := alice(t, s)
	g, err := user.store(t.Context(), upload{"restart", "a.txt", "text/plain", []byte("survives")})
	if err != nil {
		t.Fatal(err)
	}
	wantRow, err := awaitRow(t.Context(), s, g.ObjectKey, "created")
	if err != nil {
		t.Fatal(err)
	}
	urls, err := user.sign(t.Context(), g.ObjectKey)
	if err != nil {
		t.Fatal(err)
	}
	unused, err := user.grant(t.Context(), upload{"restart", "b.txt", "text/plain", []byte("later")})
	if err != nil {
		t.Fatal(err)
	}
	stop(t, s)
	if _, err := os.Stat(filepath.Join(o.Data, "endpoints.json")); !os.IsNotExist(err) {
		t.Errorf("endpoints.json after the stop: %v, want that it is gone", err)
	}

	again := start(t, o)
	if diff := cmp.Diff(s.Endpoints, again.Endpoints); diff != "" {
		t.Errorf("endpoints (-before +after):\n%s", diff)
	}
	if s.Operator != again.Operator {
		t.Error("the operator's credentials changed")
	}
	if got, err := row(t.Context(), again, g.ObjectKey); err != nil || !cmp.Equal(got, wantRow) {
		t.Errorf("row = %v, %v, want %v", got, err, wantRow)
	}
	if a, err := get(t.Context(), urls[0], nil); err != nil || a.status != http.StatusOK || string(a.body) != "survives" {
		t.Errorf("GET by a URL from before = %v, %v, want 200 and the file", a, err)
	}
	// The token is from before, too.
	if a, err := (client{again, user.token}).download(t.Context(), g.ObjectKey); err != nil || string(a.body) != "survives" {
		t.Errorf("download = %v, %v, want the file", a, err)
	}
	// A function's credentials die with its container.
	if a, err := unused.put(t.Context(), nil, 0); err != nil || a.status != http.StatusForbidden {
		t.Errorf("PUT granted by a container that is gone = %v, %v, want 403", a, err)
	}
	keysOf(again).age(t, true, false)
	keysOf(again).rotate(t, "00000000-0000-4000-8000-0000000000a1") // leaves AWSPENDING on what the next key replaces
	stop(t, again)

	t.Run("another signing key", func(t *testing.T) {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		o := o
		o.SigningKey = pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
		for _, name := range []string{"replaced", "kept"} {
			s := start(t, o)
			if a, err := alice(t, s).download(t.Context(), g.ObjectKey); err != nil || string(a.body) != "survives" {
				t.Errorf("%s: download = %v, %v, want the file", name, a, err)
			}
			// The old key stays in the group until rotate's daily run has retired it.
			if a, err := get(t.Context(), urls[0], nil); err != nil || a.status != http.StatusOK {
				t.Errorf("%s: GET by a URL of the old key = %v, %v, want 200", name, a, err)
			}
			if name == "kept" {
				// It publishes a next key, and leaves the operator's where it is.
				keysOf(s).rotate(t, "00000000-0000-4000-8000-0000000000a2")
			}
			stop(t, s)
			o.SigningKey = nil
		}
	})
}

// TestStopLosesNothing stops a stack the moment S3 has answered: the catalog
// has the whole row soon after the next start, not after a visibility timeout.
func TestStopLosesNothing(t *testing.T) {
	o := stack.Options{Data: t.TempDir()}
	var keys []string
	for range 2 {
		s := start(t, o)
		for range 20 {
			g, err := alice(t, s).store(t.Context(), upload{"", "a.txt", "text/plain", []byte("a")})
			if err != nil {
				t.Fatal(err)
			}
			keys = append(keys, g.ObjectKey)
		}
		stop(t, s)
	}
	s := start(t, o)
	for _, key := range keys {
		r, err := awaitRow(t.Context(), s, key, "created")
		if err != nil {
			t.Fatal(err)
		}
		if r["contentType"] != "text/plain" || r["checksumSHA256"] != checksum([]byte("a")) {
			t.Errorf("row of %q = %v, want its type and checksum", key, r)
		}
	}
}

// TestUndelivered lets record be unable to start while files are stored. What it
// was to be told outlives the stack.
func TestUndelivered(t *testing.T) {
	source := copyProject(t)
	// Every wait passes a hundred times as fast: visibility in 1.2 s.
	o := stack.Options{Source: source, Data: t.TempDir(), QueueSpeedup: 100}
	edit(t, filepath.Join(source, "template.yaml"), "          CATALOG_TABLE: !Ref CatalogTable\n", "")
	s := start(t, o)
	awaitDepth := func(messages int) {
		t.Helper()
		err := await(t.Context(), func() (bool, error) {
			visible, inFlight, err := s.Queue.Depth(queueOf(t, s))
			return visible+inFlight == messages, err
		})
		if err != nil {
			t.Fatalf("waiting for %d messages in the queue: %v", messages, err)
		}
	}
	// S3 has tested each of the notifications.
	tests := len(s.Template.Buckets[0].Notifications)
	awaitDepth(tests)
	g, err := alice(t, s).store(t.Context(), upload{"", "late.txt", "text/plain", []byte("late")})
	if err != nil {
		t.Fatal(err)
	}
	awaitDepth(tests + 1)
	stop(t, s)

	o.Source = ""
	s = start(t, o)
	r, err := awaitRow(t.Context(), s, g.ObjectKey, "created")
	if err != nil {
		t.Fatal(err)
	}
	if r["checksumSHA256"] != checksum([]byte("late")) {
		t.Errorf("row = %v, want the checksum of what was stored", r)
	}
	awaitDepth(0)
}

// readEndpoints is what endpoints.json says.
func readEndpoints(t *testing.T, data string) stack.Endpoints {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(data, "endpoints.json"))
	if err != nil {
		t.Fatal(err)
	}
	var e stack.Endpoints
	if err := json.Unmarshal(b, &e); err != nil {
		t.Fatal(err)
	}
	return e
}
