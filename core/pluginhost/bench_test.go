package pluginhost_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/bangle-dev/bangle/core/pluginhost"
	"github.com/bangle-dev/bangle/sdk/charmruntime"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// benchHost is a host with one trusted plugin.
func benchHost(b *testing.B, tls bool) *pluginhost.Host {
	b.Helper()
	home := b.TempDir()
	file := filepath.Join(home, "runtime-ok")
	if err := os.Symlink(program, file); err != nil {
		b.Fatal(err)
	}
	if _, err := pluginhost.Trust(b.Context(), home, file); err != nil {
		b.Fatal(err)
	}
	h, err := pluginhost.New(pluginhost.Config{Catalog: pluginhost.Catalog{Home: home}, MutualTLS: tls})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(h.Close)
	return h
}

// BenchmarkStart compares what the two ways to guard the socket cost at a
// start; the end of the process is not counted.
func BenchmarkStart(b *testing.B) {
	for _, tls := range []bool{false, true} {
		b.Run(fmt.Sprintf("tls=%v", tls), func(b *testing.B) {
			h := benchHost(b, tls)
			for b.Loop() {
				i, err := h.Start(b.Context(), "runtime", "ok")
				if err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				i.Kill()
				b.StartTimer()
			}
		})
	}
}

// BenchmarkDispatch is an event that does nothing, on a lane, with a small view.
func BenchmarkDispatch(b *testing.B) {
	for _, tls := range []bool{false, true} {
		b.Run(fmt.Sprintf("tls=%v", tls), func(b *testing.B) {
			i, err := benchHost(b, tls).Start(b.Context(), "runtime", "ok")
			if err != nil {
				b.Fatal(err)
			}
			remote := charmruntime.Client(i.Conn())
			defer remote.Close()
			start := &charmruntimev1.Start{Event: &hookv1.Event{Id: "1"}, View: &hookv1.View{CharmState: map[string]string{"k": string(make([]byte, 2048))}}}
			for b.Loop() {
				if _, err := remote.Dispatch(b.Context(), start, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
