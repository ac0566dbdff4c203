// Package controller is the controller's process: it wires store, mirror,
// leadership, placement and the two doors (for agents and for people), starts
// them in order and stops them in the reverse.
package controller

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/bangle-dev/bangle/core/file"
	"github.com/bangle-dev/bangle/sdk/errs"
)

// Version is the controller's own version.
const Version = "0.1.0"

// Names of what lies in a controller's directory.
const (
	// ConfigFile is the controller's configuration, JSON.
	ConfigFile = "controller.json"
	// ReadyFile is written when both doors are open and removed at the end; it
	// holds the process id.
	ReadyFile = "ready"
	// PIDFile is the controller's process record, see core/process.
	PIDFile = "pid.json"

	lockFile     = "lock"
	caDir        = "ca"
	sealFile     = "sealing-keys.json" // in caDir: what is needed to read the store, and never lies in it
	storeDir     = "etcd"
	charmsDir    = "charms"
	resourcesDir = "resources"
	tempDir      = "tmp" // cleared at every start
	logsDir      = "logs"
	substrateDir = "substrate"
	agentDir     = "agent"
	agentFile    = "agent.json"
)

// Config is what controller.json holds.
type Config struct {
	Name      string `json:"name"`
	UUID      string `json:"uuid"`
	Substrate string `json:"substrate"`
	// Settings are the substrate's own.
	Settings map[string]string `json:"settings,omitempty"`
	// Agent is the id of the agent beside the controller.
	Agent string `json:"agent"`
	// Tokens are hashes of join tokens that go into the store at its first start.
	Tokens []string `json:"tokens,omitempty"`
	// Hosts are names and addresses under which the doors are reached, beside
	// the loopback; Listen is the address that they bind, 127.0.0.1 by default.
	Hosts  []string `json:"hosts,omitempty"`
	Listen string   `json:"listen,omitempty"`
	// Endpoints as host:port. A port that is taken at the start is replaced by a
	// free one, here and in the agent's settings.
	ClientEndpoint string `json:"client_endpoint"`
	AgentEndpoint  string `json:"agent_endpoint"`
	// RunDir is a directory of at most 40 bytes for sockets.
	RunDir string `json:"run_dir,omitempty"`
	// Supervisor and Hooktool are programs that substrates need.
	Supervisor string `json:"supervisor,omitempty"`
	Hooktool   string `json:"hooktool,omitempty"`
	// Store is an etcd of others; empty = embedded.
	Store   Store  `json:"store,omitzero"`
	Version string `json:"version"`
	Created string `json:"created"` // RFC 3339
}

// Store says where an external etcd is; the files are PEM.
type Store struct {
	Endpoints []string `json:"endpoints,omitempty"`
	CA        string   `json:"ca,omitempty"`
	Cert      string   `json:"cert,omitempty"`
	Key       string   `json:"key,omitempty"`
}

// ReadConfig reads controller.json in a controller's directory. The class is
// NotFound if there is none.
func ReadConfig(dir string) (*Config, error) {
	path := filepath.Join(dir, ConfigFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errs.E(errs.NotFound, "cannot read %s: it is not there; is %s a controller's directory?", path, dir)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the controller's configuration: %w", err)
	}
	cfg := &Config{}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(cfg); err != nil {
		return nil, errs.E(errs.Invalid, "cannot read %s: %w", path, err)
	}
	if cfg.Name == "" || cfg.UUID == "" || cfg.Substrate == "" {
		return nil, errs.E(errs.Invalid, "cannot read %s: name, uuid and substrate must be set", path)
	}
	return cfg, nil
}

// write replaces controller.json whole.
func (c *Config) write(dir string) error { return writeJSON(filepath.Join(dir, ConfigFile), c) }

func writeJSON(path string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	return file.ReplaceSynced(path, append(data, '\n'), 0o600)
}
