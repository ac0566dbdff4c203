package render

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
)

// ResourceList is `resources` in YAML and JSON.
type ResourceList struct {
	Resources []ResourceInfo `json:"resources" yaml:"resources"`
}

// ResourceInfo is one resource of an application.
type ResourceInfo struct {
	ID          string `json:"resourceid,omitempty" yaml:"resourceid,omitempty"`
	Application string `json:"applicationid" yaml:"applicationid"`
	Name        string `json:"name" yaml:"name"`
	Type        string `json:"type" yaml:"type"`
	Path        string `json:"path,omitempty" yaml:"path,omitempty"`
	Description string `json:"description,omitempty" yaml:"description,omitempty"`
	Revision    string `json:"revision" yaml:"revision"`
	Fingerprint string `json:"fingerprint" yaml:"fingerprint"`
	Size        int64  `json:"size" yaml:"size"`
	Origin      string `json:"origin" yaml:"origin"`
	Used        bool   `json:"used" yaml:"used"`
	Timestamp   string `json:"timestamp,omitempty" yaml:"timestamp,omitempty"`
	User        string `json:"username,omitempty" yaml:"username,omitempty"`
	// Units is the revision that each unit uses, counted from 1.
	Units map[string]uint32 `json:"units,omitempty" yaml:"units,omitempty"`
}

// Resources is `resources` in Juju's shape.
func Resources(application string, list []*clientv1.ResourceInfo) ResourceList {
	out := ResourceList{Resources: []ResourceInfo{}}
	for _, r := range list {
		rec := r.GetRecord()
		out.Resources = append(out.Resources, ResourceInfo{ID: application + "/" + rec.GetName(), Application: application, Name: rec.GetName(), Type: rec.GetType(),
			Path: rec.GetFilename(), Description: r.GetDescription(), Revision: uploaded(r), Fingerprint: rec.GetDigest(), Size: rec.GetSize(),
			Origin: first(rec.GetOrigin(), "upload"), Used: rec.GetRevision() > 0, Timestamp: rec.GetCreated(), User: rec.GetUser(), Units: r.GetUnits()})
	}
	return out
}

// uploaded is what stands for an upload's revision: when it was made.
func uploaded(r *clientv1.ResourceInfo) string {
	if t, err := time.Parse(time.RFC3339, r.GetRecord().GetCreated()); err == nil && r.GetRecord().GetRevision() > 0 {
		return t.UTC().Format("2006-01-02T15:04")
	}
	return "-"
}

// ResourceTable prints the resources of an application.
func ResourceTable(w io.Writer, list []*clientv1.ResourceInfo, details bool) error {
	titles := []string{"Resource", "Supplied by", "Revision"}
	if details {
		titles = append(titles, "Type", ">Size", "Digest", "Used by")
	}
	t := &Table{Columns: Columns(titles...)}
	for _, r := range list {
		by := first(r.GetRecord().GetUser(), "-")
		t.Add([]any{r.GetRecord().GetName(), by, uploaded(r), r.GetRecord().GetType(), Size(r.GetRecord().GetSize()), short(r.GetRecord().GetDigest()), users(r)}[:len(titles)]...)
	}
	return t.Write(w, false)
}

// users are the units that use a resource, with the revision where it is not the newest.
func users(r *clientv1.ResourceInfo) string {
	var list []string
	for _, unit := range slices.Sorted(maps.Keys(r.GetUnits())) {
		if revision := r.GetUnits()[unit]; revision != r.GetRecord().GetRevision() {
			unit = fmt.Sprintf("%s (%d)", unit, revision)
		}
		list = append(list, unit)
	}
	return strings.Join(list, ", ")
}

func short(digest string) string { return digest[:min(12, len(digest))] }
