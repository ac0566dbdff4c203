package dispatch

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/bangle-dev/bangle/core/agent/source"
	"github.com/bangle-dev/bangle/sdk/api"
	"github.com/bangle-dev/bangle/sdk/hook"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
)

// ViewInput is all that a view is made of.
type ViewInput struct {
	Model      *source.Snapshot
	Cursor     *controllerv1.Cursor // what the unit was told
	Event      *hookv1.Event
	Seen       *source.Observation
	Charm      *Charm
	Controller Controller
	// LeaderUntil and LeaderLeft are the end of the promise and what was left of it; NotLeader overrules the model, which
	// said that the unit leads no more before its records did.
	LeaderUntil, LeaderLeft time.Duration
	NotLeader               bool
	Now                     time.Time
}

// Controller is what charms are told of it.
type Controller struct {
	Name      string
	UUID      string
	Addresses []string
}

// View is everything that the hook may read: data of the snapshot, membership as the unit was told it with this event
// applied. It is pure; the bags in it are the snapshot's own.
func View(in ViewInput) *hookv1.View {
	s := in.Model
	v := &hookv1.View{
		Revision: s.Revision, Epoch: s.Epoch,
		Model: &hookv1.ModelView{Name: s.Model.GetName(), Uuid: s.Model.GetUuid(), ControllerName: in.Controller.Name,
			ControllerUuid: in.Controller.UUID, ApiAddresses: in.Controller.Addresses, JujuVersion: api.JujuVersion,
			Proxies: proxies(s.Model.GetConfig())},
		Unit: unit(in), Application: application(in), Config: options(in),
		Leadership: &hookv1.Leadership{Leader: in.leader(), Term: s.LeadTerm},
		Ports:      s.Ports.GetRanges(), CharmState: s.CharmState.GetValues(), LeaderSettings: s.LeaderSettings.GetValues(),
		Containers: containers(in), Storage: storage(in), Networks: networks(in),
		Environment: extra(s.Model.GetConfig(), in.Seen.Environment.GetEnvironment()), Resources: resources(in),
		Payloads: s.Payloads.GetPayloads(), Secrets: secretViews(s), NowUnix: in.Now.Unix(),
	}
	v.StorageRules, v.Capabilities = storageRules(in), in.capabilities()
	if in.leader() {
		v.Leadership.SecondsLeft, v.Leadership.UntilBoottimeNs = in.LeaderLeft.Seconds(), int64(in.LeaderUntil)
	}
	v.Relations, v.OnDemand = relations(in)
	v.OnDemand = append(v.OnDemand, hook.GoalStateSection) // of units that this agent need not know
	return v
}

func (in ViewInput) leader() bool { return in.Model.Leads() && !in.NotLeader }

// capabilities are what the unit can do here beyond what every unit can: on its place, and by what its charm was granted.
func (in ViewInput) capabilities() []string {
	var all []string
	if in.Seen.Environment.GetOwnsMachine() {
		all = append(all, api.OwnsMachine)
	}
	return append(all, in.Charm.Outside(in.Model.Application.GetGrants())...)
}

func life(l controllerv1.Life) string {
	switch l {
	case controllerv1.Life_LIFE_DYING:
		return "dying"
	case controllerv1.Life_LIFE_DEAD:
		return "dead"
	}
	return "alive"
}

// noProxy is what a model goes to directly when it says nothing.
const noProxy = "127.0.0.1,localhost,::1"

// proxies are the model's settings that charms find in JUJU_CHARM_*_PROXY: those for the charm alone.
func proxies(config map[string]string) map[string]string {
	set := map[string]string{"no": noProxy}
	for _, kind := range []string{"http", "https", "ftp", "no"} {
		if v, ok := config["juju-"+kind+"-proxy"]; ok {
			set[kind] = v
		}
	}
	return set
}

// extra are the variables of the substrate and, in both spellings, the proxies that every program of the machine is to use.
func extra(config, substrate map[string]string) map[string]string {
	all := map[string]string{}
	for _, kind := range []string{"http", "https", "ftp", "no"} {
		v, ok := config[kind+"-proxy"]
		if !ok && kind == "no" {
			v = noProxy
		}
		if v != "" {
			name := kind + "_proxy"
			all[name], all[strings.ToUpper(name)] = v, v
		}
	}
	maps.Copy(all, substrate)
	return all
}

func unit(in ViewInput) *hookv1.UnitView {
	env := in.Seen.Environment
	u := &hookv1.UnitView{Name: in.Model.Name, Life: life(in.Model.Unit.GetLife()), WorkloadStatus: in.Model.Status.GetWorkload(),
		MachineId: env.GetMachineId(), AvailabilityZone: env.GetAvailabilityZone(), Principal: in.Model.Unit.GetPrincipal()}
	if a := addresses(in); len(a) > 0 {
		u.PrivateAddress, u.PublicAddress = a[0], a[0]
	}
	return u
}

// addresses are those that the model knows, else what the place says.
func addresses(in ViewInput) []string {
	if a := in.Model.Addresses.GetAddresses(); len(a) > 0 {
		return a
	}
	return in.Seen.Environment.GetAddresses()
}

func application(in ViewInput) *hookv1.ApplicationView {
	app := in.Model.Application
	v := &hookv1.ApplicationView{Name: app.Name, Life: life(app.Life), CharmName: app.CharmName, CharmUrl: app.CharmUrl,
		Trusted: app.Trust, Status: in.Model.AppStatus.GetStatus(), WorkloadVersion: in.Model.Status.GetVersion()}
	if in.leader() {
		v.UnitStatuses = make(map[string]*hookv1.Status, len(in.Model.UnitStatuses))
		for name, st := range in.Model.UnitStatuses {
			v.UnitStatuses[name] = st.GetWorkload()
		}
	}
	return v
}

// options are the user's values over the charm's defaults; what the charm does not declare any more is left out.
func options(in ViewInput) map[string]*hookv1.ConfigValue {
	all := make(map[string]*hookv1.ConfigValue, len(in.Charm.Config))
	for name, o := range in.Charm.Config {
		if v := in.Model.Application.Config[name]; v != nil {
			all[name] = v
			continue
		}
		switch d := o.Default.(type) {
		case string:
			all[name] = &hookv1.ConfigValue{Value: &hookv1.ConfigValue_StringValue{StringValue: d}}
		case int64:
			all[name] = &hookv1.ConfigValue{Value: &hookv1.ConfigValue_IntValue{IntValue: d}}
		case float64:
			all[name] = &hookv1.ConfigValue{Value: &hookv1.ConfigValue_FloatValue{FloatValue: d}}
		case bool:
			all[name] = &hookv1.ConfigValue{Value: &hookv1.ConfigValue_BoolValue{BoolValue: d}}
		}
	}
	return all
}

// containers are the place's; a supervisor that started anew may have another socket than the place said first.
// A charm that is held to its permissions and names containers there has those alone.
func containers(in ViewInput) []*hookv1.ContainerView {
	seen := in.Seen
	var all []*hookv1.ContainerView
	for _, c := range seen.Environment.GetContainers() {
		if !in.Charm.Reaches(c.Name) {
			continue
		}
		socket := c.Socket
		if now := seen.Containers[c.Name]; now != nil && now.Socket != "" {
			socket = now.Socket
		}
		all = append(all, &hookv1.ContainerView{Name: c.Name, Socket: socket, Root: c.Root})
	}
	return all
}

func storage(in ViewInput) []*hookv1.StorageView {
	var all []*hookv1.StorageView
	for _, s := range in.Model.Storage {
		told := in.Cursor.Storage[s.Id]
		if (!told.GetAttached() || told.GetDetached()) && in.Event.StorageId != s.Id {
			continue
		}
		location := s.Location
		if m := in.Seen.Storage[s.Id]; m != nil && m.Location != "" {
			location = m.Location
		}
		all = append(all, &hookv1.StorageView{Id: s.Id, Name: s.Name, Kind: s.Kind, Location: location, Life: life(s.Life)})
	}
	return all
}

// networks has every endpoint and extra binding; one place has one network here, whatever the binding.
func networks(in ViewInput) []*hookv1.NetworkView {
	ingress := addresses(in)
	var egress []string
	for _, a := range ingress {
		if ip, err := netip.ParseAddr(a); err == nil {
			egress = append(egress, netip.PrefixFrom(ip, ip.BitLen()).String())
		}
	}
	interfaces := interfacesOf(in.Seen.Environment, ingress)
	names := map[string]struct{}{}
	for _, e := range in.Charm.Meta.Endpoints() {
		names[e.Name] = struct{}{}
	}
	for name := range in.Charm.Meta.ExtraBindings {
		names[name] = struct{}{}
	}
	var all []*hookv1.NetworkView
	for _, name := range slices.Sorted(maps.Keys(names)) {
		all = append(all, &hookv1.NetworkView{Binding: name, Interfaces: interfaces, IngressAddresses: ingress, EgressSubnets: egress})
	}
	return all
}

// interfacesOf are the place's; one that says only addresses has a single nameless interface.
func interfacesOf(env *substratev1.EnvironmentResponse, known []string) []*hookv1.NetworkInterface {
	var all []*hookv1.NetworkInterface
	for _, i := range env.GetInterfaces() {
		n := &hookv1.NetworkInterface{Name: i.Name, MacAddress: i.MacAddress}
		for _, cidr := range i.Cidrs {
			host, _, _ := strings.Cut(cidr, "/")
			subnet := cidr
			if p, err := netip.ParsePrefix(cidr); err == nil {
				subnet = p.Masked().String()
			}
			n.Addresses = append(n.Addresses, &hookv1.InterfaceAddress{Value: host, Cidr: subnet})
		}
		all = append(all, n)
	}
	if len(all) == 0 && len(known) > 0 {
		n := &hookv1.NetworkInterface{}
		for _, a := range known {
			n.Addresses = append(n.Addresses, &hookv1.InterfaceAddress{Value: a, Hostname: a})
		}
		all = append(all, n)
	}
	return all
}

// resources are those that the charm declares. Files are fetched when the charm asks for them.
func resources(in ViewInput) []*hookv1.ResourceView {
	var all []*hookv1.ResourceView
	for _, name := range slices.Sorted(maps.Keys(in.Charm.Meta.Resources)) {
		r := &hookv1.ResourceView{Name: name, Type: in.Charm.Meta.Resources[name].Type}
		if where := in.Model.Application.Resources[name]; r.Type != "file" && where != "" {
			r.Image = map[string]string{"registrypath": where}
		}
		all = append(all, r)
	}
	return all
}

// storageRules are how many instances of each store the charm's units may have.
func storageRules(in ViewInput) []*hookv1.StorageRule {
	var all []*hookv1.StorageRule
	for _, name := range slices.Sorted(maps.Keys(in.Charm.Meta.Storage)) {
		if least, most, err := in.Charm.Meta.Storage[name].Counts(); err == nil {
			all = append(all, &hookv1.StorageRule{Name: name, Least: uint32(least), Most: int32(min(most, 1<<30))})
		}
	}
	return all
}
