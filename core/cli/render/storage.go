package render

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// StorageList is `storage` in YAML and JSON.
type StorageList struct {
	Storage map[string]StoreInfo `json:"storage" yaml:"storage"`
}

// Storage is `storage` in Juju's shape.
func Storage(list []*controllerv1.StorageInstance, zone Zone) StorageList {
	out := StorageList{Storage: map[string]StoreInfo{}}
	for _, st := range list {
		info := StoreInfo{Kind: st.GetKind(), Pool: st.GetPool(), Life: first(notAlive(st.GetLife().String()), "alive"),
			Status: StatusPart{Current: first(st.GetStatus(), "pending"), Message: st.GetMessage(), Since: zone.stamp(st.GetSince())}, Persistent: true}
		if st.GetOwner() != "" {
			life := "alive"
			if st.GetStatus() == "detaching" {
				life = "dying"
			}
			info.Attachments = &Attachments{Units: map[string]Attachment{st.GetOwner(): {Location: st.GetLocation(), Life: life}}}
		}
		out.Storage[st.GetId()] = info
	}
	return out
}

// StorageTable prints storage by unit.
func StorageTable(w io.Writer, list []*controllerv1.StorageInstance, colour bool) error {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b *controllerv1.StorageInstance) int {
		return cmp.Or(byUnit(a.GetOwner(), b.GetOwner()), byUnit(a.GetId(), b.GetId()))
	})
	t := &Table{Columns: Columns("Unit", "Storage ID", "Type", "Pool", "Size", "Status", "Message")}
	for _, st := range list {
		t.Add(st.GetOwner(), st.GetId(), st.GetKind(), st.GetPool(), Size(st.GetSizeBytes()), status(first(st.GetStatus(), "pending")), st.GetMessage())
	}
	return t.Write(w, colour)
}

// Pool is one of `storage-pools` in YAML and JSON.
type Pool struct {
	Provider string            `json:"provider" yaml:"provider"`
	Attrs    map[string]string `json:"attrs,omitempty" yaml:"attrs,omitempty"`
}

// Pools is `storage-pools` in Juju's shape.
func Pools(list []*controllerv1.StoragePool) map[string]Pool {
	out := map[string]Pool{}
	for _, p := range list {
		out[p.GetName()] = Pool{p.GetProvider(), p.GetAttributes()}
	}
	return out
}

// PoolTable prints storage pools.
func PoolTable(w io.Writer, list []*controllerv1.StoragePool, colour bool) error {
	t := &Table{Columns: Columns("Name", "Provider", "Attrs")}
	for _, p := range list {
		var attrs []string
		for _, k := range slices.Sorted(maps.Keys(p.GetAttributes())) {
			attrs = append(attrs, k+"="+p.GetAttributes()[k])
		}
		t.Add(p.GetName(), p.GetProvider(), strings.Join(attrs, " "))
	}
	return t.Write(w, colour)
}

// Size is a number of bytes as people read it: "1 GiB", "2.5 MiB"; "" for none.
func Size(bytes int64) string {
	if bytes <= 0 {
		return ""
	}
	if bytes < 1024 {
		return fmt.Sprintf("%d B", bytes)
	}
	value, units := float64(bytes)/1024, []string{"KiB", "MiB", "GiB", "TiB", "PiB"}
	i := 0
	for ; value >= 1024 && i < len(units)-1; i++ {
		value /= 1024
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", value), ".0") + " " + units[i]
}
