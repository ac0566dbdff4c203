package dispatch

import (
	"slices"
	"time"

	"github.com/bangle-dev/bangle/core/agent/source"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// secretViews are the secrets that the unit owns, or leads the owner of, and what it knows of others'.
func secretViews(s *source.Snapshot) []*hookv1.SecretView {
	var all []*hookv1.SecretView
	for _, own := range s.Secrets {
		v := &hookv1.SecretView{Id: own.Id, Owner: own.OwnerKind, Label: own.Label, Description: own.Description, Rotate: own.Rotate,
			NextRotate: moment(own.NextRotateUnix), LatestRevision: own.LatestRevision, Access: own.Access}
		for _, r := range s.Reads {
			if r.Id == own.Id {
				v.TrackedRevision = r.Revision
			}
		}
		for _, r := range own.Revisions {
			v.Revisions = append(v.Revisions, r.Revision)
			v.Expires = moment(r.ExpiresUnix) // of the last one
		}
		all = append(all, v)
	}
	for _, r := range s.Reads {
		if !slices.ContainsFunc(s.Secrets, func(own *controllerv1.Secret) bool { return own.Id == r.Id }) {
			all = append(all, &hookv1.SecretView{Id: r.Id, Label: r.Label, TrackedRevision: r.Revision, LatestRevision: r.Latest})
		}
	}
	return all
}

// moment writes a time, "" for none.
func moment(unix int64) string {
	if unix == 0 {
		return ""
	}
	return time.Unix(unix, 0).UTC().Format(time.RFC3339)
}
