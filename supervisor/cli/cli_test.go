package cli_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bangle-dev/bangle/supervisor/cli"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// asMain makes the test binary be the program, so that daemons and clients can be processes of their own.
const asMain = "BANGLE_CLI_TEST_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(asMain) != "" {
		os.Args[0] = "pebble"
		os.Exit(cli.Main(cli.Process{Args: os.Args, Environ: os.Environ(), Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}))
	}
	goleak.VerifyTestMain(m)
}

// world is a supervisor of its own and a folder for its client.
type world struct {
	t   *testing.T
	dir string
	env []string
}

// newWorld makes a short path: sockets have at most 107 bytes.
func newWorld(t *testing.T) *world {
	t.Helper()
	dir, err := os.MkdirTemp("", "b")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	t.Setenv("TZ", "UTC")
	return &world{t, dir, []string{"PEBBLE=" + dir, "XDG_CONFIG_HOME=" + filepath.Join(dir, "config"), "PATH=" + os.Getenv("PATH"), "TERM=dumb"}}
}

// program is a command line as a process of its own.
func (w *world) program(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(w.env, asMain+"=1", "GORACE=atexit_sleep_ms=0")
	cmd.Dir = w.dir
	return cmd
}

// supervise starts the daemon and ends it with the test.
func (w *world) supervise(args ...string) {
	w.t.Helper()
	var log bytes.Buffer
	cmd := w.program(append([]string{"run", "--hold"}, args...)...)
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil || w.t.Failed() {
			w.t.Errorf("supervisor: %v\n%s", err, log.String())
		}
	})
	w.eventually("the supervisor answers", func() bool {
		_, out := w.run("version")
		return strings.Contains(out, "server  v")
	})
}

func (w *world) eventually(what string, ok func() bool) {
	w.t.Helper()
	deadline, again := time.After(20*time.Second), time.NewTicker(2*time.Millisecond)
	defer again.Stop()
	for !ok() {
		select {
		case <-again.C:
		case <-deadline:
			w.t.Fatalf("never happened: %s", what)
		}
	}
}

// run runs one command line in this process and returns its exit code and what it printed, stderr last.
func (w *world) run(args ...string) (int, string) {
	w.t.Helper()
	w.t.Chdir(w.dir)
	var out, errs bytes.Buffer
	code := cli.Main(cli.Process{Args: append([]string{"/usr/bin/pebble"}, args...), Environ: w.env, Stdout: &out, Stderr: &errs})
	return code, out.String() + errs.String()
}

// words splits a line of a golden file; '…' keeps blanks.
func words(line string) []string {
	var out []string
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			out = append(out, part)
		} else {
			out = append(out, strings.Fields(part)...)
		}
	}
	return out
}

// plain replaces what differs from run to run and from user to user.
func (w *world) plain(text string) string {
	uid := strconv.Itoa(os.Getuid())
	for _, r := range []struct{ pattern, with string }{
		{regexp.QuoteMeta(w.dir), "$$DIR"},
		{`(today|yesterday) at \d\d:\d\d UTC`, "today at HH:MM UTC"},
		{`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`, "TIME"},
		{`User +Type`, "User  Type"},
		{`(?m)^(\d+ +)` + uid + ` +custom`, "${1}UID   custom"},
		{`(user-id"?: ?)` + uid, "${1}UID"},
		{`(?m)^([-d][-rwx]{9})  \S+  \S+`, "$1  USER  GROUP"},
	} {
		text = regexp.MustCompile(r.pattern).ReplaceAllString(text, r.with)
	}
	return text
}

// TestGolden replays testdata/*.txt: lines "$ verb args" and what they print; "> file" lines write a file until ".".
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			path, err := filepath.Abs(name)
			if err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			w := newWorld(t)
			w.supervise()
			got := w.replay(string(want))
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func (w *world) replay(script string) string {
	var out strings.Builder
	lines := strings.SplitAfter(script, "\n")
	for i := 0; i < len(lines); i++ {
		line := strings.TrimSuffix(lines[i], "\n")
		switch {
		case strings.HasPrefix(line, "# "):
			out.WriteString(lines[i])
		case strings.HasPrefix(line, "> "):
			var text strings.Builder
			out.WriteString(lines[i])
			for i++; i < len(lines) && lines[i] != ".\n"; i++ {
				out.WriteString(lines[i])
				text.WriteString(lines[i])
			}
			out.WriteString(".\n")
			if err := os.WriteFile(filepath.Join(w.dir, line[2:]), []byte(text.String()), 0o600); err != nil {
				w.t.Fatal(err)
			}
		case strings.HasPrefix(line, "$ until "): // repeats a command until it prints the word
			word, command, _ := strings.Cut(line[len("$ until "):], " ")
			w.eventually(line, func() bool {
				_, text := w.run(words(strings.ReplaceAll(command, "$DIR", w.dir))...)
				return strings.Contains(text, word)
			})
			out.WriteString(lines[i])
		case strings.HasPrefix(line, "$"):
			code, text := w.run(words(strings.ReplaceAll(line[1:], "$DIR", w.dir))...)
			fmt.Fprintf(&out, "%s\n%s", line, w.plain(text))
			if text != "" && !strings.HasSuffix(text, "\n") {
				out.WriteString("%\n")
			}
			if code != 0 {
				fmt.Fprintf(&out, "[%d]\n", code)
			}
		}
	}
	return out.String()
}

func TestUnreachable(t *testing.T) {
	w := newWorld(t)
	w.env = append(w.env, "PEBBLE_SOCKET=/no/such/socket")
	code, text := w.run("services")
	if code != 1 || !strings.Contains(text, `cannot communicate with server: Get "http://localhost/v1/services": socket "/no/such/socket" not found`) {
		t.Errorf("%d %q", code, text)
	}
	if code, text := w.run("version"); code != 0 || !strings.Contains(text, "server  -") {
		t.Errorf("%d %q", code, text)
	}
}

func TestRunRefusals(t *testing.T) {
	w := newWorld(t)
	w.env = append(w.env, "PEBBLE=relative")
	for _, tc := range []struct{ args, want string }{
		{"run --args", "requires a service name"},
		{"run --args a b ; --args a c", "given twice"},
		{"run now", "too many arguments for command"},
		{"run", "must be absolute"},
		{"enter logs", `subcommand "logs" is not supported`},
		{"enter --run plan", `cannot provide --run before "plan" subcommand`},
		{"enter stop a", `must use --run before "stop" subcommand`},
		{"enter nothing", "unknown command"},
	} {
		code, text := w.run(strings.Fields(tc.args)...)
		if code != 1 || !strings.Contains(text, tc.want) {
			t.Errorf("%s: %d %q", tc.args, code, text)
		}
	}
}

func ExampleMain() {
	code := cli.Main(cli.Process{Args: []string{"pebble", "version", "--client"}, Stdout: os.Stdout, Stderr: os.Stderr})
	fmt.Println(code)
	// Output:
	// v1.32.1-bangle
	// 0
}
