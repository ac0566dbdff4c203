package wasm_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
	"github.com/bangle-dev/bangle/supervisor/client"
)

// programs are the real supervisor, the gate charm and its workload, built once.
var programs = sync.OnceValues(func() (work, error) {
	w, err := built()
	if err != nil {
		return w, err
	}
	for _, b := range []struct {
		dir  string
		args []string
		env  []string
	}{
		{".", []string{"-o", filepath.Join(w.dir, "bangle-supervisor"), "../../supervisor/cmd/bangle-supervisor"}, nil},
		{"../../charms/gate", []string{"-buildmode=c-shared", "-o", filepath.Join(w.dir, "gate", "charm.wasm"), "./charm"}, []string{"GOOS=wasip1", "GOARCH=wasm"}},
		{"../../charms/gate/workload", []string{"-o", filepath.Join(w.dir, "gate-workload"), "."}, nil},
	} {
		cmd := exec.Command("go", append([]string{"build", "-trimpath", "-ldflags=-s -w"}, b.args...)...)
		cmd.Dir = b.dir
		cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0"), b.env...)
		if out, err := cmd.CombinedOutput(); err != nil {
			return w, fmt.Errorf("cannot build in %s: %w\n%s", b.dir, err, out)
		}
	}
	return w, nil
})

// supervised starts a supervisor and returns its socket.
func supervised(t *testing.T) (work, string) {
	t.Helper()
	w, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "b") // short: it holds a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	cmd := exec.Command(filepath.Join(w.dir, "bangle-supervisor"), "run", "--create-dirs")
	cmd.Env = []string{"PEBBLE=" + dir, "PATH=" + os.Getenv("PATH")}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(out.String())
		}
	})
	socket := filepath.Join(dir, ".pebble.socket")
	c, err := client.New(client.Config{Socket: socket})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	eventually(t, "the supervisor answers", func() error { _, err := c.SystemInfo(t.Context()); return err })
	return w, socket
}

func eventually(t *testing.T, what string, try func() error) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.Now().Add(20 * time.Second)
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("it did not happen that %s: %v", what, err)
		}
		<-ticker.C
	}
}

// TestSupervisor: a guest does everything that a container can do, with the real supervisor.
func TestSupervisor(t *testing.T) {
	_, socket := supervised(t)
	r := newRuntime(t)
	dir := t.TempDir()
	s := start(loadGuest(t, r), "update-status", map[string]*hookv1.ConfigValue{"dir": text(dir)})
	s.View.Containers = []*hookv1.ContainerView{{Name: "web", Socket: socket}}
	done := dispatch(t, r, s, nil)
	if done.GetOutcome() != fine {
		t.Fatalf("%s %q\n%s", done.GetOutcome(), done.GetMessage(), done.GetDetail())
	}
	got := done.GetChangeset().GetStateSet()
	for key, want := range map[string]string{
		"pulled": `"text \xff\x00 end"`, "missing": "true", "ran": `3 "in" "me\n"`, "bad": "true",
		"services": "[{web enabled active}]", "other": `cannot reach container "other": this unit's containers are [web]`,
	} {
		if got[key] != want {
			t.Errorf("%s = %s, want %s", key, got[key], want)
		}
	}
	if info, err := os.Stat(filepath.Join(dir, "a", "file")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("file: %v %v", info, err)
	}
}

// TestGateCharm: the charm of the demo runs its real workload under the real supervisor, and follows its relation.
func TestGateCharm(t *testing.T) {
	w, socket := supervised(t)
	backend := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, "from the back end") }))
	defer backend.Close()
	r := newRuntime(t)
	s := start(load(t, r, "gate", filepath.Join(w.dir, "gate")), "pebble-ready", map[string]*hookv1.ConfigValue{"title": text("")})
	s.Event.Name, s.Event.Container = "gate-pebble-ready", "gate"
	s.View.Unit = &hookv1.UnitView{Name: "gate/0", Life: "alive", PrivateAddress: "127.0.0.1"}
	s.View.Model = &hookv1.ModelView{Uuid: t.Name() + socket}
	s.View.Containers = []*hookv1.ContainerView{{Name: "gate", Socket: socket}}
	s.View.Resources = []*hookv1.ResourceView{{Name: "workload", Type: "file", Path: filepath.Join(w.dir, "gate-workload")}}
	done := dispatch(t, r, s, nil)
	if done.GetOutcome() != fine || done.GetChangeset().GetUnitStatus().GetCurrent() != "waiting" {
		t.Fatalf("%v", done)
	}
	port := done.GetChangeset().GetOpenPorts()[0].GetFrom()
	s.View.CharmState = done.GetChangeset().GetStateSet()
	s.View.Ports = done.GetChangeset().GetOpenPorts()
	page := fmt.Sprintf("http://127.0.0.1:%d", port)
	if status, _ := get(t, page); status != http.StatusServiceUnavailable {
		t.Errorf("without back ends the gate answers %d", status)
	}
	s.View.Relations = []*hookv1.RelationView{{Id: 4, Endpoint: "backend", RemoteApp: "guestbook", Members: []*hookv1.MemberView{
		{Unit: "guestbook/0", Bag: map[string]string{"url": backend.URL, "title": "Book"}}}}}
	s.Event = &hookv1.Event{Id: "2-c", Kind: "relation-changed", Name: "backend-relation-changed", RelationId: 4, RemoteUnit: "guestbook/0"}
	done = dispatch(t, r, s, nil)
	if got := done.GetChangeset().GetUnitStatus().GetMessage(); got != "serving 1 back end on "+page {
		t.Fatalf("status %q: %v", got, done)
	}
	eventually(t, "the gate has read its file again", func() error {
		if status, body := get(t, page); status != http.StatusOK || body != "from the back end" {
			return fmt.Errorf("%d %.100s", status, body)
		}
		return nil
	})
	_, body := get(t, page+"/_gate/status")
	if !json.Valid([]byte(body)) || !bytes.Contains([]byte(body), []byte("guestbook/0")) {
		t.Errorf("gate's status: %s", body)
	}
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	c := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := c.Get(url)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}
