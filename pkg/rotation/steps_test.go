package rotation_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"airlock/pkg/rotation"
	"airlock/pkg/signingkey"
)

// inVirtualTime runs f with a stack whose next key is ripe, in a bubble of its own.
func inVirtualTime(t *testing.T, f func(*testing.T, *account)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		a := newAccount()
		a.create(t)
		time.Sleep(time.Hour)
		f(t, a)
	})
}

// begin does the steps before the named one.
func (a *account) begin(t *testing.T, version, until string) {
	t.Helper()
	a.stage(version)
	for _, name := range stepNames {
		if name == until {
			return
		}
		if _, err := a.handler().HandleEvent(t.Context(), step(name, version)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
}

func TestRotate(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, func(t *testing.T, a *account) {
		before, now := a.current(), time.Now()
		if err := a.rotate(t, token(2)); err != nil {
			t.Fatal(err)
		}
		after := a.current()
		if after.KeyPairID != before.Next.KeyPairID || after.PrivateKey != before.Next.PrivateKey || after.Next == nil || !after.Next.Published.Equal(now) {
			t.Errorf("after a rotation at %v %s signs and %+v is next, want %s to sign and a fresh one", now, after.KeyPairID, after.Next, before.Next.KeyPairID)
		}
		if r := after.Retired; len(r) != 1 || r[0].KeyPairID != before.KeyPairID || r[0].Until.Before(now.Add(maxTTL+cacheTTL)) || r[0].Until.After(now.Add(maxTTL+cacheTTL+2*time.Hour)) {
			t.Errorf("after a rotation at %v %+v are retired, want %s until its last URL has expired", now, r, before.KeyPairID)
		}
		// Steps of a version that is the current one are over, and change nothing.
		a.calls = nil
		for _, name := range slices.Concat(stepNames, []string{"create_secret", "set_secret", "test_secret", "finish_secret"}) {
			if _, err := a.handler().HandleEvent(t.Context(), step(name, token(2))); err != nil {
				t.Errorf("%s, repeated = %v, want nil", name, err)
			}
		}
		for _, call := range a.calls {
			if call != "secretsmanager:DescribeSecret" {
				t.Errorf("a step of a finished rotation calls %s", call)
			}
		}
		// The old key leaves no sooner than that, and then at the next daily run.
		for _, stay := range []time.Duration{0, maxTTL + cacheTTL, 2 * time.Hour} {
			time.Sleep(stay)
			if _, err := a.handler().HandleEvent(t.Context(), daily); err != nil {
				t.Fatal(err)
			}
			if got, want := slices.Contains(a.ours().items(), before.KeyPairID), stay < 2*time.Hour || stay > 3*time.Hour; got != want {
				t.Errorf("%v after its promotion the old key is in the group: %t, want %t", time.Since(now), got, want)
			}
		}
		if a.keys[before.KeyPairID] != nil || len(a.current().Retired) != 0 {
			t.Error("the old key was not deleted")
		}
	})
}

func TestStepsRepeated(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, func(t *testing.T, a *account) {
		a.stage(token(2))
		for _, name := range stepNames {
			for range 3 {
				if _, err := a.handler().HandleEvent(t.Context(), step(name, token(2))); err != nil {
					t.Fatalf("%s = %v, want nil however often", name, err)
				}
			}
		}
		if len(a.keys) != 3 || len(a.ours().items()) != 3 {
			t.Errorf("after steps done thrice there are %d keys, %d in the group, want 3", len(a.keys), len(a.ours().items()))
		}
	})
}

// TestAnswersLost: a call that was heard and whose answer was not is made again
// by the client, and does nothing twice.
func TestAnswersLost(t *testing.T) {
	t.Parallel()
	for call, more := 1, true; more; call++ {
		t.Run(fmt.Sprint(call), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newAccount()
				a.loseAt = call
				a.create(t)
				time.Sleep(time.Hour)
				if err := a.rotate(t, token(2)); err != nil {
					t.Fatal(err)
				}
				time.Sleep(27 * time.Hour)
				if _, err := a.handler().HandleEvent(t.Context(), daily); err != nil {
					t.Fatal(err)
				}
				a.wantPair(t, a.ours())
				out := a.invoke(t, resource("Delete", token(3), a.ours().id, ""))
				if more = a.loseAt == 0; out.Status != "SUCCESS" || len(a.keys)+len(a.groups) != 0 {
					t.Errorf("Delete told %+v and left %d keys and %d groups", out, len(a.keys), len(a.groups))
				}
			})
		})
	}
}

// TestCancelled: whatever a rotation was doing when it died and was cancelled,
// the next one, under another version, succeeds, and leaves nothing of it.
func TestCancelled(t *testing.T) {
	t.Parallel()
	for calls := 1; calls < 40; calls++ {
		t.Run(fmt.Sprint(calls), func(t *testing.T) {
			t.Parallel()
			inVirtualTime(t, func(t *testing.T, a *account) {
				for n := 2; n < 6; n++ { // more often than a group has room for
					a.crashAt, a.dead = calls, false
					_ = a.rotate(t, token(n)) // dies, or has been through
					a.crashAt, a.dead = 0, false
					if a.holder("AWSCURRENT") == token(n) {
						return
					}
					a.unlabel(token(n), "AWSPENDING")
					if slices.Contains(a.calls, "secretsmanager:PutSecretValue") && a.values[token(n)] != "" {
						break // a document held its key: that one stays a day
					}
				}
				if err := a.rotate(t, token(9)); err != nil {
					t.Fatalf("after rotations that died at call %d: %v", calls, err)
				}
				for range 3 {
					time.Sleep(26 * time.Hour)
					if _, err := a.handler().HandleEvent(t.Context(), daily); err != nil {
						t.Fatal(err)
					}
				}
				if len(a.keys) != 2 || len(a.ours().items()) != 2 {
					t.Errorf("after rotations that died at call %d there are %d keys, %d in the group, want 2", calls, len(a.keys), len(a.ours().items()))
				}
			})
		})
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		set   func(*testing.T, *account)
		event []byte
		want  string
	}{
		{"no JSON", nil, []byte(`nonsense`), "not a JSON object"},
		{"no kind", nil, []byte(`{}`), "neither"},
		{"two kinds", nil, []byte(`{"RequestType":"Create","Step":"createSecret"}`), "neither"},
		{"another schedule", nil, []byte(`{"action":"delete"}`), "unknown action"},
		{"another source", nil, []byte(`{"source":"aws.s3"}`), "unknown action"},
		{"step of another type", nil, []byte(`{"SecretId":1,"Step":"createSecret"}`), "wrong type"},
		{"unknown step", nil, step("deleteSecret", token(2)), "unknown step"},
		{"a token that is none", nil, step("createSecret", "../"+token(2)), "ClientRequestToken"},
		{"another secret", nil, []byte(strings.ReplaceAll(string(step("createSecret", token(2))), "SigningKeySecret", "Other")), "unknown secret"},
		{"no such version", nil, step("createSecret", token(7)), "not pending"},
		{"a version that was pending", func(_ *testing.T, a *account) { a.stage(token(3)) }, step("createSecret", token(2)), "not pending"},
		{"set before create", nil, step("setSecret", token(2)), "createSecret comes first"},
		{"finish before create", nil, step("finishSecret", token(2)), "createSecret comes first"},
		{"nothing to rotate", func(_ *testing.T, a *account) { a.values[a.holder("AWSCURRENT")] = `{}` }, step("createSecret", token(2)), "custom resource makes the first"},
		{"unusable secret", func(_ *testing.T, a *account) { a.values[a.holder("AWSCURRENT")] = `-----BEGIN PRIVATE KEY-----` }, step("createSecret", token(2)), "unusable"},
		{"no group", func(_ *testing.T, a *account) { a.ours().name = "x" }, step("createSecret", token(2)), "no key group"},
		{"no group, daily", func(_ *testing.T, a *account) { a.ours().name = "x" }, daily, "no key group"},
		{"too early", func(t *testing.T, a *account) {
			if err := a.rotate(t, token(2)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(19 * time.Minute)
			a.stage(token(3))
		}, step("createSecret", token(3)), "too new"},
		{"strangers fill the group", func(_ *testing.T, a *account) {
			a.setItems(a.ours(), append(a.ours().items(), a.addKey("x", "x"), a.addKey("y", "y"), a.addKey("z", "z")))
		}, step("createSecret", token(2)), "none of ours"},
		{"strangers fill the account", func(_ *testing.T, a *account) {
			for i := range 8 {
				a.addKey(fmt.Sprint(i), fmt.Sprint(i))
			}
		}, step("createSecret", token(2)), "quota 10"},
		{"a key CloudFront does not have", func(_ *testing.T, a *account) { delete(a.keys, a.current().Next.KeyPairID) }, step("createSecret", token(2)), "no public key"},
		{"the next key has left the group", func(t *testing.T, a *account) {
			a.begin(t, token(2), "setSecret")
			a.setItems(a.ours(), a.ours().items()[:1])
		}, step("setSecret", token(2)), "not in the key group"},
		{"halves that don't belong together", func(t *testing.T, a *account) {
			a.begin(t, token(2), "testSecret")
			_, other, err := signingkey.Generate(signingkey.ECDSAP256)
			if err != nil {
				t.Fatal(err)
			}
			a.keys[a.current().Next.KeyPairID].EncodedKey = other
		}, step("testSecret", token(2)), "does not belong"},
		{"an old rotation", func(t *testing.T, a *account) {
			a.begin(t, token(2), "finishSecret")
			time.Sleep(61 * time.Minute)
		}, step("finishSecret", token(2)), "more than an hour"},
		{"an operator's key meanwhile", func(t *testing.T, a *account) {
			a.begin(t, token(2), "finishSecret")
			private, _, err := signingkey.Generate(signingkey.ECDSAP256)
			if err != nil {
				t.Fatal(err)
			}
			a.store(token(8), fmt.Sprintf(`{"keyPairId":"KOPERATOR","privateKey":%q}`, private))
		}, step("finishSecret", token(2)), "changed meanwhile"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			inVirtualTime(t, func(t *testing.T, a *account) {
				a.stage(token(2))
				if tt.set != nil {
					tt.set(t, a)
				}
				current, items := a.holder("AWSCURRENT"), a.ours()
				_, err := a.handler().HandleEvent(t.Context(), tt.event)
				refused, ok := errors.AsType[*rotation.RefusedError](err)
				if !ok || !strings.Contains(refused.Error(), tt.want) {
					t.Errorf("HandleEvent(%s) = %v, want a refusal with %q", tt.event, err, tt.want)
				}
				if a.holder("AWSCURRENT") != current {
					t.Error("a refused event changed the signing key")
				}
				if items != nil && !slices.Contains(items.items(), a.signing[0].v) {
					t.Errorf("a refused event left the group with %v", items.items())
				}
				if strings.Contains(a.log.String(), "BEGIN") || strings.Count(a.log.String(), `"ERROR"`) != 1 {
					t.Errorf("log = %s, want one error", a.log.String())
				}
			})
		})
	}
}

// TestGivenUpRotationsMakeRoom: a rotation that was refused for good is followed
// by one that begins anew.
func TestGivenUpRotationsMakeRoom(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, func(t *testing.T, a *account) {
		a.begin(t, token(2), "finishSecret")
		time.Sleep(2 * time.Hour)
		if _, err := a.handler().HandleEvent(t.Context(), step("createSecret", token(2))); err == nil || a.holder("AWSPENDING") != "" {
			t.Fatalf("createSecret of an old rotation = %v, pending: %q; want it given up", err, a.holder("AWSPENDING"))
		}
		if err := a.rotate(t, token(3)); err != nil {
			t.Error(err)
		}
	})
}

// TestTestSecretAlone is how Secrets Manager tries a configuration.
func TestTestSecretAlone(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, func(t *testing.T, a *account) {
		a.stage(token(2))
		if _, err := a.handler().HandleEvent(t.Context(), step("testSecret", token(2))); err != nil {
			t.Errorf("testSecret on an empty pending version = %v, want nil", err)
		}
	})
}

// TestGroupChangedMeanwhile: somebody else's change of the group is kept.
func TestGroupChangedMeanwhile(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, func(t *testing.T, a *account) {
		stranger := a.addKey("stranger", "s")
		a.meanwhile = func() { a.setItems(a.ours(), append(slices.Clone(a.ours().items()), stranger)) }
		if err := a.rotate(t, token(2)); err != nil {
			t.Fatal(err)
		}
		if items := a.ours().items(); !slices.Contains(items, stranger) || len(items) != 4 {
			t.Errorf("the group is %v, want the stranger's %s beside 3 of ours", items, stranger)
		}
	})
}

// TestStoreMeanwhile: the daily run does not undo an operator's change of the
// secret that comes between its reading and its writing.
func TestStoreMeanwhile(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, func(t *testing.T, a *account) {
		if err := a.rotate(t, token(2)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(27 * time.Hour)
		a.fault = func(_ context.Context, call string) error {
			if call == "secretsmanager:PutSecretValue" {
				a.store(token(8), a.values[token(2)])
			}
			return nil
		}
		if _, err := a.handler().HandleEvent(t.Context(), daily); err == nil || a.holder("AWSCURRENT") != token(8) {
			t.Errorf("the daily run = %v and the current version %s, want an error and %s", err, a.holder("AWSCURRENT"), token(8))
		}
	})
}
