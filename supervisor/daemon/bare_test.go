package daemon_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bangle-dev/bangle/supervisor/client"
)

// TestBareImage runs the built program as the first process of a process
// namespace, as a uid without a name, below a root in which there is nothing
// but itself and which cannot be written, with its directory on another mount.
func TestBareImage(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: it makes namespaces and mounts")
	}
	root, work := t.TempDir(), t.TempDir()
	for _, d := range []string{root, work, filepath.Dir(root), filepath.Dir(work)} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	build := osexec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", filepath.Join(root, "pid1"), "../cmd/bangle-supervisor")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	for _, d := range []string{"proc", "dev", "run"} {
		if err := os.Mkdir(filepath.Join(root, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chown(work, 4242, 4242); err != nil {
		t.Fatal(err)
	}
	script := `mount -t proc proc $0/proc && mount --bind /dev $0/dev && mount --bind $1 $0/run && mount --bind $0 $0 -o rbind && mount -o remount,ro,bind $0 &&
exec unshare --root=$0 --setuid 4242 --setgid 4242 /pid1 run --http 127.0.0.1:0`
	var said bytes.Buffer
	cmd := osexec.CommandContext(t.Context(), "unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", script, root, work)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "PEBBLE=/run", "PEBBLE_SOCKET=/run/s"}
	cmd.Stderr, cmd.Stdout = &said, &said
	if err := cmd.Start(); err != nil {
		t.Skip("no namespaces here: ", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	c, err := client.New(client.Config{Socket: filepath.Join(work, "s")})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for answered := false; !answered; {
		select {
		case <-ended:
			t.Skipf("no namespaces or mounts here: %s", said.String())
		case <-time.After(5 * time.Millisecond):
			_, err := c.SystemInfo(t.Context())
			answered = err == nil
		}
	}
	if err := c.AddLayer(t.Context(), "own", "services: {again: {override: replace, command: /pid1 version --client, one-shot: true}}", client.AddOptions{}); err != nil {
		t.Error(err)
	}
	id, err := c.Start(t.Context(), "again")
	if err != nil {
		t.Fatal(err)
	}
	if ch, err := c.WaitChange(t.Context(), id); err != nil || ch.Failure() != nil {
		t.Errorf("%+v %v", ch, err)
	}
	var out bytes.Buffer
	p, err := c.Exec(t.Context(), client.ExecOptions{Command: []string{"/pid1", "version", "--client"}, Stdout: &out})
	if err == nil {
		err = p.Wait(t.Context())
	}
	if err != nil || !strings.Contains(out.String(), "v1") {
		t.Errorf("%q %v", out.String(), err)
	}
	end(t, cmd.Process.Pid, ended, &said)
}

// end sends SIGTERM to the supervisor below unshare and wants a clean end.
func end(t *testing.T, parent int, ended chan error, said *bytes.Buffer) {
	t.Helper()
	text, err := osexec.CommandContext(context.Background(), "ps", "-o", "pid=", "--ppid", strconv.Itoa(parent)).Output()
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	if err := json.Unmarshal(bytes.TrimSpace(text), &pid); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("%v\n%s", err, said)
	}
}
