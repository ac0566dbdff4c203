package tool_test

import (
	"context"
	"strings"
	"testing"

	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/hook"
	"github.com/bangle-dev/bangle/sdk/hook/tool"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// depot answers where resources are.
type depot struct{ asked []string }

func (d *depot) Call(_ context.Context, operation, request string) (string, error) {
	d.asked = append(d.asked, operation+" "+request)
	if strings.Contains(request, "blob") {
		return `{"path":"/unit/resources/blob/blob.bin"}`, nil
	}
	return "", errs.E(errs.NotFound, "resource#web/none not found")
}

func (d *depot) Immediate(*charmruntimev1.Immediate) {}

func TestResourceGetAsksTheHost(t *testing.T) {
	d := &depot{}
	h := hook.New(&hookv1.Event{Id: "1-start", Kind: "start"}, &hookv1.View{Resources: []*hookv1.ResourceView{
		{Name: "blob", Type: "file"}, {Name: "none", Type: "file"}, {Name: "here", Type: "file", Path: "/here"}}}, d)
	for _, c := range []struct{ name, out, err string }{
		{"blob", "/unit/resources/blob/blob.bin\n", ""}, {"here", "/here\n", ""},
		{"none", "", "ERROR could not download resource: resource#web/none not found\n"},
		{"nope", "", "ERROR could not download resource: resource \"nope\" not found\n"},
	} {
		r := tool.Run(t.Context(), h, "resource-get", []string{c.name}, nil, nil)
		if string(r.Stdout) != c.out || string(r.Stderr) != c.err || (r.Exit == 0) != (c.err == "") {
			t.Errorf("%s: %q, %q, exit %d", c.name, r.Stdout, r.Stderr, r.Exit)
		}
	}
	if len(d.asked) != 2 {
		t.Errorf("asked %v, want only what is not here and declared", d.asked)
	}
}

func TestStorageAddHoldsTheCharmToItsWord(t *testing.T) {
	h := hook.New(&hookv1.Event{Id: "1-start", Kind: "start"}, &hookv1.View{
		Storage: []*hookv1.StorageView{{Id: "data/0", Name: "data"}}, StorageRules: []*hookv1.StorageRule{{Name: "data", Least: 1, Most: 2}, {Name: "logs", Most: -1}},
	}, nil)
	for _, c := range []struct{ arg, err string }{
		{"data=2", "ERROR cannot add storage \"data\": at most 2 instances are allowed, 1 are there and 2 were asked for\n"},
		{"tape", "ERROR cannot add storage \"tape\": the charm declares data, logs\n"}, {"data", ""}, {"logs=30", ""},
		{"data", "ERROR cannot add storage \"data\": at most 2 instances are allowed, 2 are there and 1 were asked for\n"},
	} {
		r := tool.Run(t.Context(), h, "storage-add", []string{c.arg}, nil, nil)
		if string(r.Stderr) != c.err || (r.Exit == 0) != (c.err == "") {
			t.Errorf("%s: %q, exit %d", c.arg, r.Stderr, r.Exit)
		}
	}
	if adds := h.Changeset().GetStorageAdd(); len(adds) != 2 || adds[0].GetName() != "data" || adds[1].GetCount() != 30 {
		t.Errorf("the changeset has %v", adds)
	}
}
