package plugin

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	goplugin "github.com/hashicorp/go-plugin"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc"

	"github.com/bangle-dev/bangle/sdk/profile"
)

// Config says what a plugin serves.
type Config struct {
	Contracts Contracts    // at least one
	Log       *slog.Logger // nil = NewLogger
	Close     func()       // called once before the process ends in good order; nil = nothing
}

// Serve is the main of a plugin. It returns when the host asks for the end and
// exits the process when the host dies.
func Serve(cfg Config) {
	name := filepath.Base(os.Args[0])
	if os.Getenv(EnvDescribe) != "" {
		describe(cfg.Contracts)
		return
	}
	cookie := Handshake()
	if os.Getenv(cookie.MagicCookieKey) != cookie.MagicCookieValue {
		fmt.Fprintf(os.Stderr, "cannot run %s by hand: it is a plugin that bangle starts; put it into a plugin directory and run: bangle plugins trust %s\n", name, os.Args[0])
		os.Exit(2)
	}
	if cfg.Log == nil {
		cfg.Log = NewLogger()
	}
	waitForDebugger(name, cfg.Log)
	watchParent(cfg.Log)
	profile.Serve(os.Getenv(profile.EnvDir), cfg.Log)
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig:  cookie,
		VersionedPlugins: cfg.Contracts.Sets(),
		Logger:           Bridge(cfg.Log),
		GRPCServer: func(opts []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(slices.Concat(opts, ServerOptions(cfg.Log))...)
		},
	})
	if cfg.Close != nil {
		cfg.Close()
	}
}

// describe prints what can be known without a host.
func describe(contracts Contracts) {
	if err := json.NewEncoder(os.Stdout).Encode(Description{Versions: contracts.Versions()}); err != nil {
		os.Exit(1)
	}
}

// Waits says whether the value of EnvWait names the plugin.
func Waits(value, name string) bool {
	return slices.Contains(strings.Split(value, ","), name)
}

// waitForDebugger stops the process until somebody continues it.
func waitForDebugger(name string, log *slog.Logger) {
	if !Waits(os.Getenv(EnvWait), name) {
		return
	}
	pid := os.Getpid()
	log.Warn(fmt.Sprintf("%s waits for a debugger: dlv attach %d, then kill -CONT %d", name, pid, pid))
	if err := unix.Kill(pid, unix.SIGSTOP); err != nil {
		log.Error("cannot stop for a debugger", "err", err)
	}
}
