package clients

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bangle-dev/bangle/core/charm"
	"github.com/bangle-dev/bangle/sdk/errs"
)

// modelOption is one setting of a model.
type modelOption struct {
	standard string
	form     string
	valid    func(string) bool
}

// modelOptions is every setting that a model has.
func modelOptions() map[string]modelOption {
	isBool := func(v string) bool { _, err := strconv.ParseBool(v); return err == nil }
	isAny := func(string) bool { return true }
	interval := func(least, most time.Duration) func(string) bool {
		return func(v string) bool {
			d, err := time.ParseDuration(v)
			return err == nil && d >= least && d <= most
		}
	}
	number := func(least, most int) func(string) bool {
		return func(v string) bool { n, err := strconv.Atoi(v); return err == nil && n >= least && n <= most }
	}
	return map[string]modelOption{
		"update-status-hook-interval": {"5m", "a duration from 1m to 60m, such as 5m", interval(time.Minute, time.Hour)},
		"automatically-retry-hooks":   {"true", "true or false", isBool},
		"hook-timeout":                {"0s", "a duration such as 30m, 0s = the runtime's default", interval(0, 30*24*time.Hour)},
		"hook-memory":                 {"0", "a size from 16M, such as 512M or 2G; 0 = the runtime's default", validMemory},
		"recorded-events":             {"20", "a number of events to keep of each unit for `bangle replay`, from 0 (none) to 1000", number(0, 1000)},
		"recorded-bytes":              {"1048576", "a number of bytes that a unit's recorded events may take, from 4096 to 268435456", number(4096, 256<<20)},
		"logging-config":              {"<root>=INFO", "logger=LEVEL pairs divided by ;", validLogging},
		"machine-lock":                {"auto", "auto: units that share a machine run one hook at a time; or off", oneOf("auto", "off")},
		"isolation":                   {"model", "model, application or unit", oneOf("model", "application", "unit")},
		"resource-tags":               {"", "text", isAny},
		"http-proxy":                  {"", "text", isAny},
		"https-proxy":                 {"", "text", isAny},
		"ftp-proxy":                   {"", "text", isAny},
		"no-proxy":                    {"127.0.0.1,localhost,::1", "text", isAny},
		"juju-http-proxy":             {"", "text", isAny},
		"juju-https-proxy":            {"", "text", isAny},
		"juju-ftp-proxy":              {"", "text", isAny},
		"juju-no-proxy":               {"127.0.0.1,localhost,::1", "text", isAny},
	}
}

// leastMemory is what an interpreter needs to say what it lacks.
const leastMemory = 16 << 20

func validMemory(v string) bool {
	n, err := charm.ParseSize(v)
	return err == nil && (n == 0 || n >= leastMemory)
}

func oneOf(values ...string) func(string) bool {
	return func(v string) bool { return slices.Contains(values, v) }
}

// validLogging reads "<root>=INFO;unit=DEBUG".
func validLogging(v string) bool {
	for _, pair := range strings.FieldsFunc(v, func(r rune) bool { return r == ';' }) {
		name, level, ok := strings.Cut(strings.TrimSpace(pair), "=")
		if !ok || name == "" || !slices.Contains([]string{"TRACE", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"}, strings.ToUpper(level)) {
			return false
		}
	}
	return true
}

// checkModelConfig refuses unknown settings and malformed values, all at once.
func checkModelConfig(set map[string]string, reset []string) error {
	options := modelOptions()
	allowed := strings.Join(slices.Sorted(maps.Keys(options)), ", ")
	var bad []string
	for _, name := range slices.Sorted(maps.Keys(set)) {
		o, ok := options[name]
		switch {
		case !ok:
			bad = append(bad, fmt.Sprintf("cannot configure model: unknown key %q; allowed: %s", name, allowed))
		case !o.valid(set[name]):
			bad = append(bad, fmt.Sprintf("cannot configure model: key %q has value %q; want %s", name, set[name], o.form))
		}
	}
	for _, name := range reset {
		if _, ok := options[name]; !ok {
			bad = append(bad, fmt.Sprintf("cannot configure model: unknown key %q; allowed: %s", name, allowed))
		}
		if _, ok := set[name]; ok {
			bad = append(bad, fmt.Sprintf("cannot configure model: key %q is both set and reset", name))
		}
	}
	if len(bad) > 0 {
		return errs.E(errs.Invalid, "%s", strings.Join(bad, "\n"))
	}
	return nil
}

// effectiveModelConfig lays what was set over the standard values.
func effectiveModelConfig(set map[string]string) map[string]string {
	all := map[string]string{}
	for name, o := range modelOptions() {
		all[name] = o.standard
	}
	maps.Copy(all, set)
	return all
}
