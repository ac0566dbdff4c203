package e2e_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// stageVariable says where everything that stories need lies, readable by everybody. It is set for the stories of an
// ordinary user, which use what root has prepared.
const stageVariable = "BANGLE_E2E_STAGE"

// stage is a directory with bin/, charms/ and testdata/.
type stage struct{ dir string }

// prepare copies the built binaries, so that a build meanwhile changes nothing, and builds the guests and plugins that
// stories need.
func prepare() (*stage, error) {
	if os.Getenv(stageVariable) != "" {
		return &stage{}, nil
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "e2e")
	if err != nil {
		return nil, err
	}
	s := &stage{dir: dir}
	if err := s.fill(root); err != nil {
		s.remove()
		return nil, err
	}
	return s, os.Setenv(stageVariable, dir)
}

func (s *stage) fill(root string) error {
	if err := os.Chmod(s.dir, 0o755); err != nil {
		return err
	}
	bin := filepath.Join(root, "bin")
	for _, name := range []string{"bangle", "bangle-agent", "bangle-supervisor", "hooktool", "plugins.lock"} {
		if err := copyFile(filepath.Join(bin, name), filepath.Join(s.dir, "bin", name)); err != nil {
			return fmt.Errorf("build first: go tool task build: %w", err)
		}
	}
	plugins, err := os.ReadDir(filepath.Join(bin, "plugins"))
	if err != nil {
		return fmt.Errorf("build first: go tool task build: %w", err)
	}
	for _, p := range plugins {
		if err := s.plugin(filepath.Join(bin, "plugins", p.Name())); err != nil {
			return err
		}
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return errors.Join(
		os.Symlink("bangle", filepath.Join(s.dir, "bin", "juju")),
		copyFile(self, filepath.Join(s.dir, "e2e.test")),
		copyTree("testdata", filepath.Join(s.dir, "testdata")),
		copyTree(filepath.Join(root, "test", "charms"), filepath.Join(s.dir, "charms")),
		s.examples(filepath.Join(root, "charms")),
		goBuild(filepath.Join(root, "test", "charms", "pause-image"), nil, "-o", filepath.Join(s.dir, "pause"), "."),
		goBuild(filepath.Join(root, "test", "charms", "wasm-probe"), []string{"GOOS=wasip1", "GOARCH=wasm"},
			"-buildmode=c-shared", "-o", filepath.Join(s.dir, "charms", "wasm-probe", "charm.wasm"), "./guest"),
		goBuild(filepath.Join(root, "core", "pluginhost", "testdata", "plugin"), nil, "-o", filepath.Join(s.dir, "runtime-newer"), "."),
	)
}

// examples copies the charms that show how one is written in Python.
func (s *stage) examples(charms string) error {
	var failed error
	for _, name := range []string{"pause", "ssh", "ubuntu-advantage", "url"} {
		failed = errors.Join(failed, copyTree(filepath.Join(charms, name), filepath.Join(s.dir, "charms", name)))
	}
	return failed
}

// plugin copies a plugin or, where it is the agent under another name as in a build, links it.
func (s *stage) plugin(file string) error {
	to := filepath.Join(s.dir, "bin", "plugins", filepath.Base(file))
	here, err := os.Stat(file)
	if err != nil {
		return err
	}
	agent, err := os.Stat(filepath.Join(filepath.Dir(filepath.Dir(file)), "bangle-agent"))
	if err != nil {
		return err
	}
	if !os.SameFile(here, agent) {
		return copyFile(file, to)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.Link(filepath.Join(s.dir, "bin", "bangle-agent"), to)
}

func (s *stage) remove() {
	if s.dir != "" {
		_ = os.RemoveAll(s.dir)
	}
}

func goBuild(dir string, env []string, args ...string) error {
	cmd := exec.Command("go", append([]string{"build", "-trimpath", "-ldflags=-s -w"}, args...)...)
	cmd.Dir, cmd.Env = dir, append(append(os.Environ(), "CGO_ENABLED=0"), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("cannot build %s: %w\n%s", dir, err, out)
	}
	return nil
}

func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		return copyFile(path, filepath.Join(to, name))
	})
}

func copyFile(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, info.Mode().Perm()|0o444)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// orphans is 1, after saying who, when a process outlives all stories. Every process that they started is below this one.
func orphans() int {
	deadline := time.Now().Add(10 * time.Second)
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for {
		left := below(os.Getpid())
		if len(left) == 0 {
			return 0
		}
		if time.Now().After(deadline) {
			fmt.Fprintf(os.Stderr, "FAIL: processes outlive their stories:\n%s\n", strings.Join(left, "\n"))
			return 1
		}
		<-tick.C
	}
}

// below lists the living descendants of a process.
func below(pid int) []string {
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	var found []string
	for _, list := range lists {
		text, _ := os.ReadFile(list)
		for word := range strings.FieldsSeq(string(text)) {
			child, err := strconv.Atoi(word)
			if err != nil {
				continue
			}
			stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", child))
			if _, rest, ok := strings.Cut(string(stat), ") "); ok && !strings.HasPrefix(rest, "Z") && !strings.HasPrefix(rest, "X") {
				command, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", child))
				found = append(found, fmt.Sprintf("process %d: %s", child, strings.ReplaceAll(string(command), "\x00", " ")))
			}
			found = append(found, below(child)...)
		}
	}
	return found
}
