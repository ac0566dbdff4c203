package outside_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/wasm/abi"
	"github.com/bangle-dev/bangle/sdk/wasm/outside"
)

// stand-ins for a machine's programs: a package is installed when there is a file of its name, and lists know what the file
// known has, once they were updated. Each notes how it was called.
const (
	dpkgQuery = `echo "dpkg-query $*" >> $S/calls
for name; do :; done
[ -e $S/installed/$name ] || { echo "no packages found matching $name" >&2; exit 1; }
echo "installed 1.2-3"
`
	aptGet = `echo "apt-get $DEBIAN_FRONTEND $*" >> $S/calls
for name; do :; done
case "$*" in
*" update") [ ! -e $S/offline ] || { echo "E: cannot resolve" >&2; exit 100; }; cp $S/repository $S/known;;
*" install -- "*) [ ! -e $S/broken ] || { echo "E: it does not fit" >&2; exit 100; }; touch $S/installed/$name;;
*" remove -- "*) rm $S/installed/$name;;
esac
`
	aptCache  = `cat $S/known`
	systemctl = `echo "systemctl $*" >> $S/calls
[ ! -e $S/container ] || { echo "System has not been booted with systemd as init system (PID 1). Can't operate." >&2; exit 1; }
for name; do :; done
case "$1 $2" in
"show "*) [ -e $S/unit.$name ] || { echo LoadState=not-found; echo ActiveState=inactive; echo UnitFileState=; exit 0; }
 echo LoadState=loaded; cat $S/unit.$name; echo UnitFileState=enabled;;
"--no-ask-password start"|"--no-ask-password restart") [ ! -e $S/broken ] || { echo "Job failed." >&2; exit 1; }; echo ActiveState=active > $S/unit.$name;;
"--no-ask-password stop") echo ActiveState=inactive > $S/unit.$name;;
esac
`
)

// machine is a directory with stand-ins, which are the only programs on PATH beside those of the shell.
func machine(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, script := range map[string]string{"bin/dpkg-query": dpkgQuery, "bin/apt-get": aptGet, "bin/apt-cache": aptCache, "bin/systemctl": systemctl,
		"repository": "nginx\nnginx-common\n", "known": "", "calls": "", "installed/bash": "", "unit.nginx.service": "ActiveState=inactive\n"} {
		path := filepath.Join(dir, name)
		if strings.HasPrefix(name, "bin/") {
			script = "#!/bin/sh\nS=" + dir + "\n" + script
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", filepath.Join(dir, "bin")+":"+os.Getenv("PATH"))
	return dir
}

// calls are the programs that were called since the last time.
func calls(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "calls")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func touch(t *testing.T, dir, name string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestPackages: what is there is left alone, what apt does not know yet is looked for once more, and nobody is asked anything.
func TestPackages(t *testing.T) {
	dir := machine(t)
	o := outside.New(outside.Config{Machine: true, Grants: granted(t, "package=nginx", "package=bash", "package=nowhere", "package=nginx-")})
	do := func(action, name string) abi.PackageState {
		t.Helper()
		got, err := o.Package(t.Context(), action, &abi.PackageRequest{Name: name})
		if err != nil {
			t.Errorf("%s %s: %v", action, name, err)
			return abi.PackageState{}
		}
		return *got
	}
	there, gone := abi.PackageState{Installed: true, Version: "1.2-3"}, abi.PackageState{}
	if got := do("info", "nginx"); got != gone {
		t.Errorf("info: %+v", got)
	}
	if got := do("ensure", "bash"); got != there {
		t.Errorf("what was there: %+v", got)
	}
	calls(t, dir)
	if got := do("ensure", "nginx"); !got.Installed || !got.Changed || got.Version != "1.2-3" {
		t.Errorf("installed: %+v", got)
	}
	all := calls(t, dir)
	for _, want := range []string{"apt-get noninteractive -q -y -o DPkg::Lock::Timeout=120", " update\n", "--force-confold install -- nginx\n", "-- nginx\n"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q was not called: %s", want, all)
		}
	}
	if got := do("remove", "nginx"); got.Installed || !got.Changed {
		t.Errorf("removed: %+v", got)
	}
	if got := do("remove", "nginx"); got != gone {
		t.Errorf("removed again: %+v", got)
	}
	touch(t, dir, "broken")
	if _, err := o.Package(t.Context(), "ensure", &abi.PackageRequest{Name: "nginx"}); !errs.Is(err, errs.Unavailable) || !strings.Contains(err.Error(), "it does not fit") {
		t.Error(err)
	}
	for name, want := range map[string]errs.Kind{"nowhere": errs.NotFound, "nginx-": errs.NotFound, "curl": errs.Denied, "--purge": errs.Invalid, "a b": errs.Invalid, "": errs.Invalid, "nginx;id": errs.Invalid} {
		calls(t, dir)
		if _, err := o.Package(t.Context(), "ensure", &abi.PackageRequest{Name: name}); errs.Class(err) != want {
			t.Errorf("%q: %v, want %s", name, err, want)
		}
		if all := calls(t, dir); strings.Contains(all, " install ") || want != errs.NotFound && all != "" {
			t.Errorf("%q: called %s", name, all)
		}
	}
}

// TestServices: systemd's words come back, after what was done.
func TestServices(t *testing.T) {
	dir := machine(t)
	o := outside.New(outside.Config{Machine: true, Grants: granted(t, "service=nginx", "service=other")})
	for _, c := range []struct{ action, want string }{{"status", "inactive"}, {"start", "active"}, {"reload", "active"}, {"stop", "inactive"}, {"enable", "inactive"}} {
		got, err := o.Service(t.Context(), c.action, &abi.ServiceRequest{Name: "nginx"})
		if err != nil || got.Active != c.want || got.Enabled != "enabled" {
			t.Errorf("%s: %+v %v", c.action, got, err)
		}
		if all := calls(t, dir); c.action != "status" && !strings.Contains(all, "systemctl --no-ask-password "+c.action+" -- nginx.service\n") {
			t.Errorf("%s: %s", c.action, all)
		}
	}
	touch(t, dir, "broken")
	for _, c := range []struct {
		name string
		want errs.Kind
	}{{"nginx", errs.Unavailable}, {"other", errs.NotFound}, {"ssh", errs.Denied}, {"--now", errs.Invalid}, {"a/b", errs.Invalid}} {
		if _, err := o.Service(t.Context(), "start", &abi.ServiceRequest{Name: c.name}); errs.Class(err) != c.want {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
	touch(t, dir, "container")
	if _, err := o.Service(t.Context(), "status", &abi.ServiceRequest{Name: "nginx"}); !errs.Is(err, errs.Unsupported) {
		t.Error(err)
	}
}

// untouched fails the test when a program is run.
type untouched struct{ t *testing.T }

func (u untouched) Run(_ context.Context, command ...string) (outside.Ended, error) {
	u.t.Errorf("ran %q", command)
	return outside.Ended{}, nil
}

// TestNoMachine: on a machine that is not the unit's own nothing is run, and the charm is told why.
func TestNoMachine(t *testing.T) {
	o := outside.New(outside.Config{Commands: untouched{t}, Grants: granted(t, "service=nginx", "package=nginx")})
	_, err := o.Package(t.Context(), "info", &abi.PackageRequest{Name: "nginx"})
	_, err2 := o.Service(t.Context(), "status", &abi.ServiceRequest{Name: "nginx"})
	_, err3 := o.Package(t.Context(), "ensure", &abi.PackageRequest{Name: "curl"})
	if !errs.Is(err, errs.Unsupported) || !errs.Is(err2, errs.Unsupported) || !errs.Is(err3, errs.Denied) {
		t.Error(err, err2, err3)
	}
}

// TestNoPrograms: a machine without dpkg or systemd says so.
func TestNoPrograms(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	o := outside.New(outside.Config{Machine: true, Grants: granted(t, "service=nginx", "package=nginx")})
	_, err := o.Package(t.Context(), "ensure", &abi.PackageRequest{Name: "nginx"})
	_, err2 := o.Service(t.Context(), "start", &abi.ServiceRequest{Name: "nginx"})
	if !errs.Is(err, errs.Unsupported) || !errs.Is(err2, errs.Unsupported) {
		t.Error(err, err2)
	}
}
