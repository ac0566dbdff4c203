package logs_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/bangle-dev/bangle/supervisor/logs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func messages(es []logs.Entry) []string {
	var out []string
	for _, e := range es {
		out = append(out, e.Message)
	}
	return out
}

func TestLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := logs.New()
		s.Ring("a").Write([]byte("one\ntw"))
		s.Ring("b").Write([]byte("from b\n"))
		s.Ring("a").Write([]byte("o\nopen"))
		if got := messages(s.Last([]string{"a"}, -1)); fmt.Sprint(got) != "[one two]" {
			t.Errorf("a: %q", got)
		}
		if got := s.Last(nil, 1); len(got) != 1 {
			t.Errorf("n counts over all services: %v", got)
		}
		s.Ring("a").EndLine()
		if got := messages(s.Last([]string{"a"}, 1)); fmt.Sprint(got) != "[open]" {
			t.Errorf("after EndLine: %q", got)
		}
	})
}

func TestRingKeepsTheEnd(t *testing.T) {
	s := logs.New()
	r := s.Ring("a")
	for i := range 20000 {
		fmt.Fprintf(r, "line %d\n", i)
	}
	got := messages(s.Last(nil, -1))
	if got[len(got)-1] != "line 19999" {
		t.Errorf("last line %q", got[len(got)-1])
	}
	perLine := len("2026-01-02T03:04:05.678Z [a] line 19999\n")
	if want := logs.Size / perLine; len(got) < want-1 || len(got) > want {
		t.Errorf("%d lines are kept, want about %d", len(got), want)
	}
	for i := 1; i < len(got); i++ {
		var a, b int
		fmt.Sscanf(got[i-1], "line %d", &a)
		fmt.Sscanf(got[i], "line %d", &b)
		if b != a+1 {
			t.Fatalf("gap between %q and %q", got[i-1], got[i])
		}
	}
}

func TestLongLineIsCut(t *testing.T) {
	s := logs.New()
	s.Ring("a").Write([]byte(strings.Repeat("x", 10000) + "\n"))
	es := s.Last(nil, -1)
	if len(es) != 3 || es[0].Time != es[2].Time {
		t.Fatalf("%d entries", len(es))
	}
	if n := len(strings.Join(messages(es), "")); n != 10000 {
		t.Errorf("%d bytes of 10000", n)
	}
}

// Layers bound no name: neither a long one, nor one with what ends the prefix in it, may end the supervisor or hide a line.
func TestStrangeNames(t *testing.T) {
	for _, name := range []string{strings.Repeat("n", 600), strings.Repeat("n", 4100), strings.Repeat("n", 2*logs.Size), "a] b", "a\nb", ""} {
		s := logs.New()
		long := strings.Repeat("x", 9000)
		s.Ring(name).Write([]byte("one] two\n" + long + "\n"))
		es := s.Last(nil, -1)
		got := messages(es)
		if len(got) < 3 || got[0] != "one] two" || strings.Join(got[1:], "") != long {
			t.Errorf("name of %d bytes: %d lines", len(name), len(got))
			continue
		}
		for _, e := range es {
			if e.Service != name {
				t.Errorf("a line is of %.20q, want %.20q", e.Service, name)
			}
		}
	}
}

// However output is cut into writes, its lines come out the same.
func TestWritesAreAStream(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.SliceOfN(rapid.StringMatching(`[a-z\] ]{0,20}`), 1, 30).Draw(t, "lines")
		data := []byte(strings.Join(lines, "\n") + "\n")
		s := logs.New()
		for len(data) > 0 {
			n := rapid.IntRange(1, len(data)).Draw(t, "n")
			s.Ring("a").Write(data[:n])
			data = data[n:]
		}
		if got := messages(s.Last(nil, -1)); fmt.Sprint(got) != fmt.Sprint(lines) {
			t.Fatalf("%q, want %q", got, lines)
		}
	})
}

func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := logs.New()
		s.Ring("a").Write([]byte("old\n"))
		ctx, cancel := context.WithCancel(t.Context())
		var got []string
		done := make(chan error)
		go func() {
			done <- s.Follow(ctx, nil, 0, func(es []logs.Entry) error {
				got = append(got, messages(es)...)
				return nil
			})
		}()
		synctest.Wait()
		s.Ring("a").Write([]byte("new\n"))
		synctest.Wait()
		s.Ring("later").Write([]byte("service\n"))
		synctest.Wait()
		cancel()
		if err := <-done; err != nil || fmt.Sprint(got) != "[new service]" {
			t.Errorf("%q %v", got, err)
		}
	})
}

func TestSlowReaderIsTruncatedAndNeverBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := logs.New()
		r := s.Ring("a")
		r.Write([]byte("first\n"))
		gate, stop := make(chan struct{}), errors.New("enough")
		var got []string
		done := make(chan error)
		go func() {
			done <- s.Follow(t.Context(), nil, -1, func(es []logs.Entry) error {
				<-gate
				got = append(got, messages(es)...)
				if strings.HasSuffix(got[len(got)-1], "last") {
					return stop
				}
				return nil
			})
		}()
		synctest.Wait()
		r.Write(bytes.Repeat([]byte("filler filler filler\n"), 20000))
		r.Write([]byte("the last\n"))
		close(gate)
		if err := <-done; !errors.Is(err, stop) {
			t.Fatal(err)
		}
		if got[0] != "first" || got[1] != "(... output truncated ...)" {
			t.Errorf("begins with %q", got[:2])
		}
	})
}

func BenchmarkWrite(b *testing.B) {
	r := logs.New().Ring("bench")
	chunk := bytes.Repeat([]byte(strings.Repeat("x", 82)+"\n"), 100)
	b.SetBytes(int64(len(chunk)))
	for b.Loop() {
		r.Write(chunk)
	}
}

func TestACursorOutlivesADroppedRing(t *testing.T) {
	s := logs.New()
	c := s.Cursor()
	_, _ = s.Ring("a").Write([]byte("a first line that is longer than the second\n"))
	if got := c.Next([]string{"a"}); len(got) != 1 {
		t.Fatalf("%v", got)
	}
	s.Drop("a")
	_, _ = s.Ring("a").Write([]byte("new\n"))
	if got := c.Next([]string{"a"}); len(got) != 1 || got[0].Message != "new" {
		t.Errorf("%v", got)
	}
}
