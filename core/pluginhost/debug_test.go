package pluginhost_test

import (
	"log/slog"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/bangle-dev/bangle/core/pluginhost"
	"github.com/bangle-dev/bangle/sdk/plugin"
)

func TestPluginWaitsForDebugger(t *testing.T) {
	t.Setenv(plugin.EnvWait, "runtime-other,runtime-ok")
	var out safeBuffer
	h := newHost(t, pluginhost.Config{
		Catalog:      pluginhost.Catalog{Dirs: []string{plugins(t, "runtime-ok")}},
		Log:          slog.New(slog.NewTextHandler(&out, nil)),
		StartTimeout: time.Millisecond, // it does not count while somebody debugs
	})
	started := make(chan error, 1)
	go func() {
		_, err := h.Start(t.Context(), "runtime", "ok")
		started <- err
	}()
	told := regexp.MustCompile(`runtime-ok waits for a debugger: dlv attach (\d+), then kill -CONT`)
	deadline := time.After(20 * time.Second)
	for {
		if found := told.FindStringSubmatch(out.String()); found != nil {
			pid, err := strconv.Atoi(found[1])
			if err != nil {
				t.Fatal(err)
			}
			_ = syscall.Kill(pid, syscall.SIGCONT) // again and again: it may not have stopped yet
		}
		select {
		case err := <-started:
			if err != nil {
				t.Error(err)
			}
			return
		case <-deadline:
			t.Fatalf("the plugin did not go on:\n%s", out.String())
		case <-time.After(5 * time.Millisecond):
		}
	}
}
