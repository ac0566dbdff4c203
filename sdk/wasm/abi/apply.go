package abi

import (
	"context"
	"errors"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/hook"
	"github.com/bangle-dev/bangle/sdk/hook/hookjson"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// Finish makes the changeset of an event from a charm's output: every write goes through the event's context, which
// holds the rules (leadership, known relations, forms), so that a charm that writes JSON is told what a charm that calls
// hook tools is told. The error is of class Invalid, Denied or Exhausted and names what was wrong first.
func Finish(ctx context.Context, h *hook.Context, output []byte) (*hookv1.Changeset, error) {
	cs, err := hookjson.DecodeChangeset(output)
	if err != nil {
		return nil, err
	}
	if err := apply(ctx, h, cs); err != nil {
		return nil, err
	}
	done := h.Changeset()
	return done, errors.Join(hook.Validate(done, h.Event())...)
}

func apply(ctx context.Context, h *hook.Context, cs *hookv1.Changeset) error {
	if s := cs.GetUnitStatus(); s != nil && !proto.Equal(s, h.UnitStatus()) {
		if err := h.SetUnitStatus(s.GetCurrent(), s.GetMessage()); err != nil {
			return err
		}
	}
	if s := cs.GetAppStatus(); s != nil {
		if err := h.SetAppStatus(ctx, s.GetCurrent(), s.GetMessage()); err != nil {
			return err
		}
	}
	if err := applySecrets(ctx, h, cs); err != nil {
		return err
	}
	if cs.WorkloadVersion != nil {
		h.SetWorkloadVersion(cs.GetWorkloadVersion())
	}
	for _, b := range cs.GetBags() {
		if err := h.SetBag(ctx, b.GetRelationId(), b.GetApp(), b.GetSet()); err != nil {
			return err
		}
	}
	if len(cs.GetLeaderSettings()) > 0 {
		if err := h.SetLeaderSettings(ctx, cs.GetLeaderSettings()); err != nil {
			return err
		}
	}
	return applyLocal(h, cs)
}

// applyLocal is what asks nobody: ports, state, storage, the action's result, a reboot.
func applyLocal(h *hook.Context, cs *hookv1.Changeset) error {
	for _, p := range cs.GetOpenPorts() {
		if err := h.OpenPort(p); err != nil {
			return err
		}
	}
	for _, p := range cs.GetClosePorts() {
		if err := h.ClosePort(p); err != nil {
			return err
		}
	}
	if err := h.SetState(cs.GetStateSet()); err != nil {
		return err
	}
	for _, key := range cs.GetStateDelete() {
		h.DeleteState(key)
	}
	for _, p := range cs.GetPayloads() {
		if err := applyPayload(h, p); err != nil {
			return err
		}
	}
	if cs.PodSpec != nil {
		return errs.E(errs.Unsupported, "cannot read changeset: pod_spec is for podspec charms, which run hook tools")
	}
	for _, s := range cs.GetStorageAdd() {
		h.AddStorage(s.GetName(), s.GetCount())
	}
	if a := cs.GetAction(); a != nil {
		if err := h.SetActionResults(a.GetResults()); err != nil {
			return err
		}
		if a.GetFailed() {
			if err := h.FailAction(a.GetMessage()); err != nil {
				return err
			}
		}
	}
	if r := cs.GetReboot(); r != hookv1.Reboot_REBOOT_UNSPECIFIED {
		return h.Reboot(r == hookv1.Reboot_REBOOT_NOW)
	}
	return nil
}

func applyPayload(h *hook.Context, p *hookv1.PayloadWrite) error {
	if p.GetRemove() {
		return h.UnregisterPayload(p.GetPayload().GetClass(), p.GetPayload().GetId())
	}
	return h.RegisterPayload(p.GetPayload())
}
