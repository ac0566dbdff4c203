package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/bangle-dev/bangle/supervisor/client"
)

func (p Process) services(args []string) (int, error) {
	f := p.flags("services", "[<service>...]")
	format, abs := f.formatFlag(), f.timeFlag()
	s, done, err := p.connect(f, args)
	if err != nil {
		return 0, err
	}
	defer done()
	list, err := s.c.Services(s.ctx, s.args...)
	if err != nil {
		return 0, err
	}
	if *format != "text" {
		byName := map[string]client.Service{}
		for _, v := range list {
			byName[v.Name] = v
		}
		return 0, s.encode(*format, map[string]any{"services": byName})
	}
	if len(list) == 0 {
		fmt.Fprintln(s.Stderr, nothing(s.args, "Plan has no services.", "No matching services."))
		return 0, nil
	}
	when := clock{time.Now(), *abs}
	return 0, s.table("Service\tStartup\tCurrent\tSince", func(row func(...string)) {
		for _, v := range list {
			row(v.Name, v.Startup, v.Current, when.format(v.CurrentSince))
		}
	})
}

// nothing says why a list is empty.
func nothing(asked []string, none, noMatch string) string {
	if len(asked) > 0 {
		return noMatch
	}
	return none
}

func (p Process) plan(args []string) (int, error) {
	s, done, err := p.connect(p.flags("plan", ""), args)
	if err != nil {
		return 0, err
	}
	defer done()
	text, err := s.c.Plan(s.ctx)
	if err == nil {
		_, err = fmt.Fprint(s.Stdout, text)
	}
	return 0, err
}

func (p Process) add(args []string) (int, error) {
	f := p.flags("add", "<label> <layer-path>")
	var o client.AddOptions
	f.BoolVar(&o.Combine, "combine", false, "merge into the layer of that label if there is one")
	f.BoolVar(&o.Inner, "inner", false, "allow a layer of a sub-directory before later layers")
	s, done, err := p.connect(f, args)
	if err != nil {
		return 0, err
	}
	defer done()
	data, err := os.ReadFile(s.args[1])
	if err != nil {
		return 0, err
	}
	if err := s.c.AddLayer(s.ctx, s.args[0], string(data), o); err != nil {
		return 0, err
	}
	fmt.Fprintf(s.Stdout, "Layer %q added successfully from %q\n", s.args[0], s.args[1])
	return 0, nil
}

func (p Process) signal(args []string) (int, error) {
	f := p.flags("signal", "<SIGNAL> <service>...")
	f.lax = true
	s, done, err := p.connect(f, args)
	if err != nil {
		return 0, err
	}
	defer done()
	name := s.args[0]
	if strings.ToUpper(name) != name {
		return 0, errors.New("signal name must be uppercase, for example HUP")
	}
	if !strings.HasPrefix(name, "SIG") {
		name = "SIG" + name
	}
	return 0, s.c.Signal(s.ctx, name, s.args[1:]...)
}

func (p Process) logs(args []string) (int, error) {
	f := p.flags("logs", "[<service>...]")
	var o client.LogOptions
	f.BoolVar(&o.Follow, "f,follow", false, "go on with new lines until interrupted")
	var n, format string
	f.choice(&format, "format", "text", "how to print a line (default: text)", "text", "json")
	f.StringVar(&n, "n", "", "how many of the newest lines, or all (default: 30, with --follow 10)").value = "count"
	s, done, err := p.connect(f, args)
	if err != nil {
		return 0, err
	}
	defer done()
	if o.N, err = lines(n, o.Follow); err != nil {
		return 0, err
	}
	if o.N == 0 && !o.Follow {
		return 0, nil
	}
	o.Services = s.args
	return 0, s.c.Logs(s.ctx, o, func(e client.LogEntry) error {
		if format == "json" {
			enc := json.NewEncoder(s.Stdout)
			enc.SetEscapeHTML(false)
			return enc.Encode(e)
		}
		_, err := fmt.Fprintf(s.Stdout, "%s [%s] %s\n", e.Time.UTC().Format("2006-01-02T15:04:05.000Z"), e.Service, e.Message)
		return err
	})
}

const (
	defaultLines  = 30
	followedLines = 10
)

func lines(n string, follow bool) (int, error) {
	switch {
	case n == "all":
		return -1, nil
	case n == "" && follow:
		return followedLines, nil
	case n == "":
		return defaultLines, nil
	}
	count, err := strconv.Atoi(n)
	if err != nil || count < 0 {
		return 0, fmt.Errorf("expected n to be a non-negative integer or \"all\", not %q", n)
	}
	return count, nil
}
