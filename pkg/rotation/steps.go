package rotation

import (
	"context"
	"crypto"
	"slices"
	"time"

	"airlock/pkg/signingkey"
)

// rotate does one step of Secrets Manager's rotation. Each may be repeated, and
// is refused for a version that is not the pending one; a version that is the
// current one already has been through them all.
func (h *Handler) rotate(ctx context.Context, e *stepEvent) error {
	if e.SecretID != h.SecretID {
		return refuse("unknown secret: this function rotates the one of SIGNING_KEY_SECRET")
	}
	v, err := h.versions(ctx)
	if err != nil {
		return err
	}
	stages, exists := v.labels[e.Token]
	switch {
	case slices.Contains(stages, stageCurrent):
		return nil
	case !exists || !slices.Contains(stages, stagePending):
		return refuse("the version is not pending: the rotation it belongs to is over")
	}
	pending, exists, err := h.pendingDocument(ctx, e.Token)
	if err != nil {
		return err
	}
	if exists && pending.isStale(time.Now()) {
		return h.abandon(ctx, e.Token, "it was begun more than an hour ago")
	}
	switch {
	case e.Step == createSecret && exists, e.Step == testSecret && !exists:
		// testSecret alone, on an empty version, is how Secrets Manager tries a
		// new configuration.
		return nil
	case e.Step == createSecret:
		return h.create(ctx, e.Token, v.has(stageCurrent))
	case !exists:
		return refuse("the pending version is empty: createSecret comes first")
	case e.Step == finishSecret:
		return h.finish(ctx, e.Token, v.has(stageCurrent), pending)
	}
	return h.check(ctx, pending)
}

// abandon ends a rotation that can't be finished, so that the next one begins
// with a version of its own.
func (h *Handler) abandon(ctx context.Context, token, why string) error {
	if err := h.move(ctx, stagePending, token, ""); err != nil {
		return err
	}
	return refuse("this rotation was given up, since %s: rotate again", why)
}

// create publishes a fresh key, and stores the document in which the next one
// signs and the fresh one is next. Where there is no next one (an operator's own
// key), the current one stays.
func (h *Handler) create(ctx context.Context, token, currentVersion string) error {
	if currentVersion == "" {
		return refuse("there is no signing key yet: the custom resource makes the first one")
	}
	d, exists, err := h.read(ctx, currentVersion, "")
	if err != nil {
		return err
	}
	if !exists {
		return refuse("there is no signing key yet: the custom resource makes the first one")
	}
	s, err := h.survey(ctx, d, 0)
	if err != nil {
		return err
	}
	if s.group.id == "" {
		return refuse("there is no key group %s: the custom resource makes it", h.Prefix)
	}
	now := wallNow()
	until := now.Add(h.lifetime())
	expired := d.expired(now)
	n := d
	switch {
	case s.group.has(d.nextID()):
		if ripe := d.d.Next.Published.Add(propagation); now.Before(ripe) {
			return refuse("the next key is too new to be at every edge: rotate after %s", ripe.Format(time.RFC3339))
		}
		n = d.promoted(until)
	default:
		// What is not in the group signs nothing. A key that was there comes back
		// as a leftover.
		n.d.Next = nil
	}
	if _, known := s.keys[n.d.KeyPairID]; !known {
		return refuse("CloudFront has no public key %s, which the secret names", n.d.KeyPairID)
	}
	n = n.without(expired).retiring(until, s.orphans...)

	gone := slices.Concat(expired, s.leftovers)
	wanted := []string{n.d.KeyPairID, "the fresh one"}
	for _, id := range s.group.items {
		if !slices.Contains(wanted, id) && !slices.Contains(gone, id) {
			wanted = append(wanted, id)
		}
	}
	if err := h.checkRoom(len(wanted), d); err != nil {
		return err
	}
	if !s.group.has(n.d.KeyPairID) { // an operator's key, put into the secret alone
		if s.group, err = h.updateGroup(ctx, s.group, n.d.KeyPairID, []string{n.d.KeyPairID}, gone); err != nil {
			return err
		}
	}
	if err := h.clear(ctx, &s, n.d.KeyPairID, gone); err != nil {
		return err
	}
	private, public, err := signingkey.Generate(h.Algorithm)
	if err != nil {
		return err
	}
	id, err := h.createKey(ctx, h.keyName(token), public)
	if err != nil {
		return err
	}
	if _, err := h.updateGroup(ctx, s.group, n.d.KeyPairID, []string{id}, nil); err != nil {
		return err
	}
	_, err = h.put(ctx, n.publishing(id, private, wallNow()), token, stagePending)
	return err
}

// check is setSecret and testSecret: createSecret has published everything, so
// both only look whether CloudFront has it, and accepts what will be signed.
func (h *Handler) check(ctx context.Context, d document) error {
	keys, err := h.publicKeys(ctx)
	if err != nil {
		return err
	}
	g, err := h.findGroup(ctx)
	if err != nil {
		return err
	}
	current, err := d.d.current()
	if err != nil {
		return err
	}
	next, err := d.d.Next.key()
	if err != nil {
		return err
	}
	for _, key := range []signingkey.Key{current, next} {
		if !g.has(key.ID()) {
			return refuse("public key %s is not in the key group", key.ID())
		}
		public, err := keys[key.ID()].public()
		if err != nil {
			return err
		}
		// A pair whose halves belong together signs what its public half verifies.
		if own, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool }); !ok || !own.Equal(public) {
			return refuse("public key %s at CloudFront does not belong to the private key in the secret", key.ID())
		}
	}
	return nil
}

// finish makes the pending version the current one.
func (h *Handler) finish(ctx context.Context, token, currentVersion string, pending document) error {
	d, exists, err := h.read(ctx, currentVersion, "")
	if err != nil {
		return err
	}
	if !exists || !pending.follows(d) {
		return h.abandon(ctx, token, "the secret was changed meanwhile")
	}
	return h.move(ctx, stageCurrent, currentVersion, token)
}
