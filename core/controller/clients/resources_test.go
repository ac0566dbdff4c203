package clients_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/controller/images"
	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/errs"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	"github.com/bangle-dev/bangle/sdk/proto/gen/client/v1/clientv1connect"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// attach uploads a resource in parts.
func (b *box) attach(head *clientv1.AttachResourceRequest, content string) (*controllerv1.ResourceRecord, error) {
	stream := clientv1connect.NewResourcesClient(b.http, b.url).AttachResource(b.t.Context())
	_ = stream.Send(head) // what is wrong comes with the answer
	for len(content) > 0 {
		n := min(len(content), 7)
		if stream.Send(&clientv1.AttachResourceRequest{Data: []byte(content[:n])}) != nil {
			break
		}
		content = content[n:]
	}
	resp, err := stream.CloseAndReceive()
	if err != nil {
		return nil, err
	}
	return resp.Msg.GetRecord(), nil
}

func withResources(b *box) string {
	return b.charm(simple("shop", "resources:\n  blob: {type: file, filename: blob.bin, description: data}\n  image: {type: oci-image, description: the image}\n"))
}

func sum(text string) string {
	s := sha256.Sum256([]byte(text))
	return hex.EncodeToString(s[:])
}

func TestResourcesOfADeploy(t *testing.T) {
	b := newBox(t)
	ok(t, b.client.AddModel, &clientv1.AddModelRequest{Name: "m"})
	digest := withResources(b)
	deploy := func(resources map[string]string, uploads map[string]*controllerv1.ResourceRecord) (*connect.Response[clientv1.DeployResponse], error) {
		return b.client.Deploy(t.Context(), connect.NewRequest(&clientv1.DeployRequest{Model: "m", CharmDigest: digest, Resources: resources, Uploads: uploads}))
	}
	up, err := b.attach(&clientv1.AttachResourceRequest{Name: "blob", Filename: "/home/me/blob", Pending: true}, "some content")
	if err != nil || up.GetDigest() != sum("some content") || up.GetSize() != 12 {
		t.Fatalf("pending: %v, %v", up, err)
	}
	before := dump(t)
	for name, c := range map[string]struct {
		resources map[string]string
		uploads   map[string]*controllerv1.ResourceRecord
		want      string
	}{
		"nothing uploaded": {map[string]string{"blob": "/x"}, nil, "the content of /x was not uploaded"},
		"unknown content":  {map[string]string{"blob": "/x"}, map[string]*controllerv1.ResourceRecord{"blob": {Type: "file", Digest: sum("other")}}, "upload it again"},
		"wrong type":       {map[string]string{"image": "/x"}, map[string]*controllerv1.ResourceRecord{"image": up}, "it is an oci-image"},
		"undeclared":       {map[string]string{"disk": "/x"}, map[string]*controllerv1.ResourceRecord{"disk": up}, `charm "shop" has blob, image`},
		"not given":        {nil, map[string]*controllerv1.ResourceRecord{"blob": up}, "not among what is given"},
	} {
		if _, err := deploy(c.resources, c.uploads); err == nil || !strings.Contains(err.Error(), c.want) || dump(t) != before {
			t.Errorf("%s: %v, want %q and nothing stored", name, err, c.want)
		}
	}
	resp, err := deploy(map[string]string{"blob": "/x", "image": "me/web:1"}, map[string]*controllerv1.ResourceRecord{"blob": up})
	if err != nil {
		t.Fatal(err)
	}
	records := resp.Msg.GetApplication().GetResourceRecords()
	if r := records["blob"]; r.GetRevision() != 1 || r.GetFilename() != "blob.bin" || r.GetOrigin() != "upload" || r.GetDigest() != up.GetDigest() {
		t.Errorf("blob is %v", r)
	}
	file, _, err := b.kept.Open(records["image"].GetDigest())
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if text, err := io.ReadAll(file); err != nil || string(text) != "registrypath: me/web:1\n" {
		t.Errorf("the image's file says %q, %v", text, err)
	}
}

// TestImageWithCredentials: the application names the image, not the file on the user's disk; the password is in no record, in
// no answer and in no file; the substrate is told it.
func TestImageWithCredentials(t *testing.T) {
	b := newBox(t)
	ok(t, b.client.AddModel, &clientv1.AddModelRequest{Name: "m"})
	digest := b.charm(simple("shop", "containers: {web: {resource: image}}\nresources:\n  image: {type: oci-image, description: the image}\n"))
	give := func(app, password string) *controllerv1.ResourceRecord {
		t.Helper()
		rec, err := b.attach(&clientv1.AttachResourceRequest{Model: "m", Application: app, Name: "image", Image: "registry.example/me/web:1", Username: "me", Password: password, Pending: app == ""}, "")
		if err != nil {
			t.Fatal(err)
		}
		return rec
	}
	app := ok(t, b.client.Deploy, &clientv1.DeployRequest{Model: "m", CharmDigest: digest, Resources: map[string]string{"image": "/home/me/creds.yaml"},
		Uploads: map[string]*controllerv1.ResourceRecord{"image": give("", "hunter2")}}).GetApplication()
	if got := app.GetResources()["image"]; got != "registry.example/me/web:1" {
		t.Errorf("the application's image is %q", got)
	}
	want := map[string]string{"registrypath": "registry.example/me/web:1", "username": "me", "password": "hunter2"}
	if got := b.lastSpec.GetContainers()[0].GetImageCredentials(); !maps.Equal(got, want) {
		t.Errorf("the substrate was asked about an image with %v", got)
	}
	for i, password := range []string{"hunter2", "hunter3", "hunter3"} {
		if rec := give("shop", password); rec.GetRevision() != uint32(min(i+1, 2)) || !rec.GetSealed() {
			t.Errorf("attached again, %s: %v", password, rec)
		}
	}
	told, err := images.New(b.kept, b.seal).Credentials(b.model().Applications["shop"].Value)
	if err != nil || told["image"]["password"] != "hunter3" {
		t.Errorf("places are told %v, %v", told, err)
	}
	list := ok(t, clientv1connect.NewResourcesClient(b.http, b.url).ListResources, &clientv1.ListResourcesRequest{Model: "m", Application: "shop"})
	if strings.Contains(dump(t)+list.String()+app.String(), "hunter") {
		t.Error("a password is in a record or an answer")
	}
	err = filepath.WalkDir(b.dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if text, _ := os.ReadFile(path); bytes.Contains(text, []byte("hunter")) {
				t.Errorf("a password is in %s", path)
			}
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	if _, err := b.attach(&clientv1.AttachResourceRequest{Model: "m", Application: "shop", Name: "image", Image: "me/web:2"}, ""); err != nil {
		t.Fatal(err)
	}
	if told, err := images.New(b.kept, b.seal).Credentials(b.model().Applications["shop"].Value); err != nil || told != nil {
		t.Errorf("an image without credentials has those of the one before: %v, %v", told, err)
	}
}

func TestAttachResource(t *testing.T) {
	b := newBox(t)
	ok(t, b.client.AddModel, &clientv1.AddModelRequest{Name: "m"})
	ok(t, b.client.Deploy, &clientv1.DeployRequest{Model: "m", CharmDigest: withResources(b)})
	before := dump(t)
	for name, c := range map[string]struct {
		head *clientv1.AttachResourceRequest
		want string
	}{
		"no such application": {&clientv1.AttachResourceRequest{Model: "m", Application: "none", Name: "blob"}, "there is no such application"},
		"undeclared":          {&clientv1.AttachResourceRequest{Model: "m", Application: "shop", Name: "disk"}, `charm "shop" has blob, image`},
		"a file as image":     {&clientv1.AttachResourceRequest{Model: "m", Application: "shop", Name: "image", Filename: "x"}, "it is an oci-image"},
		"an image as file":    {&clientv1.AttachResourceRequest{Model: "m", Application: "shop", Name: "blob", Image: "x"}, "it is a file"},
		"no name":             {&clientv1.AttachResourceRequest{Model: "m", Application: "shop"}, "it has no name"},
	} {
		if _, err := b.attach(c.head, "content"); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if kept, err := b.kept.List(); err != nil || len(kept) > 0 || dump(t) != before {
		t.Errorf("what was refused left %v, %v", kept, err)
	}
	for i, content := range []string{"one", "two", "two"} {
		rec, err := b.attach(&clientv1.AttachResourceRequest{Model: "m", Application: "shop", Name: "blob", Filename: "/x"}, content)
		if want := uint32(min(i+1, 2)); err != nil || rec.GetRevision() != want || rec.GetDigest() != sum(content) {
			t.Errorf("%s: %v, %v, want revision %d", content, rec, err, want)
		}
	}
	list := ok(t, clientv1connect.NewResourcesClient(b.http, b.url).ListResources, &clientv1.ListResourcesRequest{Model: "m", Application: "shop"}).GetResources()
	if len(list) != 2 || list[0].GetRecord().GetRevision() != 2 || list[1].GetRecord().GetRevision() != 0 || list[1].GetDescription() != "the image" {
		t.Errorf("%v", list)
	}
	if len(list[0].GetUnits()) != 0 {
		t.Errorf("used by %v, which are not installed", list[0].GetUnits())
	}
	ok(t, b.client.AddUnit, &clientv1.AddUnitRequest{Model: "m", Application: "shop", Count: 2})
	b.put(map[key.Key]proto.Message{ // one has heard of the newest, the other has still to
		key.OfUnit(key.State, "shop/0"): &controllerv1.UnitState{Cursor: &controllerv1.Cursor{Installed: true, ModifiedVersion: 2}},
		key.OfUnit(key.State, "shop/1"): &controllerv1.UnitState{Cursor: &controllerv1.Cursor{Installed: true, ModifiedVersion: 1}}})
	used := ok(t, clientv1connect.NewResourcesClient(b.http, b.url).ListResources, &clientv1.ListResourcesRequest{Model: "m", Application: "shop"}).GetResources()
	if units := used[0].GetUnits(); len(units) != 1 || units["shop/0"] != 2 || len(used[1].GetUnits()) != 0 {
		t.Errorf("used by %v and %v", units, used[1].GetUnits())
	}
	m, err := b.reader.Model(b.reader.Models()[0].GetUuid())
	if !err || m.Applications["shop"].Value.GetModifiedVersion() != 2 {
		t.Errorf("modified version %d, want one for each new content", m.Applications["shop"].Value.GetModifiedVersion())
	}
	if _, err := b.attach(&clientv1.AttachResourceRequest{Model: "m", Application: "shop", Name: "blob"}, strings.Repeat("x", 2<<20)); connect.CodeOf(err) != connect.CodeResourceExhausted {
		t.Errorf("too large: %v, class %v", err, errs.Class(err))
	}
}
