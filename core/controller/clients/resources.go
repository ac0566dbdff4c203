package clients

import (
	"context"
	"errors"
	"io"
	"maps"
	"slices"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/charm"
	"github.com/bangle-dev/bangle/core/controller/blobs"
	"github.com/bangle-dev/bangle/core/controller/images"
	"github.com/bangle-dev/bangle/core/controller/snapshot"
	"github.com/bangle-dev/bangle/sdk/errs"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// The types of resources.
const (
	fileResource  = "file"
	imageResource = images.Type
)

// ListResources lists what an application's charm declares and what is attached.
func (s *Service) ListResources(_ context.Context, req *connect.Request[clientv1.ListResourcesRequest]) (*connect.Response[clientv1.ListResourcesResponse], error) {
	app, ch, err := s.described(req.Msg.GetModel(), req.Msg.GetApplication())
	if err != nil {
		return nil, err
	}
	m, err := s.model(req.Msg.GetModel())
	if err != nil {
		return nil, err
	}
	resp := &clientv1.ListResourcesResponse{}
	for _, name := range slices.Sorted(maps.Keys(ch.Meta.Resources)) {
		declared := ch.Meta.Resources[name]
		rec := app.GetResourceRecords()[name]
		if rec == nil {
			rec = &controllerv1.ResourceRecord{Name: name, Type: declared.Type, Filename: declared.Filename}
		}
		resp.Resources = append(resp.Resources, &clientv1.ResourceInfo{Record: rec, Description: declared.Description, Units: resourceUnits(m, app, rec)})
	}
	return connect.NewResponse(resp), nil
}

// resourceUnits is the revision that each unit uses: those that were told of the newest resources. A unit that has still
// to run upgrade-charm is left out.
func resourceUnits(m *snapshot.Model, app *controllerv1.Application, rec *controllerv1.ResourceRecord) map[string]uint32 {
	units := map[string]uint32{}
	for _, name := range m.UnitsOf(app.GetName()) {
		c := m.States[name].Value.GetCursor()
		if rec.GetRevision() > 0 && c.GetInstalled() && c.GetModifiedVersion() == app.GetModifiedVersion() {
			units[name] = rec.GetRevision()
		}
	}
	return units
}

// AttachResource takes a file, or the name of an image, and gives it to an
// application as the next revision of the resource. What is pending is kept for
// a deploy that follows and attached to nothing.
func (s *Service) AttachResource(ctx context.Context, stream *connect.ClientStream[clientv1.AttachResourceRequest]) (*connect.Response[clientv1.AttachResourceResponse], error) {
	src := &resourceReader{stream: stream}
	if err := src.begin(); err != nil {
		return nil, err
	}
	in := src.head
	if !in.GetPending() {
		if err := s.mayAttach(in); err != nil {
			return nil, err // before anything is stored
		}
	}
	rec, err := s.keepResource(src, in)
	if err != nil || in.GetPending() {
		return connect.NewResponse(&clientv1.AttachResourceResponse{Record: rec}), err
	}
	_, err = s.writeModel(ctx, in.GetModel(), func(e *edit, m *snapshot.Model) error {
		app, err := application(m, in.GetApplication())
		if err != nil {
			return err
		}
		ch, err := s.charmOf(app.Value)
		if err != nil {
			return err
		}
		next := proto.CloneOf(app.Value)
		given := map[string]string{in.GetName(): first(in.GetImage(), in.GetFilename())}
		if err := s.giveResources(e, next, &ch.Meta, given, map[string]*controllerv1.ResourceRecord{in.GetName(): rec}); err != nil {
			return err
		}
		if !sameContent(app.Value.GetResourceRecords()[in.GetName()], next.GetResourceRecords()[in.GetName()]) {
			next.ModifiedVersion++
		}
		if !proto.Equal(next, app.Value) {
			next.SpecRevision++
			e.app(m, next)
		}
		rec = next.GetResourceRecords()[in.GetName()]
		return nil
	})
	return connect.NewResponse(&clientv1.AttachResourceResponse{Record: rec}), err
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// mayAttach refuses what the application's charm does not declare, or declares
// otherwise.
func (s *Service) mayAttach(in *clientv1.AttachResourceRequest) error {
	app, ch, err := s.described(in.GetModel(), in.GetApplication())
	if err != nil {
		return err
	}
	declared, ok := ch.Meta.Resources[in.GetName()]
	switch {
	case app.GetLife() != controllerv1.Life_LIFE_ALIVE:
		return errs.E(errs.Conflict, "cannot attach resource %q: application %q is being removed", in.GetName(), app.GetName())
	case !ok:
		return errs.E(errs.Invalid, "cannot attach resource %q: charm %q has %s", in.GetName(), ch.Meta.Name, names(ch.Meta.Resources, "no resources"))
	}
	return rightType(in.GetName(), declared, in.GetImage() != "")
}

func rightType(name string, declared charm.Resource, image bool) error {
	switch {
	case declared.Type == imageResource && !image:
		return errs.E(errs.Invalid, "cannot use resource %q: it is an oci-image; give the reference of an image, or a YAML file with registrypath, username and password", name)
	case declared.Type != imageResource && image:
		return errs.E(errs.Invalid, "cannot use resource %q: it is a file; give the path of one", name)
	}
	return nil
}

// keepResource keeps the content under its digest. Of an image that is what charms are told of it.
func (s *Service) keepResource(src *resourceReader, in *clientv1.AttachResourceRequest) (*controllerv1.ResourceRecord, error) {
	if in.GetImage() != "" {
		return s.images.Keep(in.GetName(), images.Image{Path: in.GetImage(), Username: in.GetUsername(), Password: in.GetPassword()})
	}
	if s.cfg.Resources == nil {
		return nil, errs.E(errs.Unsupported, "cannot take resource %q: this controller keeps none", in.GetName())
	}
	got, err := s.cfg.Resources.Receive(src)
	if err != nil {
		return nil, err
	}
	if err := keep(got); err != nil {
		return nil, err
	}
	return &controllerv1.ResourceRecord{Name: in.GetName(), Type: fileResource, Digest: got.Digest, Size: got.Size, Filename: in.GetFilename()}, nil
}

func keep(got *blobs.Incoming) error {
	if err := got.Keep(); err != nil {
		return errors.Join(err, got.Discard())
	}
	return nil
}

// giveResources gives an application resources: what the user named, and the
// records of what was uploaded. Images that were named without an upload get
// their files here.
func (s *Service) giveResources(e *edit, app *controllerv1.Application, meta *charm.Meta, given map[string]string, uploads map[string]*controllerv1.ResourceRecord) error {
	var bad problems
	bad.add(checkResources(meta, given))
	for _, name := range slices.Sorted(maps.Keys(uploads)) {
		if given[name] == "" {
			bad.addf("cannot use resource %q: it was uploaded, but is not among what is given", name)
		}
	}
	records := maps.Clone(app.GetResourceRecords())
	if records == nil {
		records = map[string]*controllerv1.ResourceRecord{}
	}
	given = maps.Clone(given)
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if declared, ok := meta.Resources[name]; ok && given[name] != "" {
			rec, err := s.resourceRecord(e, name, declared, given[name], uploads[name])
			if err == nil && declared.Type == imageResource && uploads[name] != nil {
				var says images.Image
				says, err = s.images.Read(rec)
				given[name] = says.Path // not the file on the user's disk that says so
			}
			bad.add(err)
			if had := records[name]; err == nil && (had == nil || !s.images.Same(had, rec)) {
				rec.Revision = had.GetRevision() + 1
				records[name] = rec
			}
		}
	}
	if err := bad.err(); err != nil {
		return err
	}
	resources := map[string]string{}
	maps.Copy(resources, app.GetResources())
	maps.Copy(resources, given)
	app.Resources, app.ResourceRecords = resources, records
	return nil
}

// resourceRecord is the record of one resource as it is given now.
func (s *Service) resourceRecord(e *edit, name string, declared charm.Resource, given string, upload *controllerv1.ResourceRecord) (*controllerv1.ResourceRecord, error) {
	switch {
	case upload == nil && declared.Type == imageResource:
		var err error
		if upload, err = s.keepResource(nil, &clientv1.AttachResourceRequest{Name: name, Image: given}); err != nil {
			return nil, err
		}
	case upload == nil:
		return nil, errs.E(errs.Invalid, "cannot use resource %q: the content of %s was not uploaded", name, given)
	}
	if err := rightType(name, declared, upload.GetType() == imageResource); err != nil {
		return nil, err
	}
	if s.cfg.Resources == nil || !s.cfg.Resources.Has(upload.GetDigest()) {
		return nil, errs.E(errs.NotFound, "cannot use resource %q: its content (%.12s) is not here; upload it again", name, upload.GetDigest())
	}
	return &controllerv1.ResourceRecord{Name: name, Type: declared.Type, Digest: upload.GetDigest(), Size: upload.GetSize(), Sealed: upload.GetSealed(), Filename: declared.Filename,
		Origin: "upload", Created: e.stamp(), User: "admin"}, nil
}

// resourceReader reads the data of an upload as one stream of bytes.
type resourceReader struct {
	stream *connect.ClientStream[clientv1.AttachResourceRequest]
	head   *clientv1.AttachResourceRequest
	rest   []byte
}

// begin reads the first message, which says what comes.
func (r *resourceReader) begin() error {
	if !r.stream.Receive() {
		if err := r.stream.Err(); err != nil {
			return errs.E(errs.Unavailable, "cannot take resource: %w", err)
		}
		return errs.E(errs.Invalid, "cannot take resource: nothing was sent")
	}
	r.head = proto.CloneOf(r.stream.Msg())
	r.rest = r.head.GetData()
	if r.head.GetName() == "" {
		return errs.E(errs.Invalid, "cannot take resource: it has no name")
	}
	return nil
}

// Read implements io.Reader.
func (r *resourceReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if !r.stream.Receive() {
			if err := r.stream.Err(); err != nil && !errors.Is(err, io.EOF) {
				return 0, errs.E(errs.Unavailable, "cannot take resource: %w", err)
			}
			return 0, io.EOF
		}
		r.rest = r.stream.Msg().GetData()
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}
