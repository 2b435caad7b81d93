package dynamodb

import (
	"maps"
	"slices"
)

func wrongOperand() error {
	return invalid("An operand in the update expression has an incorrect data type")
}

// apply gives the item as the update leaves it. Every right-hand side sees the
// item as it was (Developer Guide, "Update expressions"), and so does every
// index of a list: elements are removed only after all else is done.
func (u *update) apply(before item) (item, error) {
	values := make([]value, len(u.actions))
	for i, a := range u.actions {
		if a.operand == nil {
			continue
		}
		v, err := a.operand.resolve(before)
		if err != nil {
			return nil, err
		}
		values[i] = v
	}
	doc := newDraft(mapValue(before))
	for i, a := range u.actions {
		parent, err := doc.descend(a.path[:len(a.path)-1])
		if err != nil {
			return nil, err
		}
		last := a.path[len(a.path)-1]
		if !parent.fits(last) {
			return nil, wrongPath()
		}
		existing, ok := before.lookup(a.path)
		switch a.clause {
		case "SET":
			parent.set(last, values[i])
		case "REMOVE":
			parent.remove(last)
		case "ADD":
			sum, err := addTo(existing, ok, a.value)
			if err != nil {
				return nil, err
			}
			parent.set(last, sum)
		case "DELETE":
			if !ok {
				continue
			}
			if existing.kind != a.value.kind {
				return nil, wrongOperand()
			}
			rest := slices.DeleteFunc(slices.Clone(existing.list), a.value.has)
			if len(rest) == 0 {
				parent.remove(last)
				continue
			}
			parent.set(last, setValue(existing.kind, rest))
		}
	}
	return doc.value().fields, nil
}

// addTo is ADD: a sum of numbers or a union of sets.
func addTo(existing value, ok bool, v value) (value, error) {
	switch {
	case !ok:
		return v, nil
	case existing.kind != v.kind:
		return value{}, wrongOperand()
	case v.kind == kindNumber:
		sum, err := existing.number.add(v.number)
		return numberValue(sum), err
	}
	union := slices.Clone(existing.list)
	for _, e := range v.list {
		if !existing.has(e) {
			union = append(union, e)
		}
	}
	return setValue(v.kind, union), nil
}

// resolve gives what the term is worth for an item.
func (t *term) resolve(it item) (value, error) {
	switch {
	case t.word == "if_not_exists":
		if v, ok := it.lookup(t.args[0].path); ok {
			return v, nil
		}
		return t.args[1].resolve(it)
	case t.word != "":
		return t.combine(it)
	case t.path == nil:
		return t.value, nil
	}
	v, ok := it.lookup(t.path)
	if !ok {
		return value{}, invalid("The provided expression refers to an attribute that does not exist in the item")
	}
	return v, nil
}

// combine is a sum, a difference, or one list after another.
func (t *term) combine(it item) (value, error) {
	left, err := t.args[0].resolve(it)
	if err != nil {
		return value{}, err
	}
	right, err := t.args[1].resolve(it)
	if err != nil {
		return value{}, err
	}
	want := kindNumber
	if t.word == "list_append" {
		want = kindList
	}
	if left.kind != want || right.kind != want {
		return value{}, wrongOperand()
	}
	var n number
	switch t.word {
	case "+":
		n, err = left.number.add(right.number)
	case "-":
		n, err = left.number.subtract(right.number)
	default:
		return listValue(slices.Concat(left.list, right.list)), nil
	}
	return numberValue(n), err
}

// draft is a document while an update changes it: a value, opened as far as
// paths lead into it.
type draft struct {
	plain    value
	opened   bool
	fields   map[string]*draft
	elements []*draft
	// appended are elements set beyond the end; they close up, in the order of
	// their indexes.
	appended map[int]*draft
	removed  map[int]bool
}

func newDraft(v value) *draft { return &draft{plain: v} }

// open takes a map or list apart; others have nothing inside.
func (d *draft) open() {
	if d.opened {
		return
	}
	d.opened = true
	d.fields = make(map[string]*draft, len(d.plain.fields))
	for name, v := range d.plain.fields {
		d.fields[name] = newDraft(v)
	}
	d.elements = make([]*draft, len(d.plain.list))
	for i, v := range d.plain.list {
		d.elements[i] = newDraft(v)
	}
	d.appended, d.removed = map[int]*draft{}, map[int]bool{}
}

// fits says whether the step can be taken from a value of d's kind.
func (d *draft) fits(s step) bool {
	if s.index < 0 {
		return d.plain.kind == kindMap
	}
	return d.plain.kind == kindList
}

func wrongPath() error {
	return invalid("The document path provided in the update expression is invalid for update")
}

// descend follows a path that must be there.
func (d *draft) descend(p path) (*draft, error) {
	at := d
	for _, s := range p {
		if !at.fits(s) {
			return nil, wrongPath()
		}
		at.open()
		var next *draft
		if s.index < 0 {
			next = at.fields[s.name]
		} else if s.index < len(at.elements) {
			next = at.elements[s.index]
		}
		if next == nil {
			return nil, wrongPath()
		}
		at = next
	}
	at.open()
	return at, nil
}

func (d *draft) set(s step, v value) {
	switch {
	case s.index < 0:
		d.fields[s.name] = newDraft(v)
	case s.index < len(d.elements):
		d.elements[s.index] = newDraft(v)
	default:
		d.appended[s.index] = newDraft(v)
	}
}

func (d *draft) remove(s step) {
	if s.index < 0 {
		delete(d.fields, s.name)
		return
	}
	d.removed[s.index] = true
}

// value closes the document again.
func (d *draft) value() value {
	switch {
	case !d.opened:
		return d.plain
	case d.plain.kind == kindMap:
		fields := make(item, len(d.fields))
		for name, child := range d.fields {
			fields[name] = child.value()
		}
		return mapValue(fields)
	case d.plain.kind != kindList:
		return d.plain
	}
	elements := make([]value, 0, len(d.elements)+len(d.appended))
	for i, child := range d.elements {
		if !d.removed[i] {
			elements = append(elements, child.value())
		}
	}
	for _, i := range slices.Sorted(maps.Keys(d.appended)) {
		elements = append(elements, d.appended[i].value())
	}
	return listValue(elements)
}
