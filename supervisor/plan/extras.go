package plan

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/sys/unix"
)

// Extras are the keys of a service that Pebble does not have. A layer that
// uses none of them means the same to both.
type Extras struct {
	// OneShot says that the service does its work and exits: its start is done
	// when it has exited with 0, and only then comes what requires and follows it.
	OneShot bool `yaml:"one-shot,omitempty"`
	// StopSignal is sent instead of SIGTERM.
	StopSignal string `yaml:"stop-signal,omitempty"`
	// RestartLimit is how many restarts in a row are tried; 0 means without limit.
	RestartLimit int `yaml:"restart-limit,omitempty"`
	// ExitNotice asks for a custom notice at every exit that nobody asked for.
	ExitNotice bool `yaml:"exit-notice,omitempty"`
	// ExpandVariables replaces $VAR and ${VAR} in environment and command.
	ExpandVariables bool `yaml:"expand-variables,omitempty"`
	// Secrets names variables of the environment whose values the plan does not show.
	Secrets []string `yaml:"secrets,omitempty"`
}

func (e *Extras) merge(o Extras) {
	pick(&e.OneShot, o.OneShot)
	pick(&e.StopSignal, o.StopSignal)
	pick(&e.RestartLimit, o.RestartLimit)
	pick(&e.ExitNotice, o.ExitNotice)
	pick(&e.ExpandVariables, o.ExpandVariables)
	e.Secrets = append(e.Secrets, o.Secrets...)
}

func (e *Extras) validate(s *Service) error {
	if e.StopSignal != "" && unix.SignalNum(e.StopSignal) == 0 {
		return fmt.Errorf("stop-signal %q invalid (write it as in \"SIGTERM\")", e.StopSignal)
	}
	if e.RestartLimit < 0 {
		return errors.New("restart-limit must not be negative")
	}
	if e.OneShot && s.OnSuccess == Restart {
		return errors.New("on-success action \"restart\" invalid for a one-shot service")
	}
	return nil
}

// Signal is what asks the service to end.
func (e *Extras) Signal() unix.Signal {
	if sig := unix.SignalNum(e.StopSignal); sig != 0 {
		return sig
	}
	return unix.SIGTERM
}

const hidden = "*****"

// redacted is the plan with the values of secrets hidden; it shares the rest.
func (p *Plan) redacted() *Plan {
	out := *p
	out.Services, out.Workloads = maps.Clone(p.Services), maps.Clone(p.Workloads)
	for n, s := range p.Services {
		if len(s.Secrets) > 0 {
			out.Services[n] = s.clone()
			hide(out.Services[n].Environment, s.Secrets)
		}
	}
	for n, w := range p.Workloads {
		if len(w.Secrets) > 0 {
			out.Workloads[n] = w.clone()
			hide(out.Workloads[n].Environment, w.Secrets)
		}
	}
	return &out
}

func hide(env map[string]string, secrets []string) {
	for k := range env {
		if slices.Contains(secrets, k) {
			env[k] = hidden
		}
	}
}
