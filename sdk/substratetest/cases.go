package substratetest

import (
	"context"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/internal/suite"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
	"github.com/bangle-dev/bangle/sdk/substrate"
)

// cases is the suite.
func cases() []suite.Case[*bench] {
	return slices.Concat(contractCases(), ensureCases(), observeCases(), unitCases(), sharedCases(), lifeCases(), rebootCases())
}

// contractCases are about calls and refusals.
func contractCases() []suite.Case[*bench] {
	return []suite.Case[*bench]{
		{Name: "info is complete and stable", Run: infoStable},
		{Name: "an unknown setting is refused by name", Run: unknownSetting},
		{Name: "what is not among the capabilities is unsupported", Run: unsupported},
		{Name: "an oversized message is refused and harms nobody", Run: oversized},
		{Name: "validation finds what cannot be placed", Run: validates},
		{Name: "a valid specification has no findings", Run: validatesGood},
		{Name: "a command runs at the unit's place", Run: exec},
	}
}

func infoStable(t testing.TB, b *bench) {
	first, err := b.Provider.Info(b.ctx(t))
	if err != nil {
		t.Fatalf("Info: %v", err)
	}
	second, err := b.Provider.Info(b.ctx(t))
	if err != nil || !proto.Equal(first, second) {
		t.Errorf("Info says %v, then %v (%v)", first, second, err)
	}
	if agents := first.GetAgents(); first.GetName() == "" || first.GetVersion() == "" || agents != "shared" && agents != "unit" {
		t.Errorf("Info lacks a name, a version or how agents come to be: %v", first)
	}
	unit, err := b.Unit.UnitInfo(b.ctx(t))
	if err != nil || unit.GetName() != first.GetName() {
		t.Errorf("the unit's side is %q, %v; the provider is %q", unit.GetName(), err, first.GetName())
	}
}

func unknownSetting(t testing.TB, b *bench) {
	req := b.configuration()
	req.Settings = map[string]string{"no-such-setting": "x"}
	err := b.Provider.Configure(b.ctx(t), req)
	if !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), "no-such-setting") {
		t.Errorf("error = %v of class %s, want invalid and the setting's name", err, errs.Class(err))
	}
}

func unsupported(t testing.TB, b *bench) {
	if b.Conn == nil {
		t.Skip("the substrate runs in this process; the compiler has checked it")
	}
	info, err := b.Provider.Info(b.ctx(t))
	if err != nil {
		t.Fatalf("Info: %v", err)
	}
	api := substratev1.NewProviderClient(b.Conn)
	stream := func(next func() error, err error) error {
		if err != nil {
			return err
		}
		return next()
	}
	for capability, call := range map[string]func(context.Context) error{
		substrate.CanValidate: func(ctx context.Context) error {
			_, err := api.Validate(ctx, &substratev1.ValidateRequest{})
			return err
		},
		substrate.CanAdopt: func(ctx context.Context) error { _, err := api.Adopt(ctx, &substratev1.AdoptRequest{}); return err },
		substrate.CanExec: func(ctx context.Context) error {
			s, err := api.Exec(ctx, &substratev1.ExecRequest{})
			return stream(func() error { _, err := s.Recv(); return err }, err)
		},
		substrate.CanLogs: func(ctx context.Context) error {
			s, err := api.Logs(ctx, &substratev1.LogsRequest{})
			return stream(func() error { _, err := s.Recv(); return err }, err)
		},
		substrate.CanBootstrap: func(ctx context.Context) error {
			s, err := api.Bootstrap(ctx, &substratev1.BootstrapRequest{})
			return stream(func() error { _, err := s.Recv(); return err }, err)
		},
	} {
		if slices.Contains(info.GetCapabilities(), capability) {
			continue
		}
		if err := call(b.ctx(t)); !errs.Is(err, errs.Unsupported) {
			t.Errorf("%s is not declared, and the error is %v, want unsupported", capability, err)
		}
	}
}

func oversized(t testing.TB, b *bench) {
	if b.Conn == nil {
		t.Skip("messages have no size within one process")
	}
	spec := b.spec(modelA, "web", "0")
	spec.Labels = map[string]string{"big": strings.Repeat("x", 11<<20)}
	if _, err := b.Provider.Ensure(b.ctx(t), &substratev1.EnsureRequest{Spec: spec, Revision: 1}); !errs.Is(err, errs.Exhausted) {
		t.Errorf("error = %v, want exhausted", err)
	}
	if _, err := b.Provider.Info(b.ctx(t)); err != nil {
		t.Errorf("Info after an oversized message: %v", err)
	}
}

func validates(t testing.TB, b *bench) {
	v, ok := substrate.AsValidator(b.Provider)
	if !ok {
		t.Skip("the substrate does not validate")
	}
	spec := b.spec(modelA, "web", "0")
	spec.Containers = append(spec.Containers, &substratev1.Container{Name: "broken", Root: "/no/such/root"})
	found, err := v.Validate(b.ctx(t), spec)
	if err != nil {
		t.Fatalf("Validate: %v; what is wrong with a specification is a diagnostic", err)
	}
	for _, d := range found {
		if d.GetSeverity() == "error" && d.GetMessage() != "" && d.GetHint() != "" {
			return
		}
	}
	t.Errorf("a root that is not there is no diagnostic of severity error with message and hint: %v", found)
}

func validatesGood(t testing.TB, b *bench) {
	v, ok := substrate.AsValidator(b.Provider)
	if !ok {
		t.Skip("the substrate does not validate")
	}
	found, err := v.Validate(b.ctx(t), b.spec(modelA, "web", "0", "1"))
	for _, d := range found {
		if d.GetSeverity() == "error" {
			t.Errorf("a valid specification is refused: %v", d)
		}
	}
	if err != nil {
		t.Errorf("Validate: %v", err)
	}
}

func exec(t testing.TB, b *bench) {
	e, ok := substrate.AsExecer(b.Provider)
	if !ok {
		t.Skip("the substrate does not execute commands")
	}
	b.ensure(t, b.spec(modelA, "web", "0"))
	b.up(t, modelA, "web/0")
	var out string
	code := int32(-1)
	err := e.Exec(b.ctx(t), &substratev1.ExecRequest{ModelUuid: modelA, Unit: "web/0", Container: "main", Command: []string{"sh", "-c", "echo hello; exit 3"}},
		func(o *substratev1.ExecOutput) error {
			out += string(o.GetStdout())
			if o.ExitCode != nil {
				code = o.GetExitCode()
			}
			return nil
		})
	if err != nil || out != "hello\n" || code != 3 {
		t.Errorf("output %q, exit code %d, %v", out, code, err)
	}
}
