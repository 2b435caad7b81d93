package s3

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
)

func TestKeyLocks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		locks := newKeyLocks()
		unlock, err := locks.lock(t.Context(), "b", "a")
		if err != nil {
			t.Fatal(err)
		}
		other, err := locks.lock(t.Context(), "b", "other")
		if err != nil {
			t.Fatal(err)
		}
		other()
		ctx, cancel := context.WithCancel(t.Context())
		gaveUp, entered := make(chan error, 1), make(chan func(), 1)
		go func() {
			_, err := locks.lock(ctx, "b", "a")
			gaveUp <- err
		}()
		go func() {
			unlock, err := locks.lock(t.Context(), "b", "a")
			if err != nil {
				t.Error(err)
			}
			entered <- unlock
		}()
		synctest.Wait()
		if len(entered) != 0 {
			t.Fatal("two hold the lock of one key")
		}
		cancel()
		if err := <-gaveUp; !errors.Is(err, context.Canceled) {
			t.Errorf("lock() of who gives up = %v, want context.Canceled", err)
		}
		unlock()
		(<-entered)()
		if len(locks.inUse) != 0 {
			t.Errorf("%d locks are kept that nobody uses", len(locks.inUse))
		}
	})
}

func TestGate(t *testing.T) {
	t.Parallel()
	closed := errors.New("closed")
	for _, test := range []struct {
		name  string
		body  io.Reader
		open  error
		opens int
		want  error
	}{
		{"end in a read of its own", strings.NewReader("body"), nil, 1, nil},
		{"end with the last bytes", iotest.DataErrReader(strings.NewReader("body")), nil, 1, nil},
		{"empty", strings.NewReader(""), nil, 1, nil},
		{"cut off", io.MultiReader(strings.NewReader("bo"), iotest.ErrReader(io.ErrUnexpectedEOF)), nil, 0, io.ErrUnexpectedEOF},
		{"does not open", strings.NewReader("body"), closed, 1, closed},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			opens := 0
			_, err := io.ReadAll(gated(test.body, func() error { opens++; return test.open }))
			if opens != test.opens || !errors.Is(err, test.want) {
				t.Errorf("opened %d times, %v, want %d, %v", opens, err, test.opens, test.want)
			}
		})
	}
}
