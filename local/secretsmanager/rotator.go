package secretsmanager

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/google/uuid"

	"airlock/local/template"
)

// maxWait is how long a rotator looks at nothing but its timer. The clock of a
// machine that slept is ahead of the timers; a rotation is late by no more.
const maxWait = time.Hour

// The steps of a rotation, in their order ("Rotation by Lambda function").
var (
	rotationSteps = [...]string{"createSecret", "setSecret", "testSecret", "finishSecret"}
	testStep      = rotationSteps[2:3]
)

// rotationEvent is what a rotation function is invoked with.
type rotationEvent struct {
	Step               string
	SecretID           string `json:"SecretId"`
	ClientRequestToken string
	RotationToken      string
}

// Run rotates secrets as they are due, each by itself, until ctx ends, and
// returns when no function is under way. Without it RotateSecret begins
// rotations that never go on. It is called once at most; a rotation that was
// interrupted is made again as a whole by the next process to call it.
func (s *Service) Run(ctx context.Context) {
	var rotators sync.WaitGroup
	for _, secret := range s.secrets {
		rotators.Go(func() { s.rotate(ctx, secret) })
	}
	rotators.Wait()
}

// wake lets a secret's rotator look again.
func (s *Service) wake(secret template.Secret) {
	select {
	case s.woken[secret.Name] <- struct{}{}:
	default: // it will look anyway
	}
}

func (s *Service) rotate(ctx context.Context, secret template.Secret) {
	for ctx.Err() == nil {
		wait, err := s.doWhatIsDue(ctx, secret)
		if err != nil && ctx.Err() == nil {
			slog.ErrorContext(ctx, "secretsmanager: rotating a secret", "secret", secret.Name, "error", err)
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-s.woken[secret.Name]:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// doWhatIsDue makes at most one attempt, and says when to look again.
func (s *Service) doWhatIsDue(ctx context.Context, secret template.Secret) (wait time.Duration, err error) {
	r, err := s.read(secret.Name)
	if err != nil {
		return maxWait, err
	}
	if r.Rotation == nil || !r.Rotation.Enabled {
		return math.MaxInt64, nil // until it is woken
	}
	if r.Rotation.Run == nil {
		if wait := time.Until(r.Rotation.Due); wait > 0 {
			return min(wait, maxWait), nil
		}
		return now(s.beginScheduled(secret))
	}
	current := *r.Rotation.Run
	if wait := time.Until(current.NotBefore); wait > 0 {
		return min(wait, maxWait), nil
	}
	failure := s.attempt(ctx, secret, current)
	if failure != nil && ctx.Err() != nil {
		return maxWait, nil // cut off, not failed
	}
	if failure != nil {
		slog.WarnContext(ctx, "secretsmanager: rotating a secret", "secret", secret.Name, "error", failure)
	}
	return now(s.conclude(secret, current, failure))
}

// now looks again at once, but not where the store can't be written.
func now(err error) (time.Duration, error) {
	if err != nil {
		return maxWait, err
	}
	return 0, nil
}

// beginScheduled makes the version of a rotation whose time has come.
func (s *Service) beginScheduled(secret template.Secret) error {
	return s.change(secret.Name, func(r *record) error {
		now := time.Now()
		if r.Rotation == nil || !r.Rotation.Enabled || r.Rotation.Run != nil || r.Rotation.Due.After(now) {
			return nil
		}
		if r.pendingElsewhere() {
			// "Failing to clean up a cancelled rotation can block you from starting
			// future rotations" (CancelRotateSecret). The date stays in the past.
			r.Rotation.Due = now.Add(day)
			slog.Warn("secretsmanager: AWSPENDING of a cancelled rotation blocks the scheduled one", "secret", secret.Name)
			return nil
		}
		return r.begin(uuid.NewString(), false, now)
	})
}

// attempt invokes the function for each step until one fails.
func (s *Service) attempt(ctx context.Context, secret template.Secret, current run) error {
	steps := rotationSteps[:]
	if current.TestOnly {
		steps = testStep
	}
	for _, step := range steps {
		r, err := s.read(secret.Name)
		if err != nil {
			return err
		}
		if r.running(current.VersionID) == nil {
			return fmt.Errorf("%s: the rotation was cancelled", step)
		}
		payload, err := json.Marshal(rotationEvent{
			Step: step, SecretID: secret.ARN, ClientRequestToken: current.VersionID, RotationToken: uuid.NewString(),
		})
		if err != nil {
			return err
		}
		if err := s.invoke(ctx, r.Rotation.FunctionARN, payload); err != nil {
			return fmt.Errorf("%s: %w", step, err)
		}
	}
	return nil
}

// conclude notes how an attempt ended.
func (s *Service) conclude(secret template.Secret, made run, failure error) error {
	return s.change(secret.Name, func(r *record) error {
		if r.Rotation.Run == nil || r.Rotation.Run.VersionID != made.VersionID {
			return nil // cancelled
		}
		now := time.Now()
		switch current := r.running(made.VersionID); {
		case made.TestOnly:
			r.endTest()
		case current == nil:
			r.Rotation.Run = nil
			r.reschedule(now)
		case failure != nil:
			current.fail(now)
		case r.pendingElsewhere():
			// "If the AWSPENDING staging label is present but not attached to the same
			// version as AWSCURRENT", the rotation isn't complete (RotateSecret).
			current.fail(now)
			slog.Warn("secretsmanager: finishSecret has not made the pending version the current one", "secret", secret.Name)
		default:
			r.succeed(now)
		}
		return nil
	})
}
