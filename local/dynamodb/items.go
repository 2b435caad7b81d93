package dynamodb

import (
	"encoding/json"
	"fmt"

	"go.etcd.io/bbolt"
)

// maxItemBytes is 400 KB (Developer Guide, "Service, account, and table
// quotas", Item size).
const maxItemBytes = 400 << 10

// write is a conditional change of one item.
type write struct {
	table     *table
	key       item
	condition *node // nil: none
	reveal    bool  // show the item a failed condition met
	// next makes the new item of the one before, nil for none; they must not
	// share what it changes.
	next func(before item) (item, error)
}

// do makes the change in one transaction. Errors leave the item as it was.
func (s *Service) do(w write) (before, after item, err error) {
	key := w.table.storageKey(w.key)
	err = s.db.Update(func(tx *bbolt.Tx) error {
		var err error
		if before, err = w.table.load(tx, key); err != nil {
			return err
		}
		if w.condition != nil && !w.condition.holds(before) {
			if w.reveal {
				return conditionFailed(before)
			}
			return conditionFailed(nil)
		}
		if after, err = w.next(before); err != nil {
			return err
		}
		if before == nil && after == nil {
			return nil
		}
		return w.table.store(tx, key, after)
	})
	if _, refused := asRefusal(err); err != nil && !refused {
		err = fmt.Errorf("writing to table %s: %w", w.table.name, err)
	}
	return before, after, err
}

// readKey reads the Key of a request.
func readKey(t *table, raw json.RawMessage) (item, error) {
	key, err := decodeItem(raw)
	if err != nil {
		return nil, err
	}
	return key, t.checkKey(key)
}

// readCondition parses the request's ConditionExpression, nil if it has none.
func readCondition(t *table, req *request, s *scope) (*node, error) {
	if req.ConditionExpression == nil {
		return nil, nil
	}
	condition, err := parse(expression{parameter: "ConditionExpression", source: req.ConditionExpression}, s, parseCondition)
	if err != nil {
		return nil, err
	}
	return condition, t.checkPaths(condition.paths(nil))
}

// soleCondition reads the condition of a request that has no other expression.
func soleCondition(t *table, req *request) (*node, error) {
	sc, err := newScope(req, expression{parameter: "ConditionExpression", source: req.ConditionExpression})
	if err != nil {
		return nil, err
	}
	condition, err := readCondition(t, req, sc)
	if err != nil {
		return nil, err
	}
	return condition, sc.checkUsed()
}

// replace puts next, which does not depend on what is there, in the place of the
// item with that key; nil removes it.
func (s *Service) replace(t *table, req *request, condition *node, key, next item) (any, error) {
	before, after, err := s.do(write{
		table: t, key: key, condition: condition, reveal: is(req.ReturnValuesOnConditionCheckFailure, "ALL_OLD"),
		next: func(item) (item, error) { return next, nil },
	})
	if err != nil {
		return nil, err
	}
	answer := map[string]any{}
	if is(req.ReturnValues, "ALL_OLD") && before != nil {
		answer["Attributes"] = before
	}
	addCapacity(answer, t, req, writeUnits(before, after))
	return answer, nil
}

func (s *Service) putItem(t *table, req *request) (any, error) {
	it, err := decodeItem(req.Item)
	if err != nil {
		return nil, err
	}
	if req.ReturnValues != nil && !is(req.ReturnValues, "NONE") && !is(req.ReturnValues, "ALL_OLD") {
		return nil, invalid("ReturnValues can only be ALL_OLD or NONE")
	}
	if it.size() > maxItemBytes {
		return nil, invalid("Item size has exceeded the maximum allowed size")
	}
	condition, err := soleCondition(t, req)
	if err != nil {
		return nil, err
	}
	if err := t.checkItemKey(it); err != nil {
		return nil, err
	}
	return s.replace(t, req, condition, it, it)
}

func (s *Service) deleteItem(t *table, req *request) (any, error) {
	if req.ReturnValues != nil && !is(req.ReturnValues, "NONE") && !is(req.ReturnValues, "ALL_OLD") {
		return nil, invalid("ReturnValues can only be ALL_OLD or NONE")
	}
	condition, err := soleCondition(t, req)
	if err != nil {
		return nil, err
	}
	key, err := readKey(t, req.Key)
	if err != nil {
		return nil, err
	}
	return s.replace(t, req, condition, key, nil)
}

func (s *Service) updateItem(t *table, req *request) (any, error) {
	sc, err := newScope(req,
		expression{parameter: "UpdateExpression", source: req.UpdateExpression},
		expression{parameter: "ConditionExpression", source: req.ConditionExpression})
	if err != nil {
		return nil, err
	}
	u := &update{}
	if req.UpdateExpression != nil {
		u, err = parse(expression{parameter: "UpdateExpression", source: req.UpdateExpression}, sc, parseUpdate)
		if err != nil {
			return nil, err
		}
	}
	condition, err := readCondition(t, req, sc)
	if err != nil {
		return nil, err
	}
	if err := sc.checkUsed(); err != nil {
		return nil, err
	}
	key, err := readKey(t, req.Key)
	if err != nil {
		return nil, err
	}
	for _, p := range u.paths() {
		if len(p) == 1 && t.isKey(p[0].name) {
			return nil, invalid("One or more parameter values were invalid: Cannot update attribute %s. This attribute is part of the key", p[0].name)
		}
	}
	if err := t.checkPaths(u.paths()); err != nil {
		return nil, err
	}
	before, after, err := s.do(write{
		table: t, key: key, condition: condition, reveal: is(req.ReturnValuesOnConditionCheckFailure, "ALL_OLD"),
		next: func(before item) (item, error) { return u.next(before, key) },
	})
	if err != nil {
		return nil, err
	}
	answer := map[string]any{}
	if attributes := u.returned(req.ReturnValues, before, after); len(attributes) > 0 {
		answer["Attributes"] = attributes
	}
	addCapacity(answer, t, req, writeUnits(before, after))
	return answer, nil
}

// next is the item after the update: a new one with the key where there was
// none, save that merely taking something away makes no item.
func (u *update) next(before, key item) (item, error) {
	base := before
	if before == nil {
		base = key
	}
	next, err := u.apply(base)
	if err != nil {
		return nil, err
	}
	if next.size() > maxItemBytes {
		return nil, invalid("Item size to update has exceeded the maximum allowed size")
	}
	if next.depth() > maxNesting {
		return nil, tooDeep()
	}
	if before == nil && u.onlyRemoves() {
		return nil, nil
	}
	return next, nil
}

// returned are the attributes that ReturnValues asks for.
func (u *update) returned(which *string, before, after item) item {
	switch {
	case is(which, "ALL_OLD"):
		return before
	case is(which, "ALL_NEW"):
		return after
	case is(which, "UPDATED_OLD"):
		return before.project(u.paths())
	case is(which, "UPDATED_NEW"):
		return after.project(u.paths())
	default:
		return nil
	}
}

func (s *Service) getItem(t *table, req *request) (any, error) {
	e := expression{parameter: "ProjectionExpression", source: req.ProjectionExpression, valueless: true}
	sc, err := newScope(req, e)
	if err != nil {
		return nil, err
	}
	projection, err := readProjection(t, e, sc)
	if err != nil {
		return nil, err
	}
	if err := sc.checkUsed(); err != nil {
		return nil, err
	}
	key, err := readKey(t, req.Key)
	if err != nil {
		return nil, err
	}
	var it item
	err = s.db.View(func(tx *bbolt.Tx) error {
		it, err = t.load(tx, t.storageKey(key))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading from table %s: %w", t.name, err)
	}
	answer := map[string]any{}
	if it != nil {
		answer["Item"] = it
		if projection != nil {
			answer["Item"] = it.project(projection)
		}
	}
	addCapacity(answer, t, req, readUnits(it.size(), req.ConsistentRead))
	return answer, nil
}

// readProjection parses a ProjectionExpression, nil if there is none.
func readProjection(t *table, e expression, s *scope) ([]path, error) {
	if e.source == nil {
		return nil, nil
	}
	paths, err := parse(e, s, parseProjection)
	if err != nil {
		return nil, err
	}
	return paths, t.checkPaths(paths)
}
