package pluginhost

import (
	"os"
	"path/filepath"
	"testing"
)

// TestSumsFollowTheFile: a remembered sum is that of the file as it is, under each of its names.
func TestSumsFollowTheFile(t *testing.T) {
	s := &sums{known: map[identity]string{}}
	a := filepath.Join(t.TempDir(), "a")
	b := a + "-link"
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(a, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write("one")
	if err := os.Link(a, b); err != nil {
		t.Fatal(err)
	}
	first, err := s.of(a)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := s.of(b); err != nil || again != first || len(s.known) != 1 {
		t.Errorf("the link: %s, %v, %d remembered; want %s and one", again, err, len(s.known), first)
	}
	write("two") // as long as before
	if now, err := s.of(b); err != nil || now == first {
		t.Errorf("after a change: %s, %v; want another sum", now, err)
	}
	if _, err := s.of(a + "-none"); err == nil {
		t.Error("a file that is not there has a sum")
	}
}
