// Package daemon wires the parts of the supervisor together and runs them
// until it is told to end.
package daemon

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/bangle-dev/bangle/supervisor/identity"
)

// Version is what system-info answers; it names the wire level that is kept.
const Version = "v1.32.1-bangle"

// Exit codes of Run.
const (
	ExitOK             = 0
	ExitError          = 1
	ExitServiceFailure = 10
	ExitCheckFailure   = 11
)

// Config is what `run` was asked for.
type Config struct {
	Dir        string // the supervisor's own directory, absolute
	Socket     string // default Dir/.pebble.socket
	CreateDirs bool
	Hold       bool                          // start no service by itself
	HTTP       string                        // TCP address for the open endpoints, "" for none
	HTTPS      string                        // TCP address for clients with a certificate, "" for none
	Identities map[string]*identity.Identity // replace those that are kept
	Verbose    bool                          // copy service output to Stdout
	Args       map[string][]string
	Root       string // file tree of services, execs and the files API; "" is "/"
	PIDFile    string
	CopyOnce   string // filled into an empty Dir
	MemoryOnly bool   // write no state
	Environ    []string
	Stdout     io.Writer
	Log        *slog.Logger
}

func (c *Config) validate() error {
	if !filepath.IsAbs(c.Dir) {
		return fmt.Errorf("directory %q must be absolute (set PEBBLE)", c.Dir)
	}
	if c.Socket == "" {
		c.Socket = filepath.Join(c.Dir, ".pebble.socket")
	}
	if c.Root == "/" {
		c.Root = ""
	}
	if c.HTTPS != "" && c.MemoryOnly {
		return errors.New("cannot serve HTTPS with PEBBLE_PERSIST=never: the server's key must be kept")
	}
	if c.Root == "" {
		return nil
	}
	if !filepath.IsAbs(c.Root) {
		return fmt.Errorf("--root %q must be absolute", c.Root)
	}
	if !mayChroot() {
		return fmt.Errorf("cannot use --root %q: changing the root needs CAP_SYS_CHROOT; run as root or inside a user namespace", c.Root)
	}
	return nil
}

const capSysChroot = 18

// mayChroot looks at the effective capabilities.
func mayChroot() bool {
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return os.Geteuid() == 0
	}
	for line := range strings.Lines(string(data)) {
		var caps uint64
		if n, _ := fmt.Sscanf(line, "CapEff:\t%x", &caps); n == 1 {
			return caps&(1<<capSysChroot) != 0
		}
	}
	return false
}

// prepareDir makes or checks the directory.
func (c *Config) prepareDir() error {
	if c.CopyOnce != "" {
		if err := copyOnce(c.Dir, c.CopyOnce); err != nil {
			return err
		}
	}
	if c.CreateDirs {
		if err := os.MkdirAll(c.Dir, 0o700); err != nil {
			return fmt.Errorf("cannot create directory: %w", err)
		}
	}
	info, err := os.Stat(c.Dir)
	if err != nil {
		return fmt.Errorf("cannot use directory (--create-dirs makes it): %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("cannot use %q: not a directory", c.Dir)
	}
	return nil
}
