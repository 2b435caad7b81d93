package secretsmanager

import (
	"time"

	"github.com/google/uuid"

	"airlock/local/template"
)

// rotation is a secret's rotation as it is stored.
type rotation struct {
	Enabled     bool
	FunctionARN string
	Rules       rules
	LastRotated time.Time // zero: never
	Due         time.Time // when the next one begins
	Next        time.Time // the end of its window
	Run         *run      `json:",omitempty"`
}

// run is a rotation, or a test of one, that is not over.
type run struct {
	VersionID string
	TestOnly  bool
	Failures  int
	NotBefore time.Time
}

// pendingElsewhere says whether AWSPENDING is on a version that is not the
// current one: a rotation that isn't complete, or was cancelled.
func (r *record) pendingElsewhere() bool {
	_, v, held := r.holderOf(stagePending)
	return held && !v.has(stageCurrent)
}

// begin makes the empty version that a run will fill.
func (r *record) begin(versionID string, testOnly bool, now time.Time) error {
	if err := r.makeRoom(now); err != nil {
		return err
	}
	if r.Versions == nil {
		r.Versions = make(map[string]*version)
	}
	r.Versions[versionID] = &version{Created: now}
	r.attach(stagePending, versionID)
	r.Changed = now
	r.Rotation.Run = &run{VersionID: versionID, TestOnly: testOnly, NotBefore: now}
	return nil
}

// running is the record's run if it is this one and may go on: whoever takes
// the labels from its version has put an end to it.
func (r *record) running(versionID string) *run {
	if r.Rotation == nil || r.Rotation.Run == nil || r.Rotation.Run.VersionID != versionID {
		return nil
	}
	if v, ok := r.Versions[versionID]; !ok || !v.has(stagePending) && !v.has(stageCurrent) {
		return nil
	}
	return r.Rotation.Run
}

// succeed ends the run.
func (r *record) succeed(now time.Time) {
	r.Rotation.Run, r.Rotation.LastRotated, r.Changed = nil, now, now
	r.reschedule(now)
}

// fail leaves the run for later: a minute, then two, four, and so on to a day.
func (r *run) fail(now time.Time) {
	pause := day
	if r.Failures < 11 { // 2^11 minutes are more than a day
		pause = min(day, time.Minute<<r.Failures)
	}
	r.Failures++
	r.NotBefore = now.Add(pause)
}

// endTest removes the version that was made for a test, unless somebody gave it
// a value or another label.
func (r *record) endTest() {
	id := r.Rotation.Run.VersionID
	r.Rotation.Run = nil
	v := r.Versions[id]
	if v == nil {
		return
	}
	if v.drop(stagePending); v.empty() && len(v.Stages) == 0 {
		delete(r.Versions, id)
	}
}

// reschedule counts the next rotation from now, where there will be one.
func (r *record) reschedule(now time.Time) {
	if r.Rotation == nil {
		return
	}
	// What is stored has been parsed before.
	if s, err := r.Rotation.Rules.parse(); err == nil {
		r.Rotation.Due, r.Rotation.Next = s.after(now)
	}
}

// configure turns rotation on; what is empty stays as it was.
func (r *record) configure(functionARN string, given *rules, now time.Time) error {
	before := r.Rotation
	if before == nil {
		before = &rotation{}
	}
	changed := *before
	if functionARN != "" {
		changed.FunctionARN = functionARN
	}
	if changed.FunctionARN == "" {
		// The words are from a bug report (getmoto/moto pull request 3912).
		return invalidRequest("No Lambda rotation function ARN is associated with this secret.")
	}
	if given != nil {
		changed.Rules = *given
	}
	if _, err := changed.Rules.parse(); err != nil {
		return err
	}
	changed.Enabled = true
	r.Rotation = &changed
	if !before.Enabled || given != nil {
		r.reschedule(now)
	}
	return nil
}

// rotationState is what DescribeSecret and ListSecrets say of it.
type rotationState struct {
	RotationEnabled   *bool     `json:",omitempty"`
	RotationLambdaARN string    `json:",omitempty"`
	RotationRules     *rules    `json:",omitempty"`
	LastRotatedDate   timestamp `json:",omitzero"`
	NextRotationDate  timestamp `json:",omitzero"`
}

// rotationState is empty for a secret that was never configured. One that is
// turned off shows what it had, without dates.
func (r *record) rotationState() rotationState {
	if r.Rotation == nil {
		return rotationState{}
	}
	state := rotationState{RotationEnabled: &r.Rotation.Enabled, RotationLambdaARN: r.Rotation.FunctionARN}
	shown := r.Rotation.Rules
	if s, err := shown.parse(); err == nil && s.unit == day {
		shown.AutomaticallyAfterDays = int(s.interval / day)
	}
	state.RotationRules = &shown
	if r.Rotation.Enabled {
		state.LastRotatedDate, state.NextRotationDate = timestamp{r.Rotation.LastRotated}, timestamp{r.Rotation.Next}
	}
	return state
}

// Schedule does what CloudFormation does with a rotation schedule: it turns
// rotation on when the schedule is new or another one, and nothing otherwise.
// It is for the stack itself: nobody's permission is asked.
func (s *Service) Schedule(wanted template.Rotation) error {
	secret, ok := s.find(wanted.SecretARN)
	if !ok {
		return refuse("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
	}
	r, err := s.read(secret.Name)
	if err != nil {
		return err
	}
	given := rules{AutomaticallyAfterDays: wanted.AutomaticallyAfterDays, Duration: wanted.Duration, ScheduleExpression: wanted.ScheduleExpression}
	if r.Rotation != nil && r.Rotation.FunctionARN == wanted.FunctionARN && r.Rotation.Rules == given {
		return nil
	}
	if r.pendingElsewhere() {
		// AWS refuses it until that rotation has ended, and the stack's update with it.
		// Here the stack has to be up for it to end.
		return s.change(secret.Name, func(r *record) error { return r.configure(wanted.FunctionARN, &given, time.Now()) })
	}
	_, err = s.startRotation(secret, uuid.NewString(), wanted.FunctionARN, &given, wanted.Immediately)
	return err
}

// startRotation configures what is given and begins a run, or finds it begun
// already by the same version id. Of a run that is not over it is refused, and
// that one tried again now.
func (s *Service) startRotation(secret template.Secret, versionID, functionARN string, given *rules, immediately bool) (string, error) {
	if s.invoke == nil {
		return "", refuse("AccessDeniedException", "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants access to the principal secretsmanager.amazonaws.com.")
	}
	var refused error
	err := s.change(secret.Name, func(r *record) error {
		now := time.Now()
		if _, exists := r.Versions[versionID]; exists {
			return nil
		}
		if r.pendingElsewhere() {
			refused = invalidRequest("A previous rotation isn't complete. That rotation will be reattempted.")
			if r.Rotation != nil && r.Rotation.Run != nil {
				r.Rotation.Run.NotBefore = now
			}
			return nil
		}
		if err := r.configure(functionARN, given, now); err != nil {
			return err
		}
		return r.begin(versionID, !immediately, now)
	})
	s.wake(secret)
	if err == nil {
		err = refused
	}
	return versionID, err
}
