package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestSpreadMapsEveryGrantedID(t *testing.T) {
	for _, c := range []struct {
		name    string
		own     int
		granted []idRange
		want    []idRange
	}{
		{"own below the range's size", 1000, []idRange{{outside: 100000, count: 65536}},
			[]idRange{{1000, 1000, 1}, {0, 100000, 1000}, {1001, 101000, 64536}}},
		{"own is first", 0, []idRange{{outside: 100000, count: 10}}, []idRange{{0, 0, 1}, {1, 100000, 10}}},
		{"own above", 5000, []idRange{{outside: 100000, count: 10}}, []idRange{{5000, 5000, 1}, {0, 100000, 10}}},
		{"two ranges", 5, []idRange{{outside: 100, count: 5}, {outside: 300, count: 2}}, []idRange{{5, 5, 1}, {0, 100, 5}, {6, 300, 2}}},
		{"none", 7, nil, []idRange{{7, 7, 1}}},
	} {
		if got := spread(c.own, c.granted); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestSubordinate(t *testing.T) {
	file := filepath.Join(t.TempDir(), "subuid")
	text := "someone:1:2\n4242:100:50\n4242:x:1\n4242:300:0\n4242:7\n4242:500:5\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	want := []idRange{{0, 100, 50}, {0, 500, 5}}
	if got := subordinate(file, 4242); !slices.Equal(got, want) {
		t.Errorf("granted %v, want %v", got, want)
	}
	if got := subordinate(file+"-none", 4242); got != nil {
		t.Errorf("granted by no file: %v", got)
	}
}

func TestOutermost(t *testing.T) {
	got := outermost([]string{"/a/b", "/a", "/a", "/ab", "/c/d/e", "/c/d"})
	if want := []string{"/a", "/ab", "/c/d"}; !slices.Equal(got, want) {
		t.Errorf("outermost = %v, want %v", got, want)
	}
}

func TestRefusedArguments(t *testing.T) {
	for _, c := range []struct {
		run  func([]string) error
		args string
		want string
	}{
		{enter, "", "usage"}, {enter, "--charm /x", "usage"}, {enter, "--other x -- true", `"--other"`}, {enter, "-- true", "usage"},
		{contain, "--root", `"--root"`}, {contain, "--bind x -- true", "SOURCE=TARGET"}, {contain, "--", "PROGRAM"}, {contain, "", "PROGRAM"},
		{world, "", "PROGRAM"}, {world, "--", "PROGRAM"}, {mapIDs, "", "process id"}, {mapIDs, "x", "cannot map ids"},
	} {
		if err := c.run(strings.Fields(c.args)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.args, err, c.want)
		}
	}
}

func TestALinkDoesNotLeadOutOfARoot(t *testing.T) {
	root := t.TempDir()
	if err := os.Symlink("/etc", filepath.Join(root, "out")); err != nil {
		t.Fatal(err)
	}
	if _, err := inRoot(root, "/out/x"); err == nil || !strings.Contains(err.Error(), "symbolic link") {
		t.Errorf("inRoot = %v, want the link named", err)
	}
	if got, err := inRoot(root, "/srv/../data"); err != nil || got != filepath.Join(root, "data") {
		t.Errorf("inRoot = %s, %v", got, err)
	}
}
