package local_test

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
	"github.com/bangle-dev/bangle/supervisor/client"
)

// rootTar is an image with one program.
func rootTar(t testing.TB) string {
	t.Helper()
	program, err := os.ReadFile(bin("hooktool"))
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Create(filepath.Join(tempDir(t), "root.tar"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	w := tar.NewWriter(file)
	for name, data := range map[string][]byte{"bin/hooktool": program, "etc/hello": []byte("from the image")} {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(data)), Typeflag: tar.TypeReg, Uid: os.Getuid(), Gid: os.Getgid()}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Name()
}

func TestAContainerWithARootOfItsOwn(t *testing.T) {
	needNamespaces(t)
	h := newHome(t)
	l := live(t, h, nil)
	spec := application("web", []string{"c"}, "0", "1")
	spec.Containers[0].Root = rootTar(t)
	spec.Containers[0].Mounts = []*substratev1.Mount{{Storage: "data", Location: "/srv/data"}}
	spec.Storage = []*substratev1.Storage{{Name: "data", Kind: "filesystem", Count: 1}}
	for i, id := range []string{"data/0", "data/1"} {
		spec.Units[i].Storage = []*substratev1.StorageAttachment{{Id: id, Name: "data"}}
	}
	if found, err := l.Validate(t.Context(), spec); err != nil || len(found) > 0 {
		t.Fatalf("Validate = %v, %v", found, err)
	}
	l.ensure(t, 1, spec)
	for _, unit := range []string{"web/0", "web/1"} {
		l.untilReady(t, unit)
		env := l.environment(t, unit)
		c, err := client.New(client.Config{Socket: env.GetContainers()[0].GetSocket()})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		var text bytes.Buffer
		if err := c.Pull(t.Context(), "/etc/hello", &text); err != nil || text.String() != "from the image" {
			t.Errorf("%s: /etc/hello = %q, %v", unit, text.String(), err)
		}
		for _, name := range []string{"/etc/hello", "/srv/data/file"} {
			if err := c.Push(t.Context(), name, strings.NewReader(unit), false, client.Owner{}); err != nil {
				t.Errorf("%s: cannot write %s: %v", unit, name, err)
			}
		}
		// What lies in the storage for the container lies there for the charm, which runs on the host.
		if got, err := os.ReadFile(filepath.Join(env.GetStorage()[0].GetLocation(), "file")); string(got) != unit || err != nil {
			t.Errorf("%s: the charm sees %q in its storage, %v", unit, got, err)
		}
		if own, err := os.ReadFile(filepath.Join(env.GetContainers()[0].GetRoot(), "etc/hello")); string(own) != unit || err != nil {
			t.Errorf("%s: its root has %q, %v: another unit wrote there", unit, own, err)
		}
		p, err := c.Exec(t.Context(), client.ExecOptions{Command: []string{"/bin/hooktool", "inside"}})
		if err == nil {
			err = p.Wait(t.Context())
		}
		if err != nil {
			t.Errorf("%s: a program of the image: %v", unit, err)
		}
	}
	before := peer(t, h, "web/0", "c")
	if err := before.Signal(unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the killed supervisor was started again", func() bool {
		id := recorded(t, h, "web/0", "c")
		return id != before && id.Alive()
	})
	l.untilReady(t, "web/0")
}

// TestValidateSaysWhatIsNotUsed: credentials and attributes of pools are no error, and the user hears of them without reading
// a password again.
func TestValidateSaysWhatIsNotUsed(t *testing.T) {
	l := live(t, newHome(t), nil)
	for want, change := range map[string]func(*substratev1.ApplicationSpec){
		"uses neither": func(s *substratev1.ApplicationSpec) {
			s.Containers[0].ImageCredentials = map[string]string{"registrypath": "/", "username": "me", "password": "hunter2"}
		},
		`pool "fast" has attributes (class, iops): substrate local uses none`: func(s *substratev1.ApplicationSpec) {
			s.Storage = []*substratev1.Storage{{Name: "d", Kind: "filesystem", Pool: "fast", PoolProvider: "rootfs", PoolAttributes: map[string]string{"iops": "1", "class": "hunter2"}}}
		},
	} {
		spec := application("web", []string{"c"}, "0")
		spec.Runtime, spec.Containers[0].Root = "wasm", "/" // so that it does not matter whether there are namespaces
		change(spec)
		found, err := l.Validate(t.Context(), spec)
		if err != nil || len(found) != 1 || found[0].GetSeverity() != "warning" || !strings.Contains(found[0].GetMessage(), want) || strings.Contains(found[0].String(), "hunter2") {
			t.Errorf("%v, %v; want %q", found, err, want)
		}
	}
	if info, err := l.Info(t.Context()); err != nil || !slices.Equal(info.GetStorageProviders(), []string{"local", "rootfs"}) {
		t.Errorf("providers %v, %v", info.GetStorageProviders(), err)
	}
}

func TestValidateSaysWhatToGive(t *testing.T) {
	l := live(t, newHome(t), nil)
	for name, c := range map[string]struct {
		change func(*substratev1.ApplicationSpec)
		want   []string
	}{
		"image": {func(s *substratev1.ApplicationSpec) { s.Containers[0].Image = "docker.io/x:1" },
			[]string{"containers.c.resource", "docker.io/x:1", "no container engine", "--resource NAME=PATH"}},
		"missing root": {func(s *substratev1.ApplicationSpec) { s.Containers[0].Root = "/no/such/dir" },
			[]string{"containers.c.resource", "/no/such/dir", "no such file", "--resource NAME=/absolute/path"}},
		"constraint": {func(s *substratev1.ApplicationSpec) { s.Constraints = map[string]string{"mem": "4G"} },
			[]string{"constraints.mem", `"mem"`, "leave the constraint out"}},
		"block storage": {func(s *substratev1.ApplicationSpec) { s.Storage = []*substratev1.Storage{{Name: "d", Kind: "block"}} },
			[]string{"storage.d", "block"}},
		"pool of another": {func(s *substratev1.ApplicationSpec) {
			s.Storage = []*substratev1.Storage{{Name: "d", Kind: "filesystem", Pool: "fast", PoolProvider: "ebs"}}
		}, []string{"storage.d", `"fast" (ebs)`, "rootfs and local only"}},
		"path for a name": {func(s *substratev1.ApplicationSpec) { s.Containers[0].Name = "../../etc" },
			[]string{"../../etc", "not a valid name"}},
	} {
		t.Run(name, func(t *testing.T) {
			spec := application("web", []string{"c"}, "0")
			spec.Runtime = "wasm" // so that it does not matter whether there are namespaces
			c.change(spec)
			found, err := l.Validate(t.Context(), spec)
			if err != nil || len(found) != 1 || found[0].GetSeverity() != "error" {
				t.Fatalf("Validate = %v, %v; want one error", found, err)
			}
			text := found[0].GetKey() + " " + found[0].GetMessage() + " " + found[0].GetHint()
			for _, want := range c.want {
				if !strings.Contains(text, want) {
					t.Errorf("%q lacks %q", text, want)
				}
			}
		})
	}
}
