package cli

import (
	"fmt"
	"strings"

	"github.com/bangle-dev/bangle/core/charm"
	"github.com/bangle-dev/bangle/core/charm/bundle"
	"github.com/bangle-dev/bangle/core/charm/config"
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

// readable refuses a plan whose charms cannot be read or do not have the options that are set, with all of them: else the
// first applications would be there when the last turns out to be wrong.
func readable(file string, changes []bundle.Change) error {
	var bad []string
	for _, c := range changes {
		if c.Kind != bundle.Deploy && c.Kind != bundle.Refresh {
			continue
		}
		ch, _, err := charm.Read(c.Deploy.Charm, charm.ReadConfig{})
		if err != nil {
			bad = append(bad, fmt.Sprintf("applications.%s.charm: cannot use charm %s: %s", c.Application, c.Deploy.Charm, err))
			continue
		}
		if _, err := ch.Config.Validate(c.Deploy.Options); err != nil {
			bad = append(bad, fmt.Sprintf("applications.%s.options: %s", c.Application, err))
		}
	}
	if len(bad) == 0 {
		return nil
	}
	return errs.E(errs.Invalid, "cannot deploy %s:\n%s", file, strings.Join(bad, "\n"))
}
