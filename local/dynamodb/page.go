package dynamodb

import (
	"bytes"
	"fmt"

	"go.etcd.io/bbolt"
)

// maxPageBytes is where a Query or Scan stops reading (API Reference, Query).
const maxPageBytes = 1 << 20

// page is one answer of a Query or a Scan in the making.
type page struct {
	table      *table
	request    *request
	span       span
	filter     *node  // nil: none
	projection []path // nil: all attributes
}

// checkPageParameters judges what Query and Scan share.
func checkPageParameters(req *request) error {
	if req.IndexName != nil {
		return invalid("The table does not have the specified index: %s", *req.IndexName)
	}
	switch projected := req.ProjectionExpression != nil; {
	case is(req.Select, "ALL_PROJECTED_ATTRIBUTES"):
		return invalid("One or more parameter values were invalid: ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName")
	case is(req.Select, "SPECIFIC_ATTRIBUTES") && !projected:
		return invalid("One or more parameter values were invalid: Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES")
	case projected && is(req.Select, "ALL_ATTRIBUTES"):
		return invalid("One or more parameter values were invalid: Cannot specify the ProjectionExpression when choosing to get ALL_ATTRIBUTES")
	case projected && is(req.Select, "COUNT"):
		return invalid("One or more parameter values were invalid: Cannot specify the ProjectionExpression when choosing to get only the Count")
	default:
		return nil
	}
}

// read fills the page. Limit and the megabyte count items before the filter
// sees them; where either stops it, the answer says where to go on, even if
// nothing is left there.
func (s *Service) read(p page) (any, error) {
	items := []item{}
	count, scanned, size := 0, 0, 0
	var last item
	err := s.db.View(func(tx *bbolt.Tx) error {
		return p.span.walk(tx.Bucket(itemsBucket(p.table.name)), func(raw []byte) (bool, error) {
			it, err := decodeItem(raw)
			if err != nil {
				return false, err
			}
			scanned++
			size += it.size()
			if p.filter == nil || p.filter.holds(it) {
				count++
				if !is(p.request.Select, "COUNT") {
					items = append(items, p.shown(it))
				}
			}
			full := size >= maxPageBytes || p.request.Limit != nil && scanned >= *p.request.Limit
			if full {
				last = p.table.keyOf(it)
			}
			return !full, nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("reading table %s: %w", p.table.name, err)
	}
	answer := map[string]any{"Count": count, "ScannedCount": scanned}
	if !is(p.request.Select, "COUNT") {
		answer["Items"] = items
	}
	if last != nil {
		answer["LastEvaluatedKey"] = last
	}
	addCapacity(answer, p.table, p.request, readUnits(size, p.request.ConsistentRead))
	return answer, nil
}

// shown is the item as the page shows it.
func (p page) shown(it item) item {
	if p.projection == nil {
		return it
	}
	return it.project(p.projection)
}

// walk visits what lies in the span, in its direction, until visit has had
// enough. Nothing it is given outlives the transaction.
func (s span) walk(bucket *bbolt.Bucket, visit func(raw []byte) (more bool, err error)) error {
	cursor := bucket.Cursor()
	for key, raw := s.first(cursor); key != nil && s.has(key); {
		more, err := visit(raw)
		if err != nil || !more {
			return err
		}
		if s.backward {
			key, raw = cursor.Prev()
		} else {
			key, raw = cursor.Next()
		}
	}
	return nil
}

// first moves the cursor to the span's first key in its direction.
func (s span) first(cursor *bbolt.Cursor) (key, raw []byte) {
	switch {
	case !s.backward:
		return cursor.Seek(bytes.Clone(s.low))
	case s.high == nil:
		return cursor.Last()
	}
	if key, _ = cursor.Seek(s.high); key == nil {
		return cursor.Last()
	}
	return cursor.Prev()
}
