package cli

import (
	"fmt"
	"strings"

	"github.com/bangle-dev/bangle/core/charm"
	"github.com/bangle-dev/bangle/core/charm/bundle"
	"github.com/bangle-dev/bangle/core/charm/config"
	"github.com/bangle-dev/bangle/core/controller/charms"
	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/sdk/errs"
)

// optionsOf are the options that a charm at a path declares; ok is false when it cannot be read, which the controller says
// better.
func optionsOf(path string) (options config.Options, ok bool) {
	ch, _, err := charm.Read(path, charm.ReadConfig{})
	if err != nil {
		return nil, false
	}
	return ch.Config, true
}

// readable refuses a plan whose charms cannot be read, do not have the options that are set, or do not fit together, with all
// that is wrong: else the first applications would be there when the last turns out to be wrong.
func readable(file string, changes []bundle.Change) error {
	var bad []string
	read := map[string]*charm.Charm{}
	for _, c := range changes {
		switch c.Kind {
		case bundle.Deploy, bundle.Refresh:
			ch, _, err := charm.Read(c.Deploy.Charm, charm.ReadConfig{})
			if err != nil {
				bad = append(bad, fmt.Sprintf("applications.%s.charm: cannot use charm %s: %s", c.Application, c.Deploy.Charm, err))
				continue
			}
			read[c.Application] = ch
			if n, _ := c.Deploy.Units(); n > 0 && ch.Meta.Subordinate {
				bad = append(bad, fmt.Sprintf("applications.%s: charm %q is subordinate and has no units of its own; leave num_units and scale out", c.Application, ch.Meta.Name))
			}
			if _, err := ch.Config.Validate(c.Deploy.Options); err != nil {
				bad = append(bad, fmt.Sprintf("applications.%s.options: %s", c.Application, err))
			}
		case bundle.Integrate:
			if err := fits(*c.Relation, read); err != nil {
				bad = append(bad, fmt.Sprintf("relations: %s", err))
			}
		}
	}
	if len(bad) == 0 {
		return nil
	}
	return errs.E(errs.Invalid, "cannot deploy %s:\n%s", file, strings.Join(bad, "\n"))
}

// fits says what keeps two applications of a plan from being integrated. Of one that is there already the controller says it.
func fits(r bundle.Relation, read map[string]*charm.Charm) error {
	var sides [2]model.Side
	for i, end := range r {
		name, endpoint, _ := strings.Cut(end, ":")
		ch, ok := read[name]
		if !ok {
			return nil
		}
		sides[i] = model.Side{Application: name, Endpoint: endpoint, Endpoints: charms.Endpoints(name, ch), Subordinate: ch.Meta.Subordinate}
	}
	_, err := model.Match(sides[0], sides[1])
	return err
}
