package bundle_test

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/bangle-dev/bangle/core/charm/bundle"
	"github.com/bangle-dev/bangle/sdk/errs"
)

var update = flag.Bool("update", false, "write the golden files")

func noFiles(path string) ([]byte, error) {
	return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
}

func TestBadBundles(t *testing.T) {
	paths, err := filepath.Glob("testdata/bad/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatal("no cases", err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var sources []bundle.Source
			for _, f := range archive.Files {
				sources = append(sources, bundle.Source{File: f.Name, Data: f.Data, Dir: "/bundles"})
			}
			b, list := bundle.Parse(sources, noFiles)
			if b != nil || !errs.Is(list.Err(), errs.Invalid) {
				t.Errorf("bundle %v, findings %v", b, list)
			}
			file, got := strings.TrimSuffix(path, ".txtar")+".golden", list.String()+"\n"
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), got); d != "" {
				t.Errorf("%s (-want +got; -update accepts):\n%s", file, d)
			}
		})
	}
}

func TestReadWithOverlays(t *testing.T) {
	dir := t.TempDir()
	files := map[string]string{
		"bundle.yaml": `
default-base: ubuntu@22.04
tags: [demo]
applications:
  web: {charm: ./web, num_units: 2, to: lxd:0, options: {port: 80, tls: include-base64://tls.pem}, annotations: {note: include-file://note.txt}}
  db: {charm: postgresql, channel: 14/stable, revision: 7, trust: true, resources: {img: ./img.tar, other: 3}}
  old: {charm: old}
machines: {0: }
saas: {logs: {url: admin/cos.logs}}
relations:
  - [web:db, db:db]
  - [old, web]
  - [web, [logs, db:extra]]
--- # overlay
applications:
  old:
  web: {scale: , num_units: 3, to: ["0", new], options: {port: 81, name: n}, exposed-endpoints: {web: {expose-to-cidrs: [10.0.0.0/8]}}}
  new: {charm: ../new, expose: true}
relations:
  - [db:db, web:db]
  - [new, db]
`,
		"over/more.yaml": "description: more\napplications: {db: {charm: ./db, channel: , revision: , constraints: mem=1G, offers: {db: {endpoints: [db], acl: {admin: admin}}}}}\n",
		"tls.pem":        "PEM", "note.txt": "a note",
	}
	for name, data := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, list, err := bundle.Read(dir, filepath.Join(dir, "over/more.yaml"))
	if err != nil || len(list) > 0 {
		t.Fatal(err, list)
	}
	want := &bundle.Bundle{
		DefaultBase: "ubuntu@22.04", Tags: []string{"demo"}, Description: "more",
		Applications: map[string]*bundle.Application{
			"web": {Charm: filepath.Join(dir, "web"), NumUnits: new(3), To: []string{"0", "new"},
				Options:          map[string]any{"port": 81, "name": "n", "tls": "UEVN"},
				Annotations:      map[string]string{"note": "a note"},
				ExposedEndpoints: map[string]bundle.ExposedEndpoint{"web": {ExposeToCIDRs: []string{"10.0.0.0/8"}}}},
			"db": {Charm: filepath.Join(dir, "over/db"), Trust: true, Constraints: "mem=1G",
				Resources: map[string]any{"img": filepath.Join(dir, "img.tar"), "other": 3},
				Offers:    map[string]bundle.Offer{"db": {Endpoints: []string{"db"}, ACL: map[string]string{"admin": "admin"}}}},
			"new": {Charm: filepath.Join(filepath.Dir(dir), "new"), Expose: true},
		},
		Machines:  map[string]*bundle.Machine{"0": nil},
		Saas:      map[string]*bundle.Saas{"logs": {URL: "admin/cos.logs"}},
		Relations: []bundle.Relation{{"web:db", "db:db"}, {"web", "logs"}, {"web", "db:extra"}, {"new", "db"}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	out, err := bundle.Encode(got)
	if err != nil {
		t.Fatal(err)
	}
	again, list := bundle.Parse([]bundle.Source{{File: "b", Data: out}}, noFiles)
	if d := cmp.Diff(got, again); d != "" || len(list) > 0 {
		t.Errorf("encoded and read again: %s%s\n%s", d, list, out)
	}
}

func TestReadMissing(t *testing.T) {
	if _, _, err := bundle.Read(filepath.Join(t.TempDir(), "b.yaml")); !errs.Is(err, errs.NotFound) {
		t.Errorf("got %v", err)
	}
}

func TestEmpty(t *testing.T) {
	for _, sources := range [][]bundle.Source{nil, {{File: "b"}}, {{File: "b", Data: []byte("---\n---\n")}}} {
		if b, list := bundle.Parse(sources, noFiles); b != nil || !list.HasErrors() {
			t.Errorf("%v: %v %v", sources, b, list)
		}
	}
}

func TestUnknownTopLevelKeyIsAWarning(t *testing.T) {
	b, list := bundle.Parse([]bundle.Source{{File: "b", Data: []byte("variables: {x: 1}\napplications: {a: {charm: a}}\n")}}, noFiles)
	if b == nil || len(list.Warnings()) != 1 || list[0].Key != "variables" {
		t.Errorf("%v %v", b, list)
	}
}

func TestParsePlacement(t *testing.T) {
	tests := map[string]bundle.Placement{
		"0":       {Machine: "0", Unit: -1},
		"new":     {New: true, Unit: -1},
		"lxd:12":  {Container: "lxd", Machine: "12", Unit: -1},
		"lxd:new": {Container: "lxd", New: true, Unit: -1},
		"app":     {Application: "app", Unit: -1},
		"app/2":   {Application: "app", Unit: 2},
		"kvm:a/0": {Container: "kvm", Application: "a", Unit: 0},
	}
	for text, want := range tests {
		got, err := bundle.ParsePlacement(text)
		if d := cmp.Diff(want, got); d != "" || err != nil || got.String() != text {
			t.Errorf("%q: %v %s %s", text, err, got, d)
		}
	}
	for _, text := range []string{"", "vm:0", "lxd:", "app/", "app/x", "0/1", "A", "lxd:lxd:0", "9999999999"} {
		if p, err := bundle.ParsePlacement(text); !errs.Is(err, errs.Invalid) {
			t.Errorf("%q is read as %+v", text, p)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("applications: {a: {charm: ./a, to: lxd:0}}\nmachines: {0: }\nrelations: [[a, [b, c]]]\n---\napplications: {a: }\n"))
	f.Add([]byte("bundle: kubernetes\napplications: {a: {charm: a, scale: 1, offers: {o: {}}}}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, list := bundle.Parse([]bundle.Source{{File: "b", Data: data, Dir: "/b"}},
			func(string) ([]byte, error) { return nil, errors.New("no files") })
		if (b == nil) != list.HasErrors() {
			t.Fatal("a bundle and errors, or neither")
		}
		if b == nil {
			return
		}
		if left := bundle.Plan(b, apply(bundle.Live{}, bundle.Plan(b, bundle.Live{}))); len(left) > 0 {
			t.Errorf("a second plan is not empty: %v", left)
		}
		out, err := bundle.Encode(b)
		if err != nil {
			t.Fatal(err)
		}
		if _, list := bundle.Parse([]bundle.Source{{File: "b", Data: out}}, noFiles); list.HasErrors() {
			t.Errorf("what was encoded has errors: %s\n%s", list, out)
		}
	})
}
