package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// room is what a charm's process is to see.
type room struct {
	charm   string   // bound at /charm
	mask    []string // hidden, but for
	keep    []string // these
	program []string
}

const enterUsage = "usage: hooktool enter --charm DIR [--mask DIR]… [--keep PATH]… -- PROGRAM ARGUMENT…"

func parseRoom(args []string) (room, error) {
	var r room
	for len(args) > 1 && args[0] != "--" {
		switch args[0] {
		case "--charm":
			r.charm = args[1]
		case "--mask":
			r.mask = append(r.mask, filepath.Clean(args[1]))
		case "--keep":
			r.keep = append(r.keep, filepath.Clean(args[1]))
		default:
			return r, fmt.Errorf("cannot enter: unknown argument %q; %s", args[0], enterUsage)
		}
		args = args[2:]
	}
	var err error
	if r.program, err = program(args); err != nil || r.charm == "" {
		return r, errors.New("cannot enter: " + enterUsage)
	}
	return r, nil
}

// enter gives one hook its own mount namespace with the unit's directory at /charm and becomes the charm.
//
// Below `hooktool world` it hides $HOME and the controller's directory but for what belongs to the unit, and drops
// every capability for good. As root it does neither: a charm that runs as root installs packages, changes owners and
// mounts, for which it needs its capabilities, and could look at everything anyway; a mask would moreover have to be
// mounted where the host sees it. no_new_privs stays unset in both forms: as root `sudo -u` must work, and in a user
// namespace that maps no root, set-user-id programs give nothing.
func enter(args []string) error {
	runtime.LockOSThread() // the namespace belongs to this thread until the program replaces all of them
	r, err := parseRoom(args)
	if err != nil {
		return err
	}
	if off() {
		return errors.New("cannot enter: namespaces are switched off (BANGLE_NAMESPACES=off)")
	}
	built := inWorld()
	if !mayMount() {
		if built {
			return errors.New("cannot enter: a hook cannot give itself another /charm")
		}
		return enterAlone(args)
	}
	dir, err := os.Getwd()
	if err != nil {
		return fmt.Errorf("cannot enter: %w", err)
	}
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("cannot make a mount namespace: %w", err)
	}
	if err := r.furnish(built); err != nil {
		return err
	}
	if err := unix.Chdir(dir); err != nil {
		return fmt.Errorf("cannot enter %s: %w", dir, err)
	}
	if built {
		if err := dropAll(); err != nil {
			return err
		}
	}
	return execute(r.program)
}

// enterAlone serves an agent that was started without `hooktool world`: a user namespace for this hook alone. It costs
// a second process for as long as the hook runs.
func enterAlone(args []string) error {
	code, err := inNamespaces(append([]string{"contain", "--world", itself, "enter"}, args...), worldCaps())
	if err != nil {
		return err
	}
	os.Exit(code)
	return nil
}

// furnish mounts everything in this thread's new mount namespace.
func (r room) furnish(built bool) error {
	charm, err := cloneTree(r.charm)
	if err != nil {
		return err
	}
	if !built {
		if err := buildRoot(); err != nil {
			return err
		}
	}
	if err := place(charm, "/charm"); err != nil {
		return err
	}
	if !built {
		return nil
	}
	return r.hide()
}

// hide covers the masked directories and puts back what is to be kept.
func (r room) hide() error {
	type kept struct {
		path string
		dir  bool
		tree int
	}
	var back []kept
	for _, path := range outermost(append(r.keep, ownThings()...)) {
		if !filepath.IsAbs(path) {
			continue
		}
		info, err := os.Stat(path)
		if err != nil || !covered(path, r.mask) {
			continue // what is not there or not hidden need not be put back
		}
		tree, err := cloneTree(path)
		if err != nil {
			return err
		}
		back = append(back, kept{path, info.IsDir(), tree})
	}
	for _, dir := range outermost(r.mask) {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() || dir == "/" {
			continue
		}
		if err := unix.Mount("bangle-mask", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0700,size=64m"); err != nil {
			return fmt.Errorf("cannot hide %s from the charm: %w", dir, err)
		}
	}
	for _, k := range back {
		if err := makePoint(k.path, k.dir); err != nil {
			return fmt.Errorf("cannot keep %s: %w", k.path, err)
		}
		if err := place(k.tree, k.path); err != nil {
			return err
		}
	}
	return nil
}

// ownThings are the paths that a hook cannot do without, as its environment names them: the unit's part of the agent's
// directory, the tools and what they are links to, the socket they call, this program, and what BANGLE_VISIBLE lists
// (files that the charm is given by their path, such as resources).
func ownThings() []string {
	own := filepath.SplitList(os.Getenv("BANGLE_VISIBLE"))
	if dir := os.Getenv("CHARM_DIR"); filepath.IsAbs(dir) {
		own = append(own, filepath.Dir(filepath.Clean(dir)))
	}
	if tools, _, _ := strings.Cut(os.Getenv("PATH"), ":"); filepath.IsAbs(tools) {
		own = append(append(own, filepath.Clean(tools)), targets(tools)...)
	}
	if socket := strings.TrimPrefix(os.Getenv("JUJU_AGENT_SOCKET_ADDRESS"), "unix:"); filepath.IsAbs(socket) {
		own = append(own, filepath.Dir(socket))
	}
	if socket := os.Getenv("BANGLE_RUN_SOCKET"); filepath.IsAbs(socket) {
		own = append(own, filepath.Dir(socket))
	}
	if self, err := os.Readlink("/proc/self/exe"); err == nil {
		own = append(own, self)
	}
	return own
}

// targets are what the links in a directory point to, each once.
func targets(dir string) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var list []string
	for _, e := range entries {
		if e.Type()&os.ModeSymlink == 0 {
			continue
		}
		target, err := os.Readlink(filepath.Join(dir, e.Name()))
		if err == nil && filepath.IsAbs(target) && !slices.Contains(list, filepath.Clean(target)) {
			list = append(list, filepath.Clean(target))
		}
	}
	return list
}

func makePoint(path string, dir bool) error {
	if dir {
		return os.MkdirAll(path, 0o755)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return touch(path)
}

// outermost drops doubles and paths below another.
func outermost(paths []string) []string {
	var out []string
	for i, p := range paths {
		inner := false
		for j, q := range paths {
			inner = inner || i != j && below(p, q) && (p != q || j < i)
		}
		if !inner {
			out = append(out, p)
		}
	}
	return out
}

func covered(path string, masks []string) bool {
	for _, m := range masks {
		if below(path, m) {
			return true
		}
	}
	return false
}

func below(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}

// dropAll gives up every capability of this thread and the way back to it.
func dropAll() error {
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return fmt.Errorf("cannot drop capabilities: %w", err)
	}
	for c := uintptr(0); ; c++ {
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); errors.Is(err, unix.EINVAL) {
			break // past the kernel's last one
		} else if err != nil {
			return fmt.Errorf("cannot drop capabilities: %w", err)
		}
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	if err := unix.Capset(&header, &none[0]); err != nil {
		return fmt.Errorf("cannot drop capabilities: %w", err)
	}
	return nil
}
