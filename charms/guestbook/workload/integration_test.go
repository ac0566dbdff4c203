package main_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const patience = 60 * time.Second

// process is one started workload.
type process struct {
	cmd  *exec.Cmd
	addr string // from its ready line
	gone chan struct{}
}

// start runs bin until owner ends, and waits for its ready line.
func start(t, owner *testing.T, bin string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(bin, args...), gone: make(chan struct{})}
	p.cmd.Stderr = os.Stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	owner.Cleanup(func() { p.end(syscall.SIGKILL) })
	ready := make(chan string, 1)
	go func() {
		defer close(p.gone)
		for in := bufio.NewScanner(out); in.Scan(); {
			if rest, ok := strings.CutPrefix(in.Text(), "ready listen="); ok {
				ready <- strings.Fields(rest)[0]
			}
		}
		p.cmd.Wait()
	}()
	select {
	case p.addr = <-ready:
	case <-p.gone:
		t.Fatalf("%s ended before it was ready", bin)
	case <-time.After(patience):
		t.Fatalf("%s did not become ready", bin)
	}
	return p
}

func (p *process) end(sig syscall.Signal) int {
	p.cmd.Process.Signal(sig)
	<-p.gone
	return p.cmd.ProcessState.ExitCode()
}

func until(t *testing.T, what string, f func() bool) {
	t.Helper()
	deadline, again := time.After(patience), time.NewTicker(5*time.Millisecond)
	defer again.Stop()
	for !f() {
		select {
		case <-again.C:
		case <-deadline:
			t.Fatalf("still not: %s", what)
		}
	}
}

func get(t *testing.T, url string) (int, string, string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Errorf("GET %s: %v", url, err)
		return 0, "", ""
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Errorf("GET %s: %v", url, err)
	}
	return resp.StatusCode, resp.Header.Get("Served-By"), string(body)
}

// sign posts text under id and returns the status.
func sign(t *testing.T, base, id, text string) (int, string) {
	t.Helper()
	resp, err := http.PostForm(base+"/entries", url.Values{"id": {id}, "name": {"Tester"}, "text": {text}})
	if err != nil {
		t.Errorf("POST: %v", err)
		return 0, ""
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body)
}

// demo is everything that runs.
type demo struct {
	owner                 *testing.T // ends the processes, which outlive a subtest
	dir, nats, book, gate string     // directory and binaries
	server, door          *process
	books                 []*process
	front                 string // URL of the gate
}

func build(t *testing.T) *demo {
	t.Helper()
	d := &demo{owner: t, dir: t.TempDir()}
	for name, dir := range map[string]string{"nats": "../../nats/workload", "guestbook": ".", "gate": "../../gate/workload"} {
		cmd := exec.Command("go", "build", "-o", filepath.Join(d.dir, name), ".")
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("cannot build %s: %v\n%s", name, err, out)
		}
	}
	d.nats, d.book, d.gate = filepath.Join(d.dir, "nats"), filepath.Join(d.dir, "guestbook"), filepath.Join(d.dir, "gate")
	d.startNATS(t, "127.0.0.1:0")
	d.addBook(t)
	d.addBook(t)
	d.writeBackends(t, d.books...)
	d.door = start(t, d.owner, d.gate, "--listen", "127.0.0.1:0", "--name", "gate/0", "--backends", d.path("gate.json"))
	d.front = "http://" + d.door.addr
	for _, b := range d.books {
		d.awaitHealthy(t, b)
	}
	return d
}

func (d *demo) path(name string) string { return filepath.Join(d.dir, name) }

func (d *demo) startNATS(t *testing.T, listen string) {
	t.Helper()
	d.server = start(t, d.owner, d.nats, "--listen", listen, "--store-dir", d.path("store"), "--name", "nats-0")
}

func (d *demo) writeBook(t *testing.T, n int, title string) {
	t.Helper()
	writeJSON(t, d.path(fmt.Sprintf("book%d.json", n)), map[string]any{
		"title": title, "unit": fmt.Sprintf("guestbook/%d", n), "nats": []string{"nats://" + d.server.addr},
	})
}

func (d *demo) addBook(t *testing.T) {
	t.Helper()
	n := len(d.books)
	d.writeBook(t, n, "Demo")
	d.books = append(d.books, start(t, d.owner, d.book, "--listen", "127.0.0.1:0", "--config", d.path(fmt.Sprintf("book%d.json", n))))
}

func (d *demo) awaitHealthy(t *testing.T, b *process) {
	t.Helper()
	until(t, "healthy", func() bool { code, _, _ := get(t, "http://"+b.addr+"/healthz"); return code == 200 })
}

func (d *demo) writeBackends(t *testing.T, books ...*process) {
	t.Helper()
	list := []map[string]string{}
	for _, b := range books {
		list = append(list, map[string]string{"name": b.addr, "url": "http://" + b.addr})
	}
	writeJSON(t, d.path("gate.json"), map[string]any{"title": "Demo", "backends": list})
}

func (d *demo) reloadGate(t *testing.T, books ...*process) {
	t.Helper()
	d.writeBackends(t, books...)
	d.door.cmd.Process.Signal(syscall.SIGHUP)
	until(t, "back ends reloaded", func() bool {
		var s struct{ Backends []any }
		_, _, body := get(t, d.front+"/_gate/status")
		return json.Unmarshal([]byte(body), &s) == nil && len(s.Backends) == len(books)
	})
}

func writeJSON(t *testing.T, path string, v any) {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// listen opens the event stream and returns its lines; the channel is closed
// when the stream ends, with clean telling how.
func listen(t *testing.T, url string) (lines chan string, clean chan bool) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	lines, clean = make(chan string, 10_000), make(chan bool, 1)
	go func() {
		in := bufio.NewScanner(resp.Body)
		for in.Scan() {
			lines <- in.Text()
		}
		clean <- in.Err() == nil
		close(lines)
	}()
	return lines, clean
}

func await(t *testing.T, lines chan string, part string) {
	t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case line, ok := <-lines:
			if !ok {
				t.Fatalf("the stream ended before %q", part)
			}
			if strings.Contains(line, part) {
				return
			}
		case <-timeout:
			t.Fatalf("no %q on the stream", part)
		}
	}
}

// TestDemo tells the demo's story with the real binaries.
func TestDemo(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs three programs")
	}
	d := build(t)
	t.Run("an entry reaches both guestbooks and open pages", d.testEntry)
	t.Run("served by walks", d.testWalk)
	t.Run("a title change reaches open pages", d.testTitle)
	t.Run("scaling never takes the page away", d.testScale)
	t.Run("kill -9 of a guestbook ends its stream cleanly", d.testKillBook)
	t.Run("kill -9 of nats loses no acknowledged entry", d.testKillNATS)
	t.Run("no back end is a friendly page", d.testNobody)
	t.Run("everything stops cleanly", d.testStop)
}

func (d *demo) testEntry(t *testing.T) {
	lines, _ := listen(t, d.front+"/events")
	await(t, lines, `"unit":"guestbook/`)
	for range 3 { // a repeated post is stored once
		if code, body := sign(t, d.front, "first", "hello there"); code != 201 || !strings.Contains(body, `"seq":1`) {
			t.Fatalf("%d %s", code, body)
		}
	}
	if code, body := sign(t, d.front, "first", "something else"); code != 409 {
		t.Errorf("another text under the same id: %d %s, want 409", code, body)
	}
	await(t, lines, "hello there")
	for _, b := range d.books {
		_, _, body := get(t, "http://"+b.addr+"/entries?after=1")
		if strings.Count(body, "hello there") != 1 {
			t.Errorf("%s has %s", b.addr, body)
		}
		if _, _, page := get(t, "http://"+b.addr+"/"); !strings.Contains(page, "hello there") {
			t.Errorf("the page of %s does not show the entry", b.addr)
		}
	}
}

func (d *demo) testWalk(t *testing.T) {
	seen := map[string]int{}
	for range 6 {
		_, by, _ := get(t, d.front+"/")
		seen[by]++
	}
	if seen["guestbook/0"] != 3 || seen["guestbook/1"] != 3 {
		t.Errorf("served by %v, want 3 each", seen)
	}
}

func (d *demo) testTitle(t *testing.T) {
	lines, _ := listen(t, d.front+"/events")
	await(t, lines, `"title":"Demo"`)
	for n, b := range d.books {
		d.writeBook(t, n, "Changed while open")
		b.cmd.Process.Signal(syscall.SIGHUP)
	}
	await(t, lines, `"title":"Changed while open"`)
	until(t, "new title on every page", func() bool {
		_, _, a := get(t, d.front+"/")
		_, _, b := get(t, d.front+"/")
		return strings.Contains(a, "<title>Changed while open") && strings.Contains(b, "<title>Changed while open")
	})
}

// testScale goes from 2 to 3 to 1 and back to 2 units while pages are asked
// for and entries posted without a pause.
func (d *demo) testScale(t *testing.T) {
	done := make(chan struct{})
	var wg sync.WaitGroup
	var posted int
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-done:
				posted = i
				return
			default:
			}
			if code, _, body := get(t, d.front+"/"); code != 200 {
				t.Errorf("page: %d %s", code, body)
			}
			if code, body := sign(t, d.front, fmt.Sprintf("scale-%d", i), fmt.Sprintf("while scaling %d.", i)); code != 201 {
				t.Errorf("post: %d %s", code, body)
			}
		}
	})
	d.addBook(t)
	d.reloadGate(t, d.books...)
	until(t, "served by the third", func() bool { _, by, _ := get(t, d.front+"/"); return by == "guestbook/2" })
	d.books[2].end(syscall.SIGKILL) // before the gate is told
	d.books[1].end(syscall.SIGTERM)
	d.reloadGate(t, d.books[0])
	d.books = d.books[:1]
	d.addBook(t)
	d.reloadGate(t, d.books...)
	until(t, "served by the new one", func() bool { _, by, _ := get(t, d.front+"/"); return by == "guestbook/1" })
	close(done)
	wg.Wait()
	_, _, body := get(t, "http://"+d.books[0].addr+"/entries")
	for i := range posted {
		if n := strings.Count(body, fmt.Sprintf("while scaling %d.", i)); n != 1 {
			t.Errorf("entry %d is there %d times", i, n)
		}
	}
	t.Logf("%d entries while scaling", posted)
}

func (d *demo) testKillBook(t *testing.T) {
	d.reloadGate(t, d.books[1])
	lines, clean := listen(t, d.front+"/events")
	await(t, lines, `"unit":"guestbook/1"`)
	d.reloadGate(t, d.books[0])
	d.books[1].end(syscall.SIGKILL)
	if !<-clean {
		t.Error("the stream broke instead of ending")
	}
	again, _ := listen(t, d.front+"/events")
	await(t, again, `"unit":"guestbook/0"`)
	d.books = d.books[:1]
	d.addBook(t)
	d.reloadGate(t, d.books...)
	d.awaitHealthy(t, d.books[1])
}

func (d *demo) testKillNATS(t *testing.T) {
	lines, _ := listen(t, d.front+"/events")
	await(t, lines, `"connected":true`)
	acked := map[string]int{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 50 {
				id := fmt.Sprintf("kill-%d-%d", w, i)
				if code, _ := sign(t, d.front, id, id); code == 201 {
					mu.Lock()
					acked[id]++
					mu.Unlock()
				}
			}
		})
	}
	until(t, "some entries", func() bool { mu.Lock(); defer mu.Unlock(); return len(acked) >= 20 })
	d.server.end(syscall.SIGKILL)
	await(t, lines, `"connected":false`)
	if code, _, page := get(t, d.front+"/"); code != 200 || !strings.Contains(page, "kill-") || !strings.Contains(page, "the store is away") {
		t.Errorf("while nats is away the page answers %d", code)
	}
	if code, _, _ := get(t, d.front+"/healthz"); code != 503 {
		t.Errorf("while nats is away healthz answers %d, want 503", code)
	}
	d.startNATS(t, d.server.addr)
	wg.Wait()
	await(t, lines, `"connected":true`)
	if len(acked) != 200 {
		t.Errorf("%d of 200 entries were acknowledged in the end", len(acked))
	}
	out, err := exec.Command(d.book, "entries", "--url", "nats://"+d.server.addr).Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []struct{ ID string }
	if err := json.Unmarshal(out, &all); err != nil {
		t.Fatal(err)
	}
	stored := map[string]int{}
	for _, e := range all {
		stored[e.ID]++
	}
	for id := range acked {
		if stored[id] != 1 {
			t.Errorf("acknowledged entry %s is stored %d times", id, stored[id])
		}
	}
	for _, b := range d.books {
		until(t, "everything seen by every unit", func() bool {
			_, _, body := get(t, "http://"+b.addr+"/entries")
			return strings.Count(body, `"id"`) == len(all)
		})
	}
}

func (d *demo) testNobody(t *testing.T) {
	d.reloadGate(t)
	req, err := http.NewRequest("GET", d.front+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/html")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != 503 || !strings.Contains(string(body), `http-equiv="refresh"`) {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	d.reloadGate(t, d.books...)
	if code, _, _ := get(t, d.front+"/"); code != 200 {
		t.Errorf("status %d once they are back", code)
	}
}

func (d *demo) testStop(t *testing.T) {
	lines, clean := listen(t, d.front+"/events")
	await(t, lines, "config")
	for name, p := range map[string]*process{"gate": d.door, "guestbook/0": d.books[0], "guestbook/1": d.books[1], "nats": d.server} {
		if code := p.end(syscall.SIGTERM); code != 0 {
			t.Errorf("%s left with %d, want 0", name, code)
		}
	}
	if !<-clean {
		t.Error("the stream broke instead of ending")
	}
}
