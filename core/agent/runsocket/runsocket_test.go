package runsocket_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/bangle-dev/bangle/core/agent/runsocket"
	"github.com/bangle-dev/bangle/core/event"
	"github.com/bangle-dev/bangle/sdk/hook/toolsocket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a set of sockets with one unit.
type world struct {
	*runsocket.Sockets
	path   string
	queued chan string // tasks, in order
}

var unit = event.Key{Model: "m", Unit: "web/0"}

func newWorld(t *testing.T) *world {
	t.Helper()
	dir, err := os.MkdirTemp("", "rs")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{path: filepath.Join(dir, "run.sock"), queued: make(chan string, 10)}
	w.Sockets = runsocket.New(func(_ context.Context, k event.Key, req toolsocket.Request) (string, error) {
		if k != unit || req.Args[0] == "refuse" {
			return "", errors.New("not here")
		}
		w.queued <- req.Args[0]
		return req.Args[0], nil
	}, slog.New(slog.DiscardHandler))
	t.Cleanup(func() { w.Close(); _ = os.RemoveAll(dir) })
	if err := w.Open(unit, w.path); err != nil {
		t.Fatal(err)
	}
	return w
}

// ask sends a request and returns where the answer comes.
func (w *world) ask(t *testing.T, words ...string) <-chan toolsocket.Answer {
	t.Helper()
	conn, err := net.Dial("unix", w.path)
	if err != nil {
		t.Fatal(err)
	}
	if err := toolsocket.WriteRequest(conn, toolsocket.Request{Tool: "juju-exec", Args: words}); err != nil {
		t.Fatal(err)
	}
	answer := make(chan toolsocket.Answer, 1)
	go func() {
		defer conn.Close()
		a, err := toolsocket.ReadAnswer(conn)
		if err != nil {
			a.Exit = -1
		}
		answer <- a
	}()
	return answer
}

func TestWhoAsksIsAnswered(t *testing.T) {
	w := newWorld(t)
	one, two := w.ask(t, "1"), w.ask(t, "2")
	<-w.queued
	<-w.queued
	w.Done("m", "2", toolsocket.Answer{Exit: 2})
	w.Done("other", "1", toolsocket.Answer{Exit: 9})
	if a := <-two; a.Exit != 2 {
		t.Errorf("task 2 ended with %d", a.Exit)
	}
	w.Done("m", "1", toolsocket.Answer{Exit: 7, Stdout: []byte("out"), Stderr: []byte("err")})
	if a := <-one; a.Exit != 7 || string(a.Stdout) != "out" || string(a.Stderr) != "err" {
		t.Errorf("task 1 ended with %+v", a)
	}
	if a := <-w.ask(t, "refuse"); a.Exit != 1 || !strings.Contains(string(a.Stderr), "ERROR not here") {
		t.Errorf("a refusal is %+v", a)
	}
}

// A task may end before who asked for it begins to wait.
func TestAnswersMayBeEarly(t *testing.T) {
	w := newWorld(t)
	w.Done("m", "5", toolsocket.Answer{Exit: 5})
	if a := <-w.ask(t, "5"); a.Exit != 5 {
		t.Errorf("ended with %d", a.Exit)
	}
}

// A new agent takes the place of an old one's socket, and who waits when the agent ends is not left waiting.
func TestTheSocketLivesWithTheAgent(t *testing.T) {
	w := newWorld(t)
	if info, err := os.Stat(w.path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	waits := w.ask(t, "1")
	<-w.queued
	w.Close()
	if a := <-waits; a.Exit == 0 {
		t.Errorf("ended with %+v", a)
	}
	if err := os.WriteFile(w.path, nil, 0o600); err != nil { // what a killed agent leaves
		t.Fatal(err)
	}
	next := runsocket.New(func(context.Context, event.Key, toolsocket.Request) (string, error) { return "1", nil }, slog.New(slog.DiscardHandler))
	defer next.Close()
	if err := next.Open(unit, w.path); err != nil {
		t.Fatal(err)
	}
	again := w.ask(t, "1")
	next.Done("m", "1", toolsocket.Answer{Exit: 3})
	if a := <-again; a.Exit != 3 {
		t.Errorf("ended with %+v", a)
	}
	next.Forget(unit)
	if _, err := net.Dial("unix", w.path); err == nil {
		t.Error("the socket of a unit that is gone answers")
	}
}
