package seal_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bangle-dev/bangle/core/controller/seal"
	"github.com/bangle-dev/bangle/sdk/errs"
)

func open(t *testing.T, path string) *seal.Keyring {
	t.Helper()
	k, err := seal.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestSealAndOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "keys.json")
	k := open(t, path)
	for _, plain := range [][]byte{nil, []byte("s3cret"), bytes.Repeat([]byte("x"), 1<<20)} {
		sealed := k.Seal(plain, "m/1/a")
		if len(plain) > 0 && bytes.Contains(sealed, plain) {
			t.Error("the plain text shows")
		}
		if bytes.Equal(sealed, k.Seal(plain, "m/1/a")) {
			t.Error("the same value gives the same bytes")
		}
		got, err := open(t, path).Unseal(sealed, "m/1/a")
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("opened %d bytes, %v; want %d", len(got), err, len(plain))
		}
		if _, err := k.Unseal(sealed, "m/1/b"); !errs.Is(err, errs.Invalid) {
			t.Errorf("under another name: %v", err)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has %v, %v; want 0600", info.Mode(), err)
	}
}

// Every single changed byte is noticed, and so is every length.
func TestChangedBytesDoNotOpen(t *testing.T) {
	k := open(t, filepath.Join(t.TempDir(), "keys.json"))
	sealed := k.Seal([]byte("value"), "n")
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		if _, err := k.Unseal(changed, "n"); !errs.Is(err, errs.Invalid) {
			t.Fatalf("byte %d changed: %v", i, err)
		}
		if _, err := k.Unseal(sealed[:i], "n"); !errs.Is(err, errs.Invalid) {
			t.Fatalf("cut at %d: %v", i, err)
		}
	}
}

func TestOtherKeysDoNotOpen(t *testing.T) {
	dir := t.TempDir()
	sealed := open(t, filepath.Join(dir, "a")).Seal([]byte("value"), "n")
	if _, err := open(t, filepath.Join(dir, "b")).Unseal(sealed, "n"); !errs.Is(err, errs.Invalid) {
		t.Errorf("with another file: %v", err)
	}
}

func TestBrokenFiles(t *testing.T) {
	for text, want := range map[string]string{
		"{":                                    "cannot read the sealing keys in",
		`{"keys":[]}`:                          "there are none",
		`{"keys":[{"id":1,"key":"c2hvcnQ="}]}`: "key 1 is not 32 bytes",
		`{"keys":[{"id":1,"key":"not base 64"}]}`: "key 1 is not 32 bytes",
	} {
		path := filepath.Join(t.TempDir(), "keys.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := seal.Open(path); !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "backup") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func FuzzUnseal(f *testing.F) {
	k, err := seal.Open(filepath.Join(f.TempDir(), "keys.json"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(k.Seal([]byte("value"), "n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := k.Unseal(data, "other"); err == nil {
			t.Fatal("opened under another name")
		}
	})
}
