package hook

import (
	"fmt"
	"sort"
	"strconv"
	"strings"

	"github.com/bangle-dev/bangle/sdk/errs"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
	"google.golang.org/protobuf/proto"
)

type portWrites struct{ opened, closed []*hookv1.PortRange }

// ParsePort reads "80", "80/tcp", "8000-8999/udp" or "icmp".
func ParsePort(s string) (*hookv1.PortRange, error) {
	text := strings.ToLower(s)
	if text == "icmp" {
		return &hookv1.PortRange{Protocol: "icmp"}, nil
	}
	numbers, protocol, found := strings.Cut(text, "/")
	if !found {
		protocol = "tcp"
	}
	first, last, ranged := strings.Cut(numbers, "-")
	if !ranged {
		last = first
	}
	from, err := strconv.ParseUint(first, 10, 32)
	if err != nil {
		return nil, errs.E(errs.Invalid, "invalid port %q: expected PORT[/PROTOCOL], FROM-TO[/PROTOCOL] or icmp", s)
	}
	to, err := strconv.ParseUint(last, 10, 32)
	if err != nil {
		return nil, errs.E(errs.Invalid, "invalid port %q: expected PORT[/PROTOCOL], FROM-TO[/PROTOCOL] or icmp", s)
	}
	p := &hookv1.PortRange{Protocol: protocol, From: uint32(from), To: uint32(to)}
	return p, checkPort(p)
}

func checkPort(p *hookv1.PortRange) error {
	switch p.GetProtocol() {
	case "icmp":
		return nil
	case "tcp", "udp":
	default:
		return errs.E(errs.Invalid, "invalid protocol %q, expected \"tcp\", \"udp\", or \"icmp\"", p.GetProtocol())
	}
	if p.GetFrom() < 1 || p.GetTo() > 65535 || p.GetFrom() > p.GetTo() {
		return errs.E(errs.Invalid, "invalid port range %d-%d: ports go from 1 to 65535", p.GetFrom(), p.GetTo())
	}
	return nil
}

// FormatPort writes a range the way opened-ports does: "80/tcp", "8000-8999/udp", "icmp".
func FormatPort(p *hookv1.PortRange) string {
	if p.GetProtocol() == "icmp" {
		return "icmp"
	}
	if p.GetFrom() == p.GetTo() {
		return fmt.Sprintf("%d/%s", p.GetFrom(), p.GetProtocol())
	}
	return fmt.Sprintf("%d-%d/%s", p.GetFrom(), p.GetTo(), p.GetProtocol())
}

// OpenPort opens a range for the given endpoints (none = all). Opening what is open changes nothing.
func (c *Context) OpenPort(p *hookv1.PortRange) error {
	if err := checkPort(p); err != nil {
		return err
	}
	c.writes.ports.closed = without(c.writes.ports.closed, p)
	if !contains(c.view.GetPorts(), p) {
		c.writes.ports.opened = append(without(c.writes.ports.opened, p), p)
	}
	return nil
}

// ClosePort closes a range. Closing what is not open changes nothing.
func (c *Context) ClosePort(p *hookv1.PortRange) error {
	if err := checkPort(p); err != nil {
		return err
	}
	c.writes.ports.opened = without(c.writes.ports.opened, p)
	if contains(c.view.GetPorts(), p) {
		c.writes.ports.closed = append(without(c.writes.ports.closed, p), p)
	}
	return nil
}

// OpenedPorts lists the unit's open ranges with the hook's own changes applied, in order.
func (c *Context) OpenedPorts() []*hookv1.PortRange {
	return ApplyPorts(c.view.GetPorts(), c.writes.ports.opened, c.writes.ports.closed)
}

// ApplyPorts is what is open after opening and closing, in order.
func ApplyPorts(open, opened, closed []*hookv1.PortRange) []*hookv1.PortRange {
	out := append([]*hookv1.PortRange{}, open...)
	for _, p := range closed {
		out = without(out, p)
	}
	for _, p := range opened {
		if !contains(out, p) {
			out = append(out, p)
		}
	}
	sortPorts(out)
	return out
}

func contains(list []*hookv1.PortRange, p *hookv1.PortRange) bool {
	for _, q := range list {
		if proto.Equal(p, q) {
			return true
		}
	}
	return false
}

func without(list []*hookv1.PortRange, p *hookv1.PortRange) []*hookv1.PortRange {
	var out []*hookv1.PortRange
	for _, q := range list {
		if !proto.Equal(p, q) {
			out = append(out, q)
		}
	}
	return out
}

func sortPorts(list []*hookv1.PortRange) {
	sort.SliceStable(list, func(i, j int) bool {
		a, b := list[i], list[j]
		if a.GetProtocol() != b.GetProtocol() {
			return a.GetProtocol() < b.GetProtocol()
		}
		if a.GetFrom() != b.GetFrom() {
			return a.GetFrom() < b.GetFrom()
		}
		return a.GetTo() < b.GetTo()
	})
}
