package dynamodb

import (
	"bytes"
	"math/bits"
)

const maxSegments = 1_000_000 // of one parallel Scan

func (s *Service) query(t *table, req *request) (any, error) {
	if err := checkPageParameters(req); err != nil {
		return nil, err
	}
	if req.KeyConditionExpression == nil {
		return nil, invalid("Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.")
	}
	projection := expression{parameter: "ProjectionExpression", source: req.ProjectionExpression, valueless: true}
	filter := expression{parameter: "FilterExpression", source: req.FilterExpression}
	condition := expression{parameter: "KeyConditionExpression", source: req.KeyConditionExpression}
	sc, err := newScope(req, projection, filter, condition)
	if err != nil {
		return nil, err
	}
	parsed, err := parse(condition, sc, parseCondition)
	if err != nil {
		return nil, err
	}
	p := page{table: t, request: req}
	if p.filter, err = readFilter(t, filter, sc); err != nil {
		return nil, err
	}
	if p.projection, err = readProjection(t, projection, sc); err != nil {
		return nil, err
	}
	if err := sc.checkUsed(); err != nil {
		return nil, err
	}
	terms, err := keyTerms(parsed)
	if err != nil {
		return nil, err
	}
	if p.filter != nil {
		for _, read := range p.filter.paths(nil) {
			if t.isKey(read[0].name) {
				return nil, invalid("Filter Expression can only contain non-primary key attributes: Primary key attribute: %s", read[0].name)
			}
		}
	}
	if p.span, err = t.querySpan(terms); err != nil {
		return nil, err
	}
	p.span.backward = req.ScanIndexForward != nil && !*req.ScanIndexForward
	if err := p.startQuery(terms); err != nil {
		return nil, err
	}
	return s.read(p)
}

// startQuery moves the span's beginning behind ExclusiveStartKey, which must
// lie within it.
func (p *page) startQuery(terms map[string]keyTerm) error {
	key, storageKey, err := p.startKey()
	if err != nil || key == nil {
		return err
	}
	_, sorted := terms[p.table.sort.Name]
	switch partition := p.table.partition.Name; {
	case !key[partition].equal(terms[partition].values[0]):
		if sorted {
			return invalid("The query can return at most one row and cannot be restarted")
		}
		return invalid("The provided starting key is outside query boundaries based on provided conditions")
	case !p.span.has(storageKey):
		return invalid("The provided starting key does not match the range key predicate")
	}
	p.span.skip(storageKey)
	return nil
}

// startKey reads ExclusiveStartKey; nil if there is none.
func (p *page) startKey() (key item, storageKey []byte, err error) {
	if isNull(p.request.ExclusiveStartKey) {
		return nil, nil, nil
	}
	if key, err = decodeItem(p.request.ExclusiveStartKey); err == nil {
		err = p.table.checkKey(key)
	}
	if r, ok := asRefusal(err); ok && r.namespace == validation {
		return nil, nil, invalid("The provided starting key is invalid: %s", r.message)
	}
	if err != nil {
		return nil, nil, err
	}
	return key, p.table.storageKey(key), nil
}

func (s *Service) scan(t *table, req *request) (any, error) {
	if err := checkPageParameters(req); err != nil {
		return nil, err
	}
	all, err := segment(req)
	if err != nil {
		return nil, err
	}
	projection := expression{parameter: "ProjectionExpression", source: req.ProjectionExpression, valueless: true}
	filter := expression{parameter: "FilterExpression", source: req.FilterExpression}
	sc, err := newScope(req, projection, filter)
	if err != nil {
		return nil, err
	}
	p := page{table: t, request: req, span: all}
	if p.filter, err = readFilter(t, filter, sc); err != nil {
		return nil, err
	}
	if p.projection, err = readProjection(t, projection, sc); err != nil {
		return nil, err
	}
	if err := sc.checkUsed(); err != nil {
		return nil, err
	}
	switch key, storageKey, err := p.startKey(); {
	case err != nil:
		return nil, err
	case key == nil:
	case !p.span.has(storageKey):
		return nil, invalid("The provided starting key is invalid: Invalid ExclusiveStartKey. Please use ExclusiveStartKey with correct Segment. TotalSegments: %d Segment: %d",
			*req.TotalSegments, *req.Segment)
	default:
		p.span.skip(storageKey)
	}
	return s.read(p)
}

// segment is the part of the table a Scan reads: an equal share of the hashes
// that begin the storage keys.
func segment(req *request) (span, error) {
	switch {
	case req.TotalSegments == nil && req.Segment == nil:
		return span{}, nil
	case req.TotalSegments == nil:
		return span{}, invalid("The TotalSegments parameter is required but was not present in the request when Segment parameter is present")
	case req.Segment == nil:
		return span{}, invalid("The Segment parameter is required but was not present in the request when parameter TotalSegments is present")
	}
	index, total := *req.Segment, *req.TotalSegments
	if index >= total {
		return span{}, invalid("The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: %d is not less than TotalSegments: %d", index, total)
	}
	var s span
	if index > 0 {
		s.low = share(index, total)
	}
	if index+1 < total {
		s.high = share(index+1, total)
	}
	return s, nil
}

// share is the hash that lies index/total of the way up.
func share(index, total int) []byte {
	quotient, _ := bits.Div64(uint64(index), 0, uint64(total)) //nolint:gosec // 0 <= index < total
	var hash [hashBytes]byte
	for i := range hash {
		hash[i] = byte(quotient >> (8 * (hashBytes - 1 - i))) //nolint:gosec // one byte after the other
	}
	return hash[:]
}

// readFilter parses a FilterExpression, nil if there is none.
func readFilter(t *table, e expression, s *scope) (*node, error) {
	if e.source == nil {
		return nil, nil
	}
	filter, err := parse(e, s, parseCondition)
	if err != nil {
		return nil, err
	}
	return filter, t.checkPaths(filter.paths(nil))
}

// span is a stretch of storage keys, low included, high not; nil is the end of
// the table.
type span struct {
	low, high []byte
	backward  bool
}

func (s span) has(key []byte) bool {
	return bytes.Compare(key, s.low) >= 0 && (s.high == nil || bytes.Compare(key, s.high) < 0)
}

// skip begins behind key, in the direction of reading.
func (s *span) skip(key []byte) {
	if s.backward {
		s.high = key
	} else {
		s.low = after(key)
	}
}
