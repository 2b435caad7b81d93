package rotation_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"airlock/pkg/rotation"
	"airlock/pkg/signingkey"
)

// simulation is a stack in use: one URL a minute by every signer there may be,
// and events that die after each of their calls before they succeed.
type simulation struct {
	*account
	algorithm signingkey.Algorithm
	rotations int // promised a version of their own
	minute    int
	// lastURL is when each key last signed, by id; its URLs live maxTTL longer.
	lastURL map[string]time.Time
	seen    int  // states of the group looked at
	live    bool // there is a distribution, and signers
	signed  []signedURL
}

// TestRotationRefusesNoURL is the promise of the package.
func TestRotationRefusesNoURL(t *testing.T) {
	t.Parallel()
	const ec, rsa = signingkey.ECDSAP256, signingkey.RSA2048
	const closest, quarter = 0, 90 * 24 * time.Hour
	for _, tt := range []struct {
		name        string
		every       time.Duration // closest: as soon as it is not refused
		propagation time.Duration
		rotations   int
		algorithms  []signingkey.Algorithm // taken in turns
		operator    int                    // after so many rotations an operator puts a key of their own; 0: never
	}{
		{"closest, no propagation", closest, 0, 12, []signingkey.Algorithm{ec}, 0},
		{"closest, 1m", closest, time.Minute, 12, []signingkey.Algorithm{ec}, 0},
		{"closest, 15m", closest, 15 * time.Minute, 12, []signingkey.Algorithm{ec}, 0},
		{"90 days, no propagation", quarter, 0, 12, []signingkey.Algorithm{ec}, 0},
		{"90 days, 1m", quarter, time.Minute, 12, []signingkey.Algorithm{ec}, 0},
		{"90 days, 15m", quarter, 15 * time.Minute, 12, []signingkey.Algorithm{ec}, 0},
		{"RSA to ECDSA and back", closest, 15 * time.Minute, 4, []signingkey.Algorithm{rsa, ec, ec, rsa}, 0},
		{"an operator's own key, closest", closest, 15 * time.Minute, 12, []signingkey.Algorithm{ec}, 5},
		{"an operator's own key, 3 days", 3 * 24 * time.Hour, 15 * time.Minute, 6, []signingkey.Algorithm{ec}, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := simulate(t, tt.propagation, tt.algorithms[0])
				begun := time.Now()
				for done := 0; done < tt.rotations; {
					s.pass(t, max(21*time.Minute, tt.every))
					s.algorithm = tt.algorithms[(done+1)%len(tt.algorithms)]
					err := s.rotation(t)
					if time.Since(begun) > 30*24*time.Hour && tt.every == closest {
						t.Fatalf("after %d rotations in 30 days: %v", done, err)
					}
					if _, refused := errors.AsType[*rotation.RefusedError](err); refused && tt.every == closest {
						continue
					}
					if err != nil {
						t.Fatalf("rotation %d: %v", done+1, err)
					}
					if done++; done == tt.operator {
						s.operatorsKey(t)
					}
				}
				s.pass(t, 3*24*time.Hour)
				s.wantTidy(t)
			})
		})
	}
}

// simulate makes a stack beside another, whose name begins like its own.
func simulate(t *testing.T, propagation time.Duration, algorithm signingkey.Algorithm) *simulation {
	t.Helper()
	s := &simulation{account: newAccount(), algorithm: algorithm, rotations: 1, lastURL: map[string]time.Time{}}
	s.propagation = propagation
	s.tries = 1 // a dead process does not try again
	others := []string{s.addKey(prefix+"-2_"+token(1), "a"), s.addKey(prefix+"-2_"+token(2), "b"), s.addKey(prefix, "c")}
	s.groups["other"] = &fakeGroup{id: "other", name: prefix + "-2"}
	s.setItems(s.groups["other"], others)
	if err := s.event(t, resource("Create", token(1), "", "")); err != nil {
		t.Fatal(err)
	}
	time.Sleep(15 * time.Minute) // CloudFormation makes the distribution
	s.live, s.seen = true, len(s.ours().states)-1
	return s
}

// ready says whether a rotation may succeed: before that it is refused, and need
// not be killed to see it.
func (s *simulation) ready() bool {
	d := s.current()
	if d.Next != nil && time.Since(d.Next.Published) < 20*time.Minute {
		return false
	}
	full := len(s.ours().items()) == groupQuota
	for _, r := range d.Retired {
		full = full && time.Now().Before(r.Until)
	}
	return !full
}

// event handles an event in a process that dies after its first call, in one
// that dies after its second, and so on, until one lives.
func (s *simulation) event(t *testing.T, event []byte) error {
	t.Helper()
	config := s.config()
	config.Algorithm = s.algorithm
	for calls := 1; ; calls++ {
		s.crashAt, s.dead = calls, false
		_, err := rotation.New(config).HandleEvent(t.Context(), event)
		if !s.dead {
			s.crashAt = 0
			return err
		}
		if s.watch(t); calls > 100 {
			t.Fatalf("HandleEvent(%s) makes no progress", event)
		}
	}
}

// rotation is what Secrets Manager does: it goes on with a version that is pending.
func (s *simulation) rotation(t *testing.T) error {
	t.Helper()
	version := s.holder("AWSPENDING")
	if version == "" || version == s.holder("AWSCURRENT") {
		s.rotations++
		version = token(s.rotations)
		s.stage(version)
	}
	if !s.ready() {
		_, err := s.handler().HandleEvent(t.Context(), step("createSecret", version))
		if err == nil {
			t.Fatal("createSecret = nil, want it refused")
		}
		return err
	}
	for _, name := range stepNames {
		if err := s.event(t, step(name, version)); err != nil {
			return err
		}
		s.watch(t)
	}
	return nil
}

// pass lets time pass, URLs be signed, and the daily event come. Where the last
// change has reached every edge and signer, the URLs of an hour fare as its last.
func (s *simulation) pass(t *testing.T, d time.Duration) {
	t.Helper()
	const signEvery, day = 1000, 24 * 60
	for left := int(d / time.Minute); left > 0; {
		minutes := 1
		if g := s.ours(); time.Since(g.states[len(g.states)-1].t) > time.Hour && time.Since(s.signing[len(s.signing)-1].t) > time.Hour {
			minutes = min(60, left, signEvery-s.minute%signEvery, day-s.minute%day)
		}
		time.Sleep(time.Duration(minutes) * time.Minute)
		s.watch(t)
		left -= minutes
		if s.minute += minutes; s.minute%signEvery == 0 {
			s.sign(t)
		}
		if s.minute%day == 0 {
			s.day(t)
		}
	}
}

// day is the daily event. It dies after each call where there is anything to do.
func (s *simulation) day(t *testing.T) {
	t.Helper()
	var err error
	if len(s.current().Retired) > 0 || s.current().Next == nil {
		err = s.event(t, daily)
	} else if s.minute/(24*60)%7 == 0 { // a week of idle days is as one
		_, err = s.handler().HandleEvent(t.Context(), daily)
	}
	if err != nil {
		t.Fatalf("the daily run: %v", err)
	}
}

// watch signs a URL with each key a signer may have now, and looks whether every
// edge takes each URL that has not expired, at each change of the group since.
func (s *simulation) watch(t *testing.T) {
	t.Helper()
	if !s.live {
		return
	}
	now := time.Now()
	for i := len(s.signing) - 1; i >= 0; i-- {
		s.lastURL[s.signing[i].v] = now
		if now.Sub(s.signing[i].t) >= cacheTTL {
			break
		}
	}
	g := s.ours()
	for id, last := range s.lastURL {
		if now.Sub(last) >= maxTTL {
			delete(s.lastURL, id)
			continue
		}
		if !g.verifies(id, s.propagation) {
			t.Fatalf("at %v an edge refuses URLs of %s, last signed at %v; the group has had %v", now, id, last, g.states)
		}
		for _, state := range g.states[s.seen:] {
			if !slices.Contains(state.v, id) {
				t.Fatalf("at %v the group was %v, without %s, which signed until %v", state.t, state.v, id, last)
			}
		}
	}
	s.seen = len(g.states)
	if n := len(g.items()); n > groupQuota || n == 0 {
		t.Fatalf("the group has %d keys", n)
	}
}

// operatorsKey is docs' way to bring one's own: into the group, wait, into the secret.
func (s *simulation) operatorsKey(t *testing.T) {
	t.Helper()
	private, public, err := signingkey.Generate(signingkey.RSA2048)
	if err != nil {
		t.Fatal(err)
	}
	id := s.addKey("operator", public)
	for hours := 0; len(s.ours().items()) == groupQuota; hours++ {
		if s.pass(t, time.Hour); hours > 72 {
			t.Fatal("the group stays full")
		}
	}
	s.setItems(s.ours(), append(slices.Clone(s.ours().items()), id))
	s.pass(t, 20*time.Minute)
	text, err := json.Marshal(map[string]string{"keyPairId": id, "privateKey": private})
	if err != nil {
		t.Fatal(err)
	}
	s.store(fmt.Sprintf("operator-%032d", 1), string(text))
}

// wantTidy fails unless the keys of ours are those of the document, all in the
// group, and nothing else is there or gone.
func (s *simulation) wantTidy(t *testing.T) {
	t.Helper()
	d := s.current()
	if d.Next == nil || len(d.Retired) != 0 {
		t.Fatalf("at the end next is %v and retired %v, want one and none", d.Next, d.Retired)
	}
	want := []string{d.KeyPairID, d.Next.KeyPairID}
	slices.Sort(want)
	var ours, others []string
	for id, k := range s.keys {
		if k.Name == "operator" {
			continue
		}
		if strings.HasPrefix(k.Name, prefix+"_") {
			ours = append(ours, id)
		} else {
			others = append(others, id)
		}
	}
	slices.Sort(ours)
	items := slices.Sorted(slices.Values(s.ours().items()))
	if !slices.Equal(ours, want) || !slices.Equal(items, want) || len(others) != 3 || len(s.groups) != 2 {
		t.Errorf("at the end the keys are %v, the group %v, others %v in %v, want %v, 3 and 2 groups",
			ours, items, others, slices.Sorted(maps.Keys(s.groups)), want)
	}
	if log := s.log.String(); strings.Contains(log, "PRIVATE KEY") || strings.Contains(log, "444455556666") || strings.Contains(log, "bearer") {
		t.Error("the log has a secret in it")
	}
}
