package main

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/bangle-dev/bangle/sdk/errs"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
)

// Exec runs a command at a unit's place: as one more process of this host, in the
// container's directory.
func (p *plain) Exec(ctx context.Context, req *substratev1.ExecRequest, send func(*substratev1.ExecOutput) error) error {
	at, err := p.find(req.GetModelUuid(), req.GetUnit())
	if err != nil {
		return err
	}
	if at == nil || at.container(req.GetContainer()) == nil || len(req.GetCommand()) == 0 {
		return errs.E(errs.NotFound, "cannot execute %q: unit %s has no place, or no container %q", req.GetCommand(), req.GetUnit(), req.GetContainer())
	}
	cmd := exec.CommandContext(ctx, req.GetCommand()[0], req.GetCommand()[1:]...)
	cmd.Dir = filepath.Join(p.state, "containers", key(req.GetModelUuid(), req.GetUnit()), req.GetContainer())
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second // a child may have inherited the outputs
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	var exit *exec.ExitError
	if err := cmd.Run(); ctx.Err() != nil {
		return errs.With(errs.Canceled, context.Cause(ctx))
	} else if err != nil && !errors.As(err, &exit) {
		return errs.E(errs.Invalid, "cannot execute %q on %s: %w", req.GetCommand(), req.GetUnit(), err)
	}
	code := int32(cmd.ProcessState.ExitCode())
	return send(&substratev1.ExecOutput{Stdout: stdout.Bytes(), Stderr: stderr.Bytes(), ExitCode: &code})
}
