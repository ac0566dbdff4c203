package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTally feeds events as go test -json writes them.
func TestTally(t *testing.T) {
	cases := []struct {
		name   string
		events string
		want   string
		good   bool
		shows  []string // in the report
	}{
		{
			name: "subtests count, their parent does not",
			events: `{"Action":"run","Package":"p","Test":"A"}
{"Action":"run","Package":"p","Test":"A/1"}
{"Action":"run","Package":"p","Test":"A/2"}
{"Action":"pass","Package":"p","Test":"A/1"}
{"Action":"pass","Package":"p","Test":"A/2"}
{"Action":"pass","Package":"p","Test":"A"}
{"Action":"pass","Package":"p","Elapsed":0.1}`,
			want: "2 passed, 0 failed, 0 skipped", good: true,
		},
		{
			name: "a failed subtest is one failure",
			events: `{"Action":"run","Package":"p","Test":"A"}
{"Action":"run","Package":"p","Test":"A/1"}
{"Action":"output","Package":"p","Test":"A/1","Output":"got 1, want 2\n"}
{"Action":"fail","Package":"p","Test":"A/1"}
{"Action":"fail","Package":"p","Test":"A"}
{"Action":"fail","Package":"p"}`,
			want: "0 passed, 1 failed, 0 skipped", shows: []string{"p A/1", "got 1, want 2"},
		},
		{
			name: "a parent that fails by itself is a failure",
			events: `{"Action":"run","Package":"p","Test":"A"}
{"Action":"run","Package":"p","Test":"A/1"}
{"Action":"pass","Package":"p","Test":"A/1"}
{"Action":"fail","Package":"p","Test":"A"}
{"Action":"fail","Package":"p"}`,
			want: "1 passed, 1 failed, 0 skipped", shows: []string{"--- p A"},
		},
		{
			name: "a build that fails",
			events: `{"ImportPath":"p [p.test]","Action":"build-output","Output":"p/x.go:1:1: broken\n"}
{"ImportPath":"p [p.test]","Action":"build-fail"}
{"Action":"output","Package":"p","Output":"FAIL\tp [build failed]\n"}
{"Action":"fail","Package":"p","FailedBuild":"p [p.test]"}`,
			want: "0 passed, 1 failed, 0 skipped", shows: []string{"p/x.go:1:1: broken"},
		},
		{
			name: "a panic names what ran",
			events: `{"Action":"run","Package":"p","Test":"A"}
{"Action":"output","Package":"p","Test":"A","Output":"panic: at the disco\n"}
{"Action":"fail","Package":"p"}`,
			want: "0 passed, 1 failed, 0 skipped", shows: []string{"at the disco"},
		},
		{
			name: "a skip says why",
			events: `{"Action":"run","Package":"p","Test":"A"}
{"Action":"output","Package":"p","Test":"A","Output":"    x_test.go:3: no namespaces here\n"}
{"Action":"output","Package":"p","Test":"A","Output":"--- SKIP: A (0.00s)\n"}
{"Action":"skip","Package":"p","Test":"A"}
{"Action":"pass","Package":"p"}`,
			want: "0 passed, 0 failed, 1 skipped", shows: []string{"no namespaces here"},
		},
		{name: "nothing at all is no success", want: "0 passed, 0 failed, 0 skipped"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			tally := newTally()
			for line := range strings.Lines(c.events) {
				tally.event([]byte(line))
			}
			if got := tally.closing(); got != c.want || tally.good() != c.good {
				t.Errorf("got %q, good %v; want %q, %v", got, tally.good(), c.want, c.good)
			}
			var report strings.Builder
			tally.report(&report)
			for _, text := range c.shows {
				if !strings.Contains(report.String(), text) {
					t.Errorf("the report does not show %q:\n%s", text, report.String())
				}
			}
		})
	}
}

func TestTallyRecord(t *testing.T) {
	name := filepath.Join(t.TempDir(), "tally")
	tally := newTally()
	tally.check("a", true, "")
	tally.check("b", false, "why")
	for range 2 {
		if err := tally.record(name); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(name); err != nil || string(got) != "1 1 0\n1 1 0\n" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestParse(t *testing.T) {
	opts, err := parse([]string{"-race", "vet", "unit", "--", "-run", "X"})
	if err != nil || !opts.race || strings.Join(opts.tiers, " ") != "vet unit" || strings.Join(opts.extra, " ") != "-run X" {
		t.Errorf("got %+v, %v", opts, err)
	}
	for _, args := range [][]string{{}, {"unknown"}, {"-nope"}} {
		if _, err := parse(args); err == nil {
			t.Errorf("parse(%q) did not fail", args)
		}
	}
}
