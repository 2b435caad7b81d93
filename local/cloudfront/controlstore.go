package cloudfront

import (
	"crypto"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"go.etcd.io/bbolt"
)

// The buckets of the shared database. A record's key is its id, and so is the
// order of a listing.
const (
	publicKeysBucket = "cloudfront/public-keys"
	keyGroupsBucket  = "cloudfront/key-groups"
)

// publicKeyConfig and keyGroupConfig are what a caller sets. They are stored,
// and answered with, as they came.
type publicKeyConfig struct {
	CallerReference string
	Name            string
	EncodedKey      string
	Comment         string `xml:",omitempty"`
}

type keyGroupConfig struct {
	Name    string
	Items   []string `xml:"Items>PublicKey"`
	Comment string   `xml:",omitempty"`
}

type publicKeyRecord struct {
	ETag    string
	Created time.Time
	Config  publicKeyConfig
}

type keyGroupRecord struct {
	ETag     string
	Modified time.Time
	Config   keyGroupConfig
	// Views are what the edge sees of the group, in order: each from its instant
	// on, until the next one's. The last is the present config's.
	Views []view
}

// view is a list of keys as the edge sees it.
type view struct {
	From time.Time
	Keys []string
}

// seen is the list of keys that the edge verifies with now.
func (g *keyGroupRecord) seen(now time.Time) []string {
	var keys []string
	for _, v := range g.Views {
		if !v.From.After(now) {
			keys = v.Keys
		}
	}
	return keys
}

// show puts what the config has before the edge, from an instant on, and
// forgets what is past.
func (g *keyGroupRecord) show(from, now time.Time) {
	for len(g.Views) > 1 && !g.Views[1].From.After(now) {
		g.Views = g.Views[1:]
	}
	g.Views = append(g.Views, view{From: from, Keys: slices.Clone(g.Config.Items)})
}

// uses says whether a public key is in the group, or still is for the edge.
func (g *keyGroupRecord) uses(publicKeyID string, now time.Time) bool {
	for i, v := range g.Views {
		past := i+1 < len(g.Views) && !g.Views[i+1].From.After(now)
		if !past && slices.Contains(v.Keys, publicKeyID) {
			return true
		}
	}
	return false
}

// records is a bucket of T during a transaction.
type records[T any] struct{ bucket *bbolt.Bucket }

func publicKeys(tx *bbolt.Tx) records[publicKeyRecord] {
	return records[publicKeyRecord]{tx.Bucket([]byte(publicKeysBucket))}
}

func keyGroups(tx *bbolt.Tx) records[keyGroupRecord] {
	return records[keyGroupRecord]{tx.Bucket([]byte(keyGroupsBucket))}
}

// get is nil without an error where there is no such record.
func (r records[T]) get(id string) (*T, error) {
	stored := r.bucket.Get([]byte(id))
	if stored == nil {
		return nil, nil
	}
	var record T
	if err := json.Unmarshal(stored, &record); err != nil {
		return nil, fmt.Errorf("cloudfront: reading the record of %s: %w", id, err)
	}
	return &record, nil
}

func (r records[T]) put(id string, record *T) error {
	stored, err := json.Marshal(record)
	if err != nil {
		return fmt.Errorf("cloudfront: writing the record of %s: %w", id, err)
	}
	return r.bucket.Put([]byte(id), stored)
}

func (r records[T]) delete(id string) error { return r.bucket.Delete([]byte(id)) }

// all gives ids and records in the order of the ids.
func (r records[T]) all() (ids []string, all []*T, err error) {
	err = r.bucket.ForEach(func(id, _ []byte) error {
		record, err := r.get(string(id))
		ids, all = append(ids, string(id)), append(all, record)
		return err
	})
	return ids, all, err
}

// key finds a public key that the edge has in one of groups now, and is nil
// where there is none.
func (c *Control) key(groups []string, publicKeyID string, now time.Time) (key crypto.PublicKey) {
	err := c.db.View(func(tx *bbolt.Tx) error {
		for _, id := range groups {
			group, err := keyGroups(tx).get(id)
			if err != nil {
				return err
			}
			if group == nil || !slices.Contains(group.seen(now), publicKeyID) {
				continue
			}
			record, err := publicKeys(tx).get(publicKeyID)
			if err != nil || record == nil {
				return err
			}
			key, err = parsePublicKey([]byte(record.Config.EncodedKey))
			return err
		}
		return nil
	})
	if err != nil {
		// The viewer hears of an unknown key, which is what it is to the edge.
		slog.Error("cloudfront: finding a key to verify with", "error", err)
		return nil
	}
	return key
}

// trust notes that a distribution has key groups, and is an error where one of
// them doesn't exist. The groups cannot be deleted until release.
func (c *Control) trust(groups []string) error {
	// A write transaction, so that no group goes between the look and the note.
	return c.db.Update(func(tx *bbolt.Tx) error {
		for _, id := range groups {
			group, err := keyGroups(tx).get(id)
			if err != nil {
				return err
			}
			if group == nil {
				return fmt.Errorf("the trusted key group %q does not exist", id)
			}
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, id := range groups {
			c.trusted[id]++
		}
		return nil
	})
}

// release takes back a trust.
func (c *Control) release(groups []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range groups {
		c.trusted[id]--
	}
}

func (c *Control) isTrusted(group string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.trusted[group] > 0
}

// newETag and newPublicKeyID look like those of CloudFront.
func newETag() string        { return "E" + rand.Text()[:13] }
func newPublicKeyID() string { return "K" + rand.Text()[:13] }

// newKeyGroupID is a random UUID (RFC 9562, version 4).
func newKeyGroupID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24: it ends the process instead
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
