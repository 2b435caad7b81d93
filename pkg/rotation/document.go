package rotation

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"airlock/pkg/signingkey"
)

// document is what the secret holds. It prints as [redacted] in every form but
// that of [document.encode].
type document struct {
	d documentJSON
}

type documentJSON struct {
	KeyPairID  string    `json:"keyPairId"`
	PrivateKey string    `json:"privateKey"`
	Next       *nextKey  `json:"next,omitempty"`
	Retired    []retired `json:"retired,omitempty"`
}

// nextKey is the key to sign with after the next rotation.
type nextKey struct {
	KeyPairID  string    `json:"keyPairId"`
	PrivateKey string    `json:"privateKey"`
	Published  time.Time `json:"published"` // when the group got it
}

// retired is a key that signs nothing any more, and verifies until its last URL
// has expired.
type retired struct {
	KeyPairID string    `json:"keyPairId"`
	Until     time.Time `json:"until"`
}

// parse reads a document strictly: a member that is lost when the document is
// written anew would be lost in silence. Its errors hold nothing of the document.
func parse(text string) (document, error) {
	var d documentJSON
	if err := json.Unmarshal([]byte(text), &d, json.RejectUnknownMembers(true)); err != nil {
		// The error would quote the document.
		return document{}, errors.New("it is not a JSON document of keyPairId, privateKey, next and retired alone")
	}
	if _, err := d.current(); err != nil {
		return document{}, err
	}
	ids := []string{d.KeyPairID}
	if d.Next != nil {
		if _, err := d.Next.key(); err != nil {
			return document{}, fmt.Errorf("next: %w", err)
		}
		if d.Next.Published.IsZero() {
			return document{}, errors.New("next has no published")
		}
		ids = append(ids, d.Next.KeyPairID)
	}
	for _, r := range d.Retired {
		if r.KeyPairID == "" || r.Until.IsZero() {
			return document{}, errors.New("a retired key has no keyPairId or no until")
		}
		ids = append(ids, r.KeyPairID)
	}
	slices.Sort(ids)
	if len(slices.Compact(slices.Clone(ids))) != len(ids) {
		return document{}, errors.New("it has the same keyPairId twice")
	}
	return document{d}, nil
}

// isPlaceholder says whether a secret's value is what a template may put there
// before there are keys: nothing, or an object without a key.
func isPlaceholder(text string) bool {
	if text == "" {
		return true
	}
	var members map[string]any
	if err := json.Unmarshal([]byte(text), &members); err != nil {
		return false
	}
	_, id := members["keyPairId"]
	_, private := members["privateKey"]
	return !id && !private
}

// encode is the text to store.
func (d document) encode() (string, error) {
	text, err := json.Marshal(d.d)
	if err != nil {
		return "", errors.New("the secret's document can't be encoded")
	}
	return string(text), nil
}

func (d documentJSON) current() (signingkey.Key, error) {
	return parseKey(d.KeyPairID, d.PrivateKey)
}

func (n nextKey) key() (signingkey.Key, error) { return parseKey(n.KeyPairID, n.PrivateKey) }

// parseKey reads a key as the signers will.
func parseKey(id, privatePEM string) (signingkey.Key, error) {
	text, err := json.Marshal(map[string]string{"keyPairId": id, "privateKey": privatePEM})
	if err != nil {
		return signingkey.Key{}, errors.New("a key is not valid UTF-8")
	}
	return signingkey.Parse(text)
}

// nextID is the next key's id, or "".
func (d document) nextID() string {
	if d.d.Next == nil {
		return ""
	}
	return d.d.Next.KeyPairID
}

// mentions says whether the document knows the key.
func (d document) mentions(id string) bool {
	return id == d.d.KeyPairID || id == d.nextID() || d.retires(id)
}

func (d document) retires(id string) bool {
	return slices.ContainsFunc(d.d.Retired, func(r retired) bool { return r.KeyPairID == id })
}

// expired are the ids of retired keys past their time.
func (d document) expired(now time.Time) []string {
	var ids []string
	for _, r := range d.d.Retired {
		if !now.Before(r.Until) {
			ids = append(ids, r.KeyPairID)
		}
	}
	return ids
}

// without returns the document with those keys off its list of retired ones.
func (d document) without(ids []string) document {
	d.d.Retired = slices.DeleteFunc(slices.Clone(d.d.Retired), func(r retired) bool {
		return slices.Contains(ids, r.KeyPairID)
	})
	return d
}

// retiring returns the document with those keys on its list, until then.
func (d document) retiring(until time.Time, ids ...string) document {
	d.d.Retired = slices.Clone(d.d.Retired)
	for _, id := range ids {
		d.d.Retired = append(d.d.Retired, retired{id, until})
	}
	return d
}

// promoted returns the document with next in the place of the current key.
func (d document) promoted(until time.Time) document {
	if d.d.Next == nil {
		return d
	}
	old := d.d.KeyPairID
	d.d.KeyPairID, d.d.PrivateKey, d.d.Next = d.d.Next.KeyPairID, d.d.Next.PrivateKey, nil
	return d.retiring(until, old)
}

// follows says whether d was made from before, so that no key is lost when it
// takes its place.
func (d document) follows(before document) bool {
	if d.d.KeyPairID == before.nextID() {
		return d.retires(before.d.KeyPairID)
	}
	return d.d.KeyPairID == before.d.KeyPairID && d.nextID() != before.nextID()
}

// publishing returns the document with that key as the next one.
func (d document) publishing(id, privatePEM string, published time.Time) document {
	d.d.Next = &nextKey{id, privatePEM, published}
	return d
}

const redacted = "[redacted]"

// Format prints [redacted] for every verb.
func (document) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redacted) }

// MarshalText makes every encoding of a document [redacted].
func (document) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue makes slog print [redacted].
func (document) LogValue() slog.Value { return slog.StringValue(redacted) }
