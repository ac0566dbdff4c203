package controller

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/bangle-dev/bangle/core/controller/pki"
	"github.com/bangle-dev/bangle/core/file"
	"github.com/bangle-dev/bangle/sdk/api"
	"github.com/bangle-dev/bangle/sdk/errs"
)

// Bootstrap is what a new controller is to be.
type Bootstrap struct {
	Name      string
	Substrate string
	Settings  map[string]string // of the substrate
	// RunDir is a directory of at most 40 bytes for sockets; controller, agent
	// and substrate share it.
	RunDir string
	// Programs and the directory with the hook tools' links.
	Supervisor, Hooktool, ToolsDir string
	// Hosts and Listen: see Config.
	Hosts  []string
	Listen string
	Now    time.Time // zero = now
}

// BootstrapDir makes the files of a new controller in dir, which must exist, and
// starts nothing:
//
//	ca/                 authority, admin's certificate (pki.Client reads it)
//	controller.json     Config, with two free ports and the hash of the token
//	agent/agent.json    settings of the agent beside the controller, with the
//	                    one-time token by which it joins
//	charms/ logs/ substrate/
//
// The store is made at the first start. A directory that has a controller is
// class AlreadyExists.
func BootstrapDir(dir string, b Bootstrap) error {
	if !api.ValidModel(b.Name) {
		return errs.E(errs.Invalid, "cannot bootstrap controller %q: a name has lower case letters, digits and hyphens, and is at most 63 long", b.Name)
	}
	if b.Substrate == "" {
		return errs.E(errs.Invalid, "cannot bootstrap controller %q: no substrate was named", b.Name)
	}
	if _, err := os.Stat(filepath.Join(dir, ConfigFile)); err == nil {
		return errs.E(errs.AlreadyExists, "cannot bootstrap controller %q: %s has a controller already", b.Name, dir)
	}
	if b.Now.IsZero() {
		b.Now = time.Now()
	}
	for _, name := range []string{charmsDir, logsDir, substrateDir, agentDir} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			return fmt.Errorf("cannot bootstrap: %w", err)
		}
	}
	ca, err := pki.Create(filepath.Join(dir, caDir), b.Name, time.Now)
	if err != nil {
		return err
	}
	token, hash, err := pki.NewToken()
	if err != nil {
		return err
	}
	cfg := &Config{
		Name: b.Name, UUID: newUUID(), Substrate: b.Substrate, Settings: b.Settings, Agent: b.Substrate + "-0", Tokens: []string{hash},
		Hosts: b.Hosts, Listen: b.Listen, RunDir: b.RunDir, Supervisor: b.Supervisor, Hooktool: b.Hooktool, Version: Version,
		Created: b.Now.UTC().Format(time.RFC3339),
	}
	if cfg.ClientEndpoint, cfg.AgentEndpoint, err = freeEndpoints(cmp.Or(b.Listen, loopback)); err != nil {
		return err
	}
	if err := writeJSON(filepath.Join(dir, agentDir, agentFile), agentSettings(dir, cfg, ca, token, b.ToolsDir)); err != nil {
		return err
	}
	return cfg.write(dir) // last: with it the directory is a controller's
}

const loopback = "127.0.0.1"

// agentSettings is agent.json as core/agent/settings reads it; the two wings
// share the file's form and no code.
func agentSettings(dir string, cfg *Config, ca *pki.CA, token, tools string) map[string]any {
	return map[string]any{
		"agent": cfg.Agent, "endpoints": []string{cfg.AgentEndpoint}, "ca": string(ca.PEM()), "token": token,
		"controller_name": cfg.Name, "controller_uuid": cfg.UUID, "tools_dir": tools, "run_dir": cfg.RunDir,
		"substrate": map[string]any{
			"name": cfg.Substrate, "state_dir": filepath.Join(dir, substrateDir), "run_dir": cfg.RunDir,
			"supervisor": cfg.Supervisor, "hooktool": cfg.Hooktool, "settings": cfg.Settings,
		},
	}
}

// moveAgent writes the agent's new endpoint into its settings, if the agent is
// here.
func moveAgent(dir, endpoint string) error {
	path := filepath.Join(dir, agentDir, agentFile)
	data, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot tell the agent where the controller is: %w", err)
	}
	settings := map[string]json.RawMessage{}
	if err := json.Unmarshal(data, &settings); err != nil {
		return errs.E(errs.Invalid, "cannot tell the agent where the controller is: %s: %w", path, err)
	}
	if settings["endpoints"], err = json.Marshal([]string{endpoint}); err != nil {
		return err
	}
	out, err := json.MarshalIndent(settings, "", "  ")
	if err != nil {
		return err
	}
	return file.ReplaceSynced(path, append(out, '\n'), 0o600)
}

// freeEndpoints finds two ports that nobody listens on.
func freeEndpoints(host string) (client, agent string, err error) {
	a, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return "", "", errs.E(errs.Invalid, "cannot bootstrap: no port is free on %s: %w", host, err)
	}
	defer a.Close()
	b, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return "", "", errs.E(errs.Invalid, "cannot bootstrap: no port is free on %s: %w", host, err)
	}
	defer b.Close()
	return a.Addr().String(), b.Addr().String(), nil
}

// newUUID is a random (version 4) UUID.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
