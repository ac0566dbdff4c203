package recordings_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/agent/recordings"
	"github.com/bangle-dev/bangle/core/event"
	"github.com/bangle-dev/bangle/sdk/errs"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var web = event.Key{Model: "11111111-0000-4000-8000-000000000000", Unit: "web/0"}

const password = "the-password-of-the-database"

// ran is the nth event of a unit: it read a secret, put it into a file, made another secret and failed at nothing.
func ran(k event.Key, n int) recordings.Event {
	answer, err := json.Marshal(map[string]any{"id": "reader", "revision": 3, "owned": false, "content": map[string][]byte{"password": []byte(password)}})
	if err != nil {
		panic(err)
	}
	return recordings.Event{Key: k, At: time.Unix(1771934597, int64(n)), Charm: "sha256:abc", Runtime: "wasm", Committed: true,
		Limits: recordings.Limits{Events: 5, Bytes: 1 << 20},
		Start: &charmruntimev1.Start{Event: &hookv1.Event{Id: fmt.Sprintf("%d-config-changed", n), Name: "config-changed", Kind: "config-changed"},
			View: &hookv1.View{Unit: &hookv1.UnitView{Name: k.Unit}, CharmState: map[string]string{"stored": "state-" + password}}, TimeoutMs: 10},
		Done: &charmruntimev1.Done{Outcome: charmruntimev1.Outcome_OUTCOME_OK,
			Changeset: &hookv1.Changeset{StateSet: map[string]string{"n": fmt.Sprint(n)},
				Secrets: []*hookv1.SecretWrite{{Id: "made", Create: true, Content: map[string][]byte{"token": []byte("made-" + password)}}}},
			Recording: &charmruntimev1.Recording{NowUnixNano: 5, Seed: bytes.Repeat([]byte("seed"), 8), Exchanges: []*charmruntimev1.Exchange{
				{Operation: "secret-get", Request: []byte(`{"id":"reader"}`), Response: answer},
				{Operation: "supervisor.push", Request: []byte(`{"content":"` + password + `"}`), Response: []byte("{}")},
				{Operation: "secret-get", Request: []byte(`{"id":"other"}`), ErrorClass: "DENIED", ErrorMessage: "no"},
			}}}}
}

// store is where secrets are read again.
func store(_ context.Context, s recordings.Secret) (map[string][]byte, error) {
	switch s.String() {
	case "secret:reader/3":
		return map[string][]byte{"password": []byte(password)}, nil
	case "secret:made/1":
		return map[string][]byte{"token": []byte("made-" + password)}, nil
	}
	return nil, errs.E(errs.NotFound, "secret %s not found", s)
}

func inModel(k event.Key) string {
	return filepath.Join(k.Model[:8], strings.ReplaceAll(k.Unit, "/", "-"))
}

func shelf(t testing.TB, dir string, most int64) *recordings.Shelf {
	t.Helper()
	s := recordings.New(recordings.Config{Dir: dir, Name: inModel, Bytes: most, Log: slog.New(slog.DiscardHandler)})
	ctx, end := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); s.Run(ctx) }()
	t.Cleanup(func() { end(); <-done })
	return s
}

func keep(t testing.TB, s *recordings.Shelf, list ...recordings.Event) {
	t.Helper()
	for _, e := range list {
		if !s.Keep(e) {
			t.Fatalf("%s was not taken", e.Start.GetEvent().GetId())
		}
		if err := s.Settle(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestOpenedAsItWas: what is opened is what was kept, secrets included, also by the agent's next life.
func TestOpenedAsItWas(t *testing.T) {
	dir := t.TempDir()
	want := ran(web, 1)
	keep(t, shelf(t, dir, 0), want)
	s := shelf(t, dir, 0)
	h, err := s.Find(web, "1-config-changed")
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Open(t.Context(), h, store)
	if err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(got.Start.GetRecording(), want.Done.GetRecording()) || !proto.Equal(got.Start.GetView(), want.Start.GetView()) ||
		!proto.Equal(got.Start.GetEvent(), want.Start.GetEvent()) || !proto.Equal(got.Done.GetChangeset(), want.Done.GetChangeset()) {
		t.Errorf("%v\n%v", got.Start, got.Done)
	}
	if h.Charm != "sha256:abc" || h.Runtime != "wasm" || h.Outcome != "ok" || fmt.Sprint(h.Secrets[0], h.Secrets[1]) != "secret:reader/3 secret:made/1" {
		t.Errorf("%+v", h)
	}
}

// TestMask: people are shown ids of secrets and no contents, whichever way they are written and wherever a text was cut.
func TestMask(t *testing.T) {
	s := shelf(t, t.TempDir(), 0)
	keep(t, s, ran(web, 1))
	h, err := s.Find(web, "last")
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Open(t.Context(), h, store)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{"x " + password + " y": "x (secret:reader/3) y", "x the-pass…": "x (secret:reader/3)…", "the theme": "the theme", "": ""} {
		if got := r.Mask(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

// TestNoSecretOnDisk: neither a secret that the event read, nor one that it made, nor what it did with them, nor the charm's
// own state lies in a file, in any form that can be grepped for; and the files are the agent's own.
func TestNoSecretOnDisk(t *testing.T) {
	dir := t.TempDir()
	keep(t, shelf(t, dir, 0), ran(web, 1))
	whole := base64.StdEncoding.EncodeToString([]byte(password))
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %s", path, info.Mode())
		}
		text, err := os.ReadFile(path)
		for _, bad := range []string{password, whole[:20], "made-", "seedseed", "state-"} {
			if bytes.Contains(text, []byte(bad)) {
				t.Errorf("%s holds %q", path, bad)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestNoTokenInRecordings: not even in what is sealed has a recording what let its event in elsewhere, also when the runtime
// wrote it down; the rest of the request is there, byte by byte, and a request without such a header is as it was.
func TestNoTokenInRecordings(t *testing.T) {
	const token = "tok-9f8e7d6c5b4a"
	dir := t.TempDir()
	e := ran(web, 1)
	plain := `{"url":"https://a/", "headers":{"Accept":"x"},"more":1}` // as no runtime of ours writes it
	e.Done.Recording.Exchanges = append(e.Done.Recording.Exchanges,
		&charmruntimev1.Exchange{Operation: "http.request", Request: []byte(`{"method":"PUT","url":"https://a/x","headers":{"Accept":"text/plain","Authorization":"Bearer ` + token + `"},"body":"b"}`), Response: []byte(`{"status":200}`)},
		&charmruntimev1.Exchange{Operation: "http.request", Request: []byte(`{"url":"https://a/","headers":{"cookie":"a=` + token + `","X-Auth-Token":"` + token + `"}}`), ErrorClass: "DENIED", ErrorMessage: "no"},
		&charmruntimev1.Exchange{Operation: "supervisor.request", Request: []byte(`{"container":"c","path":"/v1/x","headers":{"Authorization":"Basic ` + token + `"}}`), Response: []byte(`{"status":200}`)},
		&charmruntimev1.Exchange{Operation: "http.request", Request: []byte(plain), Response: []byte(`{"status":200}`)},
		&charmruntimev1.Exchange{Operation: "http.request", Request: []byte("no JSON"), Response: []byte(`{"status":200}`)})
	keep(t, shelf(t, dir, 0), e)
	s := shelf(t, dir, 0)
	h, err := s.Find(web, "last")
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Open(t.Context(), h, store)
	if err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprint(r.Start, r.Done); strings.Contains(text, token) {
		t.Errorf("the recording holds a token: %s", text)
	}
	var got []string
	for _, x := range r.Start.GetRecording().GetExchanges()[3:] {
		got = append(got, string(x.GetRequest()))
	}
	want := []string{`{"method":"PUT","url":"https://a/x","headers":{"Accept":"text/plain","Authorization":"(not recorded)"},"body":"b"}`,
		`{"url":"https://a/","headers":{"X-Auth-Token":"(not recorded)","cookie":"(not recorded)"}}`,
		`{"container":"c","path":"/v1/x","headers":{"Authorization":"(not recorded)"}}`, plain, "no JSON"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("kept\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if !strings.Contains(string(e.Done.Recording.Exchanges[3].Request), token) {
		t.Error("the event itself was changed")
	}
}

// TestSecretGone: without the secrets' contents nothing of a recording can be read, and it is said which is missing.
func TestSecretGone(t *testing.T) {
	s := shelf(t, t.TempDir(), 0)
	keep(t, s, ran(web, 1))
	h, err := s.Find(web, "last")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		secrets recordings.Secrets
		kind    errs.Kind
		want    string
	}{
		"gone": {func(ctx context.Context, s recordings.Secret) (map[string][]byte, error) {
			if s.ID == "made" {
				return nil, errs.E(errs.NotFound, "no such revision")
			}
			return store(ctx, s)
		}, errs.NotFound, "secret revision gone: secret:made/1"},
		"denied": {func(context.Context, recordings.Secret) (map[string][]byte, error) {
			return nil, errs.E(errs.Denied, "permission denied")
		}, errs.NotFound, "secret revision gone: secret:reader/3"},
		"another": {func(context.Context, recordings.Secret) (map[string][]byte, error) {
			return map[string][]byte{"password": []byte("new")}, nil
		}, errs.NotFound, "is not what the event read"},
		"away": {func(context.Context, recordings.Secret) (map[string][]byte, error) {
			return nil, errs.E(errs.Unavailable, "away")
		}, errs.Unavailable, "away"},
		"no admin": {nil, errs.Denied, "only an admin"},
	} {
		if r, err := s.Open(t.Context(), h, c.secrets); r != nil || !errs.Is(err, c.kind) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v %v", name, r, err)
		}
	}
}

// TestBounds: of each unit the newest events stay, within count and bytes, and of all units together within the agent's; also
// what an earlier life left counts.
func TestBounds(t *testing.T) {
	dir := t.TempDir()
	s := shelf(t, dir, 0)
	for n := range 9 {
		keep(t, s, ran(web, n))
	}
	list := s.List(web)
	if len(list) != 5 || list[0].Event != "4-config-changed" || list[4].Event != "8-config-changed" {
		t.Errorf("%v", list)
	}
	size := list[0].Bytes
	small := ran(web, 9)
	small.Limits.Bytes = 2*size + size/2
	keep(t, s, small)
	if list := s.List(web); len(list) != 2 || list[1].Event != "9-config-changed" {
		t.Errorf("%v", list)
	}
	large := ran(web, 10)
	large.Limits.Bytes = size / 2
	keep(t, s, large)
	if list := s.List(web); len(list) != 2 {
		t.Errorf("one that is too large made others go: %v", list)
	}
	next := shelf(t, dir, 4*size+size/2)
	other := event.Key{Model: web.Model, Unit: "web/1"}
	for n := range 4 {
		keep(t, next, ran(other, n))
	}
	if a, b := len(next.List(web)), len(next.List(other)); a+b != 4 || a == 0 || b == 0 {
		t.Errorf("%d of one and %d of the other unit", a, b)
	}
	off := ran(web, 11)
	off.Limits.Events = 0
	none := ran(web, 12)
	none.Done.Recording = nil
	if next.Keep(off) || next.Keep(none) {
		t.Error("what is not to be kept was taken")
	}
	next.Remove(other)
	if err := next.Settle(t.Context()); err != nil || len(next.List(other)) > 0 {
		t.Errorf("a unit that is gone left %v %v", next.List(other), err)
	}
	if _, err := next.Find(other, "last"); !errs.Is(err, errs.NotFound) || !strings.Contains(err.Error(), "none of its events is recorded") {
		t.Error(err)
	}
	if _, err := next.Find(web, "77-start"); !errs.Is(err, errs.NotFound) || !strings.Contains(err.Error(), "--list") {
		t.Error(err)
	}
}

// theFile is the one unit's.
func theFile(t testing.TB, dir string) (path string, whole []byte) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*", "*.rec"))
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	if whole, err = os.ReadFile(found[0]); err != nil {
		t.Fatal(err)
	}
	return found[0], whole
}

// TestTakenAway: who removes recordings while the agent works loses those, and no later ones.
func TestTakenAway(t *testing.T) {
	dir := t.TempDir()
	s := shelf(t, dir, 0)
	keep(t, s, ran(web, 1), ran(web, 2))
	path, whole := theFile(t, dir)
	for what, take := range map[string]func() error{"all": func() error { return os.RemoveAll(filepath.Dir(path)) }, "a part": func() error { return os.Truncate(path, int64(len(whole)/2)) }} {
		if err := take(); err != nil {
			t.Fatal(err)
		}
		keep(t, s, ran(web, 3), ran(web, 4))
		for life, s := range []*recordings.Shelf{s, shelf(t, dir, 0)} {
			list := s.List(web)
			if len(list) != 2 || list[0].Event != "3-config-changed" || list[1].Event != "4-config-changed" {
				t.Fatalf("%s taken away, life %d: %v", what, life, list)
			}
			if _, err := s.Open(t.Context(), list[0], store); err != nil {
				t.Errorf("%s taken away, life %d: %v", what, life, err)
			}
		}
	}
}

// TestDamaged: a file that was cut or changed anywhere is said to be damaged; nothing panics, and nothing is opened.
func TestDamaged(t *testing.T) {
	dir := t.TempDir()
	s := shelf(t, dir, 0)
	keep(t, s, ran(web, 1))
	path, whole := theFile(t, dir)
	try := func(what string, text []byte) {
		t.Helper()
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, h := range s.List(web) {
			if r, err := s.Open(t.Context(), h, store); err == nil || !strings.Contains(err.Error(), "cannot replay") {
				t.Errorf("%s: %v %v", what, r, err)
			}
		}
	}
	for n := 0; n < len(whole); n += 1 + len(whole)/97 {
		try(fmt.Sprintf("cut at %d", n), whole[:n])
		if n < heads {
			continue // where it lies is known; the next life asks the file
		}
		flipped := bytes.Clone(whole)
		flipped[n] ^= 0x04
		try(fmt.Sprintf("changed at %d", n), flipped)
	}
	for n := range heads {
		flipped := bytes.Clone(whole)
		flipped[n] ^= 0x04
		if err := os.WriteFile(path, flipped, 0o600); err != nil {
			t.Fatal(err)
		}
		next := shelf(t, dir, 0)
		for _, h := range next.List(web) {
			if _, err := next.Open(t.Context(), h, store); err == nil && h.Event != "1-config-changed" {
				t.Errorf("changed at %d: opened %v", n, h)
			}
		}
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// heads are the bytes before the first recording of a file.
const heads = 8 + 16

// TestCutOff: what a crash left of a recording is cut off by the next life, which keeps what came before it and goes on behind.
func TestCutOff(t *testing.T) {
	dir := t.TempDir()
	s := shelf(t, dir, 0)
	keep(t, s, ran(web, 1), ran(web, 2))
	path, whole := theFile(t, dir)
	first := int64(heads) + s.List(web)[0].Bytes
	for _, n := range []int64{first, first + 5, first + 16, int64(len(whole)) - 1} {
		if err := os.WriteFile(path, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		next := shelf(t, dir, 0)
		keep(t, next, ran(web, 3))
		list := next.List(web)
		if len(list) != 2 || list[0].Event != "1-config-changed" || list[1].Event != "3-config-changed" {
			t.Fatalf("cut at %d of %d: %v", n, len(whole), list)
		}
		for _, h := range list {
			if _, err := next.Open(t.Context(), h, store); err != nil {
				t.Errorf("cut at %d: %s: %v", n, h.Event, err)
			}
		}
	}
}

// TestTheFileStaysSmall: what does not count any more goes, and each life finds the same of it.
func TestTheFileStaysSmall(t *testing.T) {
	dir := t.TempDir()
	s := shelf(t, dir, 0)
	for n := range 40 {
		keep(t, s, ran(web, n))
		list := s.List(web)
		if _, whole := theFile(t, dir); int64(len(whole)) > 12*list[0].Bytes {
			t.Fatalf("after %d events of which 5 count, of %d bytes: %d", n+1, list[0].Bytes, len(whole))
		}
		var ids []string
		for _, h := range shelf(t, dir, 0).List(web) {
			ids = append(ids, h.Event)
		}
		if want := min(n+1, 5); len(list) != want || len(ids) != want || ids[0] != list[0].Event || ids[want-1] != fmt.Sprintf("%d-config-changed", n) {
			t.Fatalf("after %d events: %v, the next life %v", n+1, list, ids)
		}
		if _, err := s.Open(t.Context(), list[len(list)-1], store); err != nil {
			t.Fatal(err)
		}
	}
}

// FuzzOpen: whatever lies in a recording's file, there is an answer.
func FuzzOpen(f *testing.F) {
	f.Add([]byte("bangle recording 1\n{}\n"))
	f.Add([]byte(`bangle recording 1` + "\n" + `{"unit":"web/0","model":"11111111-0000-4000-8000-000000000000","secrets":[{"id":"reader","revision":3}]}` + "\nxxxx"))
	dir := f.TempDir()
	s := shelf(f, dir, 0)
	keep(f, s, ran(web, 1))
	path, whole := theFile(f, dir)
	f.Add(whole)
	f.Fuzz(func(t *testing.T, text []byte) {
		framed := append(slices.Clone(whole[:8]), binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, uint64(len(text))), 7)...)
		for _, all := range [][]byte{text, append(framed, text...)} {
			if err := os.WriteFile(path, all, 0o600); err != nil {
				t.Fatal(err)
			}
			s := recordings.New(recordings.Config{Dir: dir, Name: inModel, Log: slog.New(slog.DiscardHandler)})
			for _, h := range s.List(web) {
				if _, err := s.Open(t.Context(), h, store); err != nil && errs.Class(err) == errs.Internal {
					t.Error(err)
				}
			}
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil { // it goes with its last file
				t.Fatal(err)
			}
		}
	})
}

// TestDifferences: every part of a changeset that differs is named, and a secret's content is not shown.
func TestDifferences(t *testing.T) {
	port := func(n uint32) *hookv1.PortRange { return &hookv1.PortRange{Protocol: "tcp", From: n, To: n} }
	before := &hookv1.Changeset{UnitStatus: &hookv1.Status{Current: "active", Message: "one"}, OpenPorts: []*hookv1.PortRange{port(80)},
		Bags:     []*hookv1.BagWrite{{RelationId: 1, App: true, Set: map[string]string{"url": "a", "same": "x"}}},
		Secrets:  []*hookv1.SecretWrite{{Id: "s", Content: map[string][]byte{"k": []byte("old-secret")}}},
		StateSet: map[string]string{"a": "1"}}
	after := proto.CloneOf(before)
	if got := recordings.Differences(before, after); len(got) > 0 {
		t.Errorf("%v", got)
	}
	after.UnitStatus.Message, after.OpenPorts[0] = "two", port(81)
	after.Bags[0].Set["url"] = "b"
	after.Secrets[0].Content["k"] = []byte("new-secret")
	after.StateSet = nil
	after.StateDelete = []string{"a"}
	var got []string
	for _, c := range recordings.Differences(before, after) {
		got = append(got, fmt.Sprintf("%s|%s|%s|%s|%s", c.GetKind(), c.GetTarget(), c.GetKey(), c.GetBefore(), c.GetAfter()))
	}
	want := []string{"charm-state||a|1|(deleted)", "databag|1 application|url|a|b", "port|80/tcp||open|", "port|81/tcp|||open",
		"secret|s|content|(a content that is not shown)|(a content that is not shown)", "status|||active: one|active: two"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
	if got := recordings.Differences(nil, before); len(got) != 6 {
		t.Errorf("%v", got)
	}
}
