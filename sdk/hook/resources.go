package hook

import (
	"context"
	"encoding/json"

	"github.com/bangle-dev/bangle/sdk/errs"
)

// Resource is the path of a resource's file; it is fetched if it is not there yet. NotFound when the charm declares none
// of that name or nothing is attached.
func (c *Context) Resource(ctx context.Context, name string) (string, error) {
	declared := false
	for _, r := range c.view.GetResources() {
		if r.GetName() != name {
			continue
		}
		if r.GetPath() != "" {
			return r.GetPath(), nil
		}
		declared = true
	}
	if !declared {
		return "", errs.E(errs.NotFound, "resource %q not found", name)
	}
	request, err := json.Marshal(map[string]string{"name": name})
	if err != nil {
		return "", errs.E(errs.Internal, "cannot ask for resource %q: %w", name, err)
	}
	answer, err := c.call(ctx, "resource", string(request))
	if err != nil {
		return "", err
	}
	var got struct {
		Path string `json:"path"`
	}
	if err := json.Unmarshal([]byte(answer), &got); err != nil || got.Path == "" {
		return "", errs.E(errs.Internal, "cannot read the path of resource %q: the host answered %q", name, answer)
	}
	return got.Path, nil
}
