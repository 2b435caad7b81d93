package stack_test

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"airlock/local/stack"
)

// fault stands before a service. What it is set to answers in the service's
// place; nil lets the service answer.
type fault struct {
	do   atomic.Pointer[faultFunc]
	hits atomic.Int64
}

type faultFunc func(w http.ResponseWriter, r *http.Request, service http.Handler)

func (f *fault) set(do faultFunc) {
	f.hits.Store(0)
	f.do.Store(&do)
}

func (f *fault) wrap(service http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if do := f.do.Load(); do != nil && *do != nil {
			f.hits.Add(1)
			(*do)(w, r, service)
			return
		}
		service.ServeHTTP(w, r)
	})
}

func refuse(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(http.StatusBadRequest)
	_, _ = w.Write([]byte(`{"__type":"AccessDeniedException","message":"refused by a test"}`))
}

// slow answers rightly, in 2 s.
func slow(w http.ResponseWriter, r *http.Request, service http.Handler) {
	select {
	case <-time.After(2 * time.Second):
		service.ServeHTTP(w, r)
	case <-r.Context().Done():
	}
}

// reset ends the connection as a machine that falls over does: RST, no answer.
func reset(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// TestFaults loads a stack while what it is made of fails. Afterwards the
// catalog is the bucket's: no upload that S3 has accepted is lost.
func TestFaults(t *testing.T) {
	faults := map[string]*fault{"dynamodb": {}, "secretsmanager": {}}
	o := stack.Options{
		// What failed comes back after 1 s, and a signing key is old after one.
		QueueSpeedup: 120, Parameters: map[string]string{"SigningKeyCacheTtl": "1s"},
		Intercept: func(service string, next http.Handler) http.Handler {
			if f, ok := faults[service]; ok {
				return f.wrap(next)
			}
			return next
		},
	}
	w := watch(t, &o)
	s := start(t, o)
	for _, tt := range []struct {
		name string
		do   faultFunc
		cold int  // what a sign without a key answers
		long bool // until the queue has given up on an event
	}{
		{"refusing", refuse, http.StatusServiceUnavailable, true},
		{"slow", slow, http.StatusOK, false},
		{"resetting", reset, http.StatusServiceUnavailable, false},
	} {
		t.Run(tt.name, func(t *testing.T) { testOutage(t, s, faults, tt.do, tt.cold, tt.long) })
	}
	t.Run("record killed", func(t *testing.T) { testRecordKilled(t, s, faults["dynamodb"]) })
	t.Run("presign and sign killed", func(t *testing.T) { testKilledOverRequests(t, s) })
	t.Run("nothing leaks", func(t *testing.T) { testNothingLeaks(t, s, w, "RecordFunction", "SignFunction") })
}

// testOutage takes both services away for 5 s, or longer. Presign needs neither,
// sign none while it has a key, and record has the queues to fall back on.
func testOutage(t *testing.T, s *stack.Stack, faults map[string]*fault, do faultFunc, cold int, long bool) {
	user := alice(t, s)
	sign := func() (answer, error) {
		return user.post(t.Context(), "/signed-urls", map[string]any{"objectKeys": []string{"u/alice/a"}})
	}
	if a, err := sign(); err != nil || a.status != http.StatusOK {
		t.Fatalf("POST /signed-urls before the outage = %v, %v, want 200", a, err)
	}
	for _, f := range faults {
		f.set(do)
	}
	l := startLoad(t, user)
	signFor := func(about string, want int) {
		seen := map[int]int{}
		tick := time.NewTicker(25 * time.Millisecond)
		defer tick.Stop()
		for end := time.Now().Add(2500 * time.Millisecond); time.Now().Before(end); <-tick.C {
			a, err := sign()
			if err != nil || a.status != want || want == http.StatusServiceUnavailable && a.header.Get("Retry-After") == "" {
				t.Errorf("POST /signed-urls, %s = %v, %v, Retry-After %q, want %d", about, a, err, a.header.Get("Retry-After"), want)
			}
			seen[a.status]++
		}
		t.Logf("POST /signed-urls, %s: %v", about, seen)
	}
	signFor("warm", http.StatusOK)
	killAll(t, s, "SignFunction")
	signFor("cold", cold)
	if long {
		err := await(t.Context(), func() (bool, error) {
			buried, _, err := s.Queue.Depth(deadLettersOf(t, s))
			return buried > 0, err
		})
		if err != nil {
			t.Errorf("waiting for a dead letter: %v", err)
		}
	}
	for name, f := range faults {
		if f.hits.Load() == 0 {
			t.Errorf("nobody asked %s during its outage: nothing was tried", name)
		}
		f.set(nil)
	}
	if a, err := sign(); err != nil || a.status != http.StatusOK {
		t.Errorf("POST /signed-urls right after the outage = %v, %v, want 200", a, err)
	}
	accepted, failed := l.stop()
	for _, err := range failed {
		t.Errorf("upload during the outage: %v", err)
	}
	checkSettled(t, s, accepted)
}

// testRecordKilled kills record over every 25th write, by turns before and after
// the table has it.
func testRecordKilled(t *testing.T, s *stack.Stack, table *fault) {
	var writes, kills atomic.Int64
	table.set(func(w http.ResponseWriter, r *http.Request, service http.Handler) {
		n := writes.Add(1)
		if n%50 != 25 {
			// The answer stays in the server's buffer until this function returns.
			service.ServeHTTP(w, r)
		}
		if n%25 == 0 {
			kills.Add(int64(s.Lambda.Signal("RecordFunction", syscall.SIGKILL)))
			panic(http.ErrAbortHandler)
		}
	})
	l := startLoad(t, alice(t, s))
	<-time.After(5 * time.Second)
	accepted, failed := l.stop()
	for _, err := range failed {
		t.Errorf("upload: %v", err)
	}
	table.set(nil)
	if kills.Load() == 0 {
		t.Errorf("nothing was killed in %d writes", writes.Load())
	}
	t.Logf("%d processes killed over %d writes", kills.Load(), writes.Load())
	checkSettled(t, s, accepted)
}

// testKilledOverRequests kills presign and sign while they hold a request: its
// client learns of it, the next one notices nothing.
func testKilledOverRequests(t *testing.T, s *stack.Stack) {
	user := alice(t, s)
	l := startLoad(t, user)
	requests := []struct {
		function, path string
		in             any
		want           int
	}{
		{"PresignFunction", "/uploads", map[string]any{"name": "a", "contentType": "text/plain", "contentLength": 1}, http.StatusCreated},
		{"SignFunction", "/signed-urls", map[string]any{"objectKeys": []string{"u/alice/a"}}, http.StatusOK},
	}
	for i, tt := range slices.Repeat(requests, 5) {
		// Work goes on between the kills.
		err := await(t.Context(), func() (bool, error) { return l.count() >= 10*(i+1), nil })
		if err != nil {
			t.Fatalf("waiting for uploads: %v", err)
		}
		pause := 10 * time.Millisecond
		err = await(t.Context(), func() (bool, error) {
			// One that is stopped takes a request and can't answer it. Whether it has
			// taken it is not seen from here, so each try leaves it more time.
			s.Lambda.Signal(tt.function, syscall.SIGSTOP)
			answered := make(chan int, 1)
			go func() {
				a, err := user.post(t.Context(), tt.path, tt.in)
				if err != nil {
					t.Errorf("POST %s: %v", tt.path, err)
				}
				answered <- a.status
			}()
			<-time.After(pause)
			pause *= 2
			s.Lambda.Signal(tt.function, syscall.SIGKILL)
			status := <-answered
			if status != tt.want && status != http.StatusInternalServerError {
				return false, fmt.Errorf("a request whose function was killed was answered %d, want 500", status)
			}
			return status == http.StatusInternalServerError, nil
		})
		if err != nil {
			t.Errorf("killing %s over a request: %v", tt.function, err)
		}
	}
	accepted, failed := l.stop()
	t.Logf("%d uploads accepted, %d failed", len(accepted), len(failed))
	for _, tt := range requests {
		killAll(t, s, tt.function)
		if a, err := user.post(t.Context(), tt.path, tt.in); err != nil || a.status != tt.want {
			t.Errorf("POST %s after its function was killed = %v, %v, want %d", tt.path, a, err, tt.want)
		}
	}
	checkSettled(t, s, accepted)
}

// killAll returns when no process of a function is left.
func killAll(t *testing.T, s *stack.Stack, function string) {
	t.Helper()
	err := await(t.Context(), func() (bool, error) { return s.Lambda.Signal(function, syscall.SIGKILL) == 0, nil })
	if err != nil {
		t.Fatalf("killing %s: %v", function, err)
	}
}

// load is somebody who uploads 50 files a second, and 400 at most.
type load struct {
	cancel context.CancelFunc
	group  sync.WaitGroup

	mu       sync.Mutex
	accepted []string // object keys of PUTs answered 200
	failed   []error
}

func startLoad(t *testing.T, user client) *load {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	l := &load{cancel: cancel}
	work := make(chan int)
	for range 8 {
		l.group.Go(func() {
			for i := range work {
				u := upload{name: fmt.Sprintf("%d.txt", i), contentType: "text/plain", body: fmt.Append(nil, i)}
				g, err := user.store(t.Context(), u)
				l.mu.Lock()
				if err == nil {
					l.accepted = append(l.accepted, g.ObjectKey)
				} else {
					l.failed = append(l.failed, err)
				}
				l.mu.Unlock()
			}
		})
	}
	l.group.Go(func() {
		defer close(work)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for i := range 400 {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				work <- i
			}
		}
	})
	t.Cleanup(func() { l.stop() })
	return l
}

// count is how many uploads were accepted so far.
func (l *load) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.accepted)
}

// stop waits for the uploads under way.
func (l *load) stop() (accepted []string, failed []error) {
	l.cancel()
	l.group.Wait()
	return l.accepted, l.failed
}

// deadLettersOf is the queue of what record could not be told.
func deadLettersOf(t *testing.T, s *stack.Stack) string {
	t.Helper()
	for _, q := range s.Template.Queues {
		if q.ARN == queueOf(t, s) {
			return q.DeadLetterARN
		}
	}
	t.Fatal("record's queue has no dead-letter queue")
	return ""
}

// checkSettled waits until the queues are empty, with dead letters sent round
// once more, and the catalog lists what the bucket does.
func checkSettled(t *testing.T, s *stack.Stack, accepted []string) {
	t.Helper()
	if len(accepted) == 0 {
		t.Error("no upload was accepted: nothing was tried")
	}
	queue, dead := queueOf(t, s), deadLettersOf(t, s)
	var redriven, waiting, inFlight, buried int
	var objects, rows map[string]bool
	err := await(t.Context(), func() (bool, error) {
		moved, err := s.Queue.Redrive(dead)
		if err != nil {
			return false, err
		}
		redriven += moved
		if waiting, inFlight, err = s.Queue.Depth(queue); err != nil || waiting+inFlight > 0 {
			return false, err
		}
		if buried, _, err = s.Queue.Depth(dead); err != nil || buried > 0 {
			return false, err
		}
		if objects, err = objectsOf(t.Context(), s); err != nil {
			return false, err
		}
		rows, err = rowsOf(t.Context(), s)
		return maps.Equal(objects, rows), err
	})
	if err != nil {
		t.Errorf("%d objects, %d rows, messages: %d waiting, %d in flight, %d dead: %v", len(objects), len(rows), waiting, inFlight, buried, err)
	}
	lost := 0
	for _, objectKey := range accepted {
		if !rows[objectKey] {
			lost++
		}
	}
	if lost > 0 {
		t.Errorf("%d of %d accepted uploads have no row", lost, len(accepted))
	}
	t.Logf("%d uploads accepted, %d dead letters redriven; %d objects and rows", len(accepted), redriven, len(rows))
}
