package delivery_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"airlock/pkg/delivery"
)

// What the cache promises, in its own terms.
const (
	patience     = 300 * time.Millisecond // a request that has a key waits no longer
	fetchTimeout = 3 * time.Second
	backoff      = 30 * time.Second
	ttl          = 5 * time.Minute
)

// inVirtualTime runs f in a bubble, whose fetches all end before it does.
func inVirtualTime(t *testing.T, f func(*testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		defer time.Sleep(fetchTimeout)
		f(t)
	})
}

// get returns the id of the key, how long that took, and the error.
func get(ctx context.Context, c *delivery.KeyCache) (string, time.Duration, error) {
	start := time.Now()
	key, err := c.Get(ctx)
	return key.ID(), time.Since(start), err
}

// wantKey fails unless there is a key within most.
func wantKey(t *testing.T, c *delivery.KeyCache, id string, most time.Duration) {
	t.Helper()
	got, took, err := get(t.Context(), c)
	if err != nil || got != id || took > most {
		t.Errorf("Get = %s, %v after %v; want %s within %v", got, err, took, id, most)
	}
}

func wantCalls(t *testing.T, s *secrets, want int) {
	t.Helper()
	if got := s.count(); got != want {
		t.Errorf("%d calls to Secrets Manager, want %d", got, want)
	}
}

func TestGetOneFetchForAll(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, func(t *testing.T) {
		s := &secrets{answer: value(document(t, "K1", "ec-sec1.pem"))}
		s.answer.delay = 100 * time.Millisecond
		c, _ := s.cache(ttl)
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() { wantKey(t, c, "K1", 100*time.Millisecond) })
		}
		all.Wait()
		wantCalls(t, s, 1)
		wantKey(t, c, "K1", 0)
		wantCalls(t, s, 0)

		// The same for a key that has become old.
		time.Sleep(ttl)
		for range 100 {
			all.Go(func() { wantKey(t, c, "K1", 100*time.Millisecond) })
		}
		all.Wait()
		wantCalls(t, s, 1)
	})
}

// The fetch goes on without the caller that began it.
func TestGetCancelledHarmsNobody(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, func(t *testing.T) {
		s := &secrets{answer: value(document(t, "K1", "ec-sec1.pem"))}
		s.answer.delay = 100 * time.Millisecond
		c, _ := s.cache(ttl)
		var all sync.WaitGroup
		all.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			if id, took, err := get(ctx, c); !errors.Is(err, context.DeadlineExceeded) || took != 50*time.Millisecond {
				t.Errorf("Get of an impatient caller = %s, %v after %v; want its deadline", id, err, took)
			}
		})
		synctest.Wait()
		all.Go(func() { wantKey(t, c, "K1", 100*time.Millisecond) })
		all.Wait()
		wantCalls(t, s, 1)

		// A caller that has given up already still gets the key that is there.
		time.Sleep(ttl)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if id, took, err := get(ctx, c); err != nil || id != "K1" || took != 0 {
			t.Errorf("Get of a cancelled caller = %s, %v after %v; want K1 at once", id, err, took)
		}
	})
}

func TestGetColdOutage(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, func(t *testing.T) {
		s := &secrets{answer: down}
		c, log := s.cache(ttl)
		if id, took, err := get(t.Context(), c); err == nil || took > fetchTimeout {
			t.Errorf("Get during an outage = %s, %v after %v; want an error within %v", id, err, took, fetchTimeout)
		}
		s.set(answer{delay: hour})
		id, took, err := get(t.Context(), c)
		if took != fetchTimeout || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Get of a hanging service = %s, %v after %v; want a timeout after %v", id, err, took, fetchTimeout)
		}
		// No failure is remembered: the next caller asks again, and has its key.
		s.set(value(document(t, "K1", "ec-sec1.pem")))
		s.count()
		wantKey(t, c, "K1", 0)
		wantCalls(t, s, 1)
		// The callers have the errors; logging them here too would be twice.
		if lines := log.lines(t); len(lines) != 0 {
			t.Errorf("log = %v, want nothing", lines)
		}
	})
}

func TestGetWarmOutage(t *testing.T) {
	t.Parallel()
	for name, outage := range map[string]answer{
		"errors": down, "no connection": {}, "hangs": {delay: hour}, "throttled": {status: 400, body: `{"__type":"ThrottlingException"}`},
		"refused": {status: http.StatusBadRequest, body: `{"__type":"AccessDeniedException","Message":"User: arn:aws:sts::111122223333:assumed-role/sign is not authorized"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inVirtualTime(t, func(t *testing.T) {
				s := &secrets{answer: value(document(t, "K1", "ec-sec1.pem"))}
				c, log := s.cache(ttl)
				wantKey(t, c, "K1", 0)
				s.set(outage)
				for start := time.Now(); time.Since(start) < 24*time.Hour; time.Sleep(ttl) {
					wantKey(t, c, "K1", patience)
				}
				lines := log.lines(t)
				if len(lines) < 200 || len(lines) > 24*60/5 {
					t.Errorf("%d lines of log in a day of %d TTLs, want one for nearly each", len(lines), 24*60/5)
				}
				for _, line := range lines {
					cause, _ := line["cause"].(string)
					if line["level"] != "WARN" || line["keyPairId"] != "K1" || cause == "" || line["StaleSigningKeys"] != 1.0 {
						t.Fatalf("log line %v, want a warning with the key pair's id and a cause, counted", line)
					}
				}
				assertNoAccount(t, log.String())

				s.set(value(document(t, "K2", "rsa-pkcs1.pem")))
				time.Sleep(backoff + fetchTimeout)
				wantKey(t, c, "K2", 0)
			})
		})
	}
}

func assertNoAccount(t *testing.T, text string) {
	t.Helper()
	for _, s := range []string{"arn:", "111122223333", "unwell", "authorized"} {
		if strings.Contains(text, s) {
			t.Errorf("%s holds %s, which AWS said", text, s)
		}
	}
}

func TestGetHangingRefresh(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, func(t *testing.T) {
		s := &secrets{answer: value(document(t, "K1", "ec-sec1.pem"))}
		c, log := s.cache(ttl)
		wantKey(t, c, "K1", 0)
		s.set(answer{delay: hour})
		time.Sleep(ttl)

		var first sync.WaitGroup
		first.Go(func() {
			if id, took, err := get(t.Context(), c); err != nil || id != "K1" || took != patience {
				t.Errorf("Get that began the refresh = %s, %v after %v; want K1 after %v", id, err, took, patience)
			}
		})
		synctest.Wait()
		for range 10 {
			wantKey(t, c, "K1", 0) // somebody else waits
		}
		first.Wait()
		time.Sleep(time.Second)
		wantKey(t, c, "K1", 0)
		wantCalls(t, s, 2)
		time.Sleep(fetchTimeout)
		if lines := log.lines(t); len(lines) != 1 {
			t.Errorf("log = %v, want one line", lines)
		}

		// A slow answer is not lost: who did not wait for it had the old key, the
		// next one has the new.
		time.Sleep(backoff)
		slow := value(document(t, "K2", "ec-sec1.pem"))
		slow.delay = time.Second
		s.set(slow)
		wantKey(t, c, "K1", patience)
		time.Sleep(time.Second)
		wantKey(t, c, "K2", 0)
		wantCalls(t, s, 1)
	})
}

func TestGetBacksOff(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, func(t *testing.T) {
		s := &secrets{answer: value(document(t, "K1", "ec-sec1.pem"))}
		c, _ := s.cache(ttl)
		wantKey(t, c, "K1", 0)
		time.Sleep(ttl)
		s.set(answer{status: http.StatusBadRequest, body: `{"__type":"AccessDeniedException"}`}) // not retried
		s.count()
		wantKey(t, c, "K1", 0)
		wantCalls(t, s, 1)
		time.Sleep(backoff - time.Nanosecond)
		wantKey(t, c, "K1", 0)
		wantCalls(t, s, 0)
		time.Sleep(time.Nanosecond)
		wantKey(t, c, "K1", 0)
		wantCalls(t, s, 1)
	})
}

func TestGetKeepsTheOldKeyOfABadSecret(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		answer answer
		cause  string
	}{
		"not JSON": {value("hunter2"), "the signing key's secret is unusable: the secret is not a JSON document"},
		"no key":   {value(`{"keyPairId":"K2","privateKey":""}`), "the signing key's secret is unusable: privateKey is missing"},
		"RSA-4096": {value(document(t, "K2", "rsa-4096.pem")), "the signing key's secret is unusable: privateKey is RSA of 4096 bits"},
		"binary":   {answer{status: 200, body: `{"SecretBinary":"aHVudGVyMg=="}`}, "the signing key's secret is binary; it must be a JSON document"},
		"HTML":     {answer{status: 200, body: `<p>hunter2</p>`}, "reading the signing key's secret: status 200"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inVirtualTime(t, func(t *testing.T) {
				s := &secrets{answer: tt.answer}
				c, log := s.cache(ttl)
				_, err := c.Get(t.Context())
				if err == nil || !strings.HasPrefix(err.Error(), tt.cause) || strings.Contains(err.Error(), "hunter2") {
					t.Errorf("Get = %v, want %q and nothing of the secret", err, tt.cause)
				}

				s.set(value(document(t, "K1", "ec-sec1.pem")))
				wantKey(t, c, "K1", 0)
				s.set(tt.answer)
				time.Sleep(ttl)
				wantKey(t, c, "K1", patience)
				time.Sleep(fetchTimeout)
				lines := log.lines(t)
				if len(lines) != 1 || !strings.HasPrefix(lines[0]["cause"].(string), tt.cause) || strings.Contains(log.String(), "hunter2") {
					t.Errorf("log = %v, want one line with cause %q and nothing of the secret", lines, tt.cause)
				}
			})
		})
	}
}

func TestGetErrorNamesTheCodeAlone(t *testing.T) {
	t.Parallel()
	for code, a := range map[string]answer{
		"AccessDeniedException, status 400":     {status: 400, body: `{"__type":"AccessDeniedException","Message":"User: arn:aws:sts::111122223333:assumed-role/sign is not authorized"}`},
		"ResourceNotFoundException, status 400": {status: 400, body: `{"__type":"ResourceNotFoundException","Message":"arn:aws:…:111122223333"}`},
		"DecryptionFailure, status 400":         {status: 400, body: `{"__type":"DecryptionFailure","Message":"arn:aws:kms:…:111122223333:key"}`},
		"no answer, connection reset":           {},
		"no answer, timed out":                  {delay: hour},
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			inVirtualTime(t, func(t *testing.T) {
				c, _ := (&secrets{answer: a}).cache(ttl)
				_, err := c.Get(t.Context())
				if want := "reading the signing key's secret: " + code; err == nil || !strings.HasPrefix(err.Error(), want) {
					t.Fatalf("Get = %v, want %q", err, want)
				}
				assertNoAccount(t, err.Error())
			})
		})
	}
}

func TestGetRotatedSecretWithinTTL(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, func(t *testing.T) {
		s := &secrets{answer: value(document(t, "K1", "ec-sec1.pem"))}
		s.answer.delay = 200 * time.Millisecond
		c, log := s.cache(ttl)
		asked := time.Now()
		wantKey(t, c, "K1", s.answer.delay)
		s.set(value(document(t, "K2", "rsa-pkcs1.pem")))
		// Its age is counted from the question: the answer may be older than it is.
		time.Sleep(time.Until(asked.Add(ttl - time.Nanosecond)))
		wantKey(t, c, "K1", 0)
		time.Sleep(time.Nanosecond)
		wantKey(t, c, "K2", 0)
		wantCalls(t, s, 2)
		if lines := log.lines(t); len(lines) != 0 {
			t.Errorf("log = %v, want nothing", lines)
		}
	})
}

func TestGetForEver(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, func(t *testing.T) {
		s := &secrets{answer: value(document(t, "K1", "ec-sec1.pem"))}
		c, _ := s.cache(0)
		wantKey(t, c, "K1", 0)
		s.set(value(document(t, "K2", "rsa-pkcs1.pem")))
		for range 365 {
			time.Sleep(24 * time.Hour)
			wantKey(t, c, "K1", 0)
		}
		wantCalls(t, s, 1)
	})
}

// sign reads the first two fields only, whatever rotation keeps beside them.
func TestGetDuringARotation(t *testing.T) {
	t.Parallel()
	var d map[string]any
	if err := json.Unmarshal([]byte(document(t, "K1", "ec-pkcs8.pem")), &d); err != nil {
		t.Fatal(err)
	}
	d["next"] = map[string]string{"keyPairId": "K2", "privateKey": "-----BEGIN", "published": "2026-01-31T12:00:00Z"}
	d["retired"] = []map[string]string{{"keyPairId": "K0", "until": "2026-01-31T12:00:00Z"}}
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	c, _ := (&secrets{answer: value(string(text))}).cache(ttl)
	key, err := c.Get(t.Context())
	if err != nil || key.ID() != "K1" {
		t.Errorf("Get = %s, %v; want K1", key.ID(), err)
	}
}
