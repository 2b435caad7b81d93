package rotation_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"airlock/pkg/rotation"
	"airlock/pkg/signingkey"
)

// run is the daily event.
func (a *account) run(t *testing.T) {
	t.Helper()
	if _, err := a.handler().HandleEvent(t.Context(), daily); err != nil {
		t.Fatalf("the daily run: %v", err)
	}
}

// storeOperators puts an operator's key into the secret, and nowhere else.
func (a *account) storeOperators(t *testing.T) (id string) {
	t.Helper()
	private, public, err := signingkey.Generate(signingkey.ECDSAP256)
	if err != nil {
		t.Fatal(err)
	}
	id = a.addKey("operator", public)
	a.store(token(8), fmt.Sprintf(`{"keyPairId":%q,"privateKey":%q}`, id, private))
	return id
}

// TestRetireEndsRotations: what a rotation leaves behind does not look like one
// under way once the secret has another version.
func TestRetireEndsRotations(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, func(t *testing.T, a *account) {
		if err := a.rotate(t, token(2)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(27 * time.Hour)
		if a.run(t); a.holder("AWSPENDING") != "" || a.holder("AWSCURRENT") == token(2) {
			t.Errorf("after the daily run %q is pending and %s current, want none and a new version", a.holder("AWSPENDING"), a.holder("AWSCURRENT"))
		}
	})
}

// TestRetireLeavesRotationsAlone: neither a rotation's document nor a key it has
// not written down yet is touched.
func TestRetireLeavesRotationsAlone(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, func(t *testing.T, a *account) {
		if err := a.rotate(t, token(2)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(27 * time.Hour)
		a.begin(t, token(3), "finishSecret")
		if a.run(t); a.holder("AWSCURRENT") != token(2) || a.holder("AWSPENDING") != token(3) {
			t.Errorf("the daily run made %s current, and %s pending", a.holder("AWSCURRENT"), a.holder("AWSPENDING"))
		}
		if _, err := a.handler().HandleEvent(t.Context(), step("finishSecret", token(3))); err != nil {
			t.Fatal(err)
		}
		time.Sleep(27 * time.Hour)
		a.run(t)

		a.stage(token(4))
		a.fault = func(_ context.Context, call string) error {
			if call == "cloudfront:UpdateKeyGroup" {
				return errDead
			}
			return nil
		}
		_, _ = a.handler().HandleEvent(t.Context(), step("createSecret", token(4)))
		a.fault = nil
		if a.run(t); len(a.keys) != 3 {
			t.Errorf("right after a rotation died there are %d keys, want its own still there", len(a.keys))
		}
		time.Sleep(2 * time.Hour)
		if a.run(t); len(a.keys) != 2 {
			t.Errorf("two hours after a rotation died there are %d keys, want 2", len(a.keys))
		}
	})
}

// TestOverdue: a rotation that does not come, or is turned off, is counted every
// day, for the alarm, and not one that is only a little late.
func TestOverdue(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		late time.Duration
		off  bool
		want int
	}{{-time.Hour, false, 0}, {24 * time.Hour, false, 0}, {24*time.Hour + time.Second, false, 1}, {0, true, 1}} {
		inVirtualTime(t, func(t *testing.T, a *account) {
			if !tt.off {
				a.nextRotation = time.Now().Add(-tt.late)
			}
			a.run(t)
			if got := strings.Count(a.log.String(), `"RotationsOverdue":1`); got != tt.want {
				t.Errorf("%v late, off: %t: overdue %d times, want %d", tt.late, tt.off, got, tt.want)
			}
		})
	}
}

// TestOperatorsKey: it is put into the group where it was forgotten, by the daily
// run as by a rotation, leaves it when its time is up, and is not deleted.
func TestOperatorsKey(t *testing.T) {
	t.Parallel()
	for _, first := range []string{"daily", "rotation"} {
		t.Run(first, func(t *testing.T) {
			t.Parallel()
			inVirtualTime(t, func(t *testing.T, a *account) {
				id := a.storeOperators(t)
				if first == "daily" {
					a.run(t)
				} else if err := a.rotate(t, token(2)); err != nil {
					t.Fatal(err)
				}
				if !slices.Contains(a.ours().items(), id) || a.current().KeyPairID != id {
					t.Fatalf("the group is %v and %s signs, want %s in it", a.ours().items(), a.current().KeyPairID, id)
				}
				for n := 3; n < 5; n++ { // one publishes the next key where there is none
					if time.Sleep(time.Hour); a.current().KeyPairID == id {
						if err := a.rotate(t, token(n)); err != nil {
							t.Fatal(err)
						}
					}
				}
				time.Sleep(27 * time.Hour)
				a.run(t)
				time.Sleep(27 * time.Hour)
				if a.run(t); slices.Contains(a.ours().items(), id) || a.keys[id] == nil || len(a.keys) != 3 {
					t.Errorf("at the end the group is %v and there are %d keys, want %s beside two of ours", a.ours().items(), len(a.keys), id)
				}
			})
		})
	}
}

// TestNeverWithoutASigner: no change leaves the group without the key that signs,
// even where somebody else has taken it out and deleted it.
func TestNeverWithoutASigner(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, func(t *testing.T, a *account) {
		if err := a.rotate(t, token(2)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(27 * time.Hour)
		id := a.current().KeyPairID
		a.setItems(a.ours(), slices.DeleteFunc(slices.Clone(a.ours().items()), func(s string) bool { return s == id }))
		delete(a.keys, id)
		before := a.ours().items()
		_, err := a.handler().HandleEvent(t.Context(), daily)
		if _, refused := errors.AsType[*rotation.RefusedError](err); !refused || !strings.Contains(err.Error(), id) || !slices.Equal(a.ours().items(), before) {
			t.Errorf("the daily run = %v and the group %v, want a refusal that names %s, and %v", err, a.ours().items(), id, before)
		}
	})
}

// TestManyGroups: ours is found on the second page.
func TestManyGroups(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, func(t *testing.T, a *account) {
		for _, id := range []string{"0", "00", "000", "0000"} {
			a.groups[id] = &fakeGroup{id: id, name: id}
			a.setItems(a.groups[id], []string{a.addKey(id, id)})
		}
		if err := a.rotate(t, token(2)); err != nil {
			t.Error(err)
		}
	})
}
