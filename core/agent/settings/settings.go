// Package settings is the file agent.json in an agent's directory: what an agent must know to find its controller.
// Whoever makes the place for an agent writes it, once; everything else the agent makes itself.
package settings

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/bangle-dev/bangle/core/file"
	"github.com/bangle-dev/bangle/sdk/errs"
)

// File is the name of the settings in the agent's directory.
const File = "agent.json"

// Settings of one agent.
type Settings struct {
	Agent          string    `json:"agent"`           // id
	Endpoints      []string  `json:"endpoints"`       // host:port of the controller's door for agents
	CA             string    `json:"ca"`              // PEM
	Token          string    `json:"token,omitempty"` // for the first join
	ControllerName string    `json:"controller_name"`
	ControllerUUID string    `json:"controller_uuid"`
	Substrate      Substrate `json:"substrate"`
	ToolsDir       string    `json:"tools_dir,omitempty"` // with the hook tools' links
	RunDir         string    `json:"run_dir,omitempty"`   // for sockets: mode 0700, at most 40 bytes
}

// Substrate is the plugin that knows the places of the agent's units.
type Substrate struct {
	Name       string            `json:"name"`
	StateDir   string            `json:"state_dir,omitempty"`
	RunDir     string            `json:"run_dir,omitempty"`
	Supervisor string            `json:"supervisor,omitempty"` // programs
	Hooktool   string            `json:"hooktool,omitempty"`
	Settings   map[string]string `json:"settings,omitempty"`
}

// Read reads the file in dir. The class is NotFound while there is none, Invalid when it is wrong; unknown keys are.
func Read(dir string) (*Settings, error) {
	path := filepath.Join(dir, File)
	data, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil, errs.E(errs.NotFound, "cannot read %s: it is not there yet", path)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the agent's settings: %w", err)
	}
	s := &Settings{}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(s); err != nil {
		return nil, errs.E(errs.Invalid, "cannot read %s: %w", path, err)
	}
	for key, missing := range map[string]bool{"agent": s.Agent == "", "endpoints": len(s.Endpoints) == 0, "ca": s.CA == "", "substrate.name": s.Substrate.Name == ""} {
		if missing {
			return nil, errs.E(errs.Invalid, "cannot read %s: key %s is missing", path, key)
		}
	}
	return s, nil
}

// Write writes the file into dir, whole or not at all. Only the owner may read it: it holds a token.
func Write(dir string, s *Settings) error {
	data, err := json.MarshalIndent(s, "", "  ")
	if err == nil {
		err = file.Replace(filepath.Join(dir, File), append(data, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("cannot write the agent's settings: %w", err)
	}
	return nil
}
