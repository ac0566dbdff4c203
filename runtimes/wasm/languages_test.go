package wasm

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/bangle-dev/bangle/runtimes/wasm/module"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
)

const sdk = "../../sdk/wasm"

// languages are the guest libraries; each has a folder in sdk/wasm with bangle/build.sh, bangle/test.sh and the charms
// conformance and example. Go's is built by the go command.
var languages = []string{"go", "c", "rust", "assemblyscript", "js", "micropython"}

// scripts are the languages whose charms are one file that an engine runs: nothing is built.
var scripts = map[string]string{"js": "charm.js", "micropython": "charm.py"}

// noToolchain is what build.sh ends with when a compiler is not installed.
const noToolchain = 3

// builds holds the modules that were compiled, for all tests of the process.
type builds struct {
	mu   sync.Mutex
	done map[string][]byte
}

var compiled = sync.OnceValue(func() *builds { return &builds{done: map[string][]byte{}} })

// build compiles one of a language's charms into a directory that can be loaded.
func build(t testing.TB, language, charm string) string {
	t.Helper()
	if scripts[language] != "" {
		NeedEngines(t)
		return filepath.Join(sdk, language, charm)
	}
	all := compiled()
	all.mu.Lock()
	defer all.mu.Unlock()
	dir := t.TempDir()
	file := filepath.Join(dir, File)
	if text, ok := all.done[language+charm]; ok {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	command := exec.Command("sh", filepath.Join(sdk, language, "bangle", "build.sh"), filepath.Join(sdk, language, charm), file)
	if language == "go" {
		main := map[string]string{"conformance": "./testdata/obey", "example": "./testdata/story"}[charm]
		command = exec.Command("go", "build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w", "-o", file, main)
		command.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	} else {
		readAll(t, filepath.Join(sdk, language))
	}
	runTool(t, command)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	all.done[language+charm] = text
	return dir
}

// runTool runs a command; a toolchain that is not installed skips the test, unless BANGLE_TOOLCHAINS says that all of them are.
func runTool(t testing.TB, command *exec.Cmd) {
	t.Helper()
	command.Env = append(command.Environ(), "CFLAGS=-Werror", "RUSTFLAGS=-D warnings", "SANITIZE=")
	out, err := command.CombinedOutput()
	exit, _ := errors.AsType[*exec.ExitError](err)
	switch {
	case exit != nil && exit.ExitCode() == noToolchain && os.Getenv("BANGLE_TOOLCHAINS") != "all":
		t.Skipf("%s", out)
	case err != nil:
		t.Fatalf("%v\n%s", err, out)
	}
}

// readAll makes the go command's cache of test results look at a library's sources.
func readAll(t testing.TB, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && !strings.Contains(path, "node_modules") {
			_, err = os.ReadFile(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func vectors(t testing.TB, name string) []guestVector {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(sdk, "vectors", name))
	if err != nil {
		t.Fatal(err)
	}
	var list []guestVector
	if err := json.Unmarshal(text, &list); err != nil {
		t.Fatal(err)
	}
	return list
}

// TestLanguages holds every guest library, compiled to WASM, against the vectors: its conformance charm against guest.json,
// its example against the story. The input is theirs byte by byte.
func TestLanguages(t *testing.T) {
	for _, language := range Languages() {
		for charm, file := range map[string]string{"conformance": "guest.json", "example": "story.json"} {
			t.Run(language+"/"+charm, func(t *testing.T) {
				c, _ := openBuilt(t, build(t, language, charm))
				if c.image == nil {
					t.Error("it has no image, so every event makes a new instance")
				}
				for _, v := range vectors(t, file) {
					t.Run(v.Name, func(t *testing.T) { v.check(t, c) })
				}
			})
		}
	}
}

func openBuilt(t testing.TB, dir string) (*charm, *Runtime) {
	t.Helper()
	r, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	c, found, err := r.open(context.Background(), &charmruntimev1.LoadRequest{Digest: dir, Dir: dir})
	if err != nil || found != nil {
		t.Fatal(found, err)
	}
	t.Cleanup(func() {
		if err := errors.Join(c.close(), r.Close()); err != nil {
			t.Error(err)
		}
	})
	return c, r
}

// TestLanguagesNatively runs each library's own tests of its two charms, without WASM.
func TestLanguagesNatively(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts compilers")
	}
	for _, language := range languages {
		if language == "go" { // sdk/wasm/go has its own
			continue
		}
		for charm, file := range map[string]string{"conformance": "guest.json", "example": "story.json"} {
			t.Run(language+"/"+charm, func(t *testing.T) {
				readAll(t, filepath.Join(sdk, language))
				runTool(t, exec.Command("sh", filepath.Join(sdk, language, "bangle", "test.sh"), filepath.Join(sdk, language, charm), filepath.Join(sdk, "vectors", file)))
			})
		}
	}
}

// TestExampleImports: a module imports what its charm calls and nothing else, in every language.
func TestExampleImports(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts compilers")
	}
	want := []string{"charm/action@1.log", "charm/answer@1.take", "charm/bag@1.get", "charm/leader@1.is_leader", "charm/log@1.log", "charm/secret@1.add",
		"charm/secret@1.get", "charm/secret@1.grant", "charm/secret@1.info", "charm/secret@1.set", "charm/supervisor@1.exec",
		"charm/supervisor@1.push", "charm/supervisor@1.request"}
	for _, language := range languages {
		if scripts[language] != "" { // their calls are held against the grants one by one
			continue
		}
		t.Run(language, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join(build(t, language, "example"), File))
			if err != nil {
				t.Fatal(err)
			}
			m, err := module.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, in := range m.Imports {
				if strings.HasPrefix(in.Module, "charm/") {
					got = append(got, in.Module+"."+in.Name)
				}
			}
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("imports %v\nwant %v", got, want)
			}
		})
	}
}

// BenchmarkLanguages measures the example charm: load compiles it without a cache and runs its initialisation; event is the
// story's db-relation-changed, six calls included, answered at once.
func BenchmarkLanguages(b *testing.B) {
	for _, language := range languages {
		b.Run(language+"/load", func(b *testing.B) {
			dir := build(b, language, "example")
			info, err := os.Stat(filepath.Join(dir, cmp.Or(scripts[language], File)))
			if err != nil {
				b.Fatal(err)
			}
			defer cpu(b)()
			for b.Loop() {
				r, err := New(Config{})
				if err != nil {
					b.Fatal(err)
				}
				c, found, err := r.open(b.Context(), &charmruntimev1.LoadRequest{Digest: dir, Dir: dir})
				if err != nil || found != nil {
					b.Fatal(found, err)
				}
				if err := errors.Join(c.close(), r.Close()); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(info.Size())/1024, "KiB")
		})
		b.Run(language+"/event", func(b *testing.B) {
			c, _ := openBuilt(b, build(b, language, "example"))
			at := slices.IndexFunc(vectors(b, "story.json"), func(v guestVector) bool { return v.Name == "db-relation-changed" })
			v := vectors(b, "story.json")[at]
			defer cpu(b)()
			for b.Loop() {
				if output, bad := v.run(b, c); bad != nil || output == nil {
					b.Fatal(bad)
				}
			}
		})
	}
}

// cpu reports the processor time of an operation, which a busy machine changes less than the time on the clock.
func cpu(b *testing.B) func() {
	used := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before := used()
	return func() { b.ReportMetric(float64((used()-before).Microseconds())/float64(b.N), "cpu-us/op") }
}
