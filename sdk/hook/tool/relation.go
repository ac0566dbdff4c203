package tool

import (
	"fmt"
	"maps"

	"github.com/bangle-dev/bangle/sdk/api"
	"github.com/bangle-dev/bangle/sdk/errs"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
	"github.com/bangle-dev/bangle/sdk/yaml"
)

func relationFlag(f *flags) { f.str("", "Specify a relation by id", "r", "relation") }

// relation finds the relation that -r names, or the hook's own. Both failures are part of reading the arguments.
func (c *call) relation() (*hookv1.RelationView, error) {
	id := c.hook.Event().GetRelationId()
	if text := c.flags.text("r"); text != "" {
		n, err := api.ParseRelationID(text)
		if err != nil {
			return nil, usage("invalid value %q for option -r: %w", text, err)
		}
		id = n
	} else if id == 0 {
		return nil, usage("no relation id specified")
	}
	r := c.hook.Relation(id)
	if r == nil {
		return nil, usage("invalid value %q for option -r: relation not found", c.flags.text("r"))
	}
	return r, nil
}

func relationIDs(c *call) error {
	name := c.hook.Event().GetEndpoint()
	if len(c.args) > 0 {
		name = c.args[0]
	} else if name == "" {
		return usage("no endpoint name specified")
	}
	if err := c.none(1); err != nil {
		return err
	}
	ids := []string{}
	for _, r := range c.hook.Relations(name) {
		ids = append(ids, api.RelationID(name, r.GetId()))
	}
	c.print(ids)
	return nil
}

func relationListFlags(f *flags) {
	relationFlag(f)
	f.flag("List remote application instead of participating units", "app")
	f.format("smart")
}

func relationList(c *call) error {
	r, err := c.relation()
	if err != nil {
		return err
	}
	if err := c.none(0); err != nil {
		return err
	}
	if c.flags.on("app") {
		c.print(r.GetRemoteApp())
		return nil
	}
	c.print(append([]string{}, c.hook.Members(r)...))
	return nil
}

func relationGetFlags(f *flags) {
	relationFlag(f)
	f.flag("Get the relation data for the overall application, not just a unit", "app")
	f.format("smart")
}

func relationGet(c *call) error {
	r, err := c.relation()
	if err != nil {
		return err
	}
	if err := c.none(2); err != nil {
		return err
	}
	key := ""
	if len(c.args) > 0 && c.args[0] != "-" {
		key = c.args[0]
	}
	owner, err := c.owner(r)
	if err != nil {
		return err
	}
	bag, err := c.hook.Bag(c.ctx, r.GetId(), owner, c.flags.on("app"))
	if err != nil {
		return err
	}
	if key == "" {
		c.print(bag)
		return nil
	}
	if v, ok := bag[key]; ok {
		c.print(v)
	} else {
		c.print(nil)
	}
	return nil
}

// owner is whose bag relation-get reads: the argument, or the hook's remote side.
func (c *call) owner(r *hookv1.RelationView) (string, error) {
	app := c.flags.on("app")
	e := c.hook.Event()
	own := e.GetRelationId() == r.GetId()
	switch {
	case len(c.args) > 1 && app:
		return api.ApplicationOf(c.args[1]), nil
	case len(c.args) > 1:
		if _, _, err := api.SplitUnit(c.args[1]); err != nil {
			return "", usage("invalid unit name %q", c.args[1])
		}
		return c.args[1], nil
	case app && own && e.GetRemoteApp() != "":
		return e.GetRemoteApp(), nil
	case app:
		return r.GetRemoteApp(), nil
	case own && e.GetRemoteUnit() != "":
		return e.GetRemoteUnit(), nil
	}
	return "", usage("no unit id specified")
}

func relationSetFlags(f *flags) {
	relationFlag(f)
	f.flag("pick whether you are setting \"application\" settings or \"unit\" settings", "app")
	fileFlag(f)
	f.str("", "deprecated format flag", "format")
}

func fileFlag(f *flags) { f.str("", "file containing key-value pairs", "file") }

func relationSet(c *call) error {
	r, err := c.relation()
	if err != nil {
		return err
	}
	set, err := c.settings()
	if err != nil {
		return err
	}
	err = c.hook.SetBag(c.ctx, r.GetId(), c.flags.on("app"), set)
	if errs.Is(err, errs.Invalid) {
		return usageError{err}
	}
	return err
}

// settings are the pairs of --file with those of the command line over them.
func (c *call) settings() (map[string]string, error) {
	set := map[string]string{}
	if name := c.flags.text("file"); name != "" {
		data, err := c.read(name)
		if err != nil {
			return nil, err
		}
		values := map[string]any{}
		if err := yaml.Decode(name, data, &values); err != nil {
			return nil, err
		}
		for k, v := range values {
			set[k] = scalar(v)
		}
	}
	args, err := keyValues(c.args)
	if err != nil {
		return nil, err
	}
	maps.Copy(set, args)
	return set, nil
}

// scalar is a YAML value as the string that a databag holds.
func scalar(v any) string {
	switch t := v.(type) {
	case nil:
		return ""
	case string:
		return t
	}
	return fmt.Sprint(v)
}

func relationModelFlags(f *flags) {
	relationFlag(f)
	f.format("smart")
}

func relationModelGet(c *call) error {
	r, err := c.relation()
	if err != nil {
		return err
	}
	uuid := r.GetRemoteModelUuid()
	if uuid == "" {
		uuid = c.hook.View().GetModel().GetUuid()
	}
	c.print(map[string]string{"uuid": uuid})
	return nil
}

func networkFlags(f *flags) {
	f.format("smart")
	f.flag("get the primary address for the binding", "primary-address")
	f.flag("get the address for the binding on which the unit should listen", "bind-address")
	f.flag("get the ingress address for the binding", "ingress-address")
	f.flag("get the egress subnets for the binding", "egress-subnets")
	relationFlag(f)
}

func networkGet(c *call) error {
	if len(c.args) == 0 || c.args[0] == "" {
		return usage("no binding name specified")
	}
	if err := c.none(1); err != nil {
		return err
	}
	n := network(c.hook.View().GetNetworks(), c.args[0])
	if n == nil {
		return fmt.Errorf("no network config found for binding %q", c.args[0])
	}
	answer := map[string]any{}
	if list := bindAddresses(n); len(list) > 0 {
		answer["bind-addresses"] = list
	}
	if len(n.GetEgressSubnets()) > 0 {
		answer["egress-subnets"] = n.GetEgressSubnets()
	}
	if len(n.GetIngressAddresses()) > 0 {
		answer["ingress-addresses"] = n.GetIngressAddresses()
	}
	return c.printNetwork(n, answer)
}

// printNetwork prints the part that was asked for: one as it is, several as a map, none as everything.
func (c *call) printNetwork(n *hookv1.NetworkView, whole map[string]any) error {
	parts := map[string]any{}
	bind := ""
	for _, i := range n.GetInterfaces() {
		for _, a := range i.GetAddresses() {
			if bind == "" {
				bind = a.GetValue()
			}
		}
	}
	for _, flag := range []string{"primary-address", "bind-address"} {
		if c.flags.on(flag) {
			parts["bind-address"] = bind
		}
	}
	if c.flags.on("ingress-address") {
		if len(n.GetIngressAddresses()) == 0 {
			return fmt.Errorf("no ingress address found for binding %q", n.GetBinding())
		}
		parts["ingress-address"] = n.GetIngressAddresses()[0]
	}
	if c.flags.on("egress-subnets") {
		parts["egress-subnets"] = n.GetEgressSubnets()
	}
	switch len(parts) {
	case 0:
		c.print(whole)
	case 1:
		for _, v := range parts {
			c.print(v)
		}
	default:
		c.print(parts)
	}
	return nil
}

func network(all []*hookv1.NetworkView, binding string) *hookv1.NetworkView {
	for _, n := range all {
		if n.GetBinding() == binding {
			return n
		}
	}
	return nil
}

func bindAddresses(n *hookv1.NetworkView) []map[string]any {
	var out []map[string]any
	for _, i := range n.GetInterfaces() {
		var addresses []map[string]string
		for _, a := range i.GetAddresses() {
			addresses = append(addresses, map[string]string{
				"hostname": a.GetHostname(), "value": a.GetValue(), "cidr": a.GetCidr(), "address": a.GetValue()})
		}
		out = append(out, map[string]any{
			"mac-address": i.GetMacAddress(), "interface-name": i.GetName(), "addresses": addresses})
	}
	return out
}
