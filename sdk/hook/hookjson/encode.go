package hookjson

import (
	"strconv"

	"github.com/bangle-dev/bangle/sdk/hook"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// EncodeEvent writes the input of one event. The result is a fresh slice.
func EncodeEvent(event *hookv1.Event, view *hookv1.View) []byte {
	w := &writer{b: make([]byte, 0, 4096)}
	w.braces(func() {
		w.object("event", func() { w.event(event) })
		w.object("view", func() { w.view(view) })
	})
	return w.b
}

func (w *writer) event(e *hookv1.Event) {
	w.text("id", e.GetId())
	w.text("kind", e.GetKind())
	w.text("name", e.GetName())
	w.int("relation_id", int64(e.GetRelationId()))
	w.text("endpoint", e.GetEndpoint())
	w.text("remote_app", e.GetRemoteApp())
	w.text("remote_unit", e.GetRemoteUnit())
	w.text("departing_unit", e.GetDepartingUnit())
	w.text("container", e.GetContainer())
	w.text("notice_id", e.GetNoticeId())
	w.text("notice_type", e.GetNoticeType())
	w.text("notice_key", e.GetNoticeKey())
	w.text("check_name", e.GetCheckName())
	w.text("storage_id", e.GetStorageId())
	w.text("secret_id", e.GetSecretId())
	w.text("secret_label", e.GetSecretLabel())
	w.int("secret_revision", int64(e.GetSecretRevision()))
	w.text("task_id", e.GetTaskId())
	if p := e.GetActionParams(); p != "" { // already JSON
		w.name("action_params")
		w.b = append(w.b, p...)
	}
	w.texts("command", e.GetCommand())
	w.int("attempt", int64(e.GetAttempt()))
}

func (w *writer) view(v *hookv1.View) {
	w.int("revision", v.GetRevision())
	w.text("epoch", v.GetEpoch())
	w.model(v.GetModel())
	w.unit(v.GetUnit())
	w.application(v.GetApplication())
	w.config(v.GetConfig())
	w.list("relations", len(v.GetRelations()), func(i int) { w.relation(v.GetRelations()[i]) })
	if l := v.GetLeadership(); l.GetLeader() {
		w.object("leadership", func() {
			w.bool("leader", true)
			w.float("seconds_left", l.GetSecondsLeft())
			w.int("term", l.GetTerm())
			w.int("until_boottime_ns", l.GetUntilBoottimeNs())
		})
	}
	w.ports("ports", v.GetPorts())
	w.pairs("charm_state", v.GetCharmState())
	w.places(v)
	w.list("networks", len(v.GetNetworks()), func(i int) { w.network(v.GetNetworks()[i]) })
	w.goal(v.GetGoalState())
	w.pairs("leader_settings", v.GetLeaderSettings())
	w.pairs("environment", v.GetEnvironment())
	w.texts("on_demand", v.GetOnDemand())
	w.secrets(v.GetSecrets())
	w.payloads(v.GetPayloads())
	w.texts("capabilities", v.GetCapabilities())
	w.text("pod_spec", v.GetPodSpec())
	w.storageRules(v.GetStorageRules())
	w.int("now_unix", v.GetNowUnix())
}

func (w *writer) model(m *hookv1.ModelView) {
	w.object("model", func() {
		w.text("name", m.GetName())
		w.text("uuid", m.GetUuid())
		w.text("controller_name", m.GetControllerName())
		w.text("controller_uuid", m.GetControllerUuid())
		w.texts("api_addresses", m.GetApiAddresses())
		w.text("juju_version", m.GetJujuVersion())
		w.pairs("proxies", m.GetProxies())
	})
}

func (w *writer) unit(u *hookv1.UnitView) {
	w.object("unit", func() {
		w.text("name", u.GetName())
		w.text("life", u.GetLife())
		w.status("workload_status", u.GetWorkloadStatus())
		w.text("machine_id", u.GetMachineId())
		w.text("availability_zone", u.GetAvailabilityZone())
		w.text("principal", u.GetPrincipal())
		w.text("private_address", u.GetPrivateAddress())
		w.text("public_address", u.GetPublicAddress())
	})
}

func (w *writer) application(a *hookv1.ApplicationView) {
	w.object("application", func() {
		w.text("name", a.GetName())
		w.text("life", a.GetLife())
		w.text("charm_name", a.GetCharmName())
		w.text("charm_url", a.GetCharmUrl())
		w.bool("trusted", a.GetTrusted())
		w.status("status", a.GetStatus())
		if units := a.GetUnitStatuses(); len(units) > 0 {
			w.object("unit_statuses", func() {
				for _, name := range sorted(units) {
					w.statusNamed(name, units[name])
				}
			})
		}
		w.text("workload_version", a.GetWorkloadVersion())
	})
}

func (w *writer) status(name string, s *hookv1.Status) {
	if s != nil {
		w.statusNamed(name, s)
	}
}

func (w *writer) statusNamed(name string, s *hookv1.Status) {
	w.comma()
	w.quote(name)
	w.b = append(w.b, ':')
	w.braces(func() {
		w.text("current", s.GetCurrent())
		w.text("message", s.GetMessage())
		w.text("since", s.GetSince())
		w.pairs("data", s.GetData())
	})
}

func (w *writer) config(c map[string]*hookv1.ConfigValue) {
	if len(c) == 0 {
		return
	}
	w.object("config", func() {
		for _, k := range sorted(c) {
			w.comma()
			w.quote(k)
			w.b = append(w.b, ':')
			w.configValue(c[k])
		}
	})
}

func (w *writer) configValue(v *hookv1.ConfigValue) {
	switch t := v.GetValue().(type) {
	case *hookv1.ConfigValue_StringValue:
		w.quote(t.StringValue)
	case *hookv1.ConfigValue_IntValue:
		w.b = strconv.AppendInt(w.b, t.IntValue, 10)
	case *hookv1.ConfigValue_FloatValue:
		w.b = strconv.AppendFloat(w.b, t.FloatValue, 'g', -1, 64)
	case *hookv1.ConfigValue_BoolValue:
		w.b = strconv.AppendBool(w.b, t.BoolValue)
	default:
		w.b = append(w.b, "null"...)
	}
}

func (w *writer) relation(r *hookv1.RelationView) {
	w.braces(func() {
		w.int("id", int64(r.GetId()))
		w.text("endpoint", r.GetEndpoint())
		w.text("interface", r.GetInterface())
		w.text("role", r.GetRole())
		w.text("scope", r.GetScope())
		w.text("life", r.GetLife())
		w.text("remote_app", r.GetRemoteApp())
		w.list("members", len(r.GetMembers()), func(i int) { w.member(r.GetMembers()[i]) })
		w.pairs("local_unit", r.GetLocalUnit())
		w.pairs("local_app", r.GetLocalApp())
		w.bool("local_app_readable", r.GetLocalAppReadable())
		w.pairs("remote_app_bag", r.GetRemoteAppBag())
		w.list("departed", len(r.GetDeparted()), func(i int) { w.member(r.GetDeparted()[i]) })
		w.text("remote_model_uuid", r.GetRemoteModelUuid())
		w.bool("broken", r.GetBroken())
	})
}

func (w *writer) member(m *hookv1.MemberView) {
	w.braces(func() {
		w.text("unit", m.GetUnit())
		w.pairs("bag", m.GetBag())
		w.int("version", int64(m.GetVersion()))
	})
}

func (w *writer) ports(name string, ports []*hookv1.PortRange) {
	w.list(name, len(ports), func(i int) { w.quote(hook.FormatPort(ports[i])) })
}

// places are containers, storage and resources: what the unit finds around it.
func (w *writer) places(v *hookv1.View) {
	w.list("containers", len(v.GetContainers()), func(i int) {
		c := v.GetContainers()[i]
		w.braces(func() {
			w.text("name", c.GetName())
			w.text("socket", c.GetSocket())
			w.text("root", c.GetRoot())
		})
	})
	w.list("storage", len(v.GetStorage()), func(i int) {
		s := v.GetStorage()[i]
		w.braces(func() {
			w.text("id", s.GetId())
			w.text("name", s.GetName())
			w.text("kind", s.GetKind())
			w.text("location", s.GetLocation())
			w.text("life", s.GetLife())
		})
	})
	w.list("storage_rules", len(v.GetStorageRules()), func(i int) {
		r := v.GetStorageRules()[i]
		w.braces(func() {
			w.text("name", r.GetName())
			w.int("least", int64(r.GetLeast()))
			w.int("most", int64(r.GetMost()))
		})
	})
	w.list("resources", len(v.GetResources()), func(i int) {
		r := v.GetResources()[i]
		w.braces(func() {
			w.text("name", r.GetName())
			w.text("type", r.GetType())
			w.text("path", r.GetPath())
			w.pairs("image", r.GetImage())
		})
	})
}

func (w *writer) network(n *hookv1.NetworkView) {
	w.braces(func() {
		w.text("binding", n.GetBinding())
		w.list("interfaces", len(n.GetInterfaces()), func(i int) {
			f := n.GetInterfaces()[i]
			w.braces(func() {
				w.text("name", f.GetName())
				w.text("mac_address", f.GetMacAddress())
				w.list("addresses", len(f.GetAddresses()), func(j int) {
					a := f.GetAddresses()[j]
					w.braces(func() {
						w.text("value", a.GetValue())
						w.text("hostname", a.GetHostname())
						w.text("cidr", a.GetCidr())
					})
				})
			})
		})
		w.texts("ingress_addresses", n.GetIngressAddresses())
		w.texts("egress_subnets", n.GetEgressSubnets())
	})
}

func (w *writer) goal(g *hookv1.GoalState) {
	if g == nil {
		return
	}
	w.object("goal_state", func() {
		w.goals("units", g.GetUnits())
		if len(g.GetRelations()) == 0 {
			return
		}
		w.object("relations", func() {
			for _, endpoint := range sorted(g.GetRelations()) {
				w.goals(endpoint, g.GetRelations()[endpoint].GetMembers())
			}
		})
	})
}

func (w *writer) goals(name string, m map[string]*hookv1.GoalStatus) {
	if len(m) == 0 {
		return
	}
	w.comma()
	w.quote(name)
	w.b = append(w.b, ':')
	w.braces(func() {
		for _, k := range sorted(m) {
			w.comma()
			w.quote(k)
			w.b = append(w.b, ':')
			w.braces(func() {
				w.text("status", m[k].GetStatus())
				w.text("since", m[k].GetSince())
			})
		}
	})
}
