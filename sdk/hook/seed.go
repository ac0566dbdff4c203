package hook

import "net/netip"

// BagDefaults is what a unit's databag holds when the unit enters a relation, and what follows its addresses unless the
// charm set it itself. Without addresses it is nil.
func BagDefaults(addresses []string) map[string]string {
	if len(addresses) == 0 {
		return nil
	}
	first := addresses[0]
	set := map[string]string{"ingress-address": first, "private-address": first, "egress-subnets": first}
	if ip, err := netip.ParseAddr(first); err == nil {
		set["egress-subnets"] = netip.PrefixFrom(ip, ip.BitLen()).String()
	}
	return set
}
