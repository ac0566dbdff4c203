package python_test

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
)

// greedy takes memory in its own process and in one that it starts, and says whether it was given any.
const greedy = `import os, subprocess, sys
def taken():
    try:
        return len(bytearray(200 << 20)) > 0
    except MemoryError:
        return False
child = subprocess.run([sys.executable, "-c", "bytearray(200 << 20)"], stderr=subprocess.DEVNULL).returncode == 0
open("said", "w").write("%d %s %s" % (os.getppid(), taken(), child))
`

// TestMemoryOfAHook: each process of an event may take so much of its own, in a warm interpreter's child as in a program.
func TestMemoryOfAHook(t *testing.T) {
	for _, warm := range []bool{true, false} {
		for _, c := range []struct {
			bytes int64
			want  string
		}{{0, "True True"}, {96 << 20, "False False"}, {1 << 30, "True True"}} {
			t.Run(strconv.FormatBool(warm)+strconv.FormatInt(c.bytes>>20, 10), func(t *testing.T) {
				u := newPython(t, greedy)
				if !warm {
					write(t, filepath.Join(u.start.Workspace.CharmDir, "dispatch"), "#!/bin/sh\nif true; then exec ./src/charm.py; fi\n", 0o755)
				}
				loaded, err := u.runtime.Load(context.Background(), &charmruntimev1.LoadRequest{Digest: "d", Dir: u.start.Workspace.CharmDir,
					Limits: &charmruntimev1.Limits{MemoryBytes: c.bytes}})
				if err != nil {
					t.Fatal(err)
				}
				u.start.Handle = loaded.GetHandle()
				u.ok(t)
				parent, got, _ := strings.Cut(u.report(t), " ")
				if got != c.want {
					t.Errorf("with %d bytes the hook and its child were given memory: %s, want %s", c.bytes, got, c.want)
				}
				if ran := parent != strconv.Itoa(os.Getpid()); ran != warm {
					t.Errorf("in a warm interpreter: %t, want %t", ran, warm)
				}
			})
		}
	}
}
