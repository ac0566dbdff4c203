package abi

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
)

// DryRun is a Supervisor that lets reads through and records what would have changed something, answering as if it had
// been done. A file that was "written" is read back; services do not change.
type DryRun struct {
	real    Supervisor
	records []string
	files   map[[2]string]*Content // by container and path
}

// NewDryRun wraps a supervisor.
func NewDryRun(real Supervisor) *DryRun { return &DryRun{real: real, files: map[[2]string]*Content{}} }

// Records lists what was not done, in order, one line of JSON each: {"exec": {…}}, {"push": {…}}, {"request": {…}}.
func (d *DryRun) Records() []string { return d.records }

// String is the records as lines.
func (d *DryRun) String() string { return strings.Join(d.records, "\n") }

func (d *DryRun) record(what string, in any) {
	text, err := json.Marshal(map[string]any{what: in})
	if err != nil { // requests came from JSON
		text = fmt.Appendf(nil, "{%q:null}", what)
	}
	d.records = append(d.records, string(text))
}

// dryChange is the id of every change that was not made.
const dryChange = "0"

// Request lets GET through; other methods are recorded and answered with success.
func (d *DryRun) Request(ctx context.Context, in *Request) (*Response, error) {
	if in.Method == "" || strings.EqualFold(in.Method, "GET") {
		if strings.HasPrefix(in.Path, "/v1/changes/"+dryChange) {
			return &Response{Status: 200, Body: `{"type":"sync","status-code":200,"status":"OK","result":{"id":"0","kind":"dry-run",` +
				`"summary":"dry run","status":"Done","ready":true,"tasks":[]}}`}, nil
		}
		return d.real.Request(ctx, in)
	}
	d.record("request", in)
	if in.Path == "/v1/services" || in.Path == "/v1/exec" {
		return &Response{Status: 202, Body: `{"type":"async","status-code":202,"status":"Accepted","result":null,"change":"` + dryChange + `"}`}, nil
	}
	return &Response{Status: 200, Body: `{"type":"sync","status-code":200,"status":"OK","result":true}`}, nil
}

// Exec is recorded; the command is taken to have ended well without output.
func (d *DryRun) Exec(_ context.Context, in *Exec) (*ExecResult, error) {
	d.record("exec", in)
	return &ExecResult{}, nil
}

// Push is recorded.
func (d *DryRun) Push(_ context.Context, in *Push) (*Nothing, error) {
	d.record("push", in)
	d.files[[2]string{in.Container, in.Path}] = &Content{Content: in.Content, ContentBase64: in.ContentBase64}
	return &Nothing{}, nil
}

// Pull reads what was pushed before, else it is let through: it changes nothing.
func (d *DryRun) Pull(ctx context.Context, in *Pull) (*Content, error) {
	if c := d.files[[2]string{in.Container, in.Path}]; c != nil {
		return c, nil
	}
	return d.real.Pull(ctx, in)
}
