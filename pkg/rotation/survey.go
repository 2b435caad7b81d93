package rotation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"
)

// survey is what CloudFront has, beside what the secret's document says.
type survey struct {
	keys  map[string]publicKey
	group group // the zero group: none
	// Keys of ours that the document does not mention. No URL was signed with
	// leftovers; with orphans there may have been. Only orphans are all in the group.
	leftovers, orphans []string
}

// survey looks for what d does not know. Keys younger than age are passed over:
// another event may just be writing them down.
func (h *Handler) survey(ctx context.Context, d document, age time.Duration) (survey, error) {
	keys, err := h.publicKeys(ctx)
	if err != nil {
		return survey{}, err
	}
	g, err := h.findGroup(ctx)
	if err != nil {
		return survey{}, err
	}
	s := survey{keys: keys, group: g}
	for id, k := range keys {
		token := h.token(k.name)
		if token == "" || d.mentions(id) || time.Since(k.created) < age {
			continue
		}
		signed := false
		if g.has(id) {
			if signed, err = h.hasValue(ctx, token); err != nil {
				return survey{}, err
			}
		}
		if signed {
			s.orphans = append(s.orphans, id)
		} else {
			s.leftovers = append(s.leftovers, id)
		}
	}
	// Which of them is dealt with first must not depend on a map.
	slices.Sort(s.leftovers)
	slices.Sort(s.orphans)
	return s, nil
}

// hasValue says whether the secret's version holds anything, or ever did: of a
// hundred versions and those of the last day, Secrets Manager drops none.
func (h *Handler) hasValue(ctx context.Context, version string) (bool, error) {
	_, exists, err := h.read(ctx, version, "")
	if _, unusable := errors.AsType[*RefusedError](err); unusable {
		return true, nil
	}
	return exists, err
}

// clear takes keys out of the group and deletes those of them that are ours, and
// known. One still in use is left to the next daily run, as a leftover.
func (h *Handler) clear(ctx context.Context, s *survey, keep string, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	if slices.ContainsFunc(ids, s.group.has) {
		g, err := h.updateGroup(ctx, s.group, keep, nil, ids)
		if err != nil {
			return err
		}
		s.group = g
	}
	for _, id := range ids {
		if h.token(s.keys[id].name) == "" {
			continue
		}
		if err := h.deleteKey(ctx, id); err != nil {
			if !hasCode(err, "PublicKeyInUse") {
				return err
			}
			h.Log.LogAttrs(ctx, slog.LevelWarn, "public key still in use", slog.String("keyPairId", id))
			continue
		}
		delete(s.keys, id)
	}
	return nil
}

// checkRoom refuses what would make a group of that many keys.
func (h *Handler) checkRoom(size int, d document) error {
	if size <= groupSize {
		return nil
	}
	why := "keys that are none of ours fill it"
	if len(d.d.Retired) > 0 {
		first := slices.MinFunc(d.d.Retired, func(a, b retired) int { return a.Until.Compare(b.Until) })
		why = fmt.Sprintf("the first of its retired keys is free at %s", first.Until.Format(time.RFC3339))
	}
	return refuse("the key group is full: %s", why)
}
