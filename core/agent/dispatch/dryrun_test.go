package dispatch

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/bangle-dev/bangle/core/agent/source"
	"github.com/bangle-dev/bangle/core/event"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// TestResourceOfADryRun: the path is the one that the unit has, or would have, and nothing is fetched or written.
func TestResourceOfADryRun(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "resources")
	s := &shelf{dir: dir, named: true, fetch: func(context.Context, event.Key, string, io.Writer) error { return errors.New("it was fetched") },
		model: &source.Snapshot{Application: &controllerv1.Application{Name: "web", ResourceRecords: map[string]*controllerv1.ResourceRecord{"blob": {Name: "blob", Digest: "d"}}}}}
	path, err := s.get(t.Context(), "blob")
	if err != nil || path != filepath.Join(dir, "blob", "blob") {
		t.Errorf("got %q, %v", path, err)
	}
	if _, err := s.get(t.Context(), "none"); err == nil {
		t.Error("a resource that is not there has a path")
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the dry run wrote: %v", err)
	}
}
