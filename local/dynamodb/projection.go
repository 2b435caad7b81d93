package dynamodb

import (
	"maps"
	"slices"
)

// parseProjection reads path (, path)*.
func parseProjection(p *parser) ([]path, error) {
	var paths []path
	for {
		next, err := p.parsePath()
		if err != nil {
			return nil, err
		}
		p.checkOverlap(paths, next)
		paths = append(paths, next)
		if !p.accept(",") {
			return paths, nil
		}
	}
}

// checkOverlap refuses a path that leads into, or to, where another does, or
// that takes for a list what another takes for a map.
func (p *parser) checkOverlap(paths []path, next path) {
	const remedy = "must remove or rewrite one of these paths; path one: %s, path two: %s"
	for _, earlier := range paths {
		shared := 0
		for shared < min(len(earlier), len(next)) && earlier[shared] == next[shared] {
			shared++
		}
		switch {
		case shared == min(len(earlier), len(next)):
			p.complain(rankOverlap, "Two document paths overlap with each other; "+remedy, earlier, next)
		case (earlier[shared].index < 0) != (next[shared].index < 0):
			p.complain(rankConflict, "Two document paths conflict with each other; "+remedy, earlier, next)
		}
	}
}

// branch is a set of paths with their beginnings in common; one without any
// branches is where a path ends.
type branch map[step]branch

func branches(paths []path) branch {
	root := branch{}
	for _, p := range paths {
		at := root
		for _, s := range p {
			if at[s] == nil {
				at[s] = branch{}
			}
			at = at[s]
		}
	}
	return root
}

// project is the part of the item that the paths lead to. Of a list, the
// chosen elements remain, in order and without gaps.
func (it item) project(paths []path) item {
	if len(paths) == 0 {
		return item{}
	}
	projected, ok := branches(paths).prune(mapValue(it))
	if !ok {
		return item{}
	}
	return projected.fields
}

func (b branch) prune(v value) (value, bool) {
	if len(b) == 0 {
		return v, true
	}
	steps := slices.SortedFunc(maps.Keys(b), func(a, b step) int { return a.index - b.index })
	fields := item{}
	var elements []value
	for _, s := range steps {
		child, ok := v.child(s)
		if !ok {
			continue
		}
		kept, ok := b[s].prune(child)
		switch {
		case !ok:
		case s.index < 0:
			fields[s.name] = kept
		default:
			elements = append(elements, kept)
		}
	}
	switch {
	case len(fields) > 0:
		return mapValue(fields), true
	case len(elements) > 0:
		return listValue(elements), true
	default:
		return value{}, false
	}
}
