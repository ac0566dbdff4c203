package render

import (
	"cmp"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/bangle-dev/bangle/sdk/api"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
)

// StatusOptions is what a status table shows beside applications and units.
type StatusOptions struct {
	Zone               Zone
	Colour             bool
	Relations, Storage bool
}

// maxVersion is the width at which a workload version is cut.
const maxVersion = 30

// Tabular prints status as tables: model, applications, units and, when asked for, relations and storage.
func Tabular(w io.Writer, s *clientv1.StatusResponse, o StatusOptions) error {
	head := Table{Columns: Columns("Model", "Controller", "Cloud/Region", "Version", "SLA", "Timestamp")}
	head.Add(s.GetModel().GetName(), s.GetController(), s.GetCloud(), s.GetVersion(), "unsupported", o.Zone.clock(s.GetTimestamp()))
	tables := []*Table{&head}
	if len(s.GetApplications()) > 0 {
		tables = append(tables, applications(s))
	}
	if t := units(s); len(t.Rows) > 0 {
		tables = append(tables, t)
	}
	if o.Relations && len(s.GetRelations()) > 0 {
		tables = append(tables, relations(s))
	}
	if o.Storage && len(s.GetStorage()) > 0 {
		tables = append(tables, storage(s))
	}
	for i, t := range tables {
		if i > 0 {
			if _, err := fmt.Fprintln(w); err != nil {
				return err
			}
		}
		if err := t.Write(w, o.Colour); err != nil {
			return err
		}
	}
	return nil
}

func applications(s *clientv1.StatusResponse) *Table {
	t := &Table{Columns: Columns("App", "Version", "Status", ">Scale", "Charm", "Channel", ">Rev", "Address", "Exposed", "Message")}
	for _, a := range s.GetApplications() {
		exposed := "no"
		if a.GetExposed() {
			exposed = "yes"
		}
		t.Add(a.GetName(), cut(a.GetWorkloadVersion()), status(a.GetStatus().GetCurrent()), scale(a), first(a.GetCharmName(), a.GetCharm()), "",
			a.GetCharmRev(), a.GetAddress(), exposed, a.GetStatus().GetMessage())
	}
	return t
}

// scale is how many units live, and of how many when that is not the number wanted.
func scale(a *clientv1.ApplicationStatusInfo) string {
	have := 0
	for _, u := range a.GetUnits() {
		if c := u.GetAgent().GetCurrent(); c == api.AgentIdle || c == api.AgentExecuting {
			have++
		}
	}
	if have == int(a.GetScaleWanted()) {
		return strconv.Itoa(have)
	}
	return fmt.Sprintf("%d/%d", have, a.GetScaleWanted())
}

func cut(version string) string {
	if runes := []rune(version); len(runes) > maxVersion {
		return string(runes[:maxVersion-3]) + "..."
	}
	return version
}

// ordered gives the units by number, application after application, each followed by those that live beside it, under the names they are
// shown with: a star marks a leader, two spaces a subordinate.
func ordered(s *clientv1.StatusResponse) iter.Seq2[string, *clientv1.UnitStatusInfo] {
	var principals []*clientv1.UnitStatusInfo
	beside := map[string][]*clientv1.UnitStatusInfo{}
	for _, a := range s.GetApplications() {
		list := slices.Clone(a.GetUnits())
		slices.SortStableFunc(list, func(x, y *clientv1.UnitStatusInfo) int { return byUnit(x.GetName(), y.GetName()) })
		for _, u := range list {
			if u.GetPrincipal() == "" {
				principals = append(principals, u)
			} else {
				beside[u.GetPrincipal()] = append(beside[u.GetPrincipal()], u)
			}
		}
	}
	return func(yield func(string, *clientv1.UnitStatusInfo) bool) {
		for _, u := range principals {
			if !yield(starred(u), u) {
				return
			}
			for _, sub := range beside[u.GetName()] {
				if !yield("  "+starred(sub), sub) {
					return
				}
			}
		}
	}
}

func starred(u *clientv1.UnitStatusInfo) string {
	if u.GetLeader() {
		return u.GetName() + "*"
	}
	return u.GetName()
}

func units(s *clientv1.StatusResponse) *Table {
	t := &Table{Columns: Columns("Unit", "Workload", "Agent", "Address", "Ports", "Message")}
	for name, u := range ordered(s) {
		t.Add(name, status(u.GetWorkload().GetCurrent()), status(u.GetAgent().GetCurrent()), u.GetAddress(), Ports(u.GetOpenPorts()), unitMessage(u))
	}
	return t
}

// WorkloadMessage is what the charm said, with the reason when a hook failed.
func WorkloadMessage(u *clientv1.UnitStatusInfo) string {
	message := u.GetWorkload().GetMessage()
	if why := lastLine(u.GetFailed().GetMessage()); u.GetWorkload().GetCurrent() == api.StatusError && why != "" && !strings.Contains(message, why) {
		message += ": " + why
	}
	return message
}

// unitMessage is WorkloadMessage after the hook that runs.
func unitMessage(u *clientv1.UnitStatusInfo) string {
	message := WorkloadMessage(u)
	if u.GetAgent().GetCurrent() != api.AgentExecuting {
		return message
	}
	hook := strings.TrimSuffix(strings.TrimPrefix(first(u.GetExecuting(), u.GetAgent().GetMessage()), "running "), " hook")
	if hook == "" {
		return message
	}
	return strings.TrimSuffix(fmt.Sprintf("(%s) %s", hook, message), " ")
}

// lastLine is where a traceback says what was wrong.
func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}

// Ports joins open ports by protocol: "80,443/tcp 53/udp".
func Ports(list []string) string {
	var protocols []string
	by := map[string][]string{}
	for _, p := range list {
		number, protocol, found := strings.Cut(p, "/")
		if !found {
			number, protocol = "", p
		}
		if _, seen := by[protocol]; !seen {
			protocols = append(protocols, protocol)
		}
		by[protocol] = append(by[protocol], number)
	}
	slices.Sort(protocols)
	out := make([]string, len(protocols))
	for i, protocol := range protocols {
		slices.SortStableFunc(by[protocol], func(a, b string) int { return portNumber(a) - portNumber(b) })
		if out[i] = protocol; by[protocol][0] != "" {
			out[i] = strings.Join(by[protocol], ",") + "/" + protocol
		}
	}
	return strings.Join(out, " ")
}

func portNumber(text string) int {
	from, _, _ := strings.Cut(text, "-")
	n, _ := strconv.Atoi(from)
	return n
}

func relations(s *clientv1.StatusResponse) *Table {
	t := &Table{Columns: Columns("Integration provider", "Requirer", "Interface", "Type", "Message")}
	list := slices.Clone(s.GetRelations())
	slices.SortStableFunc(list, func(a, b *clientv1.RelationStatusInfo) int {
		return cmp.Or(strings.Compare(a.GetProvider(), b.GetProvider()), strings.Compare(a.GetRequirer(), b.GetRequirer()))
	})
	for _, r := range list {
		message := r.GetMessage()
		if r.GetStatus() != "joined" && r.GetStatus() != "" {
			message = strings.TrimSuffix(r.GetStatus()+" - "+message, " - ")
		}
		t.Add(r.GetProvider(), r.GetRequirer(), r.GetInterface(), r.GetType(), message)
	}
	return t
}

func storage(s *clientv1.StatusResponse) *Table {
	t := &Table{Columns: Columns("Storage Unit", "Storage ID", "Type", "Pool", "Mountpoint", "Size", "Status", "Message")}
	list := slices.Clone(s.GetStorage())
	slices.SortStableFunc(list, func(a, b *clientv1.StorageStatusInfo) int {
		return cmp.Or(byUnit(a.GetUnit(), b.GetUnit()), byUnit(a.GetId(), b.GetId()))
	})
	for _, st := range list {
		t.Add(st.GetUnit(), st.GetId(), st.GetKind(), st.GetPool(), st.GetLocation(), Size(st.GetSizeBytes()), status(st.GetStatus()), st.GetMessage())
	}
	return t
}

// byUnit orders names with a number behind a slash by that number.
func byUnit(a, b string) int {
	x, m, _ := strings.Cut(a, "/")
	y, n, _ := strings.Cut(b, "/")
	i, _ := strconv.Atoi(m)
	j, _ := strconv.Atoi(n)
	return cmp.Or(strings.Compare(x, y), i-j)
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
