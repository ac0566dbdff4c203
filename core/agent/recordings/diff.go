package recordings

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// place is one thing that a changeset can write.
type place struct{ kind, target, key string }

// Differences are what two changesets of one event write differently; of a secret's content only whether it is the same.
func Differences(before, after *hookv1.Changeset) []*controllerv1.RehearsedChange {
	a, b := flat(before), flat(after)
	var list []*controllerv1.RehearsedChange
	for p := range union(a, b) {
		if a[p] != b[p] {
			list = append(list, &controllerv1.RehearsedChange{Kind: p.kind, Target: p.target, Key: p.key, Before: hidden(p, a[p]), After: hidden(p, b[p])})
		}
	}
	slices.SortFunc(list, func(x, y *controllerv1.RehearsedChange) int {
		return cmp.Or(cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Target, y.Target), cmp.Compare(x.Key, y.Key))
	})
	return list
}

func union(a, b map[place]string) map[place]bool {
	all := map[place]bool{}
	for p := range a {
		all[p] = true
	}
	for p := range b {
		all[p] = true
	}
	return all
}

// content is the key under which flat puts a secret's content.
const content = "content"

// hidden keeps contents of secrets out of what people are shown.
func hidden(p place, value string) string {
	if p.kind == "secret" && p.key == content && value != "" {
		return "(a content that is not shown)"
	}
	return value
}

// flat lists what a changeset writes, place by place. The value of what is only said to be done is "yes".
func flat(c *hookv1.Changeset) map[place]string {
	out := map[place]string{}
	status := func(kind string, s *hookv1.Status) {
		if s != nil {
			out[place{kind: kind}] = strings.TrimSpace(s.GetCurrent() + ": " + s.GetMessage())
		}
	}
	status("status", c.GetUnitStatus())
	status("application-status", c.GetAppStatus())
	if c != nil && c.WorkloadVersion != nil {
		out[place{kind: "workload-version"}] = c.GetWorkloadVersion()
	}
	for _, w := range c.GetBags() {
		owner := "unit"
		if w.GetApp() {
			owner = "application"
		}
		for k, v := range w.GetSet() {
			out[place{"databag", fmt.Sprintf("%d %s", w.GetRelationId(), owner), k}] = cmp.Or(v, "(deleted)")
		}
	}
	for _, p := range c.GetOpenPorts() {
		out[place{kind: "port", target: port(p)}] = "open"
	}
	for _, p := range c.GetClosePorts() {
		out[place{kind: "port", target: port(p)}] = "closed"
	}
	for k, v := range c.GetStateSet() {
		out[place{kind: "charm-state", key: k}] = v
	}
	for _, k := range c.GetStateDelete() {
		out[place{kind: "charm-state", key: k}] = "(deleted)"
	}
	for k, v := range c.GetLeaderSettings() {
		out[place{kind: "leader-settings", key: k}] = cmp.Or(v, "(deleted)")
	}
	flatSecrets(c, out)
	flatRest(c, out)
	return out
}

func flatSecrets(c *hookv1.Changeset, out map[place]string) {
	for _, w := range c.GetSecrets() {
		if w.GetCreate() {
			out[place{"secret", w.GetId(), "created"}] = cmp.Or(w.GetOwner(), "yes")
		}
		for key, value := range map[string]*string{"label": w.Label, "description": w.Description, "rotate": w.Rotate, "expires": w.Expires} {
			if value != nil {
				out[place{"secret", w.GetId(), key}] = *value
			}
		}
		if len(w.GetContent()) > 0 {
			var text strings.Builder
			for _, k := range slices.Sorted(maps.Keys(w.GetContent())) {
				fmt.Fprintf(&text, "%q=%q ", k, w.GetContent()[k])
			}
			out[place{"secret", w.GetId(), content}] = text.String()
		}
	}
	for _, r := range c.GetSecretRemove() {
		out[place{"secret", r.GetId(), fmt.Sprintf("revision %d", r.GetRevision())}] = "removed"
	}
	for _, g := range c.GetSecretGrants() {
		what := "granted"
		if g.GetRevoke() {
			what = "revoked"
		}
		out[place{"secret", g.GetId(), fmt.Sprintf("grant %s (relation %d)", g.GetTarget(), g.GetRelationId())}] = what
	}
	for _, t := range c.GetSecretTracks() {
		out[place{"secret", t.GetId(), "tracked"}] = strings.TrimSpace(fmt.Sprintf("revision %d %s", t.GetRevision(), t.GetLabel()))
	}
}

func flatRest(c *hookv1.Changeset, out map[place]string) {
	for _, s := range c.GetStorageAdd() {
		out[place{kind: "storage", target: s.GetName()}] = fmt.Sprintf("%d more", s.GetCount())
	}
	for _, p := range c.GetPayloads() {
		out[place{kind: "payload", target: p.GetPayload().String()}] = fmt.Sprintf("removed: %v", p.GetRemove())
	}
	if c != nil && c.PodSpec != nil {
		out[place{kind: "pod-spec"}] = c.GetPodSpec()
	}
	if a := c.GetAction(); a != nil {
		out[place{kind: "action"}] = "done"
		if a.GetFailed() {
			out[place{kind: "action"}] = "failed"
		}
		if a.GetMessage() != "" {
			out[place{kind: "action", target: "message"}] = a.GetMessage()
		}
		for k, v := range a.GetResults() {
			out[place{"action", "result", k}] = v
		}
	}
	if c.GetReboot() != hookv1.Reboot_REBOOT_UNSPECIFIED {
		out[place{kind: "reboot"}] = strings.ToLower(strings.TrimPrefix(c.GetReboot().String(), "REBOOT_"))
	}
}

func port(p *hookv1.PortRange) string {
	switch {
	case p.GetFrom() == 0 && p.GetTo() == 0:
		return p.GetProtocol()
	case p.GetTo() == p.GetFrom() || p.GetTo() == 0:
		return fmt.Sprintf("%d/%s", p.GetFrom(), p.GetProtocol())
	}
	return fmt.Sprintf("%d-%d/%s", p.GetFrom(), p.GetTo(), p.GetProtocol())
}
