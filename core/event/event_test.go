package event_test

import (
	"slices"
	"testing"

	"github.com/bangle-dev/bangle/core/event"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

func TestSortUnits(t *testing.T) {
	units := []string{"web/10", "web/2", "db/3", "odd"}
	event.SortUnits(units)
	if want := []string{"db/3", "odd", "web/2", "web/10"}; !slices.Equal(units, want) {
		t.Errorf("got %v, want %v", units, want)
	}
}

func TestIDIsTheNextNumberAndTheName(t *testing.T) {
	if got := event.ID(0, "install"); got != "1-install" {
		t.Errorf("got %q", got)
	}
	if a, b := event.ID(41, "db-relation-joined"), event.ID(41, "db-relation-joined"); a != b || a != "42-db-relation-joined" {
		t.Errorf("got %q and %q", a, b)
	}
}

func TestNames(t *testing.T) {
	exec := &hookv1.Event{Kind: "exec"}
	if !event.Task(exec.Kind) || event.Task("install") {
		t.Error("exec is a task, install is none")
	}
	if got := event.Module("web/0", exec); got != "unit.web/0.exec" {
		t.Errorf("got %q", got)
	}
	if got := event.Module("web/0", &hookv1.Event{Kind: "action", Name: "backup"}); got != "unit.web/0.backup" {
		t.Errorf("got %q", got)
	}
}
