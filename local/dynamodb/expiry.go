package dynamodb

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"go.etcd.io/bbolt"
)

const (
	expiryInterval = time.Minute
	// oldestExpiry: DynamoDB leaves alone what seems to have expired longer ago
	// (Developer Guide, "Using time to live (TTL) in DynamoDB").
	oldestExpiry = 5 * 365 * 24 * time.Hour
)

// Run deletes the items whose time to live has passed, at once and then every
// minute, until ctx ends. AWS takes up to some days; until then a read still
// sees them, there and here.
func (s *Service) Run(ctx context.Context) {
	ticker := time.NewTicker(expiryInterval)
	defer ticker.Stop()
	for {
		for _, t := range s.tables {
			if t.ttl == "" {
				continue
			}
			deleted, err := s.expire(t, time.Now())
			switch {
			case err != nil:
				slog.ErrorContext(ctx, "dynamodb: deleting expired items", "table", t.name, "error", err)
			case deleted > 0:
				slog.InfoContext(ctx, "dynamodb: deleted expired items", "table", t.name, "count", deleted)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// expire deletes the expired items of a table. It looks for them without
// holding up writers, and then at each again: a write may have come between.
func (s *Service) expire(t *table, now time.Time) (deleted int, err error) {
	var expired []item
	err = s.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(itemsBucket(t.name)).ForEach(func(_, raw []byte) error {
			it, err := decodeItem(raw)
			if err == nil && t.expired(it, now) {
				expired = append(expired, t.keyOf(it))
			}
			return err
		})
	})
	if err != nil || len(expired) == 0 {
		return 0, err
	}
	err = s.db.Update(func(tx *bbolt.Tx) error {
		for _, k := range expired {
			key := t.storageKey(k)
			it, err := t.load(tx, key)
			if err != nil {
				return err
			}
			if !t.expired(it, now) {
				continue
			}
			if err := t.store(tx, key, nil); err != nil {
				return err
			}
			deleted++
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("deleting expired items: %w", err)
	}
	return deleted, nil
}

// expired says whether the item's time to live, in seconds since 1970, has
// passed. What is no number never does.
func (t *table) expired(it item, now time.Time) bool {
	v, ok := it[t.ttl]
	if !ok || v.kind != kindNumber {
		return false
	}
	return v.number.compare(integer(now.Unix())) <= 0 && v.number.compare(integer(now.Add(-oldestExpiry).Unix())) >= 0
}
