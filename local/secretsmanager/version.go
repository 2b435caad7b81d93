package secretsmanager

import (
	"cmp"
	"crypto/subtle"
	"maps"
	"slices"
	"time"
)

// The labels that Secrets Manager itself moves ("What's in a Secrets Manager
// secret?"). Any other belongs to whoever attaches it.
const (
	stageCurrent  = "AWSCURRENT"
	stagePrevious = "AWSPREVIOUS"
	stagePending  = "AWSPENDING"
)

// Quotas and lengths of "AWS Secrets Manager quotas" and the API's model.
const (
	maxValueBytes   = 65536
	maxVersions     = 100
	maxStages       = 20
	minVersionID    = 32
	maxVersionID    = 64
	deprecatedAfter = 24 * time.Hour // a version without label may go then
)

// record is a secret as it is stored: all its versions in one document, so that
// a change of labels is one write.
type record struct {
	Created  time.Time
	Changed  time.Time
	Accessed time.Time // the day only; zero: never
	Versions map[string]*version
	Rotation *rotation `json:",omitempty"` // nil: never configured
}

// version is one value of a secret. A version without a value is a place that
// rotation has taken for the value to come.
type version struct {
	Created  time.Time
	Accessed time.Time // the day only; zero: never
	Stages   []string  // sorted
	String   *string   `json:",omitempty"`
	Binary   []byte    `json:",omitempty"`
}

// value is what a caller stores: exactly one of the two.
type value struct {
	text   *string
	binary []byte
}

func (v *version) has(stage string) bool { return slices.Contains(v.Stages, stage) }

func (v *version) empty() bool { return v.String == nil && v.Binary == nil }

// holds compares in constant time: whoever may put a value may not thereby
// guess the one that is there.
func (v *version) holds(w value) bool {
	if v.empty() || (v.String == nil) != (w.text == nil) {
		return false
	}
	have, given := v.Binary, w.binary
	if w.text != nil {
		have, given = []byte(*v.String), []byte(*w.text)
	}
	return subtle.ConstantTimeCompare(have, given) == 1
}

// holderOf finds the version that has a label: there is at most one.
func (r *record) holderOf(stage string) (id string, v *version, ok bool) {
	for id, v := range r.Versions {
		if slices.Contains(v.Stages, stage) {
			return id, v, true
		}
	}
	return "", nil, false
}

// put adds a version, or finds it there already with the same value; then
// nothing changes, whatever the labels asked for (PutSecretValue,
// ClientRequestToken). arn is for the refusal.
func (r *record) put(id string, w value, stages []string, arn string) error {
	now := time.Now()
	switch v, exists := r.Versions[id]; {
	case exists && v.holds(w):
		return nil
	case exists && !v.empty():
		return refuse("ResourceExistsException", "You can't use ClientRequestToken %s because that value is already in use for a version of secret %s.", id, arn)
	case exists:
		v.String, v.Binary = w.text, w.binary
	default:
		if err := r.makeRoom(now); err != nil {
			return err
		}
		if len(r.Versions) == 0 {
			stages = append(slices.Clone(stages), stageCurrent) // a first version is always the current one
		}
		if r.Versions == nil {
			r.Versions = make(map[string]*version)
		}
		r.Versions[id] = &version{Created: now, String: w.text, Binary: w.binary}
	}
	r.Changed = now
	// AWSCURRENT first: it moves AWSPREVIOUS, which may be among those asked for,
	// and the order of a list must not decide who has it.
	if slices.Contains(stages, stageCurrent) {
		r.attach(stageCurrent, id)
	}
	for _, stage := range stages {
		r.attach(stage, id)
	}
	if slices.Contains(stages, stageCurrent) {
		// A value set by hand "is considered a valid rotation" (RotationRulesType).
		r.reschedule(now)
	}
	return nil
}

// makeRoom removes the oldest of the versions that nothing refers to. One
// younger than a day stays, and may leave no room.
func (r *record) makeRoom(now time.Time) error {
	for len(r.Versions) >= maxVersions {
		oldest := ""
		for id, v := range r.Versions {
			if len(v.Stages) == 0 && now.Sub(v.Created) >= deprecatedAfter &&
				(oldest == "" || v.Created.Before(r.Versions[oldest].Created)) {
				oldest = id
			}
		}
		if oldest == "" {
			return refuse("LimitExceededException", "The secret has %d versions, none of which can be removed yet.", maxVersions)
		}
		delete(r.Versions, oldest)
	}
	return nil
}

// attach moves a label to a version. AWSCURRENT leaves AWSPREVIOUS behind, on
// the version that had it.
func (r *record) attach(stage, id string) {
	holder, old, held := r.holderOf(stage)
	if held && holder == id {
		return
	}
	if held {
		old.drop(stage)
	}
	v := r.Versions[id]
	v.Stages = append(v.Stages, stage)
	slices.Sort(v.Stages)
	if held && stage == stageCurrent {
		r.attach(stagePrevious, holder)
	}
}

func (v *version) drop(stage string) {
	v.Stages = slices.DeleteFunc(v.Stages, func(s string) bool { return s == stage })
}

// move does what UpdateSecretVersionStage asks: from and to are version ids, or
// empty. Whoever takes a label from a version must know which one that is.
func (r *record) move(stage, from, to string) error {
	for _, id := range []string{from, to} {
		if _, exists := r.Versions[id]; id != "" && !exists {
			return refuse("ResourceNotFoundException", "Secrets Manager can't find the specified secret version: %s.", id)
		}
	}
	holder, v, held := r.holderOf(stage)
	switch {
	case from == "" && to == "":
		return invalidParameter("You must provide MoveToVersionId, RemoveFromVersionId or both.")
	case held && from == "" && holder != to:
		return invalidParameter("The parameter RemoveFromVersionId can't be empty. Staging label %s is currently attached to version %s, so you must explicitly reference that version in RemoveFromVersionId.", stage, holder)
	case from != "" && from != holder:
		return invalidParameter("The parameter RemoveFromVersionId is not the version that staging label %s is currently attached to.", stage)
	case to == "" && stage == stageCurrent:
		return invalidParameter("You can only move staging label %s to a different secret version. It can't be completely removed.", stage)
	case holder == to:
		return nil // it is there already
	case to == "":
		v.drop(stage)
	case len(r.Versions[to].Stages) >= maxStages:
		return refuse("LimitExceededException", "The version has %d staging labels already.", maxStages)
	default:
		r.attach(stage, to)
	}
	r.Changed = time.Now()
	return nil
}

// stages maps the versions that have labels to them.
func (r *record) stages() map[string][]string {
	labelled := make(map[string][]string)
	for id, v := range r.Versions {
		if len(v.Stages) > 0 {
			labelled[id] = v.Stages
		}
	}
	return labelled
}

// inOrder lists version ids from the oldest to the newest.
func (r *record) inOrder() []string {
	return slices.SortedFunc(maps.Keys(r.Versions), func(a, b string) int {
		return cmp.Or(r.Versions[a].Created.Compare(r.Versions[b].Created), cmp.Compare(a, b))
	})
}
