package dispatch_test

import (
	"context"
	"testing"

	"github.com/bangle-dev/bangle/sdk/charmruntime"
	"github.com/bangle-dev/bangle/sdk/errs"
)

// doors notes who was asked for, and has nothing.
type doors struct{ asked []string }

func (d *doors) Get(_ context.Context, kind, scope string) (charmruntime.Runtime, func(), error) {
	d.asked = append(d.asked, kind+" "+scope)
	return nil, nil, errs.E(errs.NotFound, "there is none")
}

// TestIsolation: who shares a process that runs WASM charms is the model's setting. Executables share what starts them.
func TestIsolation(t *testing.T) {
	for _, c := range []struct{ setting, runtime, want string }{
		{"", "wasm", "wasm mmmmmmmmm"},
		{"model", "wasm", "wasm mmmmmmmmm"},
		{"application", "wasm", "wasm mmmmmmmmm/web"},
		{"unit", "wasm", "wasm mmmmmmmmm/web/1"},
		{"unit", "python", "python "},
	} {
		d := &doors{}
		run, job := runner(t, d)
		job.Model.Application.Runtime = c.runtime
		if c.setting != "" {
			job.Model.Model.Config = map[string]string{"isolation": c.setting}
		}
		if _, err := run.Run(t.Context(), job); err != nil {
			t.Fatal(err)
		}
		if len(d.asked) != 1 || d.asked[0] != c.want {
			t.Errorf("isolation=%s, %s: asked for %q, want %q", c.setting, c.runtime, d.asked, c.want)
		}
	}
}
