package controller

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"github.com/bangle-dev/bangle/core/controller/pki"
	"github.com/bangle-dev/bangle/sdk/api"
	"github.com/bangle-dev/bangle/sdk/errs"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
)

// goodbye is how long calls in flight may take when the controller ends.
const goodbye = 3 * time.Second

// serve opens both doors. It returns when they are open; the group ends with
// them.
func (c *controller) serve(ctx context.Context, group *errgroup.Group) error {
	agentsAt, err := c.listen(c.cfg.AgentEndpoint)
	if err != nil {
		return err
	}
	clientsAt, err := c.listen(c.cfg.ClientEndpoint)
	if err != nil {
		return errors.Join(err, agentsAt.Close())
	}
	if err := c.record(clientsAt.Addr().String(), agentsAt.Addr().String()); err != nil {
		return errors.Join(err, agentsAt.Close(), clientsAt.Close())
	}
	agentTLS, err := c.ca.Server(c.cfg.Hosts, false, "h2")
	if err != nil {
		return errors.Join(err, agentsAt.Close(), clientsAt.Close())
	}
	clientTLS, err := c.ca.Server(c.cfg.Hosts, true, "h2", "http/1.1")
	if err != nil {
		return errors.Join(err, agentsAt.Close(), clientsAt.Close())
	}
	c.serveAgents(ctx, group, c.agents.Server(agentTLS), agentsAt)
	c.servePeople(ctx, group, clientTLS, clientsAt)
	return nil
}

// serveAgents serves until ctx ends; calls in flight may finish.
func (c *controller) serveAgents(ctx context.Context, group *errgroup.Group, door *grpc.Server, at net.Listener) {
	group.Go(func() error { return door.Serve(at) })
	group.Go(func() error {
		<-ctx.Done()
		c.agents.Stop()
		timer := time.AfterFunc(goodbye, door.Stop)
		defer timer.Stop()
		door.GracefulStop()
		return ctx.Err()
	})
}

// servePeople serves until ctx ends; calls in flight may finish.
func (c *controller) servePeople(ctx context.Context, group *errgroup.Group, settings *tls.Config, at net.Listener) {
	mux := http.NewServeMux()
	c.clients.Serve(mux)
	c.plans.Serve(mux)
	people := &http.Server{Handler: adminsOnly(c.plans.Door(mux)), TLSConfig: settings, ReadHeaderTimeout: 10 * time.Second,
		ErrorLog: log.New(io.Discard, "", 0), BaseContext: func(net.Listener) context.Context { return ctx }}
	group.Go(func() error {
		err := people.ServeTLS(at, "", "")
		if errors.Is(err, http.ErrServerClosed) {
			return nil // it was told to; why, another of the group says
		}
		return err
	})
	group.Go(func() error {
		<-ctx.Done()
		wait, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
		defer cancel()
		if people.Shutdown(wait) != nil {
			people.Close()
		}
		return ctx.Err()
	})
}

// listen takes the recorded port, or a free one if somebody else has it.
func (c *controller) listen(endpoint string) (net.Listener, error) {
	if endpoint != "" {
		if l, err := net.Listen("tcp", endpoint); err == nil {
			return l, nil
		}
		c.log.Warn("a recorded port is taken; using another", "endpoint", endpoint)
	}
	l, err := net.Listen("tcp", net.JoinHostPort(cmp.Or(c.cfg.Listen, loopback), "0"))
	if err != nil {
		return nil, errs.E(errs.Unavailable, "cannot listen on %s: %w", cmp.Or(c.cfg.Listen, loopback), err)
	}
	return l, nil
}

// record writes down the endpoints if they are others than before.
func (c *controller) record(clientsAt, agentsAt string) error {
	if c.cfg.AgentEndpoint != agentsAt {
		if err := moveAgent(c.dir, agentsAt); err != nil {
			return err
		}
	}
	if c.cfg.ClientEndpoint == clientsAt && c.cfg.AgentEndpoint == agentsAt {
		return nil
	}
	c.cfg.ClientEndpoint, c.cfg.AgentEndpoint = clientsAt, agentsAt
	return c.cfg.write(c.dir)
}

// adminsOnly refuses callers whose certificate is not an admin's: agents hold
// certificates of the same authority.
func adminsOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
			http.Error(w, "cannot serve: a client certificate is needed", http.StatusForbidden)
			return
		}
		id, err := pki.IdentityOf(r.TLS.PeerCertificates[0])
		if err != nil || id.Role != pki.RoleAdmin {
			http.Error(w, "cannot serve: the certificate is not an admin's", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// info says who this controller is.
func (c *controller) info() *clientv1.ControllerInfoResponse {
	info := &clientv1.ControllerInfoResponse{
		Name: c.cfg.Name, Uuid: c.cfg.UUID, Version: Version, JujuVersion: api.JujuVersion, Substrate: c.cfg.Substrate, Epoch: c.store.Epoch(),
		ClientEndpoints: []string{c.cfg.ClientEndpoint}, AgentEndpoints: []string{c.cfg.AgentEndpoint}, StartedUnixNano: c.started.UnixNano(),
	}
	if serving := c.placement.Serving(c.cfg.Substrate); serving != nil {
		info.SubstrateReady, info.Notes = true, remarks(serving)
	}
	if err := c.placement.Trouble(c.cfg.Substrate); err != nil {
		info.SubstrateError = err.Error()
	}
	return info
}
