// Package plugintest starts a built plugin in a test of its author. It checks
// no sum and trusts the file: bangle itself starts plugins in another way.
package plugintest

import (
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"log/slog"

	"github.com/bangle-dev/bangle/sdk/plugin"
)

// Plugin is one running process.
type Plugin struct {
	Conn grpc.ClientConnInterface
	PID  int
	Kill func() // ends the process with SIGKILL and returns when it is gone
}

// Start runs the program and waits until it serves. The process ends with the
// test at the latest.
func Start(t testing.TB, file string, contracts plugin.Contracts) Plugin {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatalf("cannot make a pipe: %v", err)
	}
	cmd := exec.Command(file)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), plugin.EnvParentPipe + "=3"}
	cmd.ExtraFiles = []*os.File{r}
	stderr := &lines{}
	client := goplugin.NewClient(&goplugin.ClientConfig{
		HandshakeConfig: plugin.Handshake(), VersionedPlugins: contracts.Sets(), Cmd: cmd,
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC}, SkipHostEnv: true,
		GRPCDialOptions: plugin.DialOptions(), Stderr: stderr, Logger: quiet(),
	})
	protocol, err := client.Client()
	_ = r.Close() // the child has its own copy
	if err != nil {
		client.Kill()
		_ = w.Close()
		t.Fatalf("cannot start plugin %s: %v\n%s", file, err, stderr)
	}
	kill := sync.OnceFunc(func() {
		_ = cmd.Process.Kill() // gone already is as good
		client.Kill()
		_ = w.Close()
	})
	t.Cleanup(kill)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("stderr of %s:\n%s", file, stderr)
		}
	})
	return Plugin{Conn: protocol.(*goplugin.GRPCClient).Conn, PID: cmd.Process.Pid, Kill: kill}
}

// Serve serves services in this process, over a real socket. Kill stops the
// server at once.
func Serve(t testing.TB, register func(grpc.ServiceRegistrar)) Plugin {
	t.Helper()
	dir, err := os.MkdirTemp("", "b")
	if err != nil {
		t.Fatalf("cannot make a directory for a socket: %v", err)
	}
	listener, err := net.Listen("unix", dir+"/s")
	if err != nil {
		t.Fatalf("cannot listen: %v", err)
	}
	server := grpc.NewServer(plugin.ServerOptions(slog.New(slog.DiscardHandler))...)
	register(server)
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener) // ends by Stop
	}()
	conn, err := grpc.NewClient("unix:"+dir+"/s", append(plugin.DialOptions(), grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		t.Fatalf("cannot dial: %v", err)
	}
	kill := sync.OnceFunc(func() {
		server.Stop()
		<-served
		_ = conn.Close()
		_ = os.RemoveAll(dir)
	})
	t.Cleanup(kill)
	return Plugin{Conn: conn, Kill: kill}
}

// quiet is go-plugin's logger.
func quiet() hclog.Logger { return plugin.Bridge(slog.New(slog.DiscardHandler)) }

// lines keeps what a plugin wrote.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write never fails.
func (l *lines) Write(data []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(data)
}

// String is everything so far.
func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
