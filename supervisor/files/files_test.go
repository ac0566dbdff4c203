package files_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bangle-dev/bangle/supervisor/files"
)

func tree(t *testing.T, root string) *files.Tree {
	t.Helper()
	tr, err := files.New(root)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Close() })
	return tr
}

func TestWriteReplacesALink(t *testing.T) {
	dir := t.TempDir()
	target, link := filepath.Join(dir, "target"), filepath.Join(dir, "link")
	if err := os.WriteFile(target, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	tr := tree(t, "/")
	if err := tr.Write(link, strings.NewReader("new"), false, files.Owner{}); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(target); string(got) != "old" {
		t.Error("the link was followed")
	}
	if info, _ := os.Lstat(link); !info.Mode().IsRegular() || info.Mode().Perm() != 0o644 {
		t.Errorf("link is now %s", info.Mode())
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("client went away") }

func TestAFailedWriteLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := tree(t, "/").Write(path, io.MultiReader(strings.NewReader("half"), broken{}), false, files.Owner{}); err == nil {
		t.Error("no error")
	}
	entries, _ := os.ReadDir(dir)
	if got, _ := os.ReadFile(path); string(got) != "old" || len(entries) != 1 {
		t.Errorf("content %q, %d entries", got, len(entries))
	}
}

func TestPermissions(t *testing.T) {
	tr, dir := tree(t, "/"), t.TempDir()
	for _, bad := range []string{"64", "0644", "888", "rwx"} {
		if err := tr.Write(dir+"/f", strings.NewReader(""), false, files.Owner{Permissions: bad}); err == nil {
			t.Errorf("permissions %q were accepted", bad)
		}
	}
	old := unix.Umask(0o077)
	defer unix.Umask(old)
	if err := tr.MakeDir(dir+"/a/b", true, files.Owner{Permissions: "775"}); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"/a", "/a/b"} {
		if info, _ := os.Stat(dir + p); info.Mode().Perm() != 0o775 {
			t.Errorf("%s has %s", p, info.Mode())
		}
	}
}

func TestReadRefusesWhatIsNoFile(t *testing.T) {
	tr, dir := tree(t, "/"), t.TempDir()
	if err := unix.Mkfifo(dir+"/pipe", 0o600); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{dir, dir + "/pipe"} {
		if _, err := tr.Read(p); !errors.Is(err, files.ErrNotRegular) {
			t.Errorf("%s: %v", p, err)
		}
	}
	list, err := tr.List(dir, "", false)
	if err != nil || len(list) != 1 || list[0].Type != "named-pipe" || list[0].Size != nil {
		t.Errorf("%+v %v", list, err)
	}
}

func TestListPattern(t *testing.T) {
	tr, dir := tree(t, "/"), t.TempDir()
	for _, n := range []string{"b.txt", "a.txt", "c.md"} {
		if err := os.WriteFile(filepath.Join(dir, n), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/nowhere", dir+"/dangling.txt"); err != nil {
		t.Fatal(err)
	}
	list, err := tr.List(dir, "*.txt", false)
	var names []string
	for _, i := range list {
		names = append(names, i.Name)
	}
	if err != nil || !slices.Equal(names, []string{"a.txt", "b.txt", "dangling.txt"}) || list[2].Type != "symlink" {
		t.Errorf("%+v %v", list, err)
	}
	if _, err := tr.List(dir, "[", false); err == nil {
		t.Error("a bad pattern was accepted")
	}
}

func TestRootIsTheTop(t *testing.T) {
	root, outside := t.TempDir(), t.TempDir()
	if err := os.WriteFile(outside+"/secret", []byte("s"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]string{"abs": outside, "up": "../../../../../../../.." + outside, "inside": "/real"} {
		if err := os.Symlink(to, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(root+"/real", 0o755); err != nil {
		t.Fatal(err)
	}
	tr := tree(t, root)
	for _, p := range []string{"/abs/secret", "/up/secret", "/.." + outside + "/secret"} {
		if _, err := tr.Read(p); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("read %s: %v", p, err)
		}
		if err := tr.Remove(p, true); err != nil {
			t.Errorf("remove %s: %v", p, err)
		}
	}
	if err := tr.Write("/inside/f", strings.NewReader("x"), false, files.Owner{}); err != nil {
		t.Errorf("an absolute link must lead inside: %v", err)
	}
	if _, err := os.Stat(root + "/real/f"); err != nil {
		t.Error(err)
	}
	if err := tr.Remove("/", true); err == nil {
		t.Error("the root was removed")
	}
	if _, err := os.Stat(outside + "/secret"); err != nil {
		t.Error("something outside was removed")
	}
}

// A directory that somebody keeps exchanging for a link must never lead out.
func TestRacingLinksStayInside(t *testing.T) {
	root, outside := t.TempDir(), t.TempDir()
	tr := tree(t, root)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			_ = os.RemoveAll(root + "/d")
			_ = os.Symlink(outside, root+"/d")
			_ = os.Remove(root + "/d")
			_ = os.Mkdir(root+"/d", 0o755)
		}
	})
	for range 500 {
		_ = tr.Write("/d/f", strings.NewReader("x"), false, files.Owner{}) // it may fail, but not escape
	}
	close(stop)
	wg.Wait()
	if entries, _ := os.ReadDir(outside); len(entries) > 0 {
		t.Errorf("%d files were written outside of the root", len(entries))
	}
}
