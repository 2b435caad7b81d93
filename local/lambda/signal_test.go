package lambda

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestNextOfTheDead asks for an event in the name of a process that has ended,
// as its last request does when the end of its connection is not seen yet. The
// event goes to the next container, so this one must not take it.
func TestNextOfTheDead(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for range 100 { // which of two things ready is seen first is left to chance
		c := s.newContainer(s.byID["F"])
		inv := newInvocation(nil)
		c.inbox <- inv
		close(c.exited)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		if _, _, err := c.next(r); !errors.Is(err, errGone) {
			t.Fatalf("next = %v, want %v", err, errGone)
		}
		if err := c.settle(inv); !errors.Is(err, errNotFetched) {
			t.Fatalf("settle = %v, want %v", err, errNotFetched)
		}
	}
}
