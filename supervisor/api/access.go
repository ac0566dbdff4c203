package api

import (
	"context"
	"net"
	"net/http"
	"os"

	"golang.org/x/sys/unix"
)

// Access says who may use a route.
type Access int

// Access levels. Only Open ones are served over plain TCP.
const (
	Open    Access = iota // anyone
	User                  // every local user
	Admin                 // root and the supervisor's own user
	Metrics               // as User over the socket
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

func (p Peer) admin() bool { return p.UID == 0 || p.UID == uint32(os.Getuid()) }

// allows decides; it is the only place that does.
func (a Access) allows(p Peer, local bool) bool {
	switch a {
	case Open:
		return true
	case User, Metrics:
		return local
	case Admin:
		return local && p.admin()
	default:
		return false
	}
}
