package controller

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/controller/agents"
	"github.com/bangle-dev/bangle/core/controller/authz"
	"github.com/bangle-dev/bangle/core/controller/blobs"
	"github.com/bangle-dev/bangle/core/controller/charms"
	"github.com/bangle-dev/bangle/core/controller/clients"
	"github.com/bangle-dev/bangle/core/controller/collect"
	"github.com/bangle-dev/bangle/core/controller/commit"
	"github.com/bangle-dev/bangle/core/controller/images"
	"github.com/bangle-dev/bangle/core/controller/leadership"
	"github.com/bangle-dev/bangle/core/controller/logbook"
	"github.com/bangle-dev/bangle/core/controller/pki"
	"github.com/bangle-dev/bangle/core/controller/placement"
	"github.com/bangle-dev/bangle/core/controller/plan"
	"github.com/bangle-dev/bangle/core/controller/seal"
	"github.com/bangle-dev/bangle/core/controller/snapshot"
	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/core/controller/watch"
	"github.com/bangle-dev/bangle/core/file"
	"github.com/bangle-dev/bangle/core/pluginhost"
	"github.com/bangle-dev/bangle/core/process"
	"github.com/bangle-dev/bangle/sdk/errs"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// Process is what surrounds a controller's process.
type Process struct {
	Home   string // BANGLE_HOME, for the user's plugins
	RunDir string // for sockets; "" = that of controller.json
	Log    io.Writer
	// Provide starts a substrate's provider in place of its plugin, for tests
	// and programs that bring their own; Known then lists their names.
	Provide func(ctx context.Context, substrate string) (*placement.Session, error)
	Known   []string
	// Ready is called when both doors are open; may be nil.
	Ready func(*Config)
}

// Run is the controller of dir until ctx ends. Two at once on one directory is
// class Conflict.
func Run(ctx context.Context, dir string, p Process) error {
	unlock, err := lock(filepath.Join(dir, lockFile))
	if err != nil {
		return err
	}
	defer unlock()
	if err := process.Note(filepath.Join(dir, PIDFile)); err != nil {
		return err
	}
	c, err := open(ctx, dir, p)
	if err == nil {
		defer c.close()
		err = c.run(ctx)
	}
	if ctx.Err() != nil && (err == nil || errs.Is(err, errs.Canceled) || errors.Is(err, context.Canceled)) {
		return nil
	}
	return err
}

// lock takes the directory for this process; the kernel frees it with the
// process.
func lock(path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot lock the controller's directory: %w", err)
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(errs.E(errs.Conflict, "cannot run the controller: another process has %s; stop that one first", path), file.Close())
	}
	return func() { file.Close() }, nil
}

// controller is everything that one process holds open.
type controller struct {
	dir     string
	process Process
	cfg     *Config
	log     *slog.Logger
	started time.Time

	ca        *pki.CA
	keys      *seal.Keyring
	store     *store.Etcd
	blobs     *blobs.Store
	resources *blobs.Store
	book      *logbook.Book
	plugins   *pluginhost.Host
	early     chan provided // the substrate's provider, started while the store opens; nil = it was not
	mirror    *watch.Mirror
	reader    *snapshot.Reader
	presence  *agents.Presence
	elections *leadership.Elections
	commits   *commit.Committer
	placement *placement.Placement
	agents    *agents.Service
	clients   *clients.Service
	plans     *plan.Plans
	closers   []func()
}

// open opens what is stored and wires the parts; nothing runs yet.
func open(ctx context.Context, dir string, p Process) (opened *controller, err error) {
	c := &controller{dir: dir, process: p, started: time.Now(), log: slog.New(slog.DiscardHandler)}
	if p.Log != nil {
		c.log = slog.New(slog.NewJSONHandler(p.Log, nil))
	}
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	if c.cfg, err = ReadConfig(dir); err != nil {
		return nil, err
	}
	if c.ca, err = pki.Open(filepath.Join(dir, caDir), time.Now); err != nil {
		return nil, err
	}
	if c.blobs, err = blobs.New(blobs.Config{Dir: filepath.Join(dir, charmsDir)}); err != nil {
		return nil, err
	}
	temp := filepath.Join(dir, tempDir)
	if err := errors.Join(os.RemoveAll(temp), os.MkdirAll(temp, 0o700)); err != nil {
		return nil, errs.E(errs.Internal, "cannot clear what an earlier life left: %w", err)
	}
	if c.resources, err = blobs.New(blobs.Config{Dir: filepath.Join(dir, resourcesDir), MaxBytes: maxResource, What: "resource", Suffix: ".resource"}); err != nil {
		return nil, err
	}
	if c.book, err = logbook.New(logbook.Config{Dir: filepath.Join(dir, logsDir), Log: c.log}); err != nil {
		return nil, err
	}
	c.later(func() { c.book.Close() })
	if err := c.openPlugins(); err != nil {
		return nil, err
	}
	c.ahead(ctx)
	if err := c.openStore(ctx); err != nil {
		return nil, err
	}
	c.later(func() { c.store.Close() })
	if c.mirror, err = watch.Open(ctx, watch.Config{Store: c.store, Epoch: c.store.Epoch(), MayRead: authz.AgentMayRead, Log: c.log}); err != nil {
		return nil, err
	}
	c.wire()
	return c, nil
}

// later has f called at the end, the last one first.
func (c *controller) later(f func()) { c.closers = append(c.closers, f) }

func (c *controller) close() {
	for _, end := range slices.Backward(c.closers) {
		end()
	}
	c.closers = nil
}

// openStore opens the store and, the very first time, writes who the controller
// is and which tokens let agents join.
func (c *controller) openStore(ctx context.Context) (err error) {
	if c.keys, err = seal.Open(filepath.Join(c.dir, caDir, sealFile)); err != nil {
		return err
	}
	if s := c.cfg.Store; len(s.Endpoints) > 0 {
		settings, err := pki.LoadClient(s.CA, s.Cert, s.Key)
		if err != nil {
			return err
		}
		if c.store, err = store.OpenExternal(ctx, store.External{Endpoints: s.Endpoints, TLS: settings, Sealer: c.keys}); err != nil {
			return err
		}
	} else {
		cert, key, authority, err := c.ca.Peer()
		if err != nil {
			return err
		}
		c.store, err = store.OpenEmbedded(ctx, store.Embedded{Dir: filepath.Join(c.dir, storeDir), PeerCert: cert, PeerKey: key, PeerCA: authority, Log: c.log, Sealer: c.keys})
		if err != nil {
			return err
		}
	}
	ops := []store.Op{store.Put(store.ControllerKey, []byte(c.cfg.UUID))}
	for _, hash := range c.cfg.Tokens {
		record, err := proto.Marshal(&controllerv1.JoinToken{Agent: c.cfg.Agent})
		if err != nil {
			return err
		}
		ops = append(ops, store.Put(store.TokenKey(hash), record))
	}
	_, err = c.store.Txn(ctx, []store.Compare{store.Missing(store.ControllerKey)}, ops, nil)
	return err
}

// maxResource is the size of the largest file that is taken as a resource, in bytes.
const maxResource = 16 << 30

// wire makes the parts and tells each whom it may call.
func (c *controller) wire() {
	c.reader = snapshot.NewReader(c.mirror)
	shelf := images.New(c.resources, c.keys)
	c.presence = agents.NewPresence()
	c.elections = leadership.New(leadership.Config{Store: c.store, Leases: c.store, Mirror: c.mirror, Presence: c.presence, Log: c.log})
	c.commits = commit.New(commit.Config{Store: c.store, Mirror: c.mirror, Log: c.log, ParseCharm: charms.Parse})
	door := agents.Config{
		Store: c.store, Mirror: c.mirror, Commits: c.commits, Elections: c.elections, Presence: c.presence, Authority: c.ca, Sink: c.book, Log: c.log,
		OpenCharm: func(digest string) (io.ReadCloser, error) {
			file, _, err := c.blobs.Open(digest)
			return file, err
		},
		OpenResource: shelf.Open, Fork: func(name string) *agents.Service { return c.plans.Agents(name) },
	}
	c.agents = agents.New(door)
	c.placement = placement.New(placement.Config{
		Store: c.store, Epoch: c.store.Epoch(), Mirror: c.mirror, Reader: c.reader, Units: units{c.commits, c.presence}, Connected: c.presence.Connected, Depose: c.elections.Depose,
		Start: c.provide, Known: c.substrates, Configure: c.configure, SharedAgent: c.cfg.Agent, AgentVersion: Version, Log: c.log,
		Credentials: shelf.Credentials,
		Forget: func(uuid string) {
			if err := c.book.Forget(uuid); err != nil {
				c.log.Warn("cannot remove the logs of a model", "model", uuid, "error", err)
			}
		},
	})
	people := clients.Config{
		Store: c.store, Epoch: c.store.Epoch(), Mirror: c.reader, Presence: c.presence, Places: c.placement, Blobs: c.blobs, Resources: c.resources, Seal: c.keys, Temp: filepath.Join(c.dir, tempDir), Book: c.book,
		Info: c.info, Plugins: c.describe, CheckCharm: c.checkCharm(), Ask: c.agents.Ask, Started: c.started, Log: c.log,
	}
	c.clients = clients.New(people)
	c.plans = plan.New(plan.Config{Store: c.store, Ask: c.agents.Ask, Clients: people, Agents: door, ParseCharm: charms.Parse, Log: c.log})
}

// units clears a unit away from the store and from memory.
type units struct {
	*commit.Committer
	presence *agents.Presence
}

// PurgeUnit implements placement.Units.
func (u units) PurgeUnit(ctx context.Context, uuid, unit string) error {
	err := u.Committer.PurgeUnit(ctx, uuid, unit)
	if err == nil {
		u.presence.Forget(uuid, unit)
	}
	return err
}

// run starts everything in order, says that it is ready and waits for the end.
func (c *controller) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	wake, stop := c.mirror.Notify()
	defer stop()
	group.Go(func() error { return c.mirror.Run(ctx) })
	group.Go(func() error { return c.elections.Run(ctx) })
	group.Go(func() error { return c.placement.Run(ctx) })
	group.Go(func() error { return c.commits.RunJanitor(ctx, wake) })
	group.Go(func() error {
		return collect.New(collect.Config{Store: c.store, Mirror: c.mirror, Charms: c.blobs, Resources: c.resources, Log: c.log}).Run(ctx)
	})
	group.Go(func() error { c.placement.Warm(c.cfg.Substrate); return nil })
	if err := c.serve(ctx, group); err != nil {
		group.Go(func() error { return err })
		return group.Wait()
	}
	ready := filepath.Join(c.dir, ReadyFile)
	if err := file.ReplaceSynced(ready, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600); err != nil {
		group.Go(func() error { return err })
		return group.Wait()
	}
	defer os.Remove(ready)
	c.log.Info("ready", "controller", c.cfg.Name, "clients", c.cfg.ClientEndpoint, "agents", c.cfg.AgentEndpoint, "ms", time.Since(c.started).Milliseconds())
	if c.process.Ready != nil {
		c.process.Ready(c.cfg)
	}
	return group.Wait()
}
