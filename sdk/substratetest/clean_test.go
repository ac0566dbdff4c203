package substratetest

import (
	"context"
	"os"
	osexec "os/exec"
	"strings"
	"testing"

	"github.com/bangle-dev/bangle/sdk/internal/suite"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
	"github.com/bangle-dev/bangle/sdk/substrate"
	"github.com/bangle-dev/bangle/sdk/substratetest/reference"
)

// A case that fails while the substrate is dead leaves units: another life of the substrate ends them.
func TestCleansUpAfterADeadSubstrate(t *testing.T) {
	var world *reference.World
	cfg := Config{Start: func(t testing.TB, dirs Dirs) Subject {
		if world == nil {
			world = reference.NewWorld(dirs.Run, dirs.State)
		}
		life := reference.New(world, "")
		return OverGRPC(func(Dirs) (substrate.Provider, substrate.UnitSide) { return life, life })(t, dirs)
	}}
	failed := suite.Failing(t, []suite.Case[*bench]{{Name: "dies", Run: func(t testing.TB, b *bench) {
		b.ensure(t, b.spec(modelA, "web", "0"))
		b.Kill()
		t.Fatal("the case fails here")
	}}}, cfg.fresh)
	if got := failed["dies"]; !strings.Contains(got, "the case fails here") {
		t.Errorf("the case failed with %q", got)
	}
	answer, err := reference.New(world, "").Adopt(context.Background())
	if err != nil || len(answer.GetUnits()) != 0 {
		t.Errorf("units %v are left, %v", answer.GetUnits(), err)
	}
}

// forgetful ends nothing and says that it has.
type forgetful struct{ *reference.Substrate }

func (forgetful) Remove(context.Context, *substratev1.RemoveRequest, func(*substratev1.RemoveProgress) error) error {
	return nil
}

// A process that outlives its application fails the case that started it, and is ended.
func TestEndsWhatTheSubstrateLeft(t *testing.T) {
	cfg := Config{Start: func(t testing.TB, dirs Dirs) Subject {
		life := forgetful{reference.New(reference.NewWorld(dirs.Run, dirs.State), "")}
		return Subject{Provider: life, Unit: life}
	}}
	left := osexec.Command("sleep", "600")
	failed := suite.Failing(t, []suite.Case[*bench]{{Name: "leaves", Run: func(t testing.TB, b *bench) {
		left.Env = append(os.Environ(), "PEBBLE="+b.dirs.State+"/web")
		if err := left.Start(); err != nil {
			t.Fatal(err)
		}
	}}}, cfg.fresh)
	err := left.Wait()
	if err == nil || err.Error() != "signal: killed" {
		t.Errorf("the process ended with %v, want killed", err)
	}
	if got := failed["leaves"]; !strings.Contains(got, "outlives the removal") {
		t.Errorf("the case failed with %q", got)
	}
}
