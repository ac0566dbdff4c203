package watch

import (
	"strings"

	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/core/key"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	"google.golang.org/protobuf/proto"
)

// ref names a record of a model; charms count as records of every model that uses them.
type ref struct {
	model string
	key   key.Key
}

// load puts one change into the state. A record that cannot be read is logged and treated as gone: its unit then waits
// and nothing else is hurt.
func (m *Mirror) load(s *model.State, c store.Change) {
	uuid, k, ok := where(c.KV.Key)
	switch {
	case ok && k.Kind == key.Charm:
		s.SetCharm(k.Name, m.entry(k, c))
	case ok:
		g := s.Ensure(uuid)
		if e := m.entry(k, c); e != nil {
			g.Put(e)
		} else {
			g.Delete(k.String())
		}
		s.Drop(uuid)
	case c.KV.Key == store.EpochKey && !c.Deleted:
		s.Epoch = string(c.KV.Value)
	default:
		m.loadAgent(s, c)
	}
}

// where finds the model and the key within it of a record.
func where(full string) (uuid string, k key.Key, ok bool) {
	if uuid, k, ok = store.CutModel(full); ok {
		return uuid, k, true
	}
	if uuid, ok = strings.CutPrefix(full, store.ModelPrefix); ok {
		return uuid, key.Named(key.Model, uuid), true
	}
	if digest, ok := strings.CutPrefix(full, store.CharmPrefix); ok {
		return "", key.Named(key.Charm, digest), true
	}
	return "", key.Key{}, false
}

// entry decodes what was written; nil for a delete and for values that are no messages.
func (m *Mirror) entry(k key.Key, c store.Change) *model.Entry {
	if c.Deleted {
		return nil
	}
	value, err := model.Decode(k, c.KV.Value)
	if err != nil {
		m.cfg.Log.Error("cannot read a record of the store", "key", c.KV.Key, "error", err)
	}
	if err != nil || value == nil {
		return nil
	}
	return &model.Entry{Key: k, Name: k.String(), Value: value, Mod: c.KV.Mod, Create: c.KV.Create, Lease: int64(c.KV.Lease)}
}

// loadAgent keeps the records of agents.
func (m *Mirror) loadAgent(s *model.State, c store.Change) {
	id, ok := strings.CutPrefix(c.KV.Key, store.AgentPrefix)
	if !ok {
		return
	}
	if c.Deleted {
		s.SetAgent(id, nil)
		return
	}
	record := &controllerv1.AgentRecord{}
	if err := proto.Unmarshal(c.KV.Value, record); err != nil {
		m.cfg.Log.Error("cannot read a record of the store", "key", c.KV.Key, "error", err)
		return
	}
	s.SetAgent(id, &model.Agent{Record: record, Mod: c.KV.Mod})
}

// find looks a record up.
func find(s *model.State, r ref) *model.Entry {
	if r.key.Kind == key.Charm {
		return s.CharmEntry(r.key.Name)
	}
	return s.Model(r.model).Entry(r.key.String())
}
