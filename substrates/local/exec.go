package local

import (
	"context"
	"errors"
	"io"

	"github.com/bangle-dev/bangle/sdk/errs"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
	"github.com/bangle-dev/bangle/supervisor/client"
)

// Exec runs a command through the container's supervisor, as a charm would.
func (s *Substrate) Exec(ctx context.Context, req *substratev1.ExecRequest, send func(*substratev1.ExecOutput) error) error {
	c, err := s.supervisor(req.GetModelUuid(), req.GetUnit(), req.GetContainer())
	if err != nil {
		return err
	}
	defer c.Close()
	if len(req.GetCommand()) == 0 {
		return errs.E(errs.Invalid, "cannot run a command in %s: none was given", req.GetUnit())
	}
	outRead, outWrite := io.Pipe()
	errRead, errWrite := io.Pipe()
	p, err := c.Exec(ctx, client.ExecOptions{Command: req.GetCommand(), Stdout: outWrite, Stderr: errWrite})
	if err != nil {
		return errs.E(errs.Unavailable, "cannot run a command in %s: %w", req.GetUnit(), err)
	}
	waited := make(chan error, 1)
	go func() {
		err := p.Wait(ctx)
		_, _ = outWrite.Close(), errWrite.Close()
		waited <- err
	}()
	chunks, sendErr := make(chan *substratev1.ExecOutput), error(nil)
	go func() {
		done := make(chan struct{})
		go func() {
			defer close(done)
			chunk(errRead, func(b []byte) { chunks <- &substratev1.ExecOutput{Stderr: b} })
		}()
		chunk(outRead, func(b []byte) { chunks <- &substratev1.ExecOutput{Stdout: b} })
		<-done
		close(chunks)
	}()
	for out := range chunks {
		if sendErr == nil {
			sendErr = send(out)
		}
	}
	return finishExec(req.GetUnit(), <-waited, sendErr, send)
}

// finishExec sends the exit code.
func finishExec(unit string, err, sendErr error, send func(*substratev1.ExecOutput) error) error {
	if sendErr != nil {
		return sendErr
	}
	code := int32(0)
	var exit *client.ExitError
	switch {
	case errors.As(err, &exit):
		code = int32(exit.Code)
	case err != nil:
		return errs.E(errs.Unavailable, "cannot run a command in %s: %w", unit, err)
	}
	return send(&substratev1.ExecOutput{ExitCode: &code})
}

// chunk hands on what a pipe brings until its end.
func chunk(r io.Reader, give func([]byte)) {
	for {
		buf := make([]byte, 32<<10)
		n, err := r.Read(buf)
		if n > 0 {
			give(buf[:n])
		}
		if err != nil {
			return
		}
	}
}

const oldLines = 1000

// Logs gives what the container's services wrote.
func (s *Substrate) Logs(ctx context.Context, req *substratev1.LogsRequest, send func(*substratev1.LogChunk) error) error {
	c, err := s.supervisor(req.GetModelUuid(), req.GetUnit(), req.GetContainer())
	if err != nil {
		return err
	}
	defer c.Close()
	err = c.Logs(ctx, client.LogOptions{N: oldLines, Follow: req.GetFollow()}, func(e client.LogEntry) error {
		line := e.Time.Format("2006-01-02T15:04:05.000Z07:00") + " [" + e.Service + "] " + e.Message + "\n"
		return send(&substratev1.LogChunk{Data: []byte(line)})
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return errs.E(errs.Unavailable, "cannot read logs of %s: %w", req.GetUnit(), err)
	}
	return nil
}

// supervisor connects to a container's; without a name to the unit's only one.
func (s *Substrate) supervisor(model, unit, name string) (*client.Client, error) {
	lay, err := s.layout()
	if err != nil {
		return nil, err
	}
	r, err := lay.find(model, unit)
	if err != nil {
		return nil, err
	}
	if name == "" && len(r.Containers) == 1 {
		name = r.Containers[0].Name
	}
	found := r.container(name)
	if found == nil {
		return nil, errs.E(errs.NotFound, "cannot find container %q of unit %s: it has none of that name", name, unit)
	}
	c, err := client.New(client.Config{Socket: found.Socket})
	if err != nil {
		return nil, errs.E(errs.Internal, "%w", err)
	}
	return c, nil
}
