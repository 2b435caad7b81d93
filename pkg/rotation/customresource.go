package rotation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"airlock/pkg/signingkey"
)

const (
	// retryPause is between attempts at what takes time elsewhere.
	retryPause = 5 * time.Second
	// newRole is for how long a refusal may be of a role that was made a moment
	// ago: IAM is eventually consistent, and states no time.
	newRole = 30 * time.Second
)

// properties are what a template may say of the custom resource.
type properties struct {
	ServiceToken   string         `json:"ServiceToken"`
	ServiceTimeout jsontext.Value `json:"ServiceTimeout"` // a number, or its text
	SecretID       string         `json:"SecretId"`
	KeyNamePrefix  string         `json:"KeyNamePrefix"`
	// KeyAlgorithm is here so that changing it is an update; the keys made from
	// then on have it.
	KeyAlgorithm string `json:"KeyAlgorithm"`
}

// customResource makes what CloudFormation asks for, and tells it what came of it.
func (h *Handler) customResource(ctx context.Context, log *slog.Logger, e *resourceEvent) error {
	work, cancel := beforeDeadline(ctx)
	defer cancel()
	a := answer{
		Status: "SUCCESS", PhysicalResourceID: e.PhysicalResourceID,
		StackID: e.StackID, RequestID: e.RequestID, LogicalResourceID: e.LogicalResourceID,
	}
	var id string
	var err error
	switch e.RequestType {
	case "Create", "Update":
		patient, cancel := context.WithTimeout(work, newRole)
		defer cancel()
		err = again(patient, func() error {
			id, err = h.ensure(work, e)
			return err
		}, "AccessDenied", "AccessDeniedException")
		if err == nil {
			a.PhysicalResourceID, a.Data = id, &answerData{id}
		}
	case "Delete":
		err = h.delete(work, e.PhysicalResourceID)
	default:
		err = refuse("unknown RequestType: there are Create, Update and Delete")
	}
	if a.PhysicalResourceID == "" {
		// Of a creation that failed. Its Delete comes with this, and clears up.
		a.PhysicalResourceID = h.Prefix
	}
	if err != nil {
		log.LogAttrs(ctx, slog.LevelError, "custom resource failed", slog.String("error", err.Error()))
		a.Status, a.Reason = "FAILED", reason(work, err)
	}
	return h.answer(ctx, e.ResponseURL, a)
}

// checkProperties returns the algorithm of the first keys.
func (h *Handler) checkProperties(raw jsontext.Value) (signingkey.Algorithm, error) {
	var p properties
	if err := json.Unmarshal(raw, &p, json.RejectUnknownMembers(true)); err != nil {
		return 0, refuse("the custom resource takes SecretId, KeyNamePrefix and KeyAlgorithm, each a text, and nothing else")
	}
	switch {
	case p.SecretID != h.SecretID:
		return 0, refuse("SecretId is not the function's SIGNING_KEY_SECRET")
	case p.KeyNamePrefix != h.Prefix:
		return 0, refuse("KeyNamePrefix is not the function's KEY_NAME_PREFIX")
	}
	if p.KeyAlgorithm == "" {
		return h.Algorithm, nil
	}
	algorithm, err := signingkey.ParseAlgorithm(p.KeyAlgorithm)
	if err != nil {
		return 0, refuse("KeyAlgorithm %v", err)
	}
	return algorithm, nil
}

// ensure makes whatever is missing of secret, keys and group, and returns the
// group's id. Where nothing is, nothing changes.
func (h *Handler) ensure(ctx context.Context, e *resourceEvent) (string, error) {
	algorithm, err := h.checkProperties(e.Properties)
	if err != nil {
		return "", err
	}
	v, err := h.versions(ctx)
	if err != nil {
		return "", err
	}
	current := v.has(stageCurrent)
	var d document
	exists := false
	if current != "" {
		if d, exists, err = h.read(ctx, current, ""); err != nil {
			return "", err
		}
	}
	s, err := h.survey(ctx, d, 0)
	if err != nil {
		return "", err
	}
	if _, known := s.keys[d.d.KeyPairID]; exists && !known {
		if s.group.id != "" {
			return "", refuse("CloudFront has no public key %s, which the secret names", d.d.KeyPairID)
		}
		// The secret has outlived its keys and their group, and with these every URL.
		h.Log.LogAttrs(ctx, slog.LevelWarn, "the secret's keys are gone", slog.String("keyPairId", d.d.KeyPairID))
		d, exists = document{}, false
	}
	if !exists {
		if d, err = h.createFirst(ctx, &s, firstToken(e.RequestID), algorithm); err != nil {
			return "", err
		}
	}
	items := []string{d.d.KeyPairID}
	if _, known := s.keys[d.nextID()]; known {
		items = append(items, d.nextID())
		// The next key's age counts from when the group has it, and a crash may lie
		// between. Stamped first, it is never too old.
		if exists && !s.group.has(d.nextID()) {
			if err := h.replace(ctx, v, d.publishing(d.nextID(), d.d.Next.PrivateKey, wallNow())); err != nil {
				return "", err
			}
		}
	}
	for _, r := range d.d.Retired {
		if _, known := s.keys[r.KeyPairID]; known && time.Now().Before(r.Until) {
			items = append(items, r.KeyPairID)
		}
	}
	if s.group.id == "" {
		s.group, err = h.createGroup(ctx, items)
	} else {
		s.group, err = h.updateGroup(ctx, s.group, d.d.KeyPairID, items, nil)
	}
	return s.group.id, err
}

// createFirst makes the first two key pairs and stores them. That comes before
// the group, so that no key in it is ever without its private half.
func (h *Handler) createFirst(ctx context.Context, s *survey, token string, algorithm signingkey.Algorithm) (document, error) {
	inGroup := func(id string) bool { return s.group.has(id) }
	// A group without a document: the secret is a new one. The old one's URLs live on.
	orphans := slices.Concat(s.orphans, slices.DeleteFunc(slices.Clone(s.leftovers), func(id string) bool { return !inGroup(id) }))
	if err := h.checkRoom(len(s.group.items)+2, document{}); err != nil {
		return document{}, err
	}
	if err := h.clear(ctx, s, "", slices.DeleteFunc(slices.Clone(s.leftovers), inGroup)); err != nil {
		return document{}, err
	}
	var ids, private [2]string
	for i, name := range []string{h.keyName(token) + firstKey, h.keyName(token)} {
		secretHalf, public, err := signingkey.Generate(algorithm)
		if err != nil {
			return document{}, err
		}
		id, err := h.createKey(ctx, name, public)
		if err != nil {
			return document{}, err
		}
		s.keys[id] = publicKey{id, name, public, time.Now()}
		ids[i], private[i] = id, secretHalf
	}
	now := wallNow()
	d := document{documentJSON{KeyPairID: ids[0], PrivateKey: private[0]}}.
		publishing(ids[1], private[1], now).retiring(now.Add(h.lifetime()), orphans...)
	_, err := h.put(ctx, d, token, stageCurrent)
	return d, err
}

// firstToken is the version id of the first document: the request's own, which a
// repeated event has too.
func firstToken(requestID string) string {
	if isToken(requestID) {
		return requestID
	}
	return hexSHA256(requestID)
}

// groupID is what CloudFront's ids of key groups look like.
var groupID = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// again does something every few seconds, as long as it fails with one of codes
// and ctx lasts.
func again(ctx context.Context, do func() error, codes ...string) error {
	for {
		err := do()
		if !hasCode(err, codes...) || pause(ctx, retryPause) != nil {
			return err
		}
	}
}

// delete removes the key group and our keys, for as long as it takes and the
// deadline allows: CloudFront lets go of them a while after the distribution.
//
// CloudFormation also deletes what an update has replaced, by its old id; the
// group and keys of today are not meant then. An id that never was a group's is a
// failed creation's, ours or CloudFormation's, and is.
func (h *Handler) delete(ctx context.Context, physicalID string) error {
	inUse := []string{"ResourceInUse", "PublicKeyInUse"}
	err := again(ctx, func() error { return h.tryDelete(ctx, physicalID) }, inUse...)
	if hasCode(err, inUse...) {
		return fmt.Errorf("a distribution or another key group still uses it: %w", err)
	}
	return err
}

func (h *Handler) tryDelete(ctx context.Context, physicalID string) error {
	g, err := h.findGroup(ctx)
	if err != nil {
		return err
	}
	if g.id != physicalID && groupID.MatchString(physicalID) && g.id != "" {
		return nil
	}
	if g.id != "" {
		if err := h.deleteGroup(ctx, g.id); err != nil {
			return err
		}
	}
	keys, err := h.publicKeys(ctx)
	if err != nil {
		return err
	}
	var inUse error
	for id, k := range keys {
		if h.token(k.name) == "" {
			continue
		}
		switch err := h.deleteKey(ctx, id); {
		case hasCode(err, "PublicKeyInUse"):
			inUse = err // the others go first
		case err != nil:
			return err
		}
	}
	return inUse
}

// reason is what CloudFormation shows a person.
func reason(work context.Context, err error) string {
	text := err.Error()
	if errors.Is(work.Err(), context.DeadlineExceeded) {
		text += " (the function's time was up)"
	}
	return shorten(text)
}
