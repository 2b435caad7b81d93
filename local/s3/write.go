package s3

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/versity/versitygw/auth"
)

// write is one change of one object: locked, announced, and settled.
type write struct {
	store     *store
	ctx       context.Context //nolint:containedctx // a write lives no longer than the call that makes it
	change    change
	sequencer uint64
	before    object
	unlock    func()
	settled   bool
}

// write prepares a change. Its strings are copies, since the intent outlives
// the request that asks for it.
func (s *store) write(ctx context.Context, event, bucket, objectKey string) *write {
	r := requestFrom(ctx)
	return &write{store: s, ctx: ctx, change: change{
		Event:     event,
		Bucket:    strings.Clone(bucket),
		ObjectKey: strings.Clone(objectKey),
		// Who it is as S3 words it, with a name in the place of an opaque id.
		PrincipalID: s.principalID(ctx),
		SourceIP:    r.sourceIP,
		RequestID:   r.requestID,
		HostID:      r.hostID,
	}}
}

func (s *store) principalID(ctx context.Context) string {
	caller, _ := ctx.Value("account").(auth.Account)
	if p, _, ok := s.access.iam.Lookup(caller.Access); ok {
		return "AWS:" + p.Name
	}
	return "s3.amazonaws.com" // the service itself: lifecycle
}

// begin waits for the key's lock and stores the intent. From here on, end must
// run.
func (w *write) begin() error {
	unlock, err := w.store.locks.lock(w.ctx, w.change.Bucket, w.change.ObjectKey)
	if err != nil {
		return fmt.Errorf("waiting for a key's lock: %w", err)
	}
	w.unlock = unlock
	if w.before, err = w.store.look(w.ctx, w.change.Bucket, w.change.ObjectKey, w.change.VersionID); err != nil {
		w.settled = true // there is no intent to settle
		return fmt.Errorf("looking at an object before it changes: %w", err)
	}
	w.change.Time = time.Now()
	if w.sequencer, err = w.store.events.intend(w.change); err != nil {
		w.settled = true
		return err
	}
	return nil
}

// created settles a write that has stored an object.
func (w *write) created() error {
	if w.unlock == nil {
		return errors.New("storing an object: it was published before its body was read")
	}
	if err := w.store.afterStore(w.change.Bucket, w.change.ObjectKey); err != nil {
		return err
	}
	now, err := w.store.look(w.ctx, w.change.Bucket, w.change.ObjectKey, "")
	if err != nil {
		return fmt.Errorf("looking at a new object: %w", err)
	}
	return w.settle(creation(w.change.Event, now))
}

func creation(event string, o object) outcome {
	return outcome{event: event, versionID: o.versionID, size: &o.size, eTag: o.eTag}
}

func (w *write) settle(o outcome) error {
	if err := w.store.events.settle(w.sequencer, w.change, o); err != nil {
		return err
	}
	w.settled = true
	return nil
}

// end finishes a write that was not settled: by an error, which may still have
// come after the change, or by a panic. What cannot be found out now stays an
// intent for the next start.
func (w *write) end() {
	if w.unlock == nil {
		return
	}
	defer w.unlock()
	if w.settled {
		return
	}
	now, err := w.store.look(w.ctx, w.change.Bucket, w.change.ObjectKey, w.change.VersionID)
	switch {
	case err != nil:
	case now == w.before:
		err = w.store.events.forget(w.sequencer)
	default:
		err = w.store.resolve(w.ctx, w.sequencer, w.change)
	}
	if err != nil {
		slog.Error("settling an S3 write; left for the next start", "error", err)
	}
}

// remove deletes an object or a version; cause is ObjectRemoved or
// LifecycleExpiration.
func (s *store) remove(ctx context.Context, cause string, in *s3.DeleteObjectInput) (*s3.DeleteObjectOutput, error) {
	if err := checkKey(*in.Key); err != nil {
		return nil, err
	}
	w := s.write(ctx, cause, *in.Bucket, *in.Key)
	w.change.VersionID = strings.Clone(deref(in.VersionId))
	defer w.end()
	if err := w.begin(); err != nil {
		return nil, err
	}
	out, err := s.Posix.DeleteObject(ctx, in)
	if err != nil {
		return out, err
	}
	if err := s.afterRemove(*in.Bucket, *in.Key); err != nil {
		return nil, err
	}
	switch {
	case w.change.VersionID != "":
		err = w.settle(outcome{event: cause + ":Delete", versionID: w.change.VersionID})
	case deref(out.DeleteMarker):
		err = w.settle(outcome{event: cause + ":DeleteMarkerCreated", versionID: strings.Clone(deref(out.VersionId))})
	case w.before.exists:
		err = w.settle(outcome{event: cause + ":Delete"})
	}
	// Left over is a key that was not there: end drops the intent.
	return out, err
}

// resolveIntents finishes what a run that was killed has begun.
func (s *store) resolveIntents(ctx context.Context) error {
	sequencers, changes, err := s.events.pending()
	if err != nil {
		return err
	}
	for i, c := range changes {
		if err := s.resolve(ctx, sequencers[i], c); err != nil {
			return err
		}
	}
	return nil
}

// resolve finds out what came of an intent by looking at the object. It sends
// an event when the object is as the change would have left it, whether or not
// this change did it: at least once.
func (s *store) resolve(ctx context.Context, sequencer uint64, c change) error {
	if err := s.afterKill(c); err != nil {
		return err
	}
	now, err := s.look(ctx, c.Bucket, c.ObjectKey, c.VersionID)
	if err != nil {
		return fmt.Errorf("looking at an object that was being changed: %w", err)
	}
	switch {
	case c.removal() == now.exists:
		return s.events.forget(sequencer)
	case !c.removal():
		return s.events.settle(sequencer, c, creation(c.Event, now))
	case c.VersionID != "":
		return s.events.settle(sequencer, c, outcome{event: c.Event + ":Delete", versionID: c.VersionID})
	}
	marker, err := s.deleteMarker(ctx, c.Bucket, c.ObjectKey)
	if err != nil {
		return err
	}
	if marker == "" {
		return s.events.settle(sequencer, c, outcome{event: c.Event + ":Delete"})
	}
	return s.events.settle(sequencer, c, outcome{event: c.Event + ":DeleteMarkerCreated", versionID: marker})
}

// deleteMarker gives the version id of the delete marker that is a key's
// current version, or "".
func (s *store) deleteMarker(ctx context.Context, bucket, objectKey string) (string, error) {
	histories, err := s.histories(ctx, bucket, objectKey)
	if err != nil {
		return "", err
	}
	for _, v := range histories[objectKey] {
		if v.latest && v.marker {
			return v.versionID, nil
		}
	}
	return "", nil
}
