package process_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/bangle-dev/bangle/core/process"
)

func TestNote(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "pid.json")
	if err := process.Note(file); err != nil {
		t.Fatal(err)
	}
	r, ok := process.Read(file)
	if !ok || r.PID != os.Getpid() || !r.Alive() {
		t.Fatalf("the own record reads %+v, %v", r, ok)
	}
	if err := process.Note(filepath.Join(dir, "none", "pid.json")); err == nil {
		t.Error("a record in no directory was written")
	}

	// A backup beside the original must not lead to the original's process; a directory that was moved does.
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "pid.json")
	if err := os.WriteFile(other, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if r, ok := process.Read(other); ok {
		t.Errorf("the copy of a record reads %+v", r)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if r, ok := process.Read(other); !ok || !r.Alive() {
		t.Errorf("the moved record reads %+v, %v", r, ok)
	}
}

func TestReadRefusesWhatIsNoProcess(t *testing.T) {
	for name, text := range map[string]string{"nothing": "", "no JSON": "pid 7", "process 1": `{"pid":1,"start_time":"1","boot_id":"x"}`} {
		file := filepath.Join(t.TempDir(), "pid.json")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if r, ok := process.Read(file); ok {
			t.Errorf("%s reads %+v", name, r)
		}
	}
	if _, ok := process.Read(filepath.Join(t.TempDir(), "none")); ok {
		t.Error("no file is a record")
	}
}

func TestEnd(t *testing.T) {
	for name, script := range map[string]string{"that obeys": "echo; exec sleep 600", "that does not": "trap '' TERM; echo; while :; do sleep 0.1; done"} {
		cmd := exec.Command("sh", "-c", script)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := out.Read(make([]byte, 1)); err != nil { // the trap is set
			t.Fatal(err)
		}
		r := record(t, cmd.Process.Pid)
		stranger := r
		stranger.StartTime = "1"
		if err := stranger.End(t.Context(), time.Second); err != nil || stranger.Alive() || !r.Alive() {
			t.Errorf("a process %s: the record of another with its number ended it or failed: %v", name, err)
		}
		if err := r.End(t.Context(), 50*time.Millisecond); err != nil || r.Alive() {
			t.Errorf("a process %s lives on: %v", name, err)
		}
		_ = cmd.Wait() // it was killed
		if err := r.End(t.Context(), time.Second); err != nil {
			t.Errorf("ending what is gone: %v", err)
		}
	}
}

// record is that of another process, written as a process of ours would.
func record(t *testing.T, pid int) process.Record {
	t.Helper()
	r, ok := process.Of(pid)
	if !ok {
		t.Fatalf("process %d is not there", pid)
	}
	return r
}

func TestRecords(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a/pid.json", "a/b/pid.json"} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := process.Note(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "other.json"), []byte(`{"name":"x"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	found, err := process.Records(dir, "*.json")
	if err != nil || len(found) != 2 {
		t.Errorf("Records = %v, %v; want two", found, err)
	}
}
