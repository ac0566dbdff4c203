package wasm

import (
	"bytes"
	"context"
	"io"

	"github.com/bangle-dev/bangle/sdk/wasm/abi"
)

// input is an instance's standard input: the event, while a command runs, else nothing.
type input struct{ i *instance }

// Read reads what is left of it.
func (s *input) Read(p []byte) (int, error) {
	if s.i.in == nil {
		return 0, io.EOF
	}
	return s.i.in.Read(p)
}

// start runs a WASI command once: the event is its standard input, its standard output the changeset, nothing there means that
// it has no handler. An exit code other than 0 is a failure, whose reason is the last that it said on standard error.
func (i *instance) start(ctx context.Context, run *run, event []byte) ([]byte, *failure) {
	i.in, i.out.result = bytes.NewReader(event), &bytes.Buffer{}
	_, err := i.mod.ExportedFunction(abi.Start).Call(ctx)
	text := i.out.result.Bytes()
	i.in, i.out.result = nil, nil
	if code, ok := exited(err); err != nil && (!ok || code != 0) || run.trapped != nil {
		return nil, run.failure(err)
	}
	if len(text) > maxOutput {
		return nil, broken("it printed more than %d bytes on standard output", maxOutput)
	}
	if text = bytes.TrimSpace(text); len(text) == 0 {
		return nil, nil
	}
	return text, nil
}

// keep takes over what a command prints, and no more than tells that it was too much.
func (o *output) keep(p []byte) {
	if room := maxOutput + 1 - o.result.Len(); room > 0 {
		o.result.Write(p[:min(room, len(p))])
	}
}
