package placement

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/bangle-dev/bangle/core/charm"
	"github.com/bangle-dev/bangle/sdk/errs"
)

// Constraints are what an application asks of its places, read.
type Constraints struct {
	// MemoryBytes and CPUMillis are per workload container; 0 = no limit.
	MemoryBytes int64
	CPUMillis   int64
}

// constraintKeys are the known constraints and how their values look.
func constraintKeys() map[string]string {
	return map[string]string{
		"allocate-public-ip": "true or false", "arch": "text", "container": "text", "cores": "a number", "cpu-power": "a number of millicores",
		"image-id": "text", "instance-role": "text", "instance-type": "text", "mem": "a size such as 512M or 2G", "root-disk": "a size such as 8G",
		"root-disk-source": "text", "spaces": "text", "tags": "text", "virt-type": "text", "zones": "text",
	}
}

// ParseConstraints checks constraints; the error names all that is wrong.
func ParseConstraints(given map[string]string) (Constraints, error) {
	var c Constraints
	var bad []string
	known := constraintKeys()
	for _, name := range slices.Sorted(maps.Keys(given)) {
		form, ok := known[name]
		if !ok {
			bad = append(bad, fmt.Sprintf("unknown constraint %q; allowed: %s", name, strings.Join(slices.Sorted(maps.Keys(known)), ", ")))
			continue
		}
		if !c.take(name, given[name]) {
			bad = append(bad, fmt.Sprintf("constraint %s=%s: want %s", name, given[name], form))
		}
	}
	if len(bad) > 0 {
		return Constraints{}, errs.E(errs.Invalid, "cannot use constraints: %s", strings.Join(bad, "\ncannot use constraints: "))
	}
	return c, nil
}

// take reads one constraint and says whether it is well formed. An empty value
// takes the constraint back.
func (c *Constraints) take(name, value string) bool {
	if value == "" {
		return true
	}
	switch name {
	case "mem", "root-disk":
		n, err := charm.ParseSize(value)
		if name == "mem" {
			c.MemoryBytes = n
		}
		return err == nil && n > 0
	case "cores", "cpu-power":
		n, err := strconv.ParseInt(value, 10, 32)
		if err != nil || n < 0 {
			return false
		}
		if name == "cpu-power" {
			c.CPUMillis = n
		} else if c.CPUMillis == 0 {
			c.CPUMillis = n * 1000
		}
	case "allocate-public-ip":
		_, err := strconv.ParseBool(value)
		return err == nil
	}
	return true
}
