package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"syscall"
	"time"

	"github.com/bangle-dev/bangle/sdk/charmruntime"
	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/hook"
	"github.com/bangle-dev/bangle/sdk/hook/hookjson"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// maxLine bounds one line of the program's output in bytes.
const maxLine = 8 << 20

// event is one run of the program.
type event struct {
	start *charmruntimev1.Start
	host  charmruntime.Host
	dir   string

	stdin          io.Writer
	changeset      []byte
	notImplemented bool
}

// run runs the program to its end.
func (e *event) run(ctx context.Context) (*charmruntimev1.Done, error) {
	goruntime.LockOSThread() // Pdeathsig fires when the thread that forked ends
	defer goruntime.UnlockOSThread()
	if ctx.Err() != nil {
		return nil, errs.With(errs.Canceled, context.Cause(ctx))
	}
	cmd := exec.CommandContext(ctx, filepath.Join(e.dir, program))
	cmd.Dir = e.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second // a child may have inherited stderr
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, errs.E(errs.Unavailable, "cannot run the charm: %w", err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, errs.E(errs.Unavailable, "cannot run the charm: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return failed(126, "the program cannot be started: "+err.Error(), ""), nil
	}
	e.stdin = stdin
	read := make(chan error, 1)
	go func() { read <- e.read(ctx, stdout) }()
	_, _ = stdin.Write(append(hookjson.EncodeEvent(e.start.GetEvent(), e.start.GetView()), '\n')) // it need not read
	readErr := <-read
	_ = stdin.Close() // closed by Wait as well
	if readErr != nil {
		_ = cmd.Cancel() // it does not hold to the form, so nothing of it counts
	}
	return e.done(ctx, cmd.Wait(), readErr, stderr.String()), nil
}

// read obeys the program's lines until its output ends.
func (e *event) read(ctx context.Context, stdout io.Reader) error {
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		if err := e.line(ctx, lines.Bytes()); err != nil {
			return err
		}
	}
	return lines.Err()
}

// line is one line: something to be done at once, or the changeset.
func (e *event) line(ctx context.Context, line []byte) error {
	if len(bytes.TrimSpace(line)) == 0 {
		return nil
	}
	var now struct {
		Log            *string `json:"log"`
		NotImplemented bool    `json:"not_implemented"`
		Call           *struct {
			Operation string          `json:"operation"`
			Request   json.RawMessage `json:"request"`
		} `json:"call"`
	}
	if err := json.Unmarshal(line, &now); err != nil {
		return fmt.Errorf("a line of its output is not JSON: %w", err)
	}
	switch {
	case now.Log != nil:
		e.host.Immediate(&charmruntimev1.Immediate{What: &charmruntimev1.Immediate_Log{Log: &charmruntimev1.LogLine{
			Level: "INFO", Message: *now.Log, Module: "unit." + e.start.GetView().GetUnit().GetName() + ".charm", TimeUnixNano: time.Now().UnixNano()}}})
	case now.Call != nil:
		return e.call(ctx, now.Call.Operation, string(now.Call.Request))
	case now.NotImplemented:
		e.notImplemented = true
	default:
		e.changeset = bytes.Clone(line)
	}
	return nil
}

// call asks the host and writes one line of answer to the program.
func (e *event) call(ctx context.Context, operation, request string) error {
	answer := map[string]string{}
	response, err := e.host.Call(ctx, operation, request)
	if err != nil {
		answer["error"], answer["class"] = err.Error(), errs.Class(err).String()
	} else {
		answer["response"] = response
	}
	text, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	_, _ = e.stdin.Write(append(text, '\n')) // it need not wait for the answer
	return nil
}

// done says how the event ended.
func (e *event) done(ctx context.Context, waitErr, readErr error, stderr string) *charmruntimev1.Done {
	var limit overtime
	var exit *exec.ExitError
	switch {
	case errors.As(context.Cause(ctx), &limit):
		return &charmruntimev1.Done{Outcome: charmruntimev1.Outcome_OUTCOME_KILLED, Limit: limit.Error(), Message: "ran longer than " + limit.Error(), Detail: stderr}
	case ctx.Err() != nil:
		return &charmruntimev1.Done{Outcome: charmruntimev1.Outcome_OUTCOME_KILLED, Limit: "cancel", Message: "the event was cancelled", Detail: stderr}
	case readErr != nil:
		return failed(1, readErr.Error(), stderr)
	case errors.As(waitErr, &exit):
		return failed(exit.ExitCode(), lastLine(stderr, exit.Error()), stderr)
	case waitErr != nil:
		return failed(1, waitErr.Error(), stderr)
	case e.notImplemented:
		return &charmruntimev1.Done{Outcome: charmruntimev1.Outcome_OUTCOME_NOT_IMPLEMENTED, Changeset: &hookv1.Changeset{EventId: e.start.GetEvent().GetId()}}
	}
	changes, err := hookjson.DecodeChangeset(e.changeset)
	if err != nil {
		return failed(1, err.Error(), stderr)
	}
	changes.EventId = e.start.GetEvent().GetId()
	if found := hook.Validate(changes, e.start.GetEvent()); len(found) > 0 {
		return failed(1, found[0].Error(), errors.Join(found...).Error())
	}
	return &charmruntimev1.Done{Outcome: charmruntimev1.Outcome_OUTCOME_OK, Changeset: hook.Normalize(changes, e.start.GetView())}
}

// failed is the outcome of a charm that did not do its work.
func failed(code int, message, detail string) *charmruntimev1.Done {
	return &charmruntimev1.Done{Outcome: charmruntimev1.Outcome_OUTCOME_FAILED, ExitCode: int32(code),
		Message: strings.ReplaceAll(message, "\n", "; "), Detail: detail}
}

// lastLine is what a traceback ends with.
func lastLine(text, otherwise string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if last := strings.TrimSpace(lines[len(lines)-1]); last != "" {
		return last
	}
	return otherwise
}
