package local

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bangle-dev/bangle/sdk/errs"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
)

// layout is where everything lies; it never changes once configured.
type layout struct {
	state, run           string
	supervisor, hooktool string
	namespaces           bool
	stopTime             time.Duration
	lock                 string   // file that hooks take turns on, "" = they do not
	hide                 []string // directories that a hook must not see
}

const (
	maxRunDir       = 40
	maxSocket       = 107
	defaultStopTime = 30 * time.Second
)

// newLayout checks what Configure was given.
func newLayout(req *substratev1.ConfigureRequest) (*layout, error) {
	l := &layout{
		state: req.GetStateDir(), run: req.GetRunDir(), supervisor: req.GetSupervisor(), hooktool: req.GetHooktool(),
		namespaces: true, stopTime: defaultStopTime,
	}
	for _, d := range []struct{ key, dir string }{{"state_dir", l.state}, {"run_dir", l.run}} {
		if !filepath.IsAbs(d.dir) {
			return nil, errs.E(errs.Invalid, "cannot configure substrate local: %s %q must be an absolute path", d.key, d.dir)
		}
		if info, err := os.Stat(d.dir); err != nil || !info.IsDir() {
			return nil, errs.E(errs.Invalid, "cannot configure substrate local: %s %s must be an existing directory", d.key, d.dir)
		}
	}
	if len(l.run) > maxRunDir {
		return nil, errs.E(errs.Invalid, "cannot configure substrate local: run_dir %s is %d bytes long, at most %d are allowed: a socket's path ends at %d",
			l.run, len(l.run), maxRunDir, maxSocket)
	}
	if err := l.settings(req.GetSettings()); err != nil {
		return nil, err
	}
	// In the run directory is the controller's own supervisor, which obeys everybody who reaches its socket.
	l.hide = append(append(l.hide, privateDirs(l.state)...), l.run)
	return l, nil
}

// settings are the substrate's own keys.
func (l *layout) settings(given map[string]string) error {
	for _, key := range slices.Sorted(maps.Keys(given)) {
		value := given[key]
		switch key {
		case "namespaces":
			if value != "on" && value != "off" {
				return errs.E(errs.Invalid, "cannot configure substrate local: namespaces=%s: want on or off", value)
			}
			l.namespaces = value == "on"
		case "stop-timeout":
			d, err := time.ParseDuration(value)
			if err != nil || d <= 0 {
				return errs.E(errs.Invalid, "cannot configure substrate local: stop-timeout=%s: want a duration such as 30s", value)
			}
			l.stopTime = d
		case "machine-lock":
			var err error
			if l.lock, err = l.lockFile(value); err != nil {
				return err
			}
		case "hide":
			l.hide = append(l.hide, filepath.SplitList(value)...)
		default:
			return errs.E(errs.Invalid, "cannot configure substrate local: unknown setting %q; allowed: hide, machine-lock, namespaces, stop-timeout", key)
		}
	}
	return nil
}

// lockFile is what hooks take turns on: a file of this controller's units alone,
// or one that several controllers of this machine name.
func (l *layout) lockFile(value string) (string, error) {
	switch {
	case value == "off":
		return "", nil
	case value == "on":
		return filepath.Join(l.run, "machine-lock"), nil
	case filepath.IsAbs(value):
		return filepath.Clean(value), nil
	}
	return "", errs.E(errs.Invalid, "cannot configure substrate local: machine-lock=%s: want on, off or the absolute path of a file", value)
}

// privateDirs are what executable charms have no business in: the user's home
// and, where the state belongs to a controller, everything of bangle's.
func privateDirs(state string) []string {
	var dirs []string
	if home := os.Getenv("HOME"); filepath.IsAbs(home) && filepath.Clean(home) != "/" {
		dirs = append(dirs, filepath.Clean(home))
	}
	controller := filepath.Dir(state)
	if _, err := os.Stat(filepath.Join(controller, "controller.json")); err != nil {
		return dirs
	}
	if controllers := filepath.Dir(controller); filepath.Base(controllers) == "controllers" {
		return append(dirs, filepath.Dir(controllers))
	}
	return append(dirs, controller)
}

// model8 is the short name of a model in paths.
func model8(uuid string) string {
	if len(uuid) > 8 {
		uuid = uuid[:8]
	}
	// The uuid is the controller's, but a path must not depend on that.
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r == '-' {
			return r
		}
		return '_'
	}, uuid)
}

func (l *layout) modelDir(model string) string { return filepath.Join(l.state, model8(model)) }

func (l *layout) unitDir(model, unit string) string {
	return filepath.Join(l.modelDir(model), strings.ReplaceAll(unit, "/", "-"))
}

func (l *layout) recordFile(model, unit string) string {
	return filepath.Join(l.unitDir(model, unit), "unit.json")
}

func (l *layout) containerDir(model, unit, container string) string {
	return filepath.Join(l.unitDir(model, unit), "containers", container)
}

// storageDir is outside the units: storage outlives them.
func (l *layout) storageDir(model, id string) string {
	return filepath.Join(l.state, "storage", model8(model), strings.ReplaceAll(id, "/", "-"))
}

func (l *layout) images() string { return filepath.Join(l.state, "images") }

// socketDir is short whatever the names are.
func (l *layout) socketDir(model, unit string) string {
	return filepath.Join(l.run, short(model+"/"+unit, 12))
}

func (l *layout) socket(model, unit, container string) string {
	dir := l.socketDir(model, unit)
	path := filepath.Join(dir, container, "pebble.socket")
	if len(path) > maxSocket {
		path = filepath.Join(dir, short(container, 16), "pebble.socket")
	}
	return path
}

func short(name string, digits int) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:])[:digits]
}

// place names a unit in messages.
func place(model, unit string) string { return fmt.Sprintf("unit %s of model %s", unit, model8(model)) }
