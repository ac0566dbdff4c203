package arch_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/bangle-dev/bangle/test/arch"
)

const root = "../.."

// rules is every rule of the house; planted_test.go plants at least one violation of each.
var rules = map[string]func([]*arch.File) []arch.Violation{
	"layers":      arch.Layering,
	"parties":     arch.ThirdParties,
	"sizes":       arch.Sizes,
	"python":      arch.Python,
	"exceptions":  arch.Exceptions,
	"mains":       arch.Mains,
	"step":        arch.Step,
	"documented":  arch.Documented,
	"bans":        arch.Bans,
	"crashpoints": arch.CrashPoints,
}

var tree = sync.OnceValues(func() ([]*arch.File, error) { return arch.Load(root) })

// TestTree runs every rule over the whole repository and reports all violations, not the first.
func TestTree(t *testing.T) {
	files, err := tree()
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 5 {
		t.Fatalf("read %d files below %s: the rules looked at nothing", len(files), root)
	}
	for name, rule := range rules {
		t.Run(name, func(t *testing.T) {
			for _, v := range rule(files) {
				t.Error(v)
			}
		})
	}
}

// TestGeneratedCode compares the sum of the protos with the one written when code was last generated.
func TestGeneratedCode(t *testing.T) {
	want, err := arch.ProtoSum(root)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(root, arch.ChecksumFile))
	if err != nil {
		t.Fatalf("cannot read the checksum of the generated code: %v; run `go tool task gen`", err)
	}
	if string(got) != want {
		t.Errorf("%s says %s, the protos sum to %s: run `go tool task gen`", arch.ChecksumFile, strings.TrimSpace(string(got)), want)
	}
}

// TestProtoSum proves that the sum notices a change of a proto, of a name and of the template.
func TestProtoSum(t *testing.T) {
	sum := func(files map[string]string) string {
		t.Helper()
		dir := t.TempDir()
		for name, text := range files {
			file := filepath.Join(dir, "sdk/proto", name)
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := arch.ProtoSum(dir)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	first := sum(map[string]string{"a/v1/a.proto": "x", "buf.gen.yaml": "y"})
	if again := sum(map[string]string{"a/v1/a.proto": "x", "buf.gen.yaml": "y", "gen/a.pb.go": "z"}); again != first {
		t.Errorf("the sum depends on what is no input: %s, %s", first, again)
	}
	for name, files := range map[string]map[string]string{
		"proto edited":    {"a/v1/a.proto": "x2", "buf.gen.yaml": "y"},
		"proto renamed":   {"a/v1/b.proto": "x", "buf.gen.yaml": "y"},
		"proto added":     {"a/v1/a.proto": "x", "a/v1/b.proto": "", "buf.gen.yaml": "y"},
		"template edited": {"a/v1/a.proto": "x", "buf.gen.yaml": "y2"},
	} {
		if sum(files) == first {
			t.Errorf("%s: the sum did not change", name)
		}
	}
}
