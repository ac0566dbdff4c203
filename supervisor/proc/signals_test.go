package proc_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/bangle-dev/bangle/supervisor/proc"
)

// TestChildrenHeedSignals: a supervisor that was started to ignore SIGHUP and SIGINT, as by nohup or in a script's
// background, starts programs that do not.
func TestChildrenHeedSignals(t *testing.T) {
	if os.Getenv("IGNORES_SIGNALS") != "" {
		r, err := proc.NewReaper()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		status, err := os.ReadFile("/proc/self/status")
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(status)) {
			if mask, ok := strings.CutPrefix(line, "SigIgn:"); ok {
				fmt.Println("ignored", strings.TrimSpace(mask))
			}
		}
		return
	}
	cmd := exec.Command("sh", "-c", `trap "" HUP INT; exec "$0" -test.run '^TestChildrenHeedSignals$'`, os.Args[0])
	cmd.Env = append(os.Environ(), "IGNORES_SIGNALS=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "ignored 0000000000000000") {
		t.Errorf("after NewReaper: %s%v", out, err)
	}
}
