package render

import (
	"strings"

	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// Document is `status --format json`: the keys, their order and what is left out when empty are Juju's.
type Document struct {
	Model        ModelPart          `json:"model" yaml:"model"`
	Machines     map[string]any     `json:"machines" yaml:"machines"`
	Applications map[string]AppPart `json:"applications" yaml:"applications"`
	Storage      StoragePart        `json:"storage" yaml:"storage"`
	Controller   ControllerPart     `json:"controller" yaml:"controller"`
}

// ModelPart is the model in a Document.
type ModelPart struct {
	Name       string     `json:"name" yaml:"name"`
	Type       string     `json:"type" yaml:"type"`
	Controller string     `json:"controller" yaml:"controller"`
	Cloud      string     `json:"cloud" yaml:"cloud"`
	Version    string     `json:"version" yaml:"version"`
	Status     StatusPart `json:"model-status" yaml:"model-status"`
	SLA        string     `json:"sla" yaml:"sla"`
}

// StatusPart is a status in a Document.
type StatusPart struct {
	Current string `json:"current,omitempty" yaml:"current,omitempty"`
	Message string `json:"message,omitempty" yaml:"message,omitempty"`
	Since   string `json:"since,omitempty" yaml:"since,omitempty"`
	Version string `json:"version,omitempty" yaml:"version,omitempty"`
	Life    string `json:"life,omitempty" yaml:"life,omitempty"`
}

// AppPart is an application in a Document.
type AppPart struct {
	Charm            string                   `json:"charm" yaml:"charm"`
	CharmOrigin      string                   `json:"charm-origin" yaml:"charm-origin"`
	CharmName        string                   `json:"charm-name" yaml:"charm-name"`
	CharmRev         int32                    `json:"charm-rev" yaml:"charm-rev"`
	CharmVersion     string                   `json:"charm-version,omitempty" yaml:"charm-version,omitempty"`
	Scale            uint32                   `json:"scale,omitempty" yaml:"scale,omitempty"`
	ProviderID       string                   `json:"provider-id,omitempty" yaml:"provider-id,omitempty"`
	Address          string                   `json:"address,omitempty" yaml:"address,omitempty"`
	Exposed          bool                     `json:"exposed" yaml:"exposed"`
	Life             string                   `json:"life,omitempty" yaml:"life,omitempty"`
	Status           StatusPart               `json:"application-status" yaml:"application-status"`
	Relations        map[string][]RelatedPart `json:"relations,omitempty" yaml:"relations,omitempty"`
	SubordinateTo    []string                 `json:"subordinate-to,omitempty" yaml:"subordinate-to,omitempty"`
	Units            map[string]UnitPart      `json:"units,omitempty" yaml:"units,omitempty"`
	Version          string                   `json:"version,omitempty" yaml:"version,omitempty"`
	EndpointBindings map[string]string        `json:"endpoint-bindings,omitempty" yaml:"endpoint-bindings,omitempty"`
}

// RelatedPart is the other side of a relation in a Document.
type RelatedPart struct {
	Application string `json:"related-application" yaml:"related-application"`
	Interface   string `json:"interface" yaml:"interface"`
	Scope       string `json:"scope" yaml:"scope"`
}

// UnitPart is a unit in a Document.
type UnitPart struct {
	Workload      StatusPart `json:"workload-status" yaml:"workload-status"`
	Agent         StatusPart `json:"juju-status" yaml:"juju-status"`
	Leader        bool       `json:"leader,omitempty" yaml:"leader,omitempty"`
	UpgradingFrom string     `json:"upgrading-from,omitempty" yaml:"upgrading-from,omitempty"`
	Machine       string     `json:"machine,omitempty" yaml:"machine,omitempty"`
	OpenPorts     []string   `json:"open-ports,omitempty" yaml:"open-ports,omitempty"`
	Address       string     `json:"address,omitempty" yaml:"address,omitempty"`
	ProviderID    string     `json:"provider-id,omitempty" yaml:"provider-id,omitempty"`
	// Subordinates are the units that live beside this one; they are shown nowhere else.
	Subordinates map[string]UnitPart `json:"subordinates,omitempty" yaml:"subordinates,omitempty"`
}

// StoragePart is the storage in a Document.
type StoragePart struct {
	Storage map[string]StoreInfo `json:"storage,omitempty" yaml:"storage,omitempty"`
}

// StoreInfo is a storage instance in a Document.
type StoreInfo struct {
	Kind        string       `json:"kind" yaml:"kind"`
	Pool        string       `json:"pool,omitempty" yaml:"pool,omitempty"`
	Life        string       `json:"life,omitempty" yaml:"life,omitempty"`
	Status      StatusPart   `json:"status" yaml:"status"`
	Persistent  bool         `json:"persistent" yaml:"persistent"`
	Attachments *Attachments `json:"attachments,omitempty" yaml:"attachments,omitempty"`
}

// Attachments says which units have a storage instance.
type Attachments struct {
	Units map[string]Attachment `json:"units" yaml:"units"`
}

// Attachment is where a unit has a storage instance.
type Attachment struct {
	Location string `json:"location,omitempty" yaml:"location,omitempty"`
	Life     string `json:"life,omitempty" yaml:"life,omitempty"`
}

// ControllerPart is the controller's clock.
type ControllerPart struct {
	Timestamp string `json:"timestamp" yaml:"timestamp"`
}

// Status is the answer in Juju's shape.
func Status(s *clientv1.StatusResponse, zone Zone) Document {
	d := Document{
		Model: ModelPart{Name: s.GetModel().GetName(), Type: "caas", Controller: s.GetController(), Cloud: s.GetCloud(), Version: s.GetVersion(),
			Status: zone.status(s.GetModelStatus()), SLA: "unsupported"},
		Machines: map[string]any{}, Applications: map[string]AppPart{},
		Controller: ControllerPart{Timestamp: zone.clock(s.GetTimestamp())},
	}
	parts := zone.units(s)
	for _, a := range s.GetApplications() {
		d.Applications[a.GetName()] = zone.application(a, parts)
	}
	if len(s.GetStorage()) > 0 {
		d.Storage.Storage = map[string]StoreInfo{}
	}
	for _, st := range s.GetStorage() {
		info := StoreInfo{Kind: st.GetKind(), Pool: st.GetPool(), Life: notAlive(st.GetLife()), Persistent: true,
			Status: StatusPart{Current: st.GetStatus(), Message: st.GetMessage(), Since: zone.stamp(st.GetSince())}}
		if st.GetUnit() != "" {
			info.Attachments = &Attachments{Units: map[string]Attachment{st.GetUnit(): {Location: st.GetLocation(), Life: notAlive(st.GetLife())}}}
		}
		d.Storage.Storage[st.GetId()] = info
	}
	return d
}

func (z Zone) status(s *hookv1.Status) StatusPart {
	return StatusPart{Current: s.GetCurrent(), Message: s.GetMessage(), Since: z.stamp(s.GetSince())}
}

func (z Zone) application(a *clientv1.ApplicationStatusInfo, parts map[string]UnitPart) AppPart {
	out := AppPart{
		Charm: a.GetCharm(), CharmOrigin: a.GetCharmOrigin(), CharmName: a.GetCharmName(), CharmRev: a.GetCharmRev(), CharmVersion: a.GetCharmVersion(),
		Scale: a.GetScaleWanted(), ProviderID: a.GetProviderId(), Address: a.GetAddress(), Exposed: a.GetExposed(), Life: notAlive(a.GetLife()),
		Status: z.status(a.GetStatus()), SubordinateTo: a.GetSubordinateTo(), Version: a.GetWorkloadVersion(), EndpointBindings: a.GetEndpointBindings(),
	}
	for _, r := range a.GetRelations() {
		if out.Relations == nil {
			out.Relations = map[string][]RelatedPart{}
		}
		out.Relations[r.GetEndpoint()] = append(out.Relations[r.GetEndpoint()],
			RelatedPart{Application: r.GetApplication(), Interface: r.GetInterface(), Scope: r.GetScope()})
	}
	if a.GetSubordinate() {
		out.Scale = 0 // it has none of its own, and its units are shown beneath their principals
		return out
	}
	for _, u := range a.GetUnits() {
		if out.Units == nil {
			out.Units = map[string]UnitPart{}
		}
		out.Units[u.GetName()] = parts[u.GetName()]
	}
	return out
}

// units are the parts of all units by name, each with those that live beside it.
func (z Zone) units(s *clientv1.StatusResponse) map[string]UnitPart {
	parts, beside := map[string]UnitPart{}, map[string]map[string]UnitPart{}
	for _, a := range s.GetApplications() {
		for _, u := range a.GetUnits() {
			part := UnitPart{Workload: z.status(u.GetWorkload()), Agent: z.status(u.GetAgent()), Leader: u.GetLeader(), UpgradingFrom: u.GetUpgradingFrom(),
				Machine: u.GetMachine(), OpenPorts: u.GetOpenPorts(), Address: u.GetAddress(), ProviderID: u.GetProviderId()}
			part.Agent.Version, part.Agent.Life = s.GetVersion(), notAlive(u.GetLife())
			parts[u.GetName()] = part
			if principal := u.GetPrincipal(); principal != "" {
				if beside[principal] == nil {
					beside[principal] = map[string]UnitPart{}
				}
				beside[principal][u.GetName()] = part
			}
		}
	}
	for principal, subs := range beside {
		part := parts[principal]
		part.Subordinates = subs
		parts[principal] = part
	}
	return parts
}

// notAlive is a life that is worth showing.
func notAlive(life string) string {
	if life = strings.ToLower(strings.TrimPrefix(life, "LIFE_")); life == "alive" {
		return ""
	}
	return life
}
