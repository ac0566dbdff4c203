// Package changeset is the stage between a hook's end and its commit: it checks what the charm wrote and makes the one
// request that writes it together with the cursor. It is pure.
package changeset

import (
	"errors"
	"fmt"
	"strings"

	"github.com/bangle-dev/bangle/core/agent/dispatch"
	"github.com/bangle-dev/bangle/core/agent/resolver"
	"github.com/bangle-dev/bangle/core/crash"
	"github.com/bangle-dev/bangle/core/event"
	"github.com/bangle-dev/bangle/sdk/charmruntime"
	"github.com/bangle-dev/bangle/sdk/hook"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// Begin is the request that records an event before it runs, and the cursor afterwards.
func Begin(in resolver.Input, d resolver.Decision, guard *controllerv1.Guard, id string) (*controllerv1.BeginRequest, *controllerv1.Cursor) {
	after := resolver.Begun(in, d.Event)
	stored, blocks := resolver.Split(in.Cursor, after)
	return &controllerv1.BeginRequest{Guard: guard, CommitId: id, Cursor: stored, Members: blocks, Task: d.Event.TaskId}, after
}

// Commit is the request that writes how the event ended. done is nil for an event that is committed without being run.
func Commit(in resolver.Input, d resolver.Decision, ran dispatch.Result, guard *controllerv1.Guard, id string) *controllerv1.CommitRequest {
	crash.At("changeset.assemble")
	req := &controllerv1.CommitRequest{Guard: guard, CommitId: id, Event: d.Event, ResolvedUsed: d.Resolved}
	done, failed := outcome(d, ran)
	out := resolver.Outcome{}
	if failed != nil && !event.Task(d.Event.Kind) {
		out = resolver.Outcome{Failed: true, ExitCode: failed.ExitCode, Message: failed.Message, Unplaced: ran.Unplaced}
	}
	out.Reboot = done.GetChangeset().GetReboot() != hookv1.Reboot_REBOOT_UNSPECIFIED || event.Task(d.Event.Kind) && RebootNow(ran.Done)
	after := resolver.Advance(in, d, out)
	req.Cursor, req.Members = resolver.Split(in.Cursor, after)
	if failed != nil {
		failed.Attempt, failed.NextTryUnixNano = d.Event.Attempt+1, after.Pending.GetNextTryUnixNano()
		req.Outcome = &controllerv1.CommitRequest_Failed{Failed: failed}
		return req
	}
	req.Outcome = &controllerv1.CommitRequest_Done{Done: done}
	if ran.Files != nil {
		done.StateFiles, req.Cursor.FilesGeneration = ran.Files, ran.Files.Generation
	}
	if LeaderOnly(done.Changeset) {
		guard.LeaderTerm = in.Model.LeadTerm
	}
	return req
}

// outcome is what is committed: exactly one of the two is set. A task that ran to its end is done whatever its exit
// code; an action's writes count only when it succeeded, a command's in any case.
func outcome(d resolver.Decision, ran dispatch.Result) (*controllerv1.CommitDone, *controllerv1.CommitFailed) {
	empty := &hookv1.Changeset{EventId: d.Event.Id}
	done := ran.Done
	switch {
	case d.Interrupted:
		return nil, &controllerv1.CommitFailed{Message: d.Reason}
	case done == nil:
		return &controllerv1.CommitDone{Changeset: empty}, nil
	}
	switch done.Outcome {
	case charmruntimev1.Outcome_OUTCOME_OK, charmruntimev1.Outcome_OUTCOME_NOT_IMPLEMENTED:
		cs := empty
		if done.Changeset != nil {
			cs = hook.Normalize(done.Changeset, ran.View)
		}
		cs.EventId = d.Event.Id
		if err := errors.Join(hook.Validate(cs, d.Event)...); err != nil {
			return nil, &controllerv1.CommitFailed{ExitCode: 1, Message: err.Error()}
		}
		return &controllerv1.CommitDone{Changeset: cs, ExitCode: done.ExitCode, Stdout: done.Stdout, Stderr: done.Stderr, Message: done.Message}, nil
	case charmruntimev1.Outcome_OUTCOME_FAILED:
		if !event.Task(d.Event.Kind) {
			break
		}
		empty.Action = &hookv1.ActionResult{Results: done.GetChangeset().GetAction().GetResults(), Failed: true, Message: done.Message}
		if d.Event.Kind == "exec" {
			empty.Action = nil
		}
		return &controllerv1.CommitDone{Changeset: empty, ExitCode: done.ExitCode, Stdout: done.Stdout, Stderr: done.Stderr, Message: done.Message}, nil
	}
	failed := &controllerv1.CommitFailed{ExitCode: done.ExitCode, Message: done.Message}
	if event.Task(d.Event.Kind) {
		failed.Results, failed.Stdout, failed.Stderr = done.GetChangeset().GetAction().GetResults(), done.Stdout, done.Stderr
	}
	return nil, failed
}

// RebootNow says whether the charm asked for a reboot that does not wait for the end of its hook: what the hook wrote is
// dropped, and it runs again after the boot.
func RebootNow(done *charmruntimev1.Done) bool {
	switch done.GetOutcome() {
	case charmruntimev1.Outcome_OUTCOME_KILLED:
		return done.GetLimit() == charmruntime.LimitReboot
	case charmruntimev1.Outcome_OUTCOME_OK: // of a charm that has no process to end
		return done.GetChangeset().GetReboot() == hookv1.Reboot_REBOOT_NOW
	}
	return false
}

// LeaderOnly says whether something was written that only a leader may write.
func LeaderOnly(cs *hookv1.Changeset) bool {
	for _, b := range cs.GetBags() {
		if b.App {
			return true
		}
	}
	return cs.GetAppStatus() != nil || len(cs.GetLeaderSettings()) > 0 || cs != nil && cs.PodSpec != nil || hook.LeaderSecrets(cs)
}

// Wrote says in a few words what a changeset writes: "status, 2 databags".
func Wrote(cs *hookv1.Changeset) string {
	var parts []string
	add := func(n int, one string) {
		switch {
		case n == 1:
			parts = append(parts, one)
		case n > 1:
			parts = append(parts, fmt.Sprintf("%d %ss", n, one))
		}
	}
	has := func(is bool) int {
		if is {
			return 1
		}
		return 0
	}
	add(has(cs.GetUnitStatus() != nil), "status")
	add(has(cs.GetAppStatus() != nil), "application status")
	add(has(cs != nil && cs.WorkloadVersion != nil), "version")
	add(len(cs.GetBags()), "databag")
	add(len(cs.GetOpenPorts())+len(cs.GetClosePorts()), "port")
	add(has(len(cs.GetStateSet())+len(cs.GetStateDelete()) > 0), "charm state")
	add(has(len(cs.GetLeaderSettings()) > 0), "leader settings")
	add(len(cs.GetStorageAdd()), "storage")
	add(len(cs.GetSecrets())+len(cs.GetSecretRemove())+len(cs.GetSecretGrants()), "secret")
	add(has(cs.GetAction() != nil), "results")
	add(has(cs.GetReboot() != hookv1.Reboot_REBOOT_UNSPECIFIED), "reboot")
	return strings.Join(parts, ", ")
}
