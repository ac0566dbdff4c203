package agent

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"time"

	"github.com/bangle-dev/bangle/core/crash"
	"github.com/bangle-dev/bangle/sdk/errs"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// commitCall is how long one try of a commit may take; the same commit is sent again until it is answered.
const commitCall = 10 * time.Second

// committer sends a unit's writes. The answer may be lost, and then nobody knows whether the write was done: the same
// commit id is sent until it is answered, before anything else of that unit.
type committer struct {
	client controllerv1.AgentsClient
	// forgets: an open commit is not kept for the agent's next life; a rehearsal ends with this one.
	forgets bool
}

// commitID is 128 random bits.
func commitID() string {
	raw := make([]byte, 16)
	_, _ = rand.Read(raw) // never fails
	return hex.EncodeToString(raw)
}

// answer is what became of a write. unknown: ask again.
type answer struct {
	resp    *controllerv1.CommitResponse
	refusal *controllerv1.Refusal
	unknown error
}

// begin records an event. An answer that was lost needs no file: a Begin that was done is in the cursor, and one that
// lands late is refused by its guard once anything else was written.
func (c committer) begin(ctx context.Context, req *controllerv1.BeginRequest) answer {
	ctx, cancel := context.WithTimeout(ctx, commitCall)
	defer cancel()
	resp, err := c.client.Begin(ctx, req)
	crash.At("agent.begun")
	return read(resp, err)
}

// commit sends a commit that is kept in dir while it is open.
func (c committer) commit(ctx context.Context, dir string, req *controllerv1.CommitRequest) answer {
	if !c.forgets {
		if err := keep(dir, req); err != nil {
			return answer{unknown: err}
		}
	}
	crash.At("agent.commit-kept")
	ctx, cancel := context.WithTimeout(ctx, commitCall)
	defer cancel()
	resp, err := c.client.Commit(ctx, req)
	crash.At("agent.commit-answered")
	a := read(resp, err)
	if a.unknown == nil && !c.forgets {
		forget(dir)
	}
	return a
}

// read sorts answers: a call that was understood and turned down wrote nothing.
func read(resp *controllerv1.CommitResponse, err error) answer {
	switch errs.Class(err) {
	case "":
		return answer{resp: resp, refusal: resp.Refusal}
	case errs.Invalid, errs.Exhausted:
		return answer{refusal: &controllerv1.Refusal{Kind: refusedInvalid, Message: err.Error()}}
	case errs.Denied, errs.NotFound:
		return answer{refusal: &controllerv1.Refusal{Kind: refusedConflict, Message: err.Error()}}
	}
	return answer{unknown: err}
}

// The kinds of a Refusal.
const (
	refusedConflict = "conflict"
	refusedDenied   = "denied"
	refusedInvalid  = "invalid"
	refusedEpoch    = "epoch"
)
