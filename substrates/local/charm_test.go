package local_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
	"github.com/bangle-dev/bangle/substrates/local/process"
)

// TestAsAnOrdinaryUser runs this package's own tests again as nobody.
func TestAsAnOrdinaryUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("this is an ordinary user already")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(bin("local.test"), text, 0o755); err != nil {
		t.Fatal(err)
	}
	home := tempDir(t)
	if err := os.Chown(home, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bin("local.test"), "-test.v", "-test.skip=^TestConformanceInProcess$")
	cmd.Dir, cmd.Env = "/", append(os.Environ(), "HOME="+home, "PATH=/usr/bin:/bin")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("as nobody: %v\n%s", err, out)
	}
	if !strings.Contains(string(out), "--- PASS: TestEveryUnitHasItsOwnCharmDirectory") {
		t.Errorf("the tests of /charm did not run:\n%s", out)
	}
}

// needNamespaces skips where the machine refuses them; there they are tested as refused.
func needNamespaces(t testing.TB) {
	t.Helper()
	if out, err := exec.Command(bin("hooktool"), "namespaces").CombinedOutput(); err != nil {
		t.Skipf("no namespaces here: %s", out)
	}
}

// inside runs a shell script as a charm's hook is run, with and without `hooktool world` around it.
func inside(t testing.TB, l *life, unit, script string) map[string]string {
	t.Helper()
	enter := l.environment(t, unit).GetEnter()
	if len(enter) == 0 {
		t.Fatalf("nothing gives %s a /charm", unit)
	}
	hook := append(append([]string{}, enter...), "--", "sh", "-c", script)
	said := map[string]string{}
	for form, argv := range map[string][]string{"alone": hook, "world": append([]string{bin("hooktool"), "world", "--"}, hook...)} {
		cmd := exec.Command(argv[0], argv[1:]...)
		cmd.Dir, cmd.Env = "/tmp", []string{"PATH=/usr/bin:/bin"}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%s, %s: %v\n%s", unit, form, err, out)
		}
		said[form] = strings.TrimSpace(string(out))
	}
	return said
}

func TestEveryUnitHasItsOwnCharmDirectory(t *testing.T) {
	needNamespaces(t)
	_, hadCharm := os.Stat("/charm")
	l := live(t, newHome(t), nil)
	l.ensure(t, 1, application("web", []string{"c"}, "0", "1"))
	l.ensure(t, 1, application("db", []string{"c"}, "0", "1"))
	seen := map[string]string{}
	for _, unit := range []string{"web/0", "web/1", "db/0", "db/1"} {
		l.untilReady(t, unit)
		socket := l.environment(t, unit).GetContainers()[0].GetSocket()
		for form, got := range inside(t, l, unit, "test -S /charm/containers/c/pebble.socket && readlink -f /charm/containers/c/pebble.socket; pwd") {
			if want := socket + "\n/tmp"; got != want {
				t.Errorf("%s, %s: sees %q, want %q", unit, form, got, want)
			}
		}
		if of := seen[socket]; of != "" {
			t.Errorf("%s and %s share a socket", of, unit)
		}
		seen[socket] = unit
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(mounts), "bangle") {
		t.Errorf("mounts are left on the host:\n%s", mounts)
	}
	if _, hasCharm := os.Stat("/charm"); (hasCharm == nil) != (hadCharm == nil) {
		t.Error("/charm was left on the host")
	}
}

func TestWhatAHookMayDo(t *testing.T) {
	needNamespaces(t)
	l := live(t, newHome(t), nil)
	l.ensure(t, 1, application("web", []string{"c"}, "0"))
	l.untilReady(t, "web/0")
	for form, got := range inside(t, l, "web/0", "mkdir /data 2>&1; grep -h -e CapEff -e CapBnd -e CapAmb /proc/self/status") {
		if !strings.Contains(got, "ead-only file system") {
			t.Errorf("%s: the root directory can be written: %s", form, got)
		}
		none := strings.Count(got, "0000000000000000")
		if os.Getuid() == 0 && none > 1 {
			t.Errorf("%s: a charm that runs as root lost its capabilities: %s", form, got)
		}
		if os.Getuid() != 0 && none != 3 {
			t.Errorf("%s: a charm kept capabilities: %s", form, got)
		}
	}
}

func TestTheHomeIsHidden(t *testing.T) {
	needNamespaces(t)
	if os.Getuid() == 0 {
		t.Skip("a charm that runs as root sees everything anyway")
	}
	private := tempDir(t)
	h := home{state: filepath.Join(private, "state"), run: tempDir(t)}
	t.Cleanup(func() { h.sweep(t) })
	if err := os.MkdirAll(h.state, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(private, "ca.key"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(h.run, "s"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	l := live(t, h, map[string]string{"hide": private})
	spec := application("web", []string{"c"}, "0")
	spec.Storage = []*substratev1.Storage{{Name: "data", Kind: "filesystem", Count: 1}}
	spec.Units[0].Storage = []*substratev1.StorageAttachment{{Id: "data/0", Name: "data"}}
	l.ensure(t, 1, spec)
	l.untilReady(t, "web/0")
	location := l.environment(t, "web/0").GetStorage()[0].GetLocation()
	for form, got := range inside(t, l, "web/0", "ls "+private+"; ls "+h.run+" | grep -c .; echo kept > "+location+"/$$; test -S /charm/containers/c/pebble.socket && echo ok") {
		if got != "state\n1\nok" {
			t.Errorf("%s: the hook sees %q", form, got)
		}
	}
	if files, err := os.ReadDir(location); err != nil || len(files) != 2 {
		t.Errorf("what the hooks wrote to their storage: %v, %v", files, err)
	}
}

func TestRootsMountsReachTheHost(t *testing.T) {
	needNamespaces(t)
	if os.Getuid() != 0 {
		t.Skip("only root mounts on the host")
	}
	l := live(t, newHome(t), nil)
	l.ensure(t, 1, application("web", []string{"c"}, "0"))
	l.untilReady(t, "web/0")
	point := tempDir(t)
	enter := strings.Join(l.environment(t, "web/0").GetEnter(), " ")
	// A host whose root is shared, as systemd makes it. It may have a /charm of somebody else's, which stays as it is.
	look := "ls -id /charm 2>&1"
	script := look + "; " + enter + " -- mount -t tmpfs charms-own " + point + " && grep -c charms-own /proc/self/mountinfo; " + look + "; true"
	out, err := exec.Command("unshare", "-m", "--propagation", "shared", "sh", "-c", script).CombinedOutput()
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if err != nil || len(lines) != 3 || lines[1] != "1" || lines[0] != lines[2] {
		t.Errorf("on the host: %s (%v)", out, err)
	}
}

func TestSignalsAndExitCodesPass(t *testing.T) {
	needNamespaces(t)
	dir := tempDir(t)
	ready := filepath.Join(dir, "ready")
	cmd := exec.Command(bin("hooktool"), "world", "--", "sh", "-c", "trap 'exit 7' TERM; echo $$ > "+ready+"; while :; do sleep 0.05; done")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var program process.ID
	eventually(t, "the program runs", func() bool {
		text, err := os.ReadFile(ready)
		pid, convErr := strconv.Atoi(strings.TrimSpace(string(text)))
		program, _ = process.Find(pid)
		return err == nil && convErr == nil
	})
	if err := cmd.Process.Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 7 {
		t.Errorf("ended with %v, want exit code 7", err)
	}
	if program.Alive() {
		t.Error("the program lives on")
	}
}

func TestWithoutNamespaces(t *testing.T) {
	l := live(t, newHome(t), map[string]string{"namespaces": "off"})
	info, err := l.Info(t.Context())
	if err != nil || len(info.GetNotes()) != 1 || !strings.Contains(info.GetNotes()[0].GetHint(), "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0") {
		t.Errorf("the user is not told what mends it: %v, %v", info, err)
	}
	python := application("web", []string{"c"}, "0")
	wasm := application("web", []string{"c"}, "0")
	wasm.Runtime = "wasm"
	for _, c := range []struct {
		name string
		spec *substratev1.ApplicationSpec
		want int
	}{
		{"program with containers", python, 1}, {"wasm with containers", wasm, 0}, {"program without", application("web", nil, "0"), 0},
	} {
		found, err := l.Validate(t.Context(), c.spec)
		if err != nil || len(found) != c.want {
			t.Errorf("%s: %v, %v; want %d findings", c.name, found, err, c.want)
		}
	}
	l.ensure(t, 1, wasm)
	l.untilReady(t, "web/0")
	env := l.environment(t, "web/0")
	if len(env.GetEnter()) > 0 || !answers(env.GetContainers()[0].GetSocket()) {
		t.Errorf("without namespaces: %v", env)
	}
	cmd := exec.Command(bin("hooktool"), "world", "--", "echo", "runs all the same")
	cmd.Env = []string{"BANGLE_NAMESPACES=off", "PATH=/usr/bin:/bin"}
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "runs all the same") {
		t.Errorf("world = %s, %v", out, err)
	}
}

func TestUsersThatCannotBeHadAreRefused(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root can be everybody")
	}
	l := live(t, newHome(t), nil)
	spec := application("web", []string{"c"}, "0")
	other := uint32(12345)
	spec.Containers[0].Uid = &other
	found, err := l.Validate(t.Context(), spec)
	if err != nil || len(found) != 1 || !strings.Contains(found[0].GetMessage(), "container c wants uid 12345") || !strings.Contains(found[0].GetHint(), "run bangle as root") {
		t.Errorf("Validate = %v, %v", found, err)
	}
	spec.Containers[0].Uid = nil
	l.ensure(t, 1, spec)
	l.untilReady(t, "web/0")
	socket := l.environment(t, "web/0").GetContainers()[0].GetSocket()
	c := serve(t, socket, sleeping, "    user: root\n    group: root\n")
	if err := run(t, c); err == nil {
		// The system grants this user other ids: then the service must run under one of those.
		if owner := ownerOf(t, workloadOf(t, "-", peer(t, l.home, "web/0", "c"), "sleep")); owner == os.Getuid() || owner == 0 {
			t.Errorf("the service of another user runs as user %d", owner)
		}
	} else if !strings.Contains(err.Error(), `"w"`) {
		t.Errorf("a service with another user: %v, want a failure that names it", err)
	}
}

func ownerOf(t testing.TB, id process.ID) int {
	t.Helper()
	info, err := os.Stat("/proc/" + strconv.Itoa(id.PID))
	if err != nil {
		t.Fatal(err)
	}
	return int(info.Sys().(*syscall.Stat_t).Uid)
}

func TestRefusedNamespacesAreSaidAndHarmNobody(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can make a machine that refuses them, in a namespace of its own")
	}
	needNamespaces(t)
	bare := "setpriv --bounding-set=-all --inh-caps=-all " + bin("hooktool")
	script := "echo 0 > /proc/sys/user/max_user_namespaces; " + bare + " namespaces; echo code $?; " + bare + " world -- echo runs"
	out, err := exec.Command("unshare", "-Ur", "sh", "-c", script).CombinedOutput()
	for _, want := range []string{"user.max_user_namespaces allows no more", "sudo sysctl -w user.max_user_namespaces=10000", "code 1", "charms get no /charm", "runs"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("%s (%v) lacks %q", out, err, want)
		}
	}
}
