package wasm

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/bangle-dev/bangle/runtimes/wasm/module"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
)

// BenchmarkInstance is what an instance of a Go charm costs: made afresh with its initialisation, made from the image, and
// set back after an event. test/bench prints it.
func BenchmarkInstance(b *testing.B) {
	dir := b.TempDir()
	build := exec.Command("go", "build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(dir, File), "../../test/bench/testdata/echo")
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	r, err := New(Config{})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = r.Close() }() // nothing is to be saved
	c, found, err := r.open(b.Context(), &charmruntimev1.LoadRequest{Digest: "echo", Dir: dir})
	if err != nil || found != nil {
		b.Fatal(found, err)
	}
	defer func() { _ = c.close() }() // nothing is to be saved
	file, err := os.ReadFile(filepath.Join(dir, File))
	if err != nil {
		b.Fatal(err)
	}
	b.Run("fresh", func(b *testing.B) {
		_, c.data, _ = module.TakeData(file) // which is not kept beside an image
		for b.Loop() {
			c.made(b, func() (*instance, error) {
				i, err := c.instantiate(b.Context())
				if err == nil {
					if failed := c.initialise(b.Context(), i); failed != nil {
						b.Fatal(failed.message)
					}
				}
				return i, err
			})
		}
	})
	b.Run("forked", func(b *testing.B) {
		for b.Loop() {
			c.made(b, func() (*instance, error) { return c.fork(b.Context()) })
		}
	})
	b.Run("reset", func(b *testing.B) {
		i, err := c.fork(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = i.close() }() // it is not used any more
		for b.Loop() {
			b.StopTimer()
			c.event(b, i)
			b.StartTimer()
			if !i.reset(c.image) {
				b.Fatal("the instance cannot be set back")
			}
		}
	})
}

func (c *charm) made(b *testing.B, make func() (*instance, error)) {
	i, err := make()
	if err == nil {
		err = i.close()
	}
	if err != nil {
		b.Fatal(err)
	}
}

// event lets the charm do something that has to be set back.
func (c *charm) event(b *testing.B, i *instance) {
	run := newRun(nil, nil, 0, live(b))
	ctx, end := run.begin(b.Context(), i)
	defer end()
	if _, failed := i.event(ctx, run, []byte(`{"event":{"kind":"config-changed","name":"config-changed"},"view":{"config":{"note":"x"}}}`)); failed != nil {
		b.Fatal(failed.message)
	}
}
