package plan

import (
	"context"
	"net/http"
	"path"
	"strings"
	"sync"

	"github.com/bangle-dev/bangle/core/controller/agents"
	"github.com/bangle-dev/bangle/core/controller/authz"
	"github.com/bangle-dev/bangle/core/controller/clients"
	"github.com/bangle-dev/bangle/core/controller/commit"
	"github.com/bangle-dev/bangle/core/controller/leadership"
	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/core/controller/snapshot"
	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/core/controller/watch"
	"github.com/bangle-dev/bangle/sdk/proto/gen/client/v1/clientv1connect"
)

// Fork is a copy of one model, in memory, with everything that works on a model.
type Fork struct {
	Name        string
	Model, UUID string
	Revision    int64 // of the store that it was made of
	Fingerprint string

	plans     *Plans
	store     *store.Memory
	mirror    *watch.Mirror
	commits   *commit.Committer
	elections *leadership.Elections
	agents    *agents.Service
	mux       *http.ServeMux
	units     map[string]bool     // that the model has
	grants    map[string][]string // by application
	start     int64               // revision before the change
	end       context.CancelFunc
	running   sync.WaitGroup
	playing   sync.Mutex // one rehearsal at a time
}

// open reads the model and puts the parts on the copy.
func (f *Fork) open(ctx context.Context) error {
	cfg := f.plans.cfg
	kvs, revision, err := seed(ctx, cfg.Store, f.UUID)
	if err != nil {
		return err
	}
	f.Revision, f.Fingerprint = revision, fingerprint(kvs, f.UUID)
	epoch := "plan-" + f.Name
	kvs = append(kvs, store.KV{Key: store.EpochKey, Value: []byte(epoch), Create: revision, Mod: revision, Version: 1})
	f.store = store.NewMemory(kvs, revision)
	f.start = revision
	if f.mirror, err = watch.Open(ctx, watch.Config{Store: f.store, Epoch: epoch, MayRead: authz.AgentMayRead, Log: cfg.Log}); err != nil {
		return err
	}
	f.units = map[string]bool{}
	f.mirror.Read(func(s *model.State) {
		g := s.Model(f.UUID)
		for _, unit := range g.AllUnits() {
			f.units[unit] = true
		}
		f.grants = grants(g)
	})
	f.wire(epoch)
	var life context.Context
	life, f.end = context.WithCancel(context.Background())
	f.running.Go(func() { _ = f.mirror.Run(life) })
	return nil
}

// wire makes the parts.
func (f *Fork) wire(epoch string) {
	cfg := f.plans.cfg
	presence := agents.NewPresence()
	f.elections = leadership.New(leadership.Config{Store: f.store, Leases: noLeases{}, Mirror: f.mirror, Presence: presence, Log: cfg.Log})
	door := cfg.Agents
	f.commits = commit.New(commit.Config{Store: f.store, Mirror: f.mirror, Log: cfg.Log, ParseCharm: cfg.ParseCharm})
	door.Store, door.Mirror, door.Commits, door.Elections, door.Presence = f.store, f.mirror, f.commits, f.elections, presence
	door.Authority, door.Sink, door.Fork = nil, nil, nil
	f.agents = agents.New(door)
	people := cfg.Clients
	people.Store, people.Epoch, people.Mirror = f.store, epoch, snapshot.NewReader(f.mirror)
	f.mux = http.NewServeMux()
	clients.New(people).Serve(f.mux)
}

// Close ends the fork and everybody's work on it.
func (f *Fork) Close() {
	p := f.plans
	p.mu.Lock()
	delete(p.forks, f.Name)
	p.mu.Unlock()
	f.agents.Stop()
	f.end()
	f.running.Wait()
	_ = f.store.Close() // never fails
}

// noLeases lets nobody's leadership end by itself: on a fork no time passes.
type noLeases struct{}

// Grant implements store.Leases.
func (noLeases) Grant(context.Context, int64) (store.LeaseID, error) { return 0, nil }

// KeepAlive implements store.Leases.
func (noLeases) KeepAlive(context.Context, store.LeaseID) (int64, error) { return 0, nil }

// Revoke implements store.Leases.
func (noLeases) Revoke(context.Context, store.LeaseID) error { return nil }

// plannable says whether a call of a client may go to a fork: those that read a model or change what it has.
func plannable(procedure string) bool {
	service, method := path.Split(procedure)
	switch strings.Trim(service, "/") {
	case clientv1connect.SecretsName, clientv1connect.StorageName, clientv1connect.ResourcesName:
		return true
	case clientv1connect.ClientName:
	default:
		return false
	}
	switch method {
	case "UploadCharm", "Deploy", "Refresh", "GetConfig", "SetConfig", "Integrate", "RemoveRelation", "SuspendRelations", "AddUnit", "RemoveUnit",
		"ScaleApplication", "RemoveApplication", "Expose", "Bind", "Trust", "Resolved", "ModelConfig", "Status", "ShowUnit", "ShowApplication":
		return true
	}
	return false
}
