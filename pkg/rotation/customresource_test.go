package rotation_test

import (
	"context"
	"encoding/json"
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

// told is what CloudFormation reads in an answer.
type told struct {
	Status, Reason, PhysicalResourceID string
	StackID, RequestID                 string
	LogicalResourceID                  string
	Data                               struct{ KeyGroupID string }
}

// invoke handles an event as Lambda does, in 60 seconds, and returns what
// CloudFormation was told, exactly once, in the form it asks for.
func (a *account) invoke(t *testing.T, event []byte) told {
	t.Helper()
	a.heard = nil
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := a.handler().HandleEvent(ctx, event); err != nil {
		t.Errorf("HandleEvent(%s) = %v, want nil, since CloudFormation was told", event, err)
	}
	if ctx.Err() != nil {
		t.Errorf("HandleEvent(%s) took longer than Lambda gives it", event)
	}
	if len(a.heard) != 1 {
		t.Fatalf("HandleEvent(%s) told CloudFormation %d times, want once", event, len(a.heard))
	}
	h := a.heard[0]
	var out told
	if err := json.Unmarshal([]byte(h.body), &out); err != nil {
		t.Fatal(err)
	}
	if len(h.contentType) != 1 || h.contentType[0] != "" || h.length != int64(len(h.body)) || len(h.body) > 4096 || len(out.Reason) > 400 {
		t.Errorf("the answer has Content-Type %q, length %d and body %s; want an empty one, exact, at most 4096 bytes", h.contentType, h.length, h.body)
	}
	if out.StackID != "arn:stack" || out.LogicalResourceID != "KeyGroup" || out.PhysicalResourceID == "" || out.RequestID == "" {
		t.Errorf("the answer %s misses an id", h.body)
	}
	for _, secret := range []string{"BEGIN", "444455556666", "bearer"} {
		if strings.Contains(h.body, secret) || strings.Contains(a.log.String(), secret) {
			t.Errorf("the answer %s or the log %s has %q in it", h.body, a.log.String(), secret)
		}
	}
	return out
}

// wantPair fails unless the group holds the document's two keys alone.
func (a *account) wantPair(t *testing.T, g *fakeGroup) {
	t.Helper()
	d := a.current()
	if d.Next == nil || g == nil || len(a.keys) != 2 || len(d.Retired) != 0 ||
		!slices.Equal(slices.Sorted(slices.Values(g.items())), slices.Sorted(slices.Values([]string{d.KeyPairID, d.Next.KeyPairID}))) {
		t.Errorf("there are %d keys, the group is %+v, the document has %s and %+v; want two keys", len(a.keys), g, d.KeyPairID, d.Next)
	}
}

// TestCreate dies after each of its calls, for each kind of secret a template may
// make, and is repeated by CloudFormation.
func TestCreate(t *testing.T) {
	t.Parallel()
	for _, placeholder := range []string{"", "{}", `{"placeholder":"x"}`} {
		for calls := range 12 {
			for _, algorithm := range []string{"ECDSA_P256", "RSA_2048"} {
				if algorithm == "RSA_2048" && (calls%4 != 0 || placeholder != "") {
					continue // such keys take long to make
				}
				t.Run(fmt.Sprint(placeholder, calls, algorithm), func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) {
						a := newAccount()
						if placeholder != "" {
							a.store(token(0), placeholder)
						}
						event := []byte(strings.Replace(string(resource("Create", token(1), "", "")), "ECDSA_P256", algorithm, 1))
						if calls > 0 {
							a.crashAt = calls
							_, _ = a.handler().HandleEvent(t.Context(), event)
							a.crashAt, a.dead = 0, false
						}
						time.Sleep(30 * time.Minute)
						out := a.invoke(t, event)
						g := a.ours()
						if out.Status != "SUCCESS" || g == nil || out.PhysicalResourceID != g.id || out.Data.KeyGroupID != g.id {
							t.Fatalf("Create told %+v, want SUCCESS and the id of %+v", out, g)
						}
						a.wantPair(t, g)
						// The next key's age counts from when it is in the group, to the second.
						if published := a.current().Next.Published; published.Before(g.states[0].t.Truncate(time.Second)) {
							t.Errorf("the next key is in the group since %v, and says %v", g.states[0].t, published)
						}
						signed, err := signingkey.Parse([]byte(a.values[a.holder("AWSCURRENT")]))
						if err != nil || strings.Contains(fmt.Sprintf("%T", signed.Public()), "rsa") != (algorithm == "RSA_2048") {
							t.Errorf("the signing key is %T, %v, want %s", signed.Public(), err, algorithm)
						}
						// Again, and as an update: nothing changes.
						before := a.values[a.holder("AWSCURRENT")]
						for _, event := range [][]byte{event, resource("Update", token(2), g.id, "")} {
							if again := a.invoke(t, event); again.Status != "SUCCESS" || again.PhysicalResourceID != g.id {
								t.Errorf("%s, repeated, told %+v, want the same", event, again)
							}
						}
						if a.wantPair(t, g); a.values[a.holder("AWSCURRENT")] != before {
							t.Error("a repeated event changed the secret")
						}
					})
				})
			}
		}
	}
}

// TestUpdateMends: a group that somebody deleted is made anew, with every key
// that verifies something.
func TestUpdateMends(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, func(t *testing.T, a *account) {
		if err := a.rotate(t, token(2)); err != nil {
			t.Fatal(err)
		}
		old := a.ours()
		delete(a.groups, old.id)
		time.Sleep(time.Hour)
		out := a.invoke(t, resource("Update", token(3), old.id, ""))
		g := a.ours()
		if g == nil || out.PhysicalResourceID != g.id || len(g.items()) != 3 {
			t.Fatalf("Update told %+v and made %+v, want a group of 3 keys", out, g)
		}
		if age := time.Since(a.current().Next.Published); age > time.Minute {
			t.Errorf("the next key is %v old, want it to count from when the new group has it", age)
		}
		// CloudFormation deletes the one it replaced, which must not mean today's.
		if out := a.invoke(t, resource("Delete", token(4), old.id, "")); out.Status != "SUCCESS" || a.ours() != g || len(a.keys) != 3 {
			t.Errorf("Delete of the old group told %+v and left %d keys, want SUCCESS and all 3", out, len(a.keys))
		}
	})
}

// TestCreateAgain: a stack that is made anew over a secret that was kept, the keys
// of which are gone with their group, gets new ones. Where there is a group it may
// have URLs, and nothing is replaced.
func TestCreateAgain(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, func(t *testing.T, a *account) {
		before := a.current().KeyPairID
		if out := a.invoke(t, resource("Delete", token(2), a.ours().id, "")); out.Status != "SUCCESS" || len(a.keys) != 0 {
			t.Fatalf("Delete told %+v and left %d keys", out, len(a.keys))
		}
		out := a.invoke(t, resource("Create", token(3), "", ""))
		if out.Status != "SUCCESS" || a.current().KeyPairID == before || out.Data.KeyGroupID != a.ours().id {
			t.Fatalf("Create after Delete told %+v, and %s signs", out, a.current().KeyPairID)
		}
		a.wantPair(t, a.ours())
		signs := a.current().KeyPairID
		a.setItems(a.ours(), []string{a.current().Next.KeyPairID})
		delete(a.keys, signs)
		if out := a.invoke(t, resource("Update", token(4), out.PhysicalResourceID, "")); out.Status != "FAILED" || !strings.Contains(out.Reason, "has no public key "+signs) {
			t.Errorf("Update of a group whose key is gone told %+v, want FAILED", out)
		}
	})
}

// TestGroupNotListed: an answer that was lost, and a list that is behind, end in
// the group's id or in a failure, never in an answer without it.
func TestGroupNotListed(t *testing.T) {
	t.Parallel()
	for hidden, status := range map[int]string{1: "SUCCESS", 100: "FAILED"} {
		synctest.Test(t, func(t *testing.T) {
			a := newAccount()
			lost := false
			a.answered = func(call string) error {
				if call == "cloudfront:CreateKeyGroup" && !lost {
					lost, a.unlisted = true, hidden
					return errDead
				}
				return nil
			}
			out := a.invoke(t, resource("Create", token(1), "", ""))
			if out.Status != status || status == "SUCCESS" && (a.ours() == nil || out.Data.KeyGroupID != a.ours().id) {
				t.Errorf("with %d lists behind CloudFormation was told %+v, want %s", hidden, out, status)
			}
		})
	}
}

func TestDelete(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		set    func(*account)
		id     string // "": the group's
		status string
		keys   int // left
	}{
		{"in peace", nil, "", "SUCCESS", 0},
		{"an operator's key stays", func(a *account) { a.addKey("operator", "x") }, "", "SUCCESS", 1},
		{"what a failed creation is called", nil, prefix, "SUCCESS", 0},
		{"what CloudFormation calls it when it never heard", nil, "stack-KeyGroup-1ABCDEF", "SUCCESS", 0},
		{"another group's", nil, "99999999-1111-4222-8333-abcdefabcdef", "SUCCESS", 2},
		{"already gone", func(a *account) { clear(a.groups); clear(a.keys) }, "00000003-1111-4222-8333-abcdefabcdef", "SUCCESS", 0},
		{"keys linger", func(a *account) { a.lingers = 20 * time.Second }, "", "SUCCESS", 0},
		{"the distribution goes late", func(a *account) {
			a.deployed = true
			time.AfterFunc(20*time.Second, func() { a.mu.Lock(); defer a.mu.Unlock(); a.deployed = false })
		}, "", "SUCCESS", 0},
		{"the distribution stays", nil, "", "FAILED", 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for calls := range 12 {
				inVirtualTime(t, func(t *testing.T, a *account) {
					g := a.ours()
					if tt.id == "" {
						tt.id = g.id
					}
					// Whatever the properties are, they do not keep a stack from going.
					event := resource("Delete", token(2), tt.id, `{"ServiceToken":"x","Color":"red"}`)
					a.deployed = tt.status == "FAILED" // all the time
					if calls > 0 {
						ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
						a.crashAt = calls
						_, _ = a.handler().HandleEvent(ctx, event)
						cancel()
						a.crashAt, a.dead = 0, false
					}
					if tt.set != nil {
						tt.set(a)
					}
					out := a.invoke(t, event)
					if out.Status != tt.status || out.PhysicalResourceID != tt.id || len(a.keys) != tt.keys {
						t.Errorf("Delete that died at %d told %+v and left %d keys, want %s and %d", calls, out, len(a.keys), tt.status, tt.keys)
					}
					time.Sleep(time.Minute) // AfterFunc ends within the bubble
				})
			}
		})
	}
}

// TestFailures: whatever is wrong, CloudFormation is told what, in time.
func TestFailures(t *testing.T) {
	t.Parallel()
	withProperty := func(old, new string) []byte {
		return []byte(strings.Replace(string(resource("Create", token(1), "", "")), old, new, 1))
	}
	create := resource("Create", token(1), "", "")
	for _, tt := range []struct {
		name  string
		set   func(*account)
		event []byte
		want  string
	}{
		{"unknown property", nil, withProperty(`"KeyAlgorithm"`, `"Color":"red","KeyAlgorithm"`), "nothing else"},
		{"property of another type", nil, withProperty(`"ECDSA_P256"`, `["ECDSA_P256"]`), "nothing else"},
		{"no properties", nil, resource("Create", token(1), "", "null"), "SecretId"},
		{"another secret", nil, withProperty("SigningKeySecret", "OtherSecret"), "SecretId"},
		{"another prefix", nil, withProperty(prefix, "x"), "KeyNamePrefix"},
		{"unknown algorithm", nil, withProperty("ECDSA_P256", "DSA"), "KeyAlgorithm must be ECDSA_P256 or RSA_2048"},
		{"unknown request", nil, resource("Replace", token(1), "x", ""), "unknown RequestType"},
		{"a secret that is something else", func(a *account) { a.store(token(0), `"-----BEGIN PRIVATE KEY-----"`) }, create, "unusable"},
		{"half a secret", func(a *account) { a.store(token(0), `{"keyPairId":"K1"}`) }, create, "privateKey is missing"},
		{"no room for keys", func(a *account) {
			for i := range 9 {
				a.addKey(fmt.Sprint(i), fmt.Sprint(i))
			}
		}, create, "quota 10"},
		{"no answer", func(a *account) { a.fault = hang }, create, "time was up"},
		{"CloudFormation hears the fourth answer only", func(a *account) { a.deaf = 3 }, withProperty("ECDSA_P256", "DSA"), "KeyAlgorithm"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a := newAccount()
				if tt.set != nil {
					tt.set(a)
				}
				out := a.invoke(t, tt.event)
				if out.Status != "FAILED" || !strings.Contains(out.Reason, tt.want) {
					t.Errorf("%s told %+v, want FAILED with %q", tt.event, out, tt.want)
				}
				// The Delete that follows clears up.
				a.fault = nil
				others := len(a.keys)
				if out := a.invoke(t, resource("Delete", token(1), out.PhysicalResourceID, "")); out.Status != "SUCCESS" || len(a.keys) > others || a.ours() != nil {
					t.Errorf("Delete after it told %+v and left %d keys", out, len(a.keys))
				}
			})
		})
	}
}

// TestNewRole: of a role made a moment ago IAM may not know everywhere what it
// allows. A creation waits for that, and not for a permission that is missing.
func TestNewRole(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		call   string
		denied int
		status string
		most   time.Duration
	}{
		{"secretsmanager:DescribeSecret", 1, "SUCCESS", 5 * time.Second},
		{"cloudfront:ListPublicKeys", 6, "SUCCESS", 30 * time.Second},
		{"cloudfront:CreateKeyGroup", 2, "SUCCESS", 10 * time.Second},
		{"secretsmanager:PutSecretValue", 2, "SUCCESS", 10 * time.Second},
		{"cloudfront:CreatePublicKey", 1000, "FAILED", 30 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			a := newAccount()
			a.deniedCall, a.denied = tt.call, tt.denied
			began := time.Now()
			out := a.invoke(t, resource("Create", token(1), "", ""))
			if took := time.Since(began); out.Status != tt.status || took > tt.most {
				t.Errorf("after %d refusals of %s CloudFormation was told %+v in %v, want %s in %v", tt.denied, tt.call, out, took, tt.status, tt.most)
			}
			if tt.status == "FAILED" && !strings.Contains(out.Reason, "AccessDenied") {
				t.Errorf("the reason is %q, want the refusal", out.Reason)
			}
		})
	}
}

// hang is a service that takes its time.
func hang(ctx context.Context, _ string) error {
	<-ctx.Done()
	return ctx.Err()
}

// TestUnheard: where CloudFormation can't be told, Lambda is, and invokes again.
func TestUnheard(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"", "ftp://cloudformation.example/", "https:///x", "::", "https://cloudformation.example/x"} {
		synctest.Test(t, func(t *testing.T) {
			a := newAccount()
			a.deaf = 100
			event := strings.Replace(string(resource("Create", token(1), "", "")), "https://cloudformation.example/answer", address, 1)
			_, err := a.handler().HandleEvent(t.Context(), []byte(event))
			if _, failed := errors.AsType[*rotation.FailedError](err); !failed || strings.Contains(err.Error(), "bearer") {
				t.Errorf("HandleEvent with ResponseURL %q = %v, want a failure", address, err)
			}
		})
	}
}
