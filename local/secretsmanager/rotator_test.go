package secretsmanager

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

// A secret made without a value, as CloudFormation makes it, gets its first one
// by a rotation, and the next ones every ninety days.
func TestRotation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newRotationStand(t)
		if d := s.describe(t); d.RotationEnabled != nil || d.RotationRules != nil || d.NextRotationDate != nil || d.LastRotatedDate != nil {
			t.Errorf("DescribeSecret of what was never configured = %+v", d)
		}
		_, err := s.client.GetSecretValue(t.Context(), &sdk.GetSecretValueInput{SecretId: aws.String(keyName)})
		wantError(t, err, "ResourceNotFoundException", "AWSCURRENT")

		if err := s.rotateNow(t, tokenA, nil); err != nil {
			t.Fatal(err)
		}
		if got, want := s.taken(), four("aaaa", 0); got != want {
			t.Errorf("steps = %s, want %s", got, want)
		}
		if got, want := s.labels(t), "a:AWSCURRENT,AWSPENDING"; got != want {
			t.Errorf("labels = %s, want %s", got, want)
		}
		value, err := s.client.GetSecretValue(t.Context(), &sdk.GetSecretValueInput{SecretId: aws.String(keyName)})
		if err != nil || *value.SecretString != "value of "+tokenA {
			t.Errorf("GetSecretValue = %+v, %v", value, err)
		}
		d := s.describe(t)
		// The bubble begins at a midnight in UTC; the window is the ninetieth day.
		if next := s.began.Add(91*day - time.Second); !*d.RotationEnabled || *d.RotationLambdaARN != functionARN ||
			*d.RotationRules.AutomaticallyAfterDays != 90 || !d.LastRotatedDate.Equal(s.began) || !d.NextRotationDate.Equal(next) {
			t.Errorf("DescribeSecret = %+v, want the next date %v", d, next)
		}

		for i := range 4 {
			time.Sleep(90*day - time.Nanosecond)
			if got := s.taken(); got != "" {
				t.Fatalf("rotation %d came early: %s", i, got)
			}
			time.Sleep(time.Nanosecond)
			current := s.current(t)
			if got, want := s.taken(), four(current, time.Duration(i+1)*90*day); got != want {
				t.Fatalf("rotation %d = %s, want %s", i, got, want)
			}
		}
		if d := s.describe(t); !d.LastRotatedDate.Equal(time.Now()) {
			t.Errorf("LastRotatedDate = %v, want %v", d.LastRotatedDate, time.Now())
		}
	})
}

// current is the beginning of the current version's id, once all is quiet.
func (s *rotationStand) current(t *testing.T) string {
	t.Helper()
	synctest.Wait()
	r, err := s.read(keyName)
	if err != nil {
		t.Fatal(err)
	}
	id, _, ok := r.holderOf(stageCurrent)
	if !ok {
		t.Fatal("no version is the current one")
	}
	return id[:4]
}

// A rotation that fails stops where it failed, leaves AWSPENDING, and is made
// again as a whole with the same version.
func TestRotationFails(t *testing.T) {
	t.Parallel()
	for i, step := range rotationSteps {
		for _, done := range []bool{false, true} {
			t.Run(fmt.Sprint(step, " done ", done), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					s := newRotationStand(t)
					if _, err := s.Put(keyName, "first"); err != nil {
						t.Fatal(err)
					}
					s.failWith(failing(4, step, done))
					if err := s.rotateNow(t, tokenA, nil); err != nil {
						t.Fatal(err)
					}
					next := s.describe(t).NextRotationDate
					for _, at := range []time.Duration{0, time.Minute, 3 * time.Minute, 7 * time.Minute, 15 * time.Minute} {
						time.Sleep(time.Until(s.began.Add(at)))
						want := ""
						for j, step := range rotationSteps {
							if j <= i || at == 15*time.Minute {
								want += fmt.Sprintf("; %s aaaa %v", step, at)
							}
						}
						if got := s.taken(); "; "+got != want {
							t.Errorf("after %v: steps = %s, want %s", at, got, want)
						}
						if at == 15*time.Minute {
							break
						}
						d := s.describe(t)
						if len(d.VersionIdsToStages[tokenA]) == 0 || d.LastRotatedDate != nil || !d.NextRotationDate.Equal(*next) {
							t.Errorf("after %v: DescribeSecret = %+v", at, d)
						}
					}
					if d := s.describe(t); len(d.VersionIdsToStages[tokenA]) != 2 || !d.LastRotatedDate.Equal(time.Now()) {
						t.Errorf("DescribeSecret = %+v, want the version current", d)
					}
					time.Sleep(80 * day)
					if got := s.taken(); got != "" {
						t.Errorf("steps after the success: %s", got)
					}
				})
			})
		}
	}
}

// The pauses grow to a day, and RotateSecret ends one.
func TestRotationIsReattempted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newRotationStand(t)
		s.failWith(failing(1000, "createSecret", false))
		if err := s.rotateNow(t, tokenA, nil); err != nil {
			t.Fatal(err)
		}
		// 2^0 to 2^10 minutes are 2,047; then it is a day.
		at := 2047 * time.Minute
		time.Sleep(at)
		s.taken()
		for range 3 {
			time.Sleep(day)
			if got, want := s.taken(), fmt.Sprintf("createSecret aaaa %v", at+day); got != want {
				t.Errorf("steps = %s, want %s", got, want)
			}
			at += day
		}
		time.Sleep(time.Minute)
		wantError(t, s.rotateNow(t, tokenB, nil), "InvalidRequestException", "A previous rotation isn't complete. That rotation will be reattempted.")
		if got, want := s.taken(), fmt.Sprintf("createSecret aaaa %v", at+time.Minute); got != want {
			t.Errorf("steps after RotateSecret = %s, want %s", got, want)
		}
		if got := s.labels(t); got != "a:AWSPENDING" {
			t.Errorf("labels = %s: the refused rotation has left something", got)
		}
		if err := s.rotateNow(t, tokenA, nil); err != nil {
			t.Errorf("RotateSecret with the token of the rotation under way = %v", err)
		}
	})
}

// A function that says it has finished, and hasn't, has failed.
func TestRotationThatMovesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newRotationStand(t)
		if _, err := s.Put(keyName, "first"); err != nil {
			t.Fatal(err)
		}
		s.failWith(func(string, bool) error { return errIdle })
		if err := s.rotateNow(t, tokenA, nil); err != nil {
			t.Fatal(err)
		}
		if got, want := s.taken(), four("aaaa", 0); got != want {
			t.Errorf("steps = %s, want %s", got, want)
		}
		if d := s.describe(t); d.LastRotatedDate != nil || len(d.VersionIdsToStages[tokenA]) != 1 {
			t.Errorf("DescribeSecret = %+v, want a rotation that isn't complete", d)
		}
		s.failWith(nil)
		time.Sleep(time.Minute)
		if got, want := s.taken(), four("aaaa", time.Minute); got != want {
			t.Errorf("steps = %s, want %s", got, want)
		}
	})
}

// RotateImmediately false makes testSecret alone, on an empty version that is
// gone afterwards, whatever the function said.
func TestRotationTest(t *testing.T) {
	t.Parallel()
	for _, fails := range []int{0, 1} {
		t.Run(fmt.Sprint("failing ", fails), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newRotationStand(t)
				if _, err := s.Put(keyName, "first"); err != nil {
					t.Fatal(err)
				}
				fails := failing(fails, "testSecret", true)
				s.failWith(func(step string, done bool) error {
					_, err := s.client.GetSecretValue(t.Context(), &sdk.GetSecretValueInput{SecretId: aws.String(keyName), VersionStage: aws.String(stagePending)})
					wantError(t, err, "ResourceNotFoundException", "AWSPENDING")
					if d := s.describe(t); len(d.VersionIdsToStages[tokenA]) != 1 {
						t.Errorf("DescribeSecret during the test = %v", d.VersionIdsToStages)
					}
					return fails(step, done)
				})
				if err := s.rotateNow(t, tokenA, func(in *sdk.RotateSecretInput) { in.RotateImmediately = aws.Bool(false) }); err != nil {
					t.Fatal(err)
				}
				time.Sleep(90*day - time.Nanosecond)
				if got, want := s.taken(), "testSecret aaaa 0s"; got != want {
					t.Errorf("steps = %s, want %s", got, want)
				}
				if got := s.labels(t); strings.Contains(got, " ") {
					t.Errorf("versions after the test: %s, want the one of before", got)
				}
				if d := s.describe(t); d.LastRotatedDate != nil || d.NextRotationDate.Before(time.Now()) {
					t.Errorf("DescribeSecret after the test = %+v", d)
				}
				s.failWith(nil)
				time.Sleep(time.Nanosecond)
				if got, want := s.taken(), four(s.current(t), 90*day); got != want {
					t.Errorf("steps of the first rotation = %s, want %s", got, want)
				}
			})
		})
	}
}

// A process that ends during a step leaves the rotation to the next one, and a
// date that passed between them is kept.
func TestRotationRestart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newRotationStand(t)
		entered := make(chan struct{})
		s.failWith(func(step string, _ bool) error {
			if step != "setSecret" {
				return nil
			}
			close(entered)
			time.Sleep(time.Second)
			return context.Canceled
		})
		if err := s.rotateNow(t, tokenA, nil); err != nil {
			t.Fatal(err)
		}
		<-entered
		s.stop()
		if got, want := s.taken(), "createSecret aaaa 0s; setSecret aaaa 0s"; got != want {
			t.Errorf("steps = %s, want %s", got, want)
		}
		s.failWith(nil)
		s.start(t)
		if got, want := s.taken(), four("aaaa", time.Second); got != want {
			t.Errorf("steps after the restart = %s, want %s", got, want)
		}
		before := s.describe(t)

		s.stop()
		time.Sleep(100 * day)
		if after := s.describe(t); !after.LastRotatedDate.Equal(*before.LastRotatedDate) || !after.NextRotationDate.Equal(*before.NextRotationDate) {
			t.Errorf("DescribeSecret = %v, %v, want %v, %v", after.LastRotatedDate, after.NextRotationDate, before.LastRotatedDate, before.NextRotationDate)
		}
		s.start(t)
		if got, want := s.taken(), four(s.current(t), 100*day+time.Second); got != want {
			t.Errorf("steps after the pause = %s, want %s", got, want)
		}
	})
}

// A value set by hand counts as a rotation for the next date.
func TestRotationAfterPut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newRotationStand(t)
		if err := s.rotateNow(t, tokenA, func(in *sdk.RotateSecretInput) {
			in.RotationRules = &types.RotationRulesType{ScheduleExpression: aws.String("rate(12 hours)")}
		}); err != nil {
			t.Fatal(err)
		}
		s.taken()
		time.Sleep(11 * time.Hour)
		if _, err := s.client.PutSecretValue(t.Context(), &sdk.PutSecretValueInput{SecretId: aws.String(keyName), SecretString: aws.String("by hand")}); err != nil {
			t.Fatal(err)
		}
		s.clearPending(t, tokenA) // it would stand for a rotation that isn't complete
		if d := s.describe(t); !d.NextRotationDate.Equal(s.began.Add(24*time.Hour-time.Second)) || !d.LastRotatedDate.Equal(s.began) || d.RotationRules.AutomaticallyAfterDays != nil {
			t.Errorf("DescribeSecret = %v, %v, %+v", d.NextRotationDate, d.LastRotatedDate, d.RotationRules)
		}
		time.Sleep(12*time.Hour - time.Nanosecond)
		if got := s.taken(); got != "" {
			t.Errorf("it was rotated too early: %s", got)
		}
		time.Sleep(time.Nanosecond)
		if got, want := s.taken(), four(s.current(t), 23*time.Hour); got != want {
			t.Errorf("steps = %s, want %s", got, want)
		}
	})
}
