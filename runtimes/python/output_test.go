package python_test

import (
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/bangle-dev/bangle/runtimes/python"
	"github.com/bangle-dev/bangle/sdk/charmruntime"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
)

// printed is a host that keeps log lines.
type printed struct {
	charmruntime.Host
	mu    sync.Mutex
	lines []string
}

func (p *printed) Immediate(what *charmruntimev1.Immediate) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines = append(p.lines, what.GetLog().GetMessage())
}

// A line without an end is cut into several; put together they are what was written, whatever the lengths.
func TestLongOutputLosesNothing(t *testing.T) {
	const cut = 128 << 10
	for _, n := range []int{1, cut - 1, cut, cut + 1, 2 * cut, 3*cut + 17} {
		for _, end := range []string{"", "\n", "\nnext\n"} {
			text := strings.Repeat("0123456789abcdefghijklmnopqrstuvwxyz", n/36+1)[:n]
			read, write, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				_, _ = write.WriteString(text + end)
				_ = write.Close()
			}()
			host := &printed{}
			python.Lines(read, host)
			got := strings.Join(host.lines, "")
			if want := text + strings.TrimSpace(end); got != want {
				t.Errorf("%d bytes and %q: %d bytes arrived, want %d", n, end, len(got), len(want))
			}
			for _, l := range host.lines {
				if len(l) > cut {
					t.Errorf("%d bytes and %q: a line of %d bytes", n, end, len(l))
				}
			}
		}
	}
}
