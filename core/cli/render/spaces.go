package render

import (
	"io"
	"strings"

	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
)

// SpaceList is `spaces` in Juju's shape.
type SpaceList struct {
	Spaces []SpaceInfo `json:"spaces" yaml:"spaces"`
}

// SpaceInfo is one space of a model.
type SpaceInfo struct {
	ID      string              `json:"id" yaml:"id"`
	Name    string              `json:"name" yaml:"name"`
	Subnets map[string]struct{} `json:"subnets" yaml:"subnets"`
}

// Spaces is a model's spaces in Juju's shape.
func Spaces(list []*clientv1.Space) SpaceList {
	out := SpaceList{Spaces: []SpaceInfo{}}
	for _, s := range list {
		info := SpaceInfo{ID: s.GetId(), Name: s.GetName(), Subnets: map[string]struct{}{}}
		for _, cidr := range s.GetSubnets() {
			info.Subnets[cidr] = struct{}{}
		}
		out.Spaces = append(out.Spaces, info)
	}
	return out
}

// SpaceTable prints the spaces of a model.
func SpaceTable(w io.Writer, list []*clientv1.Space) error {
	t := &Table{Columns: Columns("Name", "Space ID", "Subnets")}
	for _, s := range list {
		t.Add(s.GetName(), s.GetId(), strings.Join(s.GetSubnets(), ", "))
	}
	return t.Write(w, false)
}
