// Package clients serves the controller's face for people: every call of
// client/v1. Reads are answered from the controller's copy of the store in
// memory; writes decide on that copy and go to the store as one transaction that
// compares on everything the decision read, so that a refused or lost request
// leaves the store as it was.
package clients

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"connectrpc.com/connect"

	"github.com/bangle-dev/bangle/core/charm"
	"github.com/bangle-dev/bangle/core/controller/blobs"
	"github.com/bangle-dev/bangle/core/controller/charms"
	"github.com/bangle-dev/bangle/core/controller/images"
	"github.com/bangle-dev/bangle/core/controller/logbook"
	"github.com/bangle-dev/bangle/core/controller/snapshot"
	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/sdk/api"
	"github.com/bangle-dev/bangle/sdk/errs"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	"github.com/bangle-dev/bangle/sdk/proto/gen/client/v1/clientv1connect"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
)

// Mirror is the controller's copy of the store in memory.
type Mirror interface {
	// Models lists every model, in any order.
	Models() []*controllerv1.Model
	// Model gives one model as it is now; ok is false if there is none.
	Model(uuid string) (m *snapshot.Model, ok bool)
	// Charm gives a charm's record, nil if there is none.
	Charm(digest string) *controllerv1.Charm
	// Wait returns the copy's revision once it is at least the given one.
	Wait(ctx context.Context, revision int64) (int64, error)
}

// Presence knows which agents speak right now.
type Presence interface {
	// Connected says whether an agent watches this controller.
	Connected(agent string) bool
	// State is what a unit's agent said last, nil if it said nothing.
	State(model, unit string) *controllerv1.AgentState
}

// Places is what placement answers before anything is stored.
type Places interface {
	// Validate says what the substrate would refuse.
	Validate(ctx context.Context, substrate string, spec *substratev1.ApplicationSpec) ([]*substratev1.Diagnostic, error)
	// Shared names the agent that serves every unit of the substrate; ok is
	// false if there is none, or none yet.
	Shared(substrate string) (agent, incarnation string, ok bool)
	// StorageProviders are the providers of storage that the substrate knows; none if it does not say.
	StorageProviders(ctx context.Context, substrate string) ([]string, error)
	// Known says whether there is such a substrate, and lists all.
	Known(substrate string) (ok bool, all []string)
}

// Config is what a Service is made of.
type Config struct {
	Store    store.Store
	Epoch    string
	Mirror   Mirror
	Presence Presence
	Places   Places
	Blobs    *blobs.Store
	// Resources keeps the contents of resources; nil = none can be given.
	Resources *blobs.Store
	// Seal makes what images need a password for unreadable at rest; nil = such images are refused.
	Seal images.Sealer
	Book *logbook.Book
	// Temp is where charms are unpacked to be checked; "" is the system's.
	Temp string
	// Info is answered as it is, with the revision filled in.
	Info func() *clientv1.ControllerInfoResponse
	// Plugins lists plugins; nil = none.
	Plugins func(ctx context.Context) ([]*clientv1.Plugin, error)
	// CheckCharm asks a runtime whether it could load the unpacked charm; nil =
	// only the static checks are made.
	CheckCharm func(ctx context.Context, dir, digest string, ch *charm.Charm) ([]*clientv1.Diagnostic, error)
	// Ask gives an agent a command (agents.Service.Ask); nil = no agent can be asked.
	Ask func(ctx context.Context, agent string, cmd *controllerv1.Command, each func(*controllerv1.AnswerRequest) error) error
	// Started is when this controller began to serve.
	Started time.Time
	Now     func() time.Time
	Log     *slog.Logger
}

// Service implements client/v1.
type Service struct {
	sound  sync.Map // digest and runtime → diagnostics of a charm that its runtime has loaded once
	cfg    Config
	charms charms.Cache
	images *images.Shelf
}

// New makes the service.
func New(cfg Config) *Service {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Service{cfg: cfg, images: images.New(cfg.Resources, cfg.Seal)}
}

// Serve puts every service for people on the mux.
func (s *Service) Serve(mux *http.ServeMux) {
	options := Options(s.cfg.Log)
	mux.Handle(clientv1connect.NewClientHandler(s, options...))
	mux.Handle(clientv1connect.NewStorageHandler(s, options...))
	mux.Handle(clientv1connect.NewStoragePoolsHandler(s, options...))
	mux.Handle(clientv1connect.NewResourcesHandler(s, options...))
	mux.Handle(clientv1connect.NewSecretsHandler(s, options...))
}

// Options are those of every service for people.
func Options(log *slog.Logger) []connect.HandlerOption {
	return []connect.HandlerOption{
		connect.WithInterceptors(classes{log}), connect.WithReadMaxBytes(maxMessage), connect.WithCompressMinBytes(compressAbove),
	}
}

// maxMessage bounds one message of a client, in bytes; a charm comes in many.
const maxMessage = 16 << 20

// compressAbove is how large an answer must be to be worth compressing, in
// bytes: most clients are on the same host.
const compressAbove = 8 << 20

// ControllerInfo says who this controller is.
func (s *Service) ControllerInfo(ctx context.Context, _ *connect.Request[clientv1.ControllerInfoRequest]) (*connect.Response[clientv1.ControllerInfoResponse], error) {
	info := s.cfg.Info()
	revision, err := s.cfg.Mirror.Wait(ctx, 0)
	if err != nil {
		return nil, err
	}
	info.Revision = revision
	return connect.NewResponse(info), nil
}

// Plugins lists plugins as the controller sees them.
func (s *Service) Plugins(ctx context.Context, _ *connect.Request[clientv1.PluginsRequest]) (*connect.Response[clientv1.PluginsResponse], error) {
	if s.cfg.Plugins == nil {
		return connect.NewResponse(&clientv1.PluginsResponse{}), nil
	}
	list, err := s.cfg.Plugins(ctx)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&clientv1.PluginsResponse{Plugins: list}), nil
}

// model finds a model by name or uuid.
func (s *Service) model(name string) (*snapshot.Model, error) {
	if name == "" {
		return nil, errs.E(errs.Invalid, "cannot find model: no model was named; add one with add-model, or say which with --model")
	}
	for _, m := range s.cfg.Mirror.Models() {
		if m.GetName() != name && m.GetUuid() != name {
			continue
		}
		if found, ok := s.cfg.Mirror.Model(m.GetUuid()); ok && found.Record.Exists() {
			return found, nil
		}
	}
	return nil, errs.E(errs.NotFound, "cannot find model %q: there is no such model; see the list with models", name)
}

// application finds an application that is not being removed.
func application(m *snapshot.Model, name string) (snapshot.Rec[*controllerv1.Application], error) {
	app, err := anyApplication(m, name)
	if err == nil && app.Value.GetLife() != controllerv1.Life_LIFE_ALIVE {
		err = errs.E(errs.Conflict, "cannot use application %q: it is being removed", name)
	}
	return app, err
}

// anyApplication finds an application in any state of its life.
func anyApplication(m *snapshot.Model, name string) (snapshot.Rec[*controllerv1.Application], error) {
	app, ok := m.Applications[name]
	switch {
	case ok:
		return app, nil
	case !api.ValidApplication(name):
		return app, errs.E(errs.Invalid, "cannot find application %q: an application's name has lower case letters, digits and hyphens, begins with a letter and has no part of digits alone behind a hyphen", name)
	}
	return app, errs.E(errs.NotFound, "cannot find application %q in model %q: there is no such application", name, m.Record.Value.GetName())
}

// charmOf reads what an application's charm declares.
func (s *Service) charmOf(app *controllerv1.Application) (*charm.Charm, error) {
	return s.charm(app.GetCharmDigest(), app.GetRuntime())
}

// described finds an application in any state of its life and reads what its charm declares.
func (s *Service) described(model, name string) (*controllerv1.Application, *charm.Charm, error) {
	m, err := s.model(model)
	if err != nil {
		return nil, nil, err
	}
	app, err := anyApplication(m, name)
	if err != nil {
		return nil, nil, err
	}
	ch, err := s.charmOf(app.Value)
	return app.Value, ch, err
}

// charm reads what a stored charm declares, for the given runtime if it is not
// the one that the package asks for.
func (s *Service) charm(digest, runtime string) (*charm.Charm, error) {
	rec := s.cfg.Mirror.Charm(digest)
	if rec == nil {
		return nil, errs.E(errs.NotFound, "cannot find charm %.19s: it was not uploaded to this controller; upload it first", digest)
	}
	if runtime != "" && runtime != rec.GetRuntime() {
		path, err := s.cfg.Blobs.Path(digest)
		if err != nil {
			return nil, err
		}
		ch, _, err := charm.Read(path, charm.ReadConfig{Runtime: charm.Runtime(runtime)})
		return ch, err
	}
	return s.charms.Parse(rec)
}
