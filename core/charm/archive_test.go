package charm_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bangle-dev/bangle/core/charm"
	"github.com/bangle-dev/bangle/sdk/errs"
)

// tree returns "mode content" of everything below dir, by name.
func tree(t testing.TB, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		content := ""
		switch {
		case info.Mode()&fs.ModeSymlink != 0:
			content, err = os.Readlink(path)
			name, _ := filepath.Rel(dir, path)
			out[name] = "link " + content
			return err
		case info.Mode().IsRegular():
			var data []byte
			data, err = os.ReadFile(path)
			content = string(data)
		}
		name, _ := filepath.Rel(dir, path)
		out[name] = info.Mode().String() + " " + content
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func write(t testing.TB, dir, name, data string, mode fs.FileMode) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(data), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func pack(t testing.TB, path string) ([]byte, string) {
	t.Helper()
	var buf bytes.Buffer
	digest, err := charm.Pack(path, &buf, charm.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return buf.Bytes(), digest
}

func unpack(data []byte, dir string, limits charm.Limits) error {
	return charm.Unpack(bytes.NewReader(data), int64(len(data)), dir, limits)
}

func TestPackUnpackRoundTrip(t *testing.T) {
	temp := t.TempDir()
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		src, dst := filepath.Join(temp, fmt.Sprint(n, "s")), filepath.Join(temp, fmt.Sprint(n, "d"))
		if err := os.Mkdir(src, 0o755); err != nil {
			rt.Fatal(err)
		}
		name := rapid.StringMatching(`[a-z é]{1,8}`)
		files := rapid.SliceOfNDistinct(name, 1, 6, rapid.ID).Draw(rt, "files")
		for i, f := range files {
			switch kind := rapid.IntRange(0, 3).Draw(rt, "kind"); {
			case kind == 0:
				mode := rapid.SampledFrom([]fs.FileMode{0o755, 0o700, 0o750}).Draw(rt, "dir mode")
				if err := os.Mkdir(filepath.Join(src, f), mode); err != nil {
					rt.Fatal(err)
				}
				write(t, src, f+"/in", rapid.String().Draw(rt, "content"), 0o600)
			case kind == 1 && i > 0:
				if err := os.Symlink("./"+files[0], filepath.Join(src, f)); err != nil {
					rt.Fatal(err)
				}
			default:
				mode := rapid.SampledFrom([]fs.FileMode{0o644, 0o755, 0o600, 0o700, 0o640}).Draw(rt, "mode")
				write(t, src, f, rapid.String().Draw(rt, "content"), mode)
			}
		}
		data, digest := pack(t, src)
		if err := unpack(data, dst, charm.Limits{}); err != nil {
			rt.Fatal(err)
		}
		if d := cmp.Diff(tree(t, src), tree(t, dst)); d != "" {
			rt.Fatal(d)
		}
		again, digestAgain := pack(t, dst)
		if digest != digestAgain || !bytes.Equal(data, again) {
			rt.Fatal("packing what was unpacked gives something else")
		}
		archive := dst + ".zip"
		write(t, temp, filepath.Base(archive), string(data), 0o600)
		if d, err := charm.Digest(archive, charm.Limits{}); err != nil || d != digest {
			rt.Fatal("packing the zip gives something else", err)
		}
	})
	left, _ := filepath.Glob(filepath.Join(temp, ".unpack-*"))
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestPackIgnores(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{".git/config", "src/__pycache__/a.pyc", "old.charm", "sub/kept.charm", "a.log", "keep.log",
		"build/x", "sub/build/x", "docs/a/b.md", "docs/a/b.txt", ".tox/x", "src/charm.py", "é.md"} {
		write(t, dir, name, "", 0o644)
	}
	write(t, dir, ".jujuignore", "# comment\n*.log\n!keep.log\n/build/\ndocs/**/*.md\né.m[!x]\n", 0o644)
	data, _ := pack(t, dir)
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range r.File {
		if !strings.HasSuffix(f.Name, "/") {
			got = append(got, f.Name)
		}
	}
	want := []string{"docs/a/b.txt", "keep.log", "src/charm.py", "sub/build/x", "sub/kept.charm"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestPackWritesOutCharmcraft(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "charmcraft.yaml", "type: charm\nname: uni\ntitle: Uni\nbase: ubuntu@22.04\nplatforms: {amd64: }\nparts: {}\n"+
		"links: {contact: me, documentation: 'https://d', website: [w]}\nunheard-of: 1\n"+
		"config: {options: {a: {type: int, default: 1}}}\nactions: {run: {params: {x: {type: string}}}}\n", 0o644)
	write(t, dir, "src/charm.py", "print(1)\n", 0o755)
	data, _ := pack(t, dir)
	out := filepath.Join(t.TempDir(), "out")
	if err := unpack(data, out, charm.Limits{}); err != nil {
		t.Fatal(err)
	}
	files := tree(t, out)
	want := map[string]string{
		"metadata.yaml": "-rw-r--r-- display-name: Uni\ndocs: https://d\nmaintainers:\n  - me\nname: uni\nunheard-of: 1\nwebsite:\n  - w\n",
		"config.yaml":   "-rw-r--r-- options:\n  a:\n    default: 1\n    type: int\n",
		"actions.yaml":  "-rw-r--r-- run:\n  params:\n    x:\n      type: string\n",
		"manifest.yaml": "-rw-r--r-- bases:\n  - architectures:\n      - amd64\n    channel: \"22.04\"\n    name: ubuntu\n",
	}
	for name, content := range want {
		if d := cmp.Diff(content, files[name]); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	if !strings.HasPrefix(files["dispatch"], "-rwxr-xr-x #!/bin/sh\n") {
		t.Errorf("dispatch: %q", files["dispatch"])
	}
	before, _, err := charm.Read(dir, charm.ReadConfig{})
	if err != nil {
		t.Fatal(err)
	}
	after, list, err := charm.Read(out, charm.ReadConfig{})
	if err != nil || after.Runtime != before.Runtime || after.Meta.DisplayName != "Uni" {
		t.Errorf("%v %+v", err, after)
	}
	if len(list.Errors()) > 0 {
		t.Error(list)
	}
}

func TestGeneratedDispatchRuns(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("needs python3")
	}
	dir, out := t.TempDir(), filepath.Join(t.TempDir(), "out")
	write(t, dir, "charmcraft.yaml", "type: charm\nname: uni\n", 0o644)
	write(t, dir, "lib/mine.py", "X = 'from lib'\n", 0o644)
	write(t, dir, "src/charm.py", "import os, sys, mine\nprint(mine.X, os.environ['JUJU_DISPATCH_PATH'], sys.argv)\n", 0o644)
	data, _ := pack(t, dir)
	if err := unpack(data, out, charm.Limits{}); err != nil {
		t.Fatal(err)
	}
	for env, want := range map[string]string{"": "from lib ./dispatch ['src/charm.py']\n", "JUJU_DISPATCH_PATH=hooks/start": "from lib hooks/start ['src/charm.py']\n"} {
		cmd := exec.Command("./dispatch")
		cmd.Dir = out
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), env}
		got, err := cmd.CombinedOutput()
		if err != nil || string(got) != want {
			t.Errorf("%q: %v %q, want %q", env, err, got, want)
		}
	}
}

func TestPackRefuses(t *testing.T) {
	tests := map[string]struct {
		make  func(dir string) error
		limit charm.Limits
		class errs.Kind
		want  string
	}{
		"absolute link": {func(dir string) error { return os.Symlink("/usr/bin/python3", filepath.Join(dir, "python")) },
			charm.Limits{}, errs.Invalid, `link "python" to "/usr/bin/python3" leads out of the charm`},
		"link up": {func(dir string) error { return os.Symlink("../x", filepath.Join(dir, "l")) },
			charm.Limits{}, errs.Invalid, `link "l" to "../x" leads out of the charm`},
		"entries": {func(dir string) error { return os.Mkdir(filepath.Join(dir, "d"), 0o755) },
			charm.Limits{Entries: 1}, errs.Exhausted, "more than 1 files"},
		"bytes": {func(dir string) error { return os.WriteFile(filepath.Join(dir, "b"), []byte("12345"), 0o600) },
			charm.Limits{Bytes: 5}, errs.Exhausted, "more than 5 bytes"},
		"pattern": {func(dir string) error {
			return os.WriteFile(filepath.Join(dir, ".jujuignore"), []byte("ok\n[z-a]\n"), 0o600)
		},
			charm.Limits{}, errs.Invalid, `cannot read .jujuignore: line 2: "[z-a]" is not a pattern`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, "a", "1", 0o644)
			if err := tt.make(dir); err != nil {
				t.Fatal(err)
			}
			_, err := charm.Digest(dir, tt.limit)
			if !errs.Is(err, tt.class) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v (%v), want %q (%v)", err, errs.Class(err), tt.want, tt.class)
			}
		})
	}
	if _, err := charm.Digest(filepath.Join(t.TempDir(), "none"), charm.Limits{}); !errs.Is(err, errs.NotFound) {
		t.Errorf("missing directory: %v", err)
	}
}

type zipEntry struct {
	name, content string
	mode          fs.FileMode
}

func makeZip(t testing.TB, entries ...zipEntry) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
		if e.mode == 0 {
			e.mode = 0o644
		}
		h.SetMode(e.mode)
		f, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(e.content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

const link = fs.ModeSymlink | 0o777

func TestUnpackRefuses(t *testing.T) {
	tests := map[string]struct {
		data  []byte
		limit charm.Limits
		class errs.Kind
		want  string
	}{
		"no zip":        {[]byte("hello"), charm.Limits{}, errs.Invalid, "no zip archive"},
		"traversal":     {makeZip(t, zipEntry{name: "../x"}), charm.Limits{}, errs.Invalid, `entry "../x" has no valid name`},
		"absolute":      {makeZip(t, zipEntry{name: "/etc/x"}), charm.Limits{}, errs.Invalid, "no valid name"},
		"inner dots":    {makeZip(t, zipEntry{name: "a/../../x"}), charm.Limits{}, errs.Invalid, "no valid name"},
		"backslash":     {makeZip(t, zipEntry{name: `a\b`}), charm.Limits{}, errs.Invalid, "no valid name"},
		"twice":         {makeZip(t, zipEntry{name: "a"}, zipEntry{name: "a"}), charm.Limits{}, errs.Invalid, `entry "a" is in the archive twice`},
		"device":        {makeZip(t, zipEntry{name: "a", mode: fs.ModeDevice | 0o600}), charm.Limits{}, errs.Invalid, "neither a file"},
		"below a file":  {makeZip(t, zipEntry{name: "a"}, zipEntry{name: "a/b"}), charm.Limits{}, errs.Invalid, `entry "a/b" lies below "a"`},
		"through link":  {makeZip(t, zipEntry{"a", "b", link}, zipEntry{name: "a/c"}), charm.Limits{}, errs.Invalid, `lies below "a"`},
		"absolute link": {makeZip(t, zipEntry{"a", "/etc/passwd", link}), charm.Limits{}, errs.Invalid, `link "a" to "/etc/passwd" leads out`},
		"link up":       {makeZip(t, zipEntry{"a/b", "../../x", link}), charm.Limits{}, errs.Invalid, `link "a/b" to "../../x" leads out`},
		"links up together": {makeZip(t, zipEntry{name: "a/b/c"}, zipEntry{"a/b/up", "../..", link}, zipEntry{"out", "a/b/up/..", link}),
			charm.Limits{}, errs.Invalid, `link "out" to "a/b/up/.." leads out`},
		"entries": {makeZip(t, zipEntry{name: "a"}, zipEntry{name: "b"}), charm.Limits{Entries: 1}, errs.Exhausted, "more than 1 files"},
		"bytes":   {makeZip(t, zipEntry{name: "a", content: strings.Repeat("0", 1000)}), charm.Limits{Bytes: 999}, errs.Exhausted, "more than 999 bytes"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			parent := t.TempDir()
			err := unpack(tt.data, filepath.Join(parent, "out"), tt.limit)
			if !errs.Is(err, tt.class) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v (%v), want %q (%v)", err, errs.Class(err), tt.want, tt.class)
			}
			if left := tree(t, parent); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestUnpackIsWholeOrNothing(t *testing.T) {
	parent := t.TempDir()
	write(t, parent, "out/old", "1", 0o644)
	before := tree(t, parent)
	if err := unpack(makeZip(t, zipEntry{name: "a"}), filepath.Join(parent, "out"), charm.Limits{}); !errs.Is(err, errs.AlreadyExists) {
		t.Errorf("over content: %v", err)
	}
	if d := cmp.Diff(before, tree(t, parent)); d != "" {
		t.Error(d)
	}
	data := makeZip(t, zipEntry{name: "a", content: strings.Repeat("x", 1000)})
	data[34] ^= 0xff // damages the content, not the directory
	if err := unpack(data, filepath.Join(parent, "new"), charm.Limits{}); err == nil {
		t.Error("a damaged archive is accepted")
	}
	if d := cmp.Diff(before, tree(t, parent)); d != "" {
		t.Error(d)
	}
}

func TestReadArchive(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.charm")
	good := makeZip(t, zipEntry{name: "metadata.yaml", content: "name: a"}, zipEntry{name: "dispatch", mode: 0o755})
	write(t, filepath.Dir(file), "a.charm", string(good), 0o600)
	c, _, err := charm.Read(file, charm.ReadConfig{})
	if err != nil || c.Meta.Name != "a" || c.Entry != "dispatch" {
		t.Errorf("%v %+v", err, c)
	}
	write(t, filepath.Dir(file), "a.charm", string(makeZip(t, zipEntry{name: "../x"})), 0o600)
	if _, _, err := charm.Read(file, charm.ReadConfig{}); !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), "no valid name") {
		t.Errorf("got %v", err)
	}
}

func FuzzUnpack(f *testing.F) {
	f.Add(makeZip(f, zipEntry{name: "d/a", content: "x"}, zipEntry{"l", "d", link}))
	f.Add(makeZip(f, zipEntry{name: "a/b/c"}, zipEntry{"a/b/up", "../..", link}, zipEntry{"out", "a/b/up/..", link}))
	f.Fuzz(func(t *testing.T, data []byte) {
		parent := t.TempDir()
		err := unpack(data, filepath.Join(parent, "out"), charm.Limits{Entries: 100, Bytes: 1 << 20})
		entries, _ := os.ReadDir(parent)
		if (err == nil) != (len(entries) == 1) || err != nil && len(entries) != 0 {
			t.Fatalf("error %v leaves %v", err, entries)
		}
	})
}
