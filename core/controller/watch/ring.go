package watch

// Bounds of what is remembered for agents that come back.
const (
	ringRevisions = 4096
	ringRefs      = 65536
)

// ring remembers which records the last revisions changed, so that an agent that comes back is told only of those.
type ring struct {
	after int64 // revisions above this one are remembered
	items []ringItem
	refs  int
}

type ringItem struct {
	revision   int64
	refs       []ref
	structural map[string]bool
}

func (r *ring) add(revision int64, refs []ref, structural map[string]bool) {
	r.items = append(r.items, ringItem{revision, refs, structural})
	r.refs += len(refs) + len(structural)
	drop := 0
	for ; drop < len(r.items) && (len(r.items)-drop > ringRevisions || r.refs > ringRefs); drop++ {
		r.refs -= len(r.items[drop].refs) + len(r.items[drop].structural)
		r.after = r.items[drop].revision
	}
	r.items = r.items[drop:]
}

// since lists the records changed above the revision; ok is false if that is not known any more, or the agent's rights
// changed in between.
func (r *ring) since(revision int64, agent string) (refs map[ref]bool, ok bool) {
	if revision < r.after {
		return nil, false
	}
	refs = map[ref]bool{}
	for _, item := range r.items {
		if item.revision <= revision {
			continue
		}
		if item.structural[agent] {
			return nil, false
		}
		for _, x := range item.refs {
			refs[x] = true
		}
	}
	return refs, true
}
