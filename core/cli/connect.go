package cli

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"connectrpc.com/connect"

	"github.com/bangle-dev/bangle/core/controller"
	"github.com/bangle-dev/bangle/core/controller/pki"
	"github.com/bangle-dev/bangle/core/home"
	"github.com/bangle-dev/bangle/core/process"
	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/proto/gen/client/v1/clientv1connect"
)

// target is where a command goes: a controller and, for most, a model in it.
type target struct {
	controller string
	known      home.Known
	model      string
	client     clientv1connect.ClientClient
	line       line
}

// line is a connection to a controller, for clients of its services.
type line struct {
	http connect.HTTPClient
	url  string
}

func (l line) client() clientv1connect.ClientClient {
	return clientv1connect.NewClientClient(l.http, l.url, connect.WithReadMaxBytes(64<<20))
}

func (t *target) resources() clientv1connect.ResourcesClient {
	return clientv1connect.NewResourcesClient(t.line.http, t.line.url)
}

func (t *target) storage() clientv1connect.StorageClient {
	return clientv1connect.NewStorageClient(t.line.http, t.line.url)
}

func (t *target) pools() clientv1connect.StoragePoolsClient {
	return clientv1connect.NewStoragePoolsClient(t.line.http, t.line.url)
}

func (t *target) secrets() clientv1connect.SecretsClient {
	return clientv1connect.NewSecretsClient(t.line.http, t.line.url)
}

// dial finds the controller (and the model when needModel) that a command means: the flags -c and -m ("model" or
// "controller:model"), JUJU_CONTROLLER and JUJU_MODEL, else where `switch` stands. A local controller that does not run,
// after a reboot, is started again.
func (a *app) dial(ctx context.Context, controllerFlag, modelFlag string, needModel bool) (*target, error) {
	memory, err := home.Load(a.home)
	if err != nil {
		return nil, err
	}
	t := &target{controller: first(controllerFlag, a.getenv("JUJU_CONTROLLER")), model: first(modelFlag, a.getenv("JUJU_MODEL"))}
	if c, m, found := strings.Cut(t.model, ":"); found {
		t.controller, t.model = first(c, t.controller), m
	}
	t.controller = first(t.controller, memory.Current)
	if t.controller == "" {
		return nil, errs.E(errs.NotFound, "cannot find a controller: there is none yet; make one with: %s bootstrap", a.name)
	}
	known, ok := memory.Controllers[t.controller]
	if !ok {
		return nil, errs.E(errs.NotFound, "cannot find controller %q; known are: %s", t.controller, names(memory.Controllers))
	}
	t.known = known
	t.model = first(t.model, known.Model)
	if needModel && t.model == "" {
		return nil, errs.E(errs.NotFound, "cannot tell which model is meant: add one with: %s add-model NAME, or give -m", a.name)
	}
	if err := a.revive(ctx, t.controller, known); err != nil {
		return nil, err
	}
	if t.line, err = open(known.Dir); err != nil {
		return nil, err
	}
	t.client = t.line.client()
	return t, nil
}

// restartTime is how long a controller that was killed may take until it serves again.
const restartTime = 5 * time.Second

// open makes a line to the controller whose directory it is.
func open(dir string) (line, error) {
	config, err := controller.ReadConfig(dir)
	if err != nil {
		return line{}, err
	}
	tls, err := pki.Client(dir)
	if err != nil {
		return line{}, err
	}
	transport := &http.Transport{TLSClientConfig: tls, ForceAttemptHTTP2: true, TLSHandshakeTimeout: 10 * time.Second,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return knock(ctx, dir) }}
	return line{http: &http.Client{Transport: transport}, url: "https://" + config.ClientEndpoint}, nil
}

// knock connects. A controller that has just been restarted refuses for a moment, and may come back on another port: that is
// waited for, as long as its supervisor lives.
func knock(ctx context.Context, dir string) (net.Conn, error) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline, looked := time.Now().Add(restartTime), time.Time{}
	for {
		config, err := controller.ReadConfig(dir)
		if err != nil {
			return nil, err
		}
		var dialer net.Dialer
		conn, err := dialer.DialContext(ctx, "tcp", config.ClientEndpoint)
		if err == nil || !errors.Is(err, syscall.ECONNREFUSED) {
			return conn, err
		}
		if r, ok := process.Read(pidFile(dir)); !ok || !r.Alive() || time.Now().After(deadline) {
			return nil, err
		}
		if now := time.Now(); now.Sub(looked) > failsEvery {
			looked = now
			if why := failing(dir, now); why != "" {
				return nil, errs.E(errs.Unavailable, "it does not start: %s; its log is %s", why, processLog(dir))
			}
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-tick.C:
		}
	}
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// message is an error as the user sees it: of one that the controller sent, only its text.
func message(err error) string {
	remote, ok := errors.AsType[*connect.Error](err)
	if !ok {
		return err.Error()
	}
	if cause, ok := errors.AsType[*net.OpError](err); ok && !connect.IsWireError(err) {
		return "cannot reach the controller: " + cause.Error() + "; see whether it runs: bangle controllers"
	}
	return remote.Message()
}
