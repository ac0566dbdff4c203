package hookjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/hook"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// changeset is the output of a charm as it writes it.
type changeset struct {
	UnitStatus      *status           `json:"unit_status"`
	AppStatus       *status           `json:"app_status"`
	WorkloadVersion *string           `json:"workload_version"`
	Bags            []bag             `json:"bags"`
	OpenPorts       []string          `json:"open_ports"`
	ClosePorts      []string          `json:"close_ports"`
	StateSet        map[string]string `json:"state_set"`
	StateDelete     []string          `json:"state_delete"`
	LeaderSettings  map[string]string `json:"leader_settings"`
	StorageAdd      []storageAdd      `json:"storage_add"`
	Action          *action           `json:"action"`
	Reboot          string            `json:"reboot"`
	Secrets         []secretWrite     `json:"secrets"`
	SecretRemove    []secretRemove    `json:"secret_remove"`
	SecretGrants    []secretGrant     `json:"secret_grants"`
	SecretTracks    []secretTrack     `json:"secret_tracks"`
	Payloads        []payloadWrite    `json:"payloads"`
	PodSpec         *string           `json:"pod_spec"`
}

type status struct {
	Current string `json:"current"`
	Message string `json:"message"`
}

type bag struct {
	RelationID int32             `json:"relation_id"`
	App        bool              `json:"app"`
	Set        map[string]string `json:"set"`
}

type storageAdd struct {
	Name  string `json:"name"`
	Count uint32 `json:"count"`
}

type action struct {
	Results map[string]string `json:"results"`
	Failed  bool              `json:"failed"`
	Message string            `json:"message"`
}

// DecodeChangeset reads what a charm wrote. Unknown fields, wrong types and anything after the object are errors of class
// Invalid that say where. An empty text is an empty changeset. The event's id is the caller's to fill in.
func DecodeChangeset(text []byte) (*hookv1.Changeset, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return &hookv1.Changeset{}, nil
	}
	var in changeset
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		return nil, errs.E(errs.Invalid, "cannot read changeset: %w (at byte %d)", err, d.InputOffset())
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errs.E(errs.Invalid, "cannot read changeset: more text follows the object at byte %d", d.InputOffset())
	}
	return in.message()
}

func (in *changeset) message() (*hookv1.Changeset, error) {
	out := &hookv1.Changeset{
		UnitStatus:      in.UnitStatus.message(),
		AppStatus:       in.AppStatus.message(),
		WorkloadVersion: in.WorkloadVersion,
		StateSet:        in.StateSet,
		StateDelete:     in.StateDelete,
		LeaderSettings:  in.LeaderSettings,
	}
	for _, b := range in.Bags {
		out.Bags = append(out.Bags, &hookv1.BagWrite{RelationId: b.RelationID, App: b.App, Set: b.Set})
	}
	for _, s := range in.StorageAdd {
		out.StorageAdd = append(out.StorageAdd, &hookv1.StorageAdd{Name: s.Name, Count: s.Count})
	}
	if in.Action != nil {
		out.Action = &hookv1.ActionResult{Results: in.Action.Results, Failed: in.Action.Failed, Message: in.Action.Message}
	}
	in.secretsInto(out)
	var err error
	if out.OpenPorts, err = portRanges(in.OpenPorts); err != nil {
		return nil, err
	}
	if out.ClosePorts, err = portRanges(in.ClosePorts); err != nil {
		return nil, err
	}
	switch in.Reboot {
	case "":
	case "after":
		out.Reboot = hookv1.Reboot_REBOOT_AFTER
	case "now":
		out.Reboot = hookv1.Reboot_REBOOT_NOW
	default:
		return nil, errs.E(errs.Invalid, "cannot read changeset: reboot is %q, allowed are after and now", in.Reboot)
	}
	return out, nil
}

func (s *status) message() *hookv1.Status {
	if s == nil {
		return nil
	}
	return &hookv1.Status{Current: s.Current, Message: s.Message}
}

func portRanges(texts []string) ([]*hookv1.PortRange, error) {
	var out []*hookv1.PortRange
	for _, text := range texts {
		p, err := hook.ParsePort(text)
		if err != nil {
			return nil, errs.E(errs.Invalid, "cannot read changeset: %w", err)
		}
		out = append(out, p)
	}
	return out, nil
}
