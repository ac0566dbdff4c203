package local_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

// bin is where the programs under test were built. It can be read by everybody, so that tests can run them as another
// user.
func bin(name string) string { return filepath.Join(os.Getenv("BANGLE_TEST_BIN"), name) }

func TestMain(m *testing.M) {
	if os.Getenv("BANGLE_TEST_BIN") != "" { // this program again, as another user
		goleak.VerifyTestMain(m)
		return
	}
	dir, err := build()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Setenv("BANGLE_TEST_BIN", dir)
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}

func build() (string, error) {
	dir, err := os.MkdirTemp("", "bangle-local-test-")
	if err != nil {
		return "", err
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return "", err
	}
	const module = "github.com/bangle-dev/bangle/"
	cmd := exec.Command("go", "build", "-trimpath", "-o", dir, module+"supervisor/cmd/bangle-supervisor", module+"runtimes/hooktool", module+"plugins/substrate-local")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("cannot build: %w\n%s", err, text)
	}
	return dir, nil
}
