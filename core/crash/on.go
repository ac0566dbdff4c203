//go:build crashpoints

package crash

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

// hits counts how often the wanted point was reached; the only state, and only in crash builds.
var hits atomic.Int64

// At ends the process without any clean-up if the environment names this point and enough hits were counted. Where the
// environment names a socket, it waits there until whoever listens lets it go on.
func At(name string) {
	if socket := os.Getenv(AskVariable); socket != "" {
		ask(socket, name)
	}
	want, count, found := strings.Cut(os.Getenv(Variable), ":")
	if want != name {
		return
	}
	nth := int64(1)
	if found {
		if n, err := strconv.ParseInt(count, 10, 64); err == nil {
			nth = n
		}
	}
	if hits.Add(1) != nth {
		return
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // the signal may arrive a moment later; nothing after the point may run
}

// ask tells who stands where and returns when the other side ends the line, or is not there.
func ask(socket, name string) {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return
	}
	defer conn.Close()
	if _, err := fmt.Fprintln(conn, name, os.Getpid()); err == nil {
		_, _ = conn.Read(make([]byte, 1)) // its end is the answer
	}
}
