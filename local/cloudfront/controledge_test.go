package cloudfront

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/cloudfront"
)

// edgeOf is an edge whose distribution trusts groups of s alone.
func edgeOf(t *testing.T, s *controlStand, groups ...string) (*Service, error) {
	t.Helper()
	c := config(t)
	c.KeyGroups, c.Keys = nil, s.Control
	c.Distribution.Default.TrustedKeyGroups = groups
	return New(c)
}

// admits says what the edge makes of a URL that keyID signed as publicKeyID.
func admits(t *testing.T, edge *Service, groups []string, publicKeyID, keyID string) refusal {
	t.Helper()
	const path = "/u/alice/hello.txt"
	now := time.Now()
	query := strings.Replace(canned(t, keyID, edge.base+path, now.Add(time.Hour).Unix()), "="+keyID, "="+publicKeyID, 1)
	signed, err := parseTarget(path + "?" + query)
	if err != nil {
		t.Fatal(err)
	}
	return edge.verify(signed, groups, netip.MustParseAddr("127.0.0.1"), now)
}

// TestPropagation changes a group and asks the edge just before and just after
// the change must have come to it, also when changes overlap.
func TestPropagation(t *testing.T) {
	t.Parallel()
	for _, delay := range []time.Duration{0, time.Minute, 15 * time.Minute} {
		t.Run(delay.String(), func(t *testing.T) {
			t.Parallel()
			keyPairs() // outside of the bubble: whoever waits for them would block its time
			synctest.Test(t, func(t *testing.T) {
				s := newControlStand(t, delay)
				client := s.direct()
				first, second := mustCreateKey(t, client, "first", ecdsaID), mustCreateKey(t, client, "second", rsaID)
				group, etag := mustCreateGroup(t, client, "group", first)
				edge, err := edgeOf(t, s, group)
				if err != nil {
					t.Fatal(err)
				}
				update := func(ids ...string) {
					t.Helper()
					out, err := client.UpdateKeyGroup(t.Context(), &sdk.UpdateKeyGroupInput{Id: &group, IfMatch: &etag, KeyGroupConfig: groupConfig("group", ids...)})
					if err != nil {
						t.Fatal(err)
					}
					etag = *out.ETag
				}
				expect := func(when string, wantFirst, wantSecond refusal) {
					t.Helper()
					if got := admits(t, edge, []string{group}, first, ecdsaID); got != wantFirst {
						t.Errorf("%s: the first key = %v, want %v", when, got.answer(), wantFirst.answer())
					}
					if got := admits(t, edge, []string{group}, second, rsaID); got != wantSecond {
						t.Errorf("%s: the second key = %v, want %v", when, got.answer(), wantSecond.answer())
					}
				}
				// deleting must be refused for as long as the edge has the key.
				deleting := func(id string) error {
					got, err := client.GetPublicKey(t.Context(), &sdk.GetPublicKeyInput{Id: &id})
					if err != nil {
						t.Fatal(err)
					}
					_, err = client.DeletePublicKey(t.Context(), &sdk.DeletePublicKeyInput{Id: &id, IfMatch: got.ETag})
					return err
				}

				expect("at first", admitted, unknownKey)
				if admits(t, edge, []string{group}, first, rsaID) != accessDenied {
					t.Error("the edge takes another key's signature")
				}
				update(first, second)
				if delay > 0 {
					expect("just added", admitted, unknownKey)
					time.Sleep(delay / 2)
				}
				// Overlaps with the change before: each comes after its own delay.
				update(second)
				if delay > 0 {
					expect("half-way", admitted, unknownKey)
					time.Sleep(delay/2 - time.Nanosecond)
					expect("before the first change", admitted, unknownKey)
					time.Sleep(time.Nanosecond)
					expect("after the first change", admitted, admitted)
					time.Sleep(delay/2 - time.Nanosecond)
					expect("before the second change", admitted, admitted)
					wantRefusal(t, deleting(first), http.StatusConflict, "PublicKeyInUse", "")
					time.Sleep(time.Nanosecond)
				}
				expect("at last", unknownKey, admitted)
				wantRefusal(t, deleting(second), http.StatusConflict, "PublicKeyInUse", "")
				if err := deleting(first); err != nil {
					t.Errorf("deleting the key that nobody uses = %v", err)
				}
				expect("after the deletion", unknownKey, admitted)
			})
		})
	}
}

// A change under way goes on after a restart, and comes when it would have.
func TestPropagationRestart(t *testing.T) {
	t.Parallel()
	keyPairs()
	synctest.Test(t, func(t *testing.T) {
		s := newControlStand(t, time.Minute)
		client := s.direct()
		first, second := mustCreateKey(t, client, "first", ecdsaID), mustCreateKey(t, client, "second", rsaID)
		group, etag := mustCreateGroup(t, client, "group", first)
		if _, err := client.UpdateKeyGroup(t.Context(), &sdk.UpdateKeyGroupInput{Id: &group, IfMatch: &etag, KeyGroupConfig: groupConfig("group", second)}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * time.Second)
		if err := s.config.DB.Close(); err != nil {
			t.Fatal(err)
		}
		s.open(t)
		edge, err := edgeOf(t, s, group)
		if err != nil {
			t.Fatal(err)
		}
		if got := admits(t, edge, []string{group}, first, ecdsaID); got != admitted {
			t.Errorf("before the change has come: the old key = %v", got.answer())
		}
		time.Sleep(30 * time.Second)
		if got := admits(t, edge, []string{group}, first, ecdsaID); got != unknownKey {
			t.Errorf("after the change has come: the old key = %v", got.answer())
		}
	})
}

// A group belongs to the distributions that name it.
func TestTrustedGroups(t *testing.T) {
	t.Parallel()
	s := newControlStand(t, 0)
	client := s.direct()
	key := mustCreateKey(t, client, "key", ecdsaID)
	group, etag := mustCreateGroup(t, client, "group", key)
	other, _ := mustCreateGroup(t, client, "other", mustCreateKey(t, client, "another", rsaID))
	if _, err := edgeOf(t, s, group, "missing"); err == nil || !strings.Contains(err.Error(), `"missing"`) {
		t.Errorf("New = %v, want an error about the missing group", err)
	}
	deleting := func() error {
		_, err := client.DeleteKeyGroup(t.Context(), &sdk.DeleteKeyGroupInput{Id: &group, IfMatch: &etag})
		return err
	}
	first, err := edgeOf(t, s, group, other)
	if err != nil {
		t.Fatal(err)
	}
	second, err := edgeOf(t, s, group)
	if err != nil {
		t.Fatal(err)
	}
	if got := admits(t, second, []string{group}, key, ecdsaID); got != admitted {
		t.Errorf("the group's key = %v", got.answer())
	}
	if got := admits(t, second, []string{other}, key, ecdsaID); got != unknownKey {
		t.Errorf("the key of a group that the behavior doesn't trust = %v", got.answer())
	}
	wantRefusal(t, deleting(), http.StatusConflict, "ResourceInUse", "in use")
	first.Close()
	wantRefusal(t, deleting(), http.StatusConflict, "ResourceInUse", "in use")
	second.Close()
	if err := deleting(); err != nil {
		t.Errorf("DeleteKeyGroup without a distribution = %v", err)
	}
}
