package rotation

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"airlock/pkg/metric"
)

// overdue is how late a rotation may be: one that fails is tried again.
const overdue = 24 * time.Hour

// retire takes the keys whose last URL has expired out of the group and deletes
// them, and what crashes and operators have left: those no document ever held at
// once, others when their last URL will have expired.
func (h *Handler) retire(ctx context.Context, log *slog.Logger) error {
	v, err := h.versions(ctx)
	if err != nil {
		return err
	}
	h.watch(ctx, log, v)
	current, pending := v.has(stageCurrent), v.has(stagePending)
	if current == "" {
		log.LogAttrs(ctx, slog.LevelInfo, "no signing key yet")
		return nil
	}
	d, exists, err := h.read(ctx, current, "")
	if err != nil {
		return err
	}
	if !exists {
		log.LogAttrs(ctx, slog.LevelInfo, "no signing key yet")
		return nil
	}
	if pending != "" {
		// An operator may have put there what no rotation makes.
		p, exists, err := h.read(ctx, pending, stagePending)
		if err != nil {
			return err
		}
		if exists && !p.isStale(time.Now()) {
			log.LogAttrs(ctx, slog.LevelInfo, "a rotation is under way")
			return nil
		}
		// Of a rotation that is over: finished before an operator stored a key of
		// their own, or never. The next one would begin by going on with it.
		if exists && pending != current {
			if err := h.move(ctx, stagePending, pending, ""); err != nil {
				return err
			}
		}
	}
	// A rotation that has written nothing down yet must not lose its key.
	s, err := h.survey(ctx, d, finishWithin)
	if err != nil {
		return err
	}
	if s.group.id == "" {
		return refuse("there is no key group %s: the custom resource makes it", h.Prefix)
	}
	now := wallNow()
	expired := d.expired(now)
	if _, known := s.keys[d.d.KeyPairID]; known && !s.group.has(d.d.KeyPairID) {
		log.LogAttrs(ctx, slog.LevelWarn, "the signing key was not in the key group", slog.String("keyPairId", d.d.KeyPairID))
		if s.group, err = h.updateGroup(ctx, s.group, d.d.KeyPairID, []string{d.d.KeyPairID}, slices.Concat(expired, s.leftovers)); err != nil {
			return err
		}
	}
	if err := h.clear(ctx, &s, d.d.KeyPairID, slices.Concat(expired, s.leftovers)); err != nil {
		return err
	}
	if len(expired)+len(s.orphans) == 0 {
		return nil
	}
	log.LogAttrs(ctx, slog.LevelInfo, "keys retired", slog.Any("gone", expired), slog.Any("orphans", s.orphans))
	return h.replace(ctx, v, d.without(expired).retiring(now.Add(h.lifetime()), s.orphans...))
}

// watch counts a rotation that should have been, or that nobody will ask for.
// Secrets Manager counts none that fail, and calls nobody where it may not.
func (h *Handler) watch(ctx context.Context, log *slog.Logger, v versions) {
	if time.Since(v.due) <= overdue {
		return
	}
	attrs := metric.Attrs("", metric.Count("RotationsOverdue", 1))
	if v.due.IsZero() {
		log.LogAttrs(ctx, slog.LevelWarn, "rotation is turned off", attrs...)
		return
	}
	log.LogAttrs(ctx, slog.LevelWarn, "rotation is overdue", append(attrs, slog.Time("due", v.due))...)
}
