package api

import (
	"context"
	"net"
	"net/http"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/bangle-dev/bangle/supervisor/identity"
)

// Access says who may use a route.
type Access int

// Access levels. Over plain TCP only Open ones are served, and Metrics to identities of just that.
const (
	Open    Access = iota // anyone
	User                  // every local user and identities that may read
	Admin                 // root, the supervisor's own user and admin identities
	Metrics               // as User, and metrics identities
	Pairing               // nobody: no pairing window can be opened
)

func (a Access) String() string {
	return [...]string{"open", "user", "admin", "metrics", "pairing"}[a]
}

// Peer is who is at the other end of a unix socket.
type Peer struct {
	PID int32
	UID uint32
}

type peerKey struct{}

// ConnContext is for [http.Server]: it asks the kernel who has connected.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	uc, ok := c.(*net.UnixConn)
	if !ok {
		return ctx
	}
	raw, err := uc.SyscallConn()
	if err != nil {
		return ctx
	}
	var cred *unix.Ucred
	if cerr := raw.Control(func(fd uintptr) {
		cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); cerr != nil || err != nil {
		return ctx
	}
	return context.WithValue(ctx, peerKey{}, Peer{PID: cred.Pid, UID: cred.Uid})
}

// peer returns who asks; ok is false over TCP.
func peer(r *http.Request) (Peer, bool) {
	p, ok := r.Context().Value(peerKey{}).(Peer)
	return p, ok
}

// Transports, as the log names them.
const (
	overUnix  = "http+unix"
	overHTTP  = "http"
	overHTTPS = "https"
)

func transport(r *http.Request) string {
	if _, local := peer(r); local {
		return overUnix
	}
	if r.TLS != nil {
		return overHTTPS
	}
	return overHTTP
}

// caller is who asks, as far as it can be known.
type caller struct {
	transport string
	uid       *uint32        // whose notices are meant; nil for callers without one
	name      string         // for the record: identity, else uid, else "<unknown>"
	level     identity.Level // "" for nobody
}

// caller finds out who asks. The first kind of credential that is there
// decides; a uid that no identity names is admin or may read.
func (s *Server) caller(r *http.Request) caller {
	c := caller{transport: transport(r), name: "<unknown>"}
	p, local := peer(r)
	if local {
		c.uid, c.name = &p.UID, strconv.FormatUint(uint64(p.UID), 10)
	}
	user, password, basic := r.BasicAuth()
	found := false
	switch {
	case r.TLS != nil && len(r.TLS.PeerCertificates) > 0:
		var name string
		if name, c.level, found = s.cfg.Identities.ByCert(r.TLS.PeerCertificates[0]); found {
			c.name, c.uid = name, nil
		}
	case r.TLS == nil && basic:
		if c.level, found = s.cfg.Identities.ByPassword(user, password); found {
			c.name, c.uid = user, nil
		}
	case local:
		var name string
		if name, c.level, found = s.cfg.Identities.ByUser(p.UID); found {
			c.name = name
		}
	}
	if !found && local {
		c.level = identity.Read
		if p.UID == 0 || p.UID == uint32(os.Getuid()) {
			c.level = identity.Admin
		}
	}
	return c
}

func (c caller) admin() bool { return c.level == identity.Admin }

// allows decides; it is the only place that does.
func (a Access) allows(c caller) bool {
	plain := c.transport == overHTTP
	switch a {
	case Open:
		return true
	case User:
		return !plain && (c.level == identity.Read || c.level == identity.Admin)
	case Admin:
		return !plain && c.level == identity.Admin
	case Metrics:
		return c.level == identity.Metrics || !plain && (c.level == identity.Read || c.level == identity.Admin)
	default:
		return false
	}
}

type callerKey struct{}

// who returns the caller that the route found.
func who(r *http.Request) caller {
	c, _ := r.Context().Value(callerKey{}).(caller)
	return c
}
