package supervisortest

import (
	"fmt"
	"net"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

const nobody = 65534

// dialAs connects as another user: the kernel tells the other side who a
// thread was when it connected.
func dialAs(socket string, uid int) (net.Conn, error) {
	runtime.LockOSThread() // never unlocked if the user cannot be restored: the thread ends then
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, ^uintptr(0), uintptr(uid), ^uintptr(0)); errno != 0 {
		runtime.UnlockOSThread()
		return nil, fmt.Errorf("cannot become user %d: %w", uid, errno)
	}
	conn, err := connect(socket)
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, ^uintptr(0), 0, ^uintptr(0)); errno == 0 {
		runtime.UnlockOSThread()
	}
	return conn, err
}

func connect(socket string) (net.Conn, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot make socket: %w", err)
	}
	f := os.NewFile(uintptr(fd), socket)
	defer f.Close()
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: socket}); err != nil {
		return nil, fmt.Errorf("cannot connect to %s: %w", socket, err)
	}
	return net.FileConn(f)
}
