package render

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// SecretPart is one secret in YAML and JSON, in Juju's shape.
type SecretPart struct {
	Revision    int32           `json:"revision" yaml:"revision"`
	Expires     string          `json:"expires,omitempty" yaml:"expires,omitempty"`
	Rotation    string          `json:"rotation,omitempty" yaml:"rotation,omitempty"`
	Rotates     string          `json:"rotates,omitempty" yaml:"rotates,omitempty"`
	Owner       string          `json:"owner,omitempty" yaml:"owner,omitempty"`
	Description string          `json:"description,omitempty" yaml:"description,omitempty"`
	Name        string          `json:"name,omitempty" yaml:"name,omitempty"`
	Label       string          `json:"label,omitempty" yaml:"label,omitempty"`
	Created     string          `json:"created" yaml:"created"`
	Updated     string          `json:"updated" yaml:"updated"`
	Content     *SecretContent  `json:"content,omitempty" yaml:"content,omitempty"`
	Revisions   []SecretVersion `json:"revisions,omitempty" yaml:"revisions,omitempty"`
	Access      []SecretAccess  `json:"access,omitempty" yaml:"access,omitempty"`
}

// SecretContent is what --reveal adds.
type SecretContent struct {
	Data map[string]string `json:"Data" yaml:"data"`
}

// SecretVersion is one revision.
type SecretVersion struct {
	Revision int32  `json:"revision" yaml:"revision"`
	Created  string `json:"created" yaml:"created"`
	Expires  string `json:"expires,omitempty" yaml:"expires,omitempty"`
}

// SecretAccess is one grant.
type SecretAccess struct {
	Target string `json:"target" yaml:"target"`
	Scope  string `json:"scope" yaml:"scope"`
	Role   string `json:"role" yaml:"role"`
}

// Secrets is `secrets` and `show-secret`, by id; whole adds revisions and grants.
func Secrets(list []*clientv1.SecretInfo, model string, whole bool) map[string]SecretPart {
	out := map[string]SecretPart{}
	for _, info := range list {
		s := info.GetSecret()
		p := SecretPart{Revision: s.GetLatestRevision(), Rotation: s.GetRotate(), Rotates: when(s.GetNextRotateUnix()), Owner: secretOwner(s, model),
			Description: s.GetDescription(), Created: s.GetCreated(), Updated: s.GetUpdated()}
		if s.GetOwnerKind() == "model" {
			p.Name = s.GetLabel()
		} else {
			p.Label = s.GetLabel()
		}
		for _, r := range info.GetRevisions() {
			p.Expires = when(r.GetExpiresUnix())
			if whole {
				p.Revisions = append(p.Revisions, SecretVersion{r.GetRevision(), r.GetCreated(), when(r.GetExpiresUnix())})
			}
		}
		for _, a := range s.GetAccess() {
			if whole {
				scope := model
				if a.GetRelationId() != 0 {
					scope = "relation-" + strconv.Itoa(int(a.GetRelationId()))
				}
				p.Access = append(p.Access, SecretAccess{a.GetTarget(), scope, a.GetRole()})
			}
		}
		if info.GetContent() != nil {
			p.Content = &SecretContent{map[string]string{}}
			for k, v := range info.GetContent() {
				p.Content.Data[k] = string(v)
			}
		}
		out[s.GetId()] = p
	}
	return out
}

func secretOwner(s *controllerv1.Secret, model string) string {
	if s.GetOwnerKind() == "model" {
		return "<" + model + ">"
	}
	return s.GetOwner()
}

// when is a time in seconds, "" for none.
func when(unix int64) string {
	if unix == 0 {
		return ""
	}
	return time.Unix(unix, 0).UTC().Format(time.RFC3339)
}

// SecretTable prints secrets by id.
func SecretTable(w io.Writer, list []*clientv1.SecretInfo, model string, now time.Time, colour bool) error {
	t := &Table{Columns: Columns("ID", "Name", "Owner", "Rotation", "Revision", "Last updated")}
	for _, info := range list {
		s := info.GetSecret()
		name := "-"
		if s.GetLabel() != "" {
			name = s.GetLabel()
		}
		t.Add(s.GetId(), name, secretOwner(s, model), first(s.GetRotate(), "never"), fmt.Sprint(s.GetLatestRevision()), ago(s.GetUpdated(), now))
	}
	return t.Write(w, colour)
}

// ago says how long a time is over, in the largest whole unit.
func ago(stamp string, now time.Time) string {
	at, err := time.Parse(time.RFC3339, stamp)
	if err != nil {
		return ""
	}
	d := now.Sub(at)
	for _, u := range []struct {
		name string
		each time.Duration
	}{{"day", 24 * time.Hour}, {"hour", time.Hour}, {"minute", time.Minute}, {"second", time.Second}} {
		if n := int(d / u.each); n > 0 {
			return fmt.Sprintf("%d %s%s ago", n, u.name, strings.Repeat("s", min(n-1, 1)))
		}
	}
	return "just now"
}
