package wasm_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/bangle-dev/bangle/runtimes/wasm"
	"github.com/bangle-dev/bangle/sdk/errs"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// work is where the test binary keeps the built guest and the code cache.
type work struct{ dir, guest, obey, empty string }

var built = sync.OnceValues(func() (work, error) {
	dir, err := os.MkdirTemp("", "bangle-wasm")
	if err != nil {
		return work{}, err
	}
	w := work{dir: dir, guest: filepath.Join(dir, "guest"), obey: filepath.Join(dir, "obey"), empty: filepath.Join(dir, "empty")}
	for _, to := range []string{w.guest, w.obey, w.empty} {
		cmd := exec.Command("go", "build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(to, "charm.wasm"), "./testdata/"+filepath.Base(to))
		cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return w, fmt.Errorf("cannot build %s: %w\n%s", to, err, out)
		}
	}
	return w, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if w, _ := built(); w.dir != "" {
		_ = os.RemoveAll(w.dir)
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

func newRuntime(t testing.TB, change ...func(*wasm.Config)) *wasm.Runtime {
	t.Helper()
	w, err := built()
	if err != nil {
		t.Fatal(err)
	}
	cfg := wasm.Config{CacheDir: filepath.Join(w.dir, "cache")}
	for _, c := range change {
		c(&cfg)
	}
	r, err := wasm.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// loadGuest loads the Go charm of testdata/guest.
func loadGuest(t testing.TB, r *wasm.Runtime) string {
	t.Helper()
	w, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return load(t, r, "guest", w.guest)
}

func load(t testing.TB, r *wasm.Runtime, digest, dir string) string {
	t.Helper()
	resp, err := r.Load(t.Context(), &charmruntimev1.LoadRequest{Digest: digest, Dir: dir})
	if err != nil || len(resp.GetDiagnostics()) > 0 {
		t.Fatalf("load: %v %v", err, resp.GetDiagnostics())
	}
	return resp.GetHandle()
}

// host records what an event hands over and answers its calls.
type host struct {
	mu      sync.Mutex
	answers map[string]string
	asked   []string
	said    []*charmruntimev1.Immediate
}

func (h *host) Call(_ context.Context, operation, request string) (string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked = append(h.asked, operation+" "+request)
	if answer, ok := h.answers[operation]; ok {
		return answer, nil
	}
	return "", errs.E(errs.NotFound, "%s knows nothing", operation)
}

func (h *host) Immediate(what *charmruntimev1.Immediate) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.said = append(h.said, what)
}

func (h *host) logged() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var lines []string
	for _, s := range h.said {
		if l := s.GetLog(); l != nil {
			lines = append(lines, l.GetLevel()+" "+l.GetMessage())
		}
	}
	return lines
}

func text(s string) *hookv1.ConfigValue {
	return &hookv1.ConfigValue{Value: &hookv1.ConfigValue_StringValue{StringValue: s}}
}

// start is an event of unit web/0 with the given options.
func start(handle, kind string, config map[string]*hookv1.ConfigValue) *charmruntimev1.Start {
	return &charmruntimev1.Start{Handle: handle,
		Event: &hookv1.Event{Id: "1-" + kind, Kind: kind, Name: kind},
		View: &hookv1.View{Unit: &hookv1.UnitView{Name: "web/0", Life: "alive", PrivateAddress: "10.0.0.1"},
			Application: &hookv1.ApplicationView{Name: "web"}, Config: config}}
}

func dispatch(t testing.TB, r *wasm.Runtime, s *charmruntimev1.Start, h *host) *charmruntimev1.Done {
	t.Helper()
	if h == nil {
		h = &host{}
	}
	done, err := r.Dispatch(t.Context(), s, h)
	if err != nil {
		t.Fatalf("dispatch %s: %v", s.GetEvent().GetName(), err)
	}
	return done
}
