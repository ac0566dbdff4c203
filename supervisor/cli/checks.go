package cli

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/bangle-dev/bangle/supervisor/client"
	"github.com/bangle-dev/bangle/supervisor/daemon"
)

func (f *flags) levelFlag() *string {
	var level string
	f.choice(&level, "level", "", "only checks of this level", "alive", "ready")
	return &level
}

func (p Process) checks(args []string) (int, error) {
	f := p.flags("checks", "[<check>...]")
	format, level := f.formatFlag(), f.levelFlag()
	s, done, err := p.connect(f, args)
	if err != nil {
		return 0, err
	}
	defer done()
	list, err := s.c.Checks(s.ctx, *level, s.args...)
	if err != nil {
		return 0, err
	}
	if *format != "text" {
		byName := map[string]client.Check{}
		for _, v := range list {
			byName[v.Name] = v
		}
		return 0, s.encode(*format, map[string]any{"checks": byName})
	}
	if len(list) == 0 {
		asked := append([]string{}, s.args...)
		if *level != "" {
			asked = append(asked, *level)
		}
		fmt.Fprintln(s.Stderr, nothing(asked, "Plan has no health checks.", "No matching health checks."))
		return 0, nil
	}
	return 0, s.table("Check\tLevel\tStartup\tStatus\tSuccesses\tFailures\tChange", func(row func(...string)) {
		for _, v := range list {
			if v.Status == "inactive" {
				row(v.Name, orDash(v.Level), v.Startup, v.Status, "-", "-", "-")
				continue
			}
			row(v.Name, orDash(v.Level), v.Startup, v.Status, strconv.Itoa(v.Successes),
				fmt.Sprintf("%d/%d", v.Failures, v.Threshold), s.lastFailure(v))
		}
	})
}

const reasonLength = 70 // characters of a failure in a table

// lastFailure is the change of a check, and if it fails the reason.
func (s *session) lastFailure(v client.Check) string {
	if v.ChangeID == "" || v.Failures == 0 {
		return orDash(v.ChangeID)
	}
	log := s.checkLog(v)
	if len(log) == 0 {
		return v.ChangeID
	}
	reason := log[len(log)-1]
	for range 2 { // the time and the level
		if _, rest, ok := strings.Cut(reason, " "); ok {
			reason = rest
		}
	}
	reason, _, _ = strings.Cut(reason, "\n")
	if runes := []rune(reason); len(runes) > reasonLength {
		reason = string(runes[:reasonLength]) + fmt.Sprintf("... run \"%s tasks %s\" for more", s.name(), v.ChangeID)
	}
	return v.ChangeID + " (" + reason + ")"
}

// checkLog is what the tasks of a check's change have logged.
func (s *session) checkLog(v client.Check) []string {
	if v.ChangeID == "" || v.Failures == 0 {
		return nil
	}
	ch, err := s.c.Change(s.ctx, v.ChangeID)
	if err != nil {
		return nil
	}
	var out []string
	for _, t := range ch.Tasks {
		out = append(out, t.Log...)
	}
	return out
}

// checkDetail is a check as `check` shows it.
type checkDetail struct {
	Name         string `json:"name" yaml:"name"`
	Level        string `json:"level,omitempty" yaml:"level,omitempty"`
	Startup      string `json:"startup" yaml:"startup"`
	Status       string `json:"status" yaml:"status"`
	Successes    int    `json:"successes" yaml:"successes"`
	Failures     int    `json:"failures" yaml:"failures"`
	Threshold    int    `json:"threshold" yaml:"threshold"`
	ChangeID     string `json:"change-id,omitempty" yaml:"change-id,omitempty"`
	PrevChangeID string `json:"prev-change-id,omitempty" yaml:"prev-change-id,omitempty"`
	Error        string `json:"error,omitempty" yaml:"error,omitempty"`
	Logs         string `json:"logs,omitempty" yaml:"logs,omitempty"`
}

func (p Process) check(args []string) (int, error) {
	f := p.flags("check", "<check>")
	format, refresh := f.formatFlag(), false
	f.BoolVar(&refresh, "refresh", false, "run the check now and show what it said")
	s, done, err := p.connect(f, args)
	if err != nil {
		return 0, err
	}
	defer done()
	var v client.Check
	var failure string
	if refresh {
		if v, failure, err = s.c.RefreshCheck(s.ctx, s.args[0]); err != nil {
			return 0, err
		}
	} else {
		list, err := s.c.Checks(s.ctx, "", s.args[0])
		if err != nil {
			return 0, err
		}
		if len(list) == 0 {
			return 0, fmt.Errorf("cannot find check %q", s.args[0])
		}
		v = list[0]
	}
	d := checkDetail{v.Name, v.Level, v.Startup, v.Status, v.Successes, v.Failures, v.Threshold, v.ChangeID, v.PrevChangeID, failure, ""}
	if log := s.checkLog(v); len(log) > 0 {
		d.Logs = strings.Join(log, "\n") + "\n"
	}
	return 0, s.encode(*format, d)
}

// checkAction makes the verbs that start and stop checks.
func checkAction(action string) func(Process, []string) (int, error) {
	return func(p Process, args []string) (int, error) {
		s, done, err := p.connect(p.flags(action+"-checks", "<check>..."), args)
		if err != nil {
			return 0, err
		}
		defer done()
		act, past := s.c.StartChecks, "started"
		if action == "stop" {
			act, past = s.c.StopChecks, "stopped"
		}
		changed, err := act(s.ctx, s.args...)
		if err != nil {
			return 0, err
		}
		if len(changed) == 0 {
			fmt.Fprintf(s.Stdout, "Checks already %s.\n", past)
		} else {
			fmt.Fprintf(s.Stdout, "Checks %s: %s\n", past, strings.Join(changed, ", "))
		}
		return 0, nil
	}
}

func (p Process) health(args []string) (int, error) {
	f := p.flags("health", "[<check>...]")
	format, level := f.formatFlag(), f.levelFlag()
	s, done, err := p.connect(f, args)
	if err != nil {
		return 0, err
	}
	defer done()
	healthy, err := s.c.Health(s.ctx, *level, s.args...)
	if err != nil {
		return 0, err
	}
	if *format != "text" { // who reads the answer needs no exit code for it
		return 0, s.encode(*format, map[string]bool{"healthy": healthy})
	}
	fmt.Fprintln(s.Stdout, map[bool]string{true: "healthy", false: "unhealthy"}[healthy])
	if !healthy {
		return daemon.ExitError, nil
	}
	return 0, nil
}
