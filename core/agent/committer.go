package agent

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/crash"
	"github.com/bangle-dev/bangle/core/file"
	"github.com/bangle-dev/bangle/sdk/errs"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// commitCall is how long one try of a commit may take; the same commit is sent again until it is answered.
const commitCall = 10 * time.Second

// openFile holds the commit that was sent and not answered, in the unit's run directory.
const openFile = "commit.pb"

// committer sends a unit's writes. The answer may be lost, and then nobody knows whether the write was done: the same
// commit id is sent until it is answered, before anything else of that unit.
type committer struct {
	client controllerv1.AgentsClient
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
	if err := keep(dir, req); err != nil {
		return answer{unknown: err}
	}
	crash.At("agent.commit-kept")
	ctx, cancel := context.WithTimeout(ctx, commitCall)
	defer cancel()
	resp, err := c.client.Commit(ctx, req)
	crash.At("agent.commit-answered")
	a := read(resp, err)
	if a.unknown == nil {
		_ = os.Remove(filepath.Join(dir, openFile)) // one that stays is answered the same way again
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

// keep writes the open commit. It is a hint for the next start, so it is not synced: a machine that lost it lost the
// processes too.
func keep(dir string, req *controllerv1.CommitRequest) error {
	data, err := proto.Marshal(req)
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err == nil {
		err = file.Replace(filepath.Join(dir, openFile), data, 0o600)
	}
	if err != nil {
		return fmt.Errorf("cannot keep the open commit: %w", err)
	}
	return nil
}

// kept reads the commit that an earlier life of the agent left open, nil if there is none or it cannot be read.
func kept(dir string) (*controllerv1.CommitRequest, error) {
	data, err := os.ReadFile(filepath.Join(dir, openFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	req := &controllerv1.CommitRequest{}
	if err == nil {
		err = proto.Unmarshal(data, req)
	}
	if err != nil {
		_ = os.Remove(filepath.Join(dir, openFile))
		return nil, fmt.Errorf("cannot read the open commit: %w", err)
	}
	return req, nil
}
