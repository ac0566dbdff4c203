package cli

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/bangle-dev/bangle/supervisor/client"
)

func (p Process) identities(args []string) (int, error) {
	f := p.flags("identities", "")
	format := f.formatFlag()
	s, done, err := p.connect(f, args)
	if err != nil {
		return 0, err
	}
	defer done()
	ids, err := s.c.Identities(s.ctx)
	if err != nil {
		return 0, err
	}
	if *format != "text" {
		return 0, s.encode(*format, map[string]any{"identities": ids})
	}
	if len(ids) == 0 {
		fmt.Fprintln(s.Stderr, "No identities.")
		return 0, nil
	}
	return 0, s.table("Name\tAccess\tTypes", func(row func(...string)) {
		for _, name := range slices.Sorted(maps.Keys(ids)) {
			row(name, ids[name].Access, strings.Join(kinds(ids[name]), ","))
		}
	})
}

// kinds are the ways by which an identity is known.
func kinds(i *client.Identity) []string {
	var out []string
	if i.Basic != nil {
		out = append(out, "basic")
	}
	if i.Cert != nil {
		out = append(out, "cert")
	}
	if i.Local != nil {
		out = append(out, "local")
	}
	return out
}

func (p Process) identity(args []string) (int, error) {
	f := p.flags("identity", "<name>")
	format := f.formatFlag()
	s, done, err := p.connect(f, args)
	if err != nil {
		return 0, err
	}
	defer done()
	ids, err := s.c.Identities(s.ctx)
	if err != nil {
		return 0, err
	}
	id, found := ids[s.args[0]]
	if !found {
		return 0, fmt.Errorf("cannot find identity %q", s.args[0])
	}
	return 0, s.encode(*format, id)
}

// identityAction makes the verbs that change identities.
func identityAction(action string) func(Process, []string) (int, error) {
	return func(p Process, args []string) (int, error) {
		f := p.flags(action+"-identities", "")
		var from string
		replace := false
		f.StringVar(&from, "from", "", "YAML file with a map under \"identities\"").value = "path"
		if action == "update" {
			f.BoolVar(&replace, "replace", false, "add what is new, and remove what is null")
		}
		s, done, err := p.connect(f, args)
		if err != nil {
			return 0, err
		}
		defer done()
		if from == "" {
			return 0, errors.New("the required flag `--from' was not specified")
		}
		ids, err := readIdentities(from, action)
		if err != nil {
			return 0, err
		}
		if replace {
			action = "replace"
		}
		if err := s.changeIdentities(action, ids); err != nil {
			return 0, err
		}
		noun := "identities"
		if len(ids) == 1 {
			noun = "identity"
		}
		past := map[string]string{"add": "Added %d new", "update": "Updated %d", "replace": "Replaced %d", "remove": "Removed %d"}[action]
		fmt.Fprintf(s.Stdout, past+" %s.\n", len(ids), noun)
		return 0, nil
	}
}

func (s *session) changeIdentities(action string, ids map[string]*client.Identity) error {
	switch action {
	case "add":
		return s.c.AddIdentities(s.ctx, ids)
	case "update":
		return s.c.UpdateIdentities(s.ctx, ids)
	case "replace":
		return s.c.ReplaceIdentities(s.ctx, ids)
	}
	names := slices.Sorted(maps.Keys(ids))
	for _, name := range names {
		if ids[name] != nil {
			return fmt.Errorf("identity value for %q must be null when removing", name)
		}
	}
	return s.c.RemoveIdentities(s.ctx, names...)
}

func readIdentities(name, action string) (map[string]*client.Identity, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var doc struct {
		Identities map[string]*client.Identity `yaml:"identities"`
	}
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("cannot read identities of %q: %w", name, err)
	}
	if len(doc.Identities) == 0 {
		return nil, fmt.Errorf("no identities to %s; did you forget the top-level \"identities\" key?", action)
	}
	return doc.Identities, nil
}
