package charm_test

import (
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/bangle-dev/bangle/core/charm"
	"github.com/bangle-dev/bangle/core/charm/action"
	"github.com/bangle-dev/bangle/core/charm/config"
	"github.com/bangle-dev/bangle/core/charm/diag"
	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/python"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, file, got string) {
	t.Helper()
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
}

// fsOf makes the files of an archive executable where a charm needs it.
func fsOf(files map[string]string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for name, data := range files {
		mode := os.FileMode(0o644)
		if strings.HasPrefix(name, "hooks/") {
			mode = 0o755
		}
		fsys[name] = &fstest.MapFile{Data: []byte(data), Mode: mode}
	}
	return fsys
}

func TestBadCharms(t *testing.T) {
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
			files := map[string]string{}
			for _, f := range archive.Files {
				files[f.Name] = string(f.Data)
			}
			c, list := charm.ReadFS(fsOf(files), charm.ReadConfig{})
			if c != nil || !list.HasErrors() || !errs.Is(list.Err(), errs.Invalid) {
				t.Errorf("charm %v, findings %v", c, list)
			}
			golden(t, strings.TrimSuffix(path, ".txtar")+".golden", list.String()+"\n")
		})
	}
}

const goodMetadata = `
name: good-charm
summary: s
display-name: Good
maintainers: me@example.com
charm-user: non-root
unheard-of: 1
provides:
  web: http
requires:
  db: {interface: postgresql_client, limit: 1, optional: true}
peers:
  cluster: {interface: cluster}
storage:
  data: {type: filesystem, multiple: {range: 0-}, minimum-size: 10G}
resources:
  img: {type: oci-image, upstream-source: nginx}
containers:
  app: {resource: img, mounts: [{storage: data, location: /srv}, {storage: data, location: /mnt}], uid: 0}
extra-bindings: {admin: }
assumes: [juju >= 3.1, {any-of: [k8s-api, juju < 3.0]}]
min-juju-version: 3.0
`

func TestReadSplit(t *testing.T) {
	fsys := fsOf(map[string]string{
		"metadata.yaml": goodMetadata,
		"config.yaml":   "options:\n  port: {type: int, default: 80, description: d}\n  name: {}\n  key: {type: secret}\n",
		"actions.yaml":  "backup:\n  description: b\n  parallel: true\n  execution-group: g\n  params: {to: {type: string, default: /tmp}}\n  required: [to]\nempty:\n",
		"manifest.yaml": "bases: [{name: ubuntu, channel: '22.04', architectures: [amd64]}]\ncharmcraft-version: 3\n",
		"version":       "v1.2-3\nmore\n", "revision": "7\n",
		"hooks/install": "#!/bin/sh\n", "charm.wasm": "\x00asm\x01\x00\x00\x00",
	})
	c, list := charm.ReadFS(fsys, charm.ReadConfig{})
	if err := list.Err(); err != nil {
		t.Fatal(err)
	}
	if len(list) != 1 || list[0].Severity != diag.Warning || list[0].Key != "unheard-of" {
		t.Errorf("findings: %v", list)
	}
	if c.Runtime != charm.Wasm || c.Entry != "charm.wasm" || c.Version != "v1.2-3" || c.Revision != 7 {
		t.Errorf("got %+v", c)
	}
	wantConfig := config.Options{"port": {Type: config.Int, Default: int64(80), Description: "d"},
		"name": {Type: config.String}, "key": {Type: config.Secret}}
	if d := cmp.Diff(wantConfig, c.Config); d != "" {
		t.Error(d)
	}
	b := c.Actions["backup"]
	if len(c.Actions) != 2 || !b.Parallel || b.ExecutionGroup != "g" || b.Description != "b" {
		t.Errorf("actions: %+v", c.Actions)
	}
	if d := cmp.Diff(charm.Manifest{Bases: []charm.Base{{Name: "ubuntu", Channel: "22.04", Architectures: []string{"amd64"}}}}, c.Manifest); d != "" {
		t.Error(d)
	}
	var names []string
	for _, e := range c.Meta.Endpoints() {
		names = append(names, e.Name+" "+string(e.Role)+" "+e.Interface+" "+string(e.Scope))
	}
	if d := cmp.Diff([]string{"cluster peer cluster global", "db requirer postgresql_client global",
		"juju-info provider juju-info global", "web provider http global"}, names); d != "" {
		t.Error(d)
	}
	data, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var stored charm.Charm
	if err := json.Unmarshal(data, &stored); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(c.Meta, stored.Meta, cmpopts.EquateEmpty()); d != "" || cmp.Diff(c.Config, stored.Config) != "" {
		t.Error("the charm changes on its way through JSON: ", d)
	}
	least, most, err := c.Meta.Storage["data"].Counts()
	if size, sizeErr := c.Meta.Storage["data"].Bytes(); least != 0 || most != charm.Unbounded || err != nil || size != 10<<30 || sizeErr != nil {
		t.Error(least, most, err, size, sizeErr)
	}
}

func TestReadUnified(t *testing.T) {
	c, list := charm.ReadFS(fsOf(map[string]string{
		"charmcraft.yaml": "type: charm\nname: uni\ntitle: Uni\nbase: ubuntu@22.04\nplatforms: {amd64: }\nparts: {}\n" +
			"config: {options: {a: {type: float, default: 1}}}\nactions: {run: {}}\nrequires: {db: {interface: pg}}\n",
		"src/charm.py": "",
	}), charm.ReadConfig{})
	if len(list) != 0 {
		t.Fatal(list)
	}
	if c.Meta.DisplayName != "Uni" || c.Config["a"].Default != 1.0 || c.Actions["run"].Name != "run" ||
		c.Runtime != charm.Python || c.Entry != "src/charm.py" {
		t.Errorf("got %+v", c)
	}
}

func TestSubordinateMayTetherThroughJujuInfo(t *testing.T) {
	_, list := charm.ReadFS(fsOf(map[string]string{"hooks/install": "", "metadata.yaml": "name: s\nsubordinate: true\n" +
		"requires: {juju-info: {interface: juju-info, scope: container}}\n"}), charm.ReadConfig{})
	if len(list) != 0 {
		t.Error(list)
	}
}

func TestRuntime(t *testing.T) {
	wasm, component := "\x00asm\x01\x00\x00\x00", "\x00asm\x0d\x00\x01\x00"
	tests := map[string]struct {
		files    map[string]string
		override charm.Runtime
		want     charm.Runtime
		entry    string
		problem  string
	}{
		"hooks":              {files: map[string]string{"hooks/install": ""}, want: charm.Python, entry: "hooks"},
		"wasm wins":          {files: map[string]string{"hooks/install": "", "charm.wasm": wasm}, want: charm.Wasm, entry: "charm.wasm"},
		"override":           {files: map[string]string{"hooks/install": "", "charm.wasm": wasm}, override: charm.Python, want: charm.Python, entry: "hooks"},
		"other runtime":      {files: map[string]string{"hooks/install": ""}, override: "mine", want: "mine", entry: "hooks"},
		"other runtime bare": {files: map[string]string{"run.me": ""}, override: "mine", want: "mine"},
		"script":             {files: map[string]string{"charm.js": "x"}, want: charm.Wasm, entry: "charm.js"},
		"python script":      {files: map[string]string{"charm.py": "x"}, want: charm.Wasm, entry: "charm.py"},
		"empty script":       {files: map[string]string{"charm.js": "\n"}, problem: "the script is empty"},
		"script of bytes":    {files: map[string]string{"charm.py": "\xff"}, problem: "the script is not UTF-8"},
		"large script":       {files: map[string]string{"charm.py": strings.Repeat("#", 1<<20+1)}, problem: "the script has more than 1024 KiB"},
		"two scripts":        {files: map[string]string{"charm.js": "x", "charm.py": "x"}, problem: "the charm ships charm.js and charm.py; allowed: one of them"},
		"wasm missing":       {files: map[string]string{"hooks/install": ""}, override: charm.Wasm, problem: `runtime "wasm" is asked for`},
		"python missing":     {files: map[string]string{"charm.wasm": wasm}, override: charm.Python, problem: `runtime "python" is asked for`},
		"component":          {files: map[string]string{"charm.wasm": component}, problem: "is a WebAssembly component; allowed: a core module"},
		"short":              {files: map[string]string{"charm.wasm": "\x00as"}, problem: "is no WebAssembly"},
		"version":            {files: map[string]string{"charm.wasm": "\x00asm\x02\x00\x00\x00"}, problem: "unknown version 02 00 00 00"},
		"source tree only":   {files: map[string]string{"src/charm.py": ""}, problem: "ships no code"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tt.files["metadata.yaml"] = "name: a"
			c, list := charm.ReadFS(fsOf(tt.files), charm.ReadConfig{Runtime: tt.override})
			if tt.problem != "" {
				if err := list.Err(); err == nil || !strings.Contains(err.Error(), tt.problem) {
					t.Errorf("error %v, want %q", err, tt.problem)
				}
				return
			}
			if err := list.Err(); err != nil || c.Runtime != tt.want || c.Entry != tt.entry {
				t.Errorf("%v, got %+v", err, c)
			}
		})
	}
}

func TestImportOfOps(t *testing.T) {
	base := map[string]string{"metadata.yaml": "name: a", "hooks/install": "", "src/charm.py": "#!/usr/bin/env python3\nimport os\nfrom ops.charm import CharmBase\n"}
	_, list := charm.ReadFS(fsOf(base), charm.ReadConfig{})
	want := `note: src/charm.py: line 3: "from ops.charm import CharmBase" gets Bangle's library, with the API of ops ` + python.Version() +
		`, as the package brings none`
	if d := cmp.Diff(want, list.String()); d != "" {
		t.Error(d)
	}
	for _, place := range []string{"venv/ops/__init__.py", "lib/ops/__init__.py", "venv/lib/python3.12/site-packages/ops/__init__.py"} {
		files := maps.Clone(base)
		files[place] = ""
		own := `note: src/charm.py: line 3: "from ops.charm import CharmBase" gets the charm's own library, ` + path.Dir(place)
		if _, list := charm.ReadFS(fsOf(files), charm.ReadConfig{}); list.String() != own {
			t.Errorf("with %s: %s, want %s", place, list, own)
		}
	}
	base["src/charm.py"] = "import opsdroid\n# import ops\n"
	if _, list := charm.ReadFS(fsOf(base), charm.ReadConfig{}); len(list) > 0 {
		t.Error(list)
	}
}

func TestUnmet(t *testing.T) {
	tests := []struct {
		meta charm.Meta
		have map[string]string
		want []string
	}{
		{charm.Meta{Assumes: []any{"juju >= 3.1", "juju < 4.0"}}, map[string]string{"juju": "3.6.8"}, nil},
		{charm.Meta{Assumes: []any{"juju >= 4"}}, map[string]string{"juju": "3.6.8"}, []string{"juju >= 4"}},
		{charm.Meta{Assumes: []any{"juju >= 3.6"}}, map[string]string{"juju": "3.6-rc1"}, nil},
		{charm.Meta{Assumes: []any{"k8s-api"}}, map[string]string{"juju": "3.6.8"}, []string{"k8s-api"}},
		{charm.Meta{Assumes: []any{map[string]any{"any-of": []any{"k8s-api", "juju >= 3"}}}}, map[string]string{"juju": "3.10"}, nil},
		{charm.Meta{Assumes: []any{map[string]any{"all-of": []any{"k8s-api", "juju >= 3"}}}}, map[string]string{"juju": "3.1"},
			[]string{"all of (k8s-api, juju >= 3)"}},
		{charm.Meta{MinJujuVersion: "3.10"}, map[string]string{"juju": "3.6"}, []string{"juju >= 3.10"}},
	}
	for _, tt := range tests {
		var got []string
		for _, a := range tt.meta.Unmet(tt.have) {
			got = append(got, a.String())
		}
		if d := cmp.Diff(tt.want, got, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("%v: %s", tt.meta, d)
		}
	}
}

func TestReadMissing(t *testing.T) {
	if _, _, err := charm.Read(filepath.Join(t.TempDir(), "none"), charm.ReadConfig{}); !errs.Is(err, errs.NotFound) {
		t.Errorf("got %v", err)
	}
	file := filepath.Join(t.TempDir(), "x.charm")
	if err := os.WriteFile(file, []byte("no zip"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := charm.Read(file, charm.ReadConfig{}); !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), "neither a directory nor a zip") {
		t.Errorf("got %v", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(goodMetadata), []byte("options: {a: {type: int, default: 1}}"), []byte("run: {params: {a: {type: string}}}"))
	f.Fuzz(func(t *testing.T, meta, options, actions []byte) {
		c, list := charm.ReadFS(fsOf(map[string]string{"metadata.yaml": string(meta), "config.yaml": string(options),
			"actions.yaml": string(actions), "hooks/install": ""}), charm.ReadConfig{})
		if (c == nil) != list.HasErrors() {
			t.Fatal("a charm and errors, or neither")
		}
		if c == nil {
			return
		}
		if _, err := c.Config.Validate(c.Config.Defaults()); err != nil {
			t.Errorf("defaults do not validate: %v", err)
		}
		for _, a := range c.Actions {
			_ = action.Action.InsertDefaults(a, nil)
			_ = a.Validate(nil)
		}
	})
}
