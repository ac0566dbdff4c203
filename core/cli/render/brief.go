package render

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
)

// Oneline prints a line for each unit.
func Oneline(w io.Writer, s *clientv1.StatusResponse) error {
	var b strings.Builder
	for name, u := range ordered(s) {
		indent := name[:len(name)-len(strings.TrimLeft(name, " "))]
		fmt.Fprintf(&b, "%s- %s: %s (agent:%s, workload:%s)", indent, name[len(indent):], u.GetAddress(), u.GetAgent().GetCurrent(), u.GetWorkload().GetCurrent())
		if ports := Ports(u.GetOpenPorts()); ports != "" {
			b.WriteString(" " + ports)
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Summary prints how many units are in which state, and the ports in use.
func Summary(w io.Writer, s *clientv1.StatusResponse) error {
	ports, states, total := map[string]bool{}, map[string]int{}, 0
	for _, a := range s.GetApplications() {
		for _, u := range a.GetUnits() {
			total++
			states[u.GetWorkload().GetCurrent()]++
			for _, p := range u.GetOpenPorts() {
				ports[p] = true
			}
		}
	}
	var b strings.Builder
	line := func(name string, format string, values ...any) {
		fmt.Fprintf(&b, "%22s  %s\n", name, strings.TrimRight(fmt.Sprintf(format, values...), " "))
	}
	line("Utilizing ports:", "%s", strings.Join(slices.Sorted(maps.Keys(ports)), ", "))
	line("# Machines:", "(0)")
	line("# Units:", "(%d)", total)
	for _, state := range slices.Sorted(maps.Keys(states)) {
		line(state+":", "%3d", states[state])
	}
	b.WriteByte('\n')
	line("# Applications:", "(%d)", len(s.GetApplications()))
	for _, a := range s.GetApplications() {
		exposed := ""
		if a.GetExposed() {
			exposed = "exposed"
		}
		line(a.GetName(), "%s %s", fmt.Sprintf("%d/%d", len(a.GetUnits()), a.GetScaleWanted()), exposed)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
