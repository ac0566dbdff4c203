package cli

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/bangle-dev/bangle/supervisor/client"
	"github.com/bangle-dev/bangle/supervisor/daemon"
)

func services(s *session) error {
	list, err := s.c.Services(s.ctx, s.args...)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		fmt.Fprintln(s.Stderr, "Plan has no services.")
		return nil
	}
	return s.table("Service\tStartup\tCurrent\tSince", func(row func(...string)) {
		for _, v := range list {
			row(v.Name, v.Startup, v.Current, when(v.CurrentSince))
		}
	})
}

func showPlan(s *session) error {
	text, err := s.c.Plan(s.ctx)
	if err == nil {
		_, err = fmt.Fprint(s.Stdout, text)
	}
	return err
}

func sendSignal(s *session) error {
	if err := s.need(2, "SIGNAL NAME…"); err != nil {
		return err
	}
	name := s.args[0]
	if !strings.HasPrefix(name, "SIG") {
		name = "SIG" + name
	}
	return s.c.Signal(s.ctx, name, s.args[1:]...)
}

func showNotice(s *session) error {
	if err := s.need(1, "ID"); err != nil {
		return err
	}
	n, err := s.c.Notice(s.ctx, s.args[0])
	if err != nil {
		return err
	}
	enc := json.NewEncoder(s.Stdout)
	enc.SetIndent("", "  ")
	return enc.Encode(n)
}

func changes(s *session) error {
	service := ""
	if len(s.args) > 0 {
		service = s.args[0]
	}
	list, err := s.c.Changes(s.ctx, "all", service)
	if err != nil {
		return err
	}
	slices.SortFunc(list, func(a, b client.Change) int { return a.SpawnTime.Compare(b.SpawnTime) })
	return s.table("ID\tStatus\tSpawn\tReady\tSummary", func(row func(...string)) {
		for _, c := range list {
			row(c.ID, c.Status, when(c.SpawnTime), when(c.ReadyTime), c.Summary)
		}
	})
}

func tasks(s *session) error {
	if err := s.need(1, "CHANGE"); err != nil {
		return err
	}
	c, err := s.c.Change(s.ctx, s.args[0])
	if err != nil {
		return err
	}
	err = s.table("Status\tSpawn\tReady\tSummary", func(row func(...string)) {
		for _, t := range c.Tasks {
			row(t.Status, when(t.SpawnTime), when(t.ReadyTime), t.Summary)
		}
	})
	for _, t := range c.Tasks {
		if len(t.Log) > 0 {
			fmt.Fprintf(s.Stdout, "\n%s\n\n%s\n", t.Summary, strings.Join(t.Log, "\n"))
		}
	}
	return err
}

func checks(s *session) error {
	list, err := s.c.Checks(s.ctx, "", s.args...)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		fmt.Fprintln(s.Stderr, "Plan has no health checks.")
		return nil
	}
	return s.table("Check\tLevel\tStartup\tStatus\tSuccesses\tFailures\tChange", func(row func(...string)) {
		for _, v := range list {
			level, change := v.Level, v.ChangeID
			if level == "" {
				level = "-"
			}
			if change == "" {
				change = "-"
			}
			row(v.Name, level, v.Startup, v.Status, strconv.Itoa(v.Successes),
				fmt.Sprintf("%d/%d", v.Failures, v.Threshold), change)
		}
	})
}

func (p Process) health(args []string) (int, error) {
	fs := p.flags("health", "[--level alive|ready] [NAME…]")
	level := fs.String("level", "", "only checks of this `level`")
	s, done, err := p.connect(fs, args)
	if err != nil {
		return 2, err
	}
	defer done()
	healthy, err := s.c.Health(s.ctx, *level, s.args...)
	if err != nil {
		return daemon.ExitError, err
	}
	if !healthy {
		fmt.Fprintln(s.Stdout, "unhealthy")
		return 1, nil
	}
	fmt.Fprintln(s.Stdout, "healthy")
	return 0, nil
}

func (p Process) version(args []string) (int, error) {
	fs := p.flags("version", "[--client]")
	only := fs.Bool("client", false, "only this program's version")
	s, done, err := p.connect(fs, args)
	if err != nil {
		return 2, err
	}
	defer done()
	if *only {
		fmt.Fprintln(s.Stdout, daemon.Version)
		return 0, nil
	}
	server := "-"
	if info, err := s.c.SystemInfo(s.ctx); err == nil {
		server = info.Version
	}
	fmt.Fprintf(s.Stdout, "client  %s\nserver  %s\n", daemon.Version, server)
	return 0, nil
}
