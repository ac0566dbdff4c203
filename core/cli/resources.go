package cli

import (
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	"github.com/bangle-dev/bangle/core/charm"
	"github.com/bangle-dev/bangle/core/cli/render"
	"github.com/bangle-dev/bangle/sdk/errs"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	"github.com/bangle-dev/bangle/sdk/yaml"
)

const imageResource = "oci-image"

func (a *app) resourcesCommand() *cobra.Command {
	var s *scope
	var o *output
	var details bool
	c := a.command(verb{use: "resources APPLICATION|UNIT", aliases: []string{"list-resources"}, least: 1, most: 1, short: "List the resources of an application",
		long: "A resource is a file or an image that is delivered beside the charm.", example: "bangle resources web\nbangle resources web --format yaml"},
		func(ctx context.Context, args []string) error {
			name, _, _ := strings.Cut(args[0], "/")
			t, err := a.reach(ctx, s)
			if err != nil {
				return err
			}
			answer, err := t.resources().ListResources(ctx, connect.NewRequest(&clientv1.ListResourcesRequest{Model: t.model, Application: name}))
			if err != nil {
				return err
			}
			list := answer.Msg.GetResources()
			switch {
			case o.format != "tabular":
				return o.value(render.Resources(name, list))
			case len(list) == 0:
				a.say("No resources to display.")
				return nil
			}
			return o.write(func(w io.Writer) error { return render.ResourceTable(w, list, details) })
		})
	s = a.modelScope(c)
	c.Flags().BoolVar(&details, "details", false, "show sizes and digests too")
	o = a.answers(c, "tabular", "json", "yaml")
	c.ValidArgsFunction = a.completeApplications
	return c
}

func (a *app) attachResourceCommand() *cobra.Command {
	var s *scope
	c := a.command(verb{use: "attach-resource APPLICATION NAME=PATH|IMAGE", least: 2, most: 2, short: "Give an application another revision of a resource",
		long: "A file is sent to the controller and fetched by the units when their charm asks for it. Of an oci-image the reference is given, or a YAML or JSON file with " +
			"registrypath, username and password. The units run upgrade-charm and config-changed.",
		example: "bangle attach-resource web site=./site.tar.gz\nbangle attach-resource web image=registry.example.com/web:2"},
		func(ctx context.Context, args []string) error {
			name, value, found := strings.Cut(args[1], "=")
			if !found || name == "" || value == "" {
				return usage("malformed resource %q; want NAME=PATH or NAME=IMAGE", args[1])
			}
			t, err := a.reach(ctx, s)
			if err != nil {
				return err
			}
			types, err := t.resourceTypes(ctx, args[0])
			if err != nil {
				return err
			}
			if _, ok := types[name]; !ok {
				return errs.E(errs.Invalid, "cannot attach resource %q: application %q has %s", name, args[0], strings.Join(orNone(sorted(types), "no resources"), ", "))
			}
			rec, err := a.sendResource(ctx, t, &clientv1.AttachResourceRequest{Model: t.model, Application: args[0], Name: name}, types[name], value)
			if err != nil {
				return err
			}
			a.say("attached resource %s of %s, revision %d", name, args[0], rec.GetRevision())
			return nil
		})
	s = a.modelScope(c)
	c.ValidArgsFunction = a.completeApplications
	return c
}

func orNone(list []string, none string) []string {
	if len(list) == 0 {
		return []string{none}
	}
	return list
}

// resourceTypes are the types of an application's resources by name.
func (t *target) resourceTypes(ctx context.Context, application string) (map[string]string, error) {
	answer, err := t.resources().ListResources(ctx, connect.NewRequest(&clientv1.ListResourcesRequest{Model: t.model, Application: application}))
	if err != nil {
		return nil, err
	}
	types := map[string]string{}
	for _, r := range answer.Msg.GetResources() {
		types[r.GetRecord().GetName()] = r.GetRecord().GetType()
	}
	return types, nil
}

// charmResources are the types of the resources that a charm on this machine declares. What is wrong with the charm is the
// controller's to say.
func charmResources(path string) map[string]string {
	types := map[string]string{}
	if ch, _, err := charm.Read(path, charm.ReadConfig{}); err == nil {
		for name, r := range ch.Meta.Resources {
			types[name] = r.Type
		}
	}
	return types
}

// uploads sends the files among the resources ahead of the request that gives them. Images and what they are made of
// (a directory, a layout, a tar on the substrate's host) are named, not sent.
func (a *app) uploads(ctx context.Context, t *target, types, given map[string]string) (map[string]*controllerv1.ResourceRecord, error) {
	out := map[string]*controllerv1.ResourceRecord{}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		kind, declared := types[name]
		if !declared || kind == imageResource && !describesImage(given[name]) {
			continue
		}
		rec, err := a.sendResource(ctx, t, &clientv1.AttachResourceRequest{Model: t.model, Name: name, Pending: true}, kind, given[name])
		if err != nil {
			return nil, err
		}
		out[name] = rec
	}
	return out, nil
}

// refreshUploads sends the files of a refresh.
func (a *app) refreshUploads(ctx context.Context, t *target, req *clientv1.RefreshRequest) (err error) {
	if len(req.GetResources()) == 0 {
		return nil
	}
	types := charmResources(req.GetCharmPath())
	if req.GetCharmDigest() == "" {
		if types, err = t.resourceTypes(ctx, req.GetApplication()); err != nil {
			return err
		}
	}
	req.Uploads, err = a.uploads(ctx, t, types, req.GetResources())
	return err
}

// describesImage says whether a value is a file that says where an image is.
func describesImage(value string) bool {
	ext := filepath.Ext(value)
	info, err := os.Stat(value)
	return err == nil && info.Mode().IsRegular() && (ext == ".yaml" || ext == ".yml" || ext == ".json")
}

// sendResource sends one resource; a file goes in parts, as it is read.
func (a *app) sendResource(ctx context.Context, t *target, head *clientv1.AttachResourceRequest, kind, value string) (*controllerv1.ResourceRecord, error) {
	var content io.Reader = strings.NewReader("")
	if kind == imageResource {
		if err := image(head, value); err != nil {
			return nil, err
		}
	} else {
		file, err := os.Open(value)
		if err != nil {
			return nil, errs.E(errs.NotFound, "cannot use resource %q: %w", head.GetName(), err)
		}
		defer file.Close()
		if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
			return nil, errs.E(errs.Invalid, "cannot use resource %q: %s is not a file", head.GetName(), value)
		}
		content, head.Filename = file, value
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the stream when reading fails
	stream := t.resources().AttachResource(ctx)
	err := stream.Send(head)
	for err == nil {
		data := make([]byte, chunk)
		n, readErr := io.ReadFull(content, data)
		if n > 0 {
			err = stream.Send(&clientv1.AttachResourceRequest{Data: data[:n]})
		}
		if errors.Is(readErr, io.EOF) || errors.Is(readErr, io.ErrUnexpectedEOF) {
			break
		}
		if readErr != nil {
			return nil, errs.E(errs.Internal, "cannot read resource %q: %w", head.GetName(), readErr)
		}
	}
	if err != nil && !errors.Is(err, io.EOF) { // io.EOF: the answer says why
		return nil, err
	}
	answer, err := stream.CloseAndReceive()
	if err != nil {
		return nil, err
	}
	return answer.Msg.GetRecord(), nil
}

// image reads what is given for an image: a reference, or a file with it and who may pull it.
func image(head *clientv1.AttachResourceRequest, value string) error {
	if !describesImage(value) {
		head.Image = value
		if _, err := os.Stat(value); err == nil { // what an image is made of; the substrate reads it
			if head.Image, err = filepath.Abs(value); err != nil {
				return errs.E(errs.Internal, "cannot use resource %q: %w", head.GetName(), err)
			}
		}
		return nil
	}
	text, err := os.ReadFile(value)
	if err != nil {
		return errs.E(errs.NotFound, "cannot use resource %q: %w", head.GetName(), err)
	}
	fields := map[string]any{}
	if err := yaml.Decode(value, text, &fields); err != nil {
		return errs.E(errs.Invalid, "cannot use resource %q: cannot read %s: %w", head.GetName(), value, err)
	}
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		v, isText := fields[key].(string)
		switch strings.ToLower(key) {
		case "registrypath", "imagename":
			head.Image = v
		case "username":
			head.Username = v
		case "password":
			head.Password = v
		default:
			return errs.E(errs.Invalid, "cannot use resource %q: %s has key %q; allowed are registrypath, username and password", head.GetName(), value, key)
		}
		if !isText {
			return errs.E(errs.Invalid, "cannot use resource %q: %s of %s must be text", head.GetName(), key, value)
		}
	}
	if head.GetImage() == "" {
		return errs.E(errs.Invalid, "cannot use resource %q: %s has no registrypath", head.GetName(), value)
	}
	return nil
}
