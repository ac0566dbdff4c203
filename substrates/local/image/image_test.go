package image_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/bangle-dev/bangle/substrates/local/image"
)

// pack makes a tar of names and contents; "dir/" is a directory, "a -> b" a link.
func pack(t testing.TB, entries ...string) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, e := range entries {
		name, content, _ := strings.Cut(e, "=")
		h := &tar.Header{Name: name, Mode: 0o644, Size: int64(len(content)), Typeflag: tar.TypeReg}
		if link, target, ok := strings.Cut(name, " -> "); ok {
			h.Name, h.Linkname, h.Typeflag = link, target, tar.TypeSymlink
		} else if strings.HasSuffix(name, "/") {
			h.Typeflag, h.Mode = tar.TypeDir, 0o755
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func squeeze(t testing.TB, data []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	if _, err := z.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func write(t testing.TB, path string, data []byte) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// layout writes an OCI layout of layers.
func layout(t testing.TB, dir, arch string, layers ...[]byte) string {
	t.Helper()
	put := func(data []byte) string {
		sum := sha256.Sum256(data)
		name := hex.EncodeToString(sum[:])
		write(t, filepath.Join(dir, "blobs/sha256", name), data)
		return "sha256:" + name
	}
	var list []string
	for _, l := range layers {
		list = append(list, fmt.Sprintf(`{"digest":%q}`, put(l)))
	}
	manifest := put([]byte(`{"layers":[` + strings.Join(list, ",") + `]}`))
	index := put([]byte(fmt.Sprintf(`{"manifests":[{"digest":%q,"platform":{"os":"linux","architecture":%q}}]}`, manifest, arch)))
	write(t, filepath.Join(dir, "index.json"), []byte(fmt.Sprintf(`{"manifests":[{"digest":%q}]}`, index)))
	write(t, filepath.Join(dir, "oci-layout"), []byte(`{"imageLayoutVersion":"1.0.0"}`))
	return dir
}

// tree lists what lies below a directory.
func tree(t testing.TB, dir string) []string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		if target, err := os.Readlink(path); err == nil {
			list = append(list, rel+" -> "+target)
			return nil
		}
		text, err := os.ReadFile(path)
		list = append(list, rel+"="+string(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestUnpack(t *testing.T) {
	lower := pack(t, "etc/", "etc/old=1", "etc/name=lower", "opt/a=1", "bin -> usr/bin", "usr/bin/x=x")
	upper := squeeze(t, pack(t, "etc/.wh.old=", "etc/name=upper", "opt/.wh..wh..opq=", "opt/b=2"))
	want := []string{"bin -> usr/bin", "etc/name=upper", "opt/b=2", "usr/bin/x=x"}
	dir := t.TempDir()
	oci := layout(t, filepath.Join(dir, "oci"), runtime.GOARCH, lower, upper)
	files := tree(t, oci)
	for _, c := range []struct {
		name, path string
		kind       image.Kind
		want       []string
	}{
		{"layout", oci, image.Layout, want},
		{"tar of a layout", write(t, filepath.Join(dir, "oci.tar"), pack(t, files...)), image.Tar, want},
		{"tar", write(t, filepath.Join(dir, "root.tar"), lower), image.Tar, []string{"bin -> usr/bin", "etc/name=lower", "etc/old=1", "opt/a=1", "usr/bin/x=x"}},
		{"gzip", write(t, filepath.Join(dir, "root.tgz"), squeeze(t, pack(t, "a=1"))), image.Tar, []string{"a=1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if kind, err := image.Look(c.path); kind != c.kind || err != nil {
				t.Errorf("Look = %s, %v; want %s", kind, err, c.kind)
			}
			cache := filepath.Join(t.TempDir(), "images")
			root, err := image.Unpack(t.Context(), c.path, cache)
			if err != nil {
				t.Fatal(err)
			}
			if got := tree(t, root); !slices.Equal(got, c.want) {
				t.Errorf("unpacked %q, want %q", got, c.want)
			}
			if again, err := image.Unpack(t.Context(), c.path, cache); again != root || err != nil {
				t.Errorf("a second time = %s, %v; want %s", again, err, root)
			}
			copied := filepath.Join(t.TempDir(), "copy")
			if err := image.Copy(t.Context(), root, copied); err != nil {
				t.Fatal(err)
			}
			if got := tree(t, copied); !slices.Equal(got, c.want) {
				t.Errorf("copied %q, want %q", got, c.want)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	dir := t.TempDir()
	broken := layout(t, filepath.Join(dir, "broken"), runtime.GOARCH, pack(t, "a=1"))
	for _, f := range tree(t, broken) {
		if name, _, _ := strings.Cut(f, "="); strings.HasPrefix(name, "blobs/") {
			write(t, filepath.Join(broken, name), []byte("changed"))
		}
	}
	for _, c := range []struct{ name, path, want string }{
		{"relative", "root", "not an absolute path"},
		{"missing", filepath.Join(dir, "none"), "no such file"},
		{"not a tar", write(t, filepath.Join(dir, "text"), bytes.Repeat([]byte("text "), 500)), "neither a directory, an OCI layout nor a tar"},
		{"zstd", write(t, filepath.Join(dir, "zst"), []byte("\x28\xb5\x2f\xfd....")), "compress with gzip"},
		{"changed blob", broken, "has sum"},
		{"other machine", layout(t, filepath.Join(dir, "other"), "mips", pack(t, "a=1")), "no image for linux/" + runtime.GOARCH},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := image.Unpack(t.Context(), c.path, filepath.Join(dir, "images")); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error = %v, want %q", err, c.want)
			}
		})
	}
}

// A tar from a stranger writes nowhere but into its own tree.
func TestNothingEscapes(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "victim"), []byte("whole"))
	for name, data := range map[string][]byte{
		"dots": pack(t, "../../victim=broken", "../../../"+dir+"/victim=broken"),
		"link": pack(t, "out -> "+dir, "out/victim=broken"),
	} {
		_, err := image.Unpack(t.Context(), write(t, filepath.Join(dir, name), data), filepath.Join(dir, "images"))
		if text, _ := os.ReadFile(filepath.Join(dir, "victim")); string(text) != "whole" {
			t.Errorf("%s: the file outside is %q (%v)", name, text, err)
		}
	}
}
