package wasm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/bangle-dev/bangle/runtimes/wasm/module"
	"github.com/bangle-dev/bangle/runtimes/wasm/script"
	"github.com/bangle-dev/bangle/sdk/errs"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	"github.com/bangle-dev/bangle/sdk/wasm/abi"
)

// detects lists the files that make a charm one of this runtime.
func detects() []string {
	list := []string{File}
	for _, e := range script.Engines() {
		list = append(list, e.File)
	}
	return list
}

// readScript is the engine's module, when the script may be run at all.
func readScript(s *script.Script, maxPages uint32) ([]byte, []*charmruntimev1.Diagnostic, error) {
	if s.TooLarge() {
		return nil, diagnoseFile(s.File, fmt.Sprintf("the script has more than %d bytes, which is the most that is allowed", script.MaxSource),
			"a charm that needs more code is better written in a language that compiles"), nil
	}
	data, err := s.Module()
	if err != nil {
		return nil, nil, err
	}
	m, err := module.Parse(data)
	if err != nil {
		return nil, nil, errs.E(errs.Internal, "cannot read the engine for %s: %w", s.File, err)
	}
	if need := m.Memories[0].Min; need > maxPages {
		return nil, diagnoseFile(s.File, fmt.Sprintf("%s needs %d bytes of memory, allowed are %d", s.Language, int64(need)*pageSize, int64(maxPages)*pageSize),
			"raise the limit for this application"), nil
	}
	return data, nil, nil
}

func diagnoseFile(file, message, hint string) []*charmruntimev1.Diagnostic {
	return []*charmruntimev1.Diagnostic{{Severity: "error", File: file, Message: message, Hint: hint}}
}

// unusable says why a script cannot be evaluated: its own words, which name file and line.
func unusable(s *script.Script, failed *failure) []*charmruntimev1.Diagnostic {
	return diagnoseFile(s.File, "the script cannot be evaluated: "+failed.message,
		"run the charm's tests natively; what stands outside of handlers may call nothing of the host")
}

// scripted tells the script's own errors, after which the instance is as good as before, from those of its engine.
func (r *run) scripted(err error) *failure {
	if err == nil {
		return nil
	}
	if own, ok := errors.AsType[*script.Error](err); ok && r.trapped == nil {
		return &failure{message: cut(own.Message, maxMessage), detail: own.Detail, code: int32(own.Code)}
	}
	return r.failure(err)
}

// scriptHost answers what a script calls. It has no import section to be checked, so each call is held against the grants.
type scriptHost struct{ grants []string }

// Call is a call of the ABI.
func (h scriptHost) Call(ctx context.Context, function string, request []byte) []byte {
	run := inEvent(ctx, function)
	run.leave()
	defer run.back()
	name, fn, _ := cutLast(function, ".")
	if name != abi.Answer && len(h.grants) > 0 && !slices.Contains(h.grants, name) {
		refusal, err := json.Marshal(map[string]any{"error": map[string]string{"class": errs.Denied.String(),
			"message": fmt.Sprintf("cannot call %s: %s was not granted; %s", function, name, module.Granted(name, h.grants))}})
		if err != nil { // strings always marshal
			panic(err)
		}
		return refusal
	}
	return run.call(ctx, abi.Function{Module: name, Name: fn}, request)
}

// Print is a line of the script's output.
func (h scriptHost) Print(ctx context.Context, line string) {
	if run := inEvent(ctx, "print"); run.lines != nil {
		run.lines(stdout, strings.ToValidUTF8(line, "\ufffd"))
	}
}

// Now is the script's time of day.
func (h scriptHost) Now(ctx context.Context) int64 { return inEvent(ctx, "the clock").world.Now() }

// Random fills p with random bytes.
func (h scriptHost) Random(ctx context.Context, p []byte) {
	inEvent(ctx, "random numbers").world.Random(p)
}

func inEvent(ctx context.Context, what string) *run {
	run, ok := ctx.Value(runKey{}).(*run)
	if !ok {
		panic(fmt.Errorf("%s was called outside of an event", what))
	}
	return run
}

func cutLast(s, sep string) (before, after string, found bool) {
	if n := strings.LastIndex(s, sep); n >= 0 {
		return s[:n], s[n+len(sep):], true
	}
	return s, "", false
}
