package plan

import (
	"fmt"
	"slices"
	"strings"
)

// Order says in which order a set of services starts or stops.
type Order struct {
	// Names lists the whole set, every one after those it must wait for.
	Names []string
	// Lanes cuts Names into groups linked by requires: inside a lane each
	// waits for the one before it and fails with it; lanes run side by side.
	Lanes [][]string
	// After lists, for a name, those of the set that come before it because
	// of after/before alone: it waits for them but does not fail with them.
	After map[string][]string
}

// StartOrder returns the order for names and everything they require, transitively.
func (p *Plan) StartOrder(names []string) (Order, error) {
	set, err := p.closure(names, func(s *Service) []string { return s.Requires })
	if err != nil {
		return Order{}, err
	}
	return p.order(set, false)
}

// StopOrder returns the order for names and everything that requires them, transitively.
func (p *Plan) StopOrder(names []string) (Order, error) {
	set, err := p.closure(names, func(s *Service) []string {
		var needy []string
		for n, o := range p.Services {
			if slices.Contains(o.Requires, s.Name) {
				needy = append(needy, n)
			}
		}
		return needy
	})
	if err != nil {
		return Order{}, err
	}
	return p.order(set, true)
}

// Only returns the stop order of exactly the named services.
func (p *Plan) Only(names []string) (Order, error) {
	set, err := p.closure(names, func(*Service) []string { return nil })
	if err != nil {
		return Order{}, err
	}
	return p.order(set, true)
}

func (p *Plan) closure(names []string, more func(*Service) []string) (map[string]bool, error) {
	set := map[string]bool{}
	queue := slices.Clone(names)
	for len(queue) > 0 {
		n := queue[0]
		queue = queue[1:]
		if set[n] {
			continue
		}
		s := p.Services[n]
		if s == nil {
			return nil, fmt.Errorf("service %q does not exist", n)
		}
		set[n] = true
		queue = append(queue, more(s)...)
	}
	return set, nil
}

func (p *Plan) order(set map[string]bool, reverse bool) (Order, error) {
	before := p.edges(set)
	names, err := topo(set, before)
	if err != nil {
		return Order{}, err
	}
	if reverse {
		slices.Reverse(names)
		before = invert(before)
	}
	return Order{Names: names, Lanes: p.lanes(names), After: before}, nil
}

// edges maps each name to those of the set that start before it.
func (p *Plan) edges(set map[string]bool) map[string][]string {
	before := map[string][]string{}
	add := func(first, then string) {
		if set[first] && set[then] && !slices.Contains(before[then], first) {
			before[then] = append(before[then], first)
		}
	}
	for n := range set {
		for _, o := range p.Services[n].After {
			add(o, n)
		}
		for _, o := range p.Services[n].Before {
			add(n, o)
		}
	}
	return before
}

func invert(before map[string][]string) map[string][]string {
	out := map[string][]string{}
	for n, list := range before {
		for _, o := range list {
			out[o] = append(out[o], n)
		}
	}
	return out
}

// topo sorts by name among those that may go next, so the result is stable.
func topo(set map[string]bool, before map[string][]string) ([]string, error) {
	left := map[string]int{}
	var free []string
	for n := range set {
		left[n] = len(before[n])
		if left[n] == 0 {
			free = append(free, n)
		}
	}
	next := invert(before)
	var names []string
	for len(free) > 0 {
		slices.Sort(free)
		n := free[0]
		free = free[1:]
		names = append(names, n)
		delete(left, n)
		for _, o := range next[n] {
			if left[o]--; left[o] == 0 {
				free = append(free, o)
			}
		}
	}
	if len(left) > 0 {
		return nil, fmt.Errorf("services in before/after loop: %s", strings.Join(sorted(left), ", "))
	}
	return names, nil
}

// lanes groups names by requires and keeps their order inside each group.
func (p *Plan) lanes(names []string) [][]string {
	group := map[string]string{}
	var find func(string) string
	find = func(n string) string {
		if group[n] != n {
			group[n] = find(group[n])
		}
		return group[n]
	}
	for _, n := range names {
		group[n] = n
	}
	for _, n := range names {
		for _, r := range p.Services[n].Requires {
			if _, ok := group[r]; ok {
				group[find(n)] = find(r)
			}
		}
	}
	index := map[string]int{}
	var lanes [][]string
	for _, n := range names {
		root := find(n)
		i, ok := index[root]
		if !ok {
			i = len(lanes)
			index[root] = i
			lanes = append(lanes, nil)
		}
		lanes[i] = append(lanes[i], n)
	}
	return lanes
}
