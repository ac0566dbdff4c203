package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// line is one thing to try: the command as it is printed, and what must be true after it.
type line struct {
	command string
	what    string
	check   func(ctx context.Context, d *demo, page, out string) error
}

// lines is the tour. Every capability adds its line.
func lines() []line {
	return []line{
		{`bin/bangle plan config guestbook title=x`, "what it would do, and nothing is done; of a Python charm only its events are known", checkPlan},
		{`bin/bangle plan scale-application guestbook 3`, "the gate is a WASM module: what it would do is known", checkPlanScale},
		{`bin/bangle config guestbook title="Hello from Bangle" --wait`, "the page changes while the finger is on Enter", checkTitle},
		{`bin/bangle scale-application guestbook 3 --wait`, "\"served by\" walks over three units", checkScale},
		{`bin/bangle run guestbook/leader entries`, "the entries as JSON", checkEntries},
		{`bin/bangle show-unit guestbook/0 --events`, "what the unit saw, when, and how long it took", checkEvents},
		{`bin/bangle replay gate/0 last`, "its last event once more, from what was recorded of it: the same, bit for bit", checkReplay},
		{`bin/bangle exec --unit guestbook/0 -- config-get title`, "a command in the unit's hook context", checkExec},
		{`go tool task demo:crash`, "kill -9 of agent and controller while 100 entries are written", checkCrash},
		{`sed -i 's/1\.0/1.1/' charms/guestbook/src/charm.py && bin/bangle refresh guestbook --path charms/guestbook --wait`, "refresh after editing the charm", checkRefresh},
		{`bin/bangle scale-application guestbook 1 --wait`, "and back to one", checkOne},
		{`go tool task demo:warm`, "events of the Python charm, forked from a warm interpreter and not", checkWarm},
		{`bin/bangle debug-log --limit 20`, "the logs", checkLog},
	}
}

// goodbye prints the address and the lines.
func (d *demo) goodbye(ctx context.Context) error {
	page, err := d.page(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("\nUp after %.1f s. Open the guestbook: %s\n\nThen try:\n", time.Since(d.began).Seconds(), page)
	for _, l := range lines() {
		fmt.Printf("  %s\n      # %s\n", l.command, l.what)
	}
	fmt.Printf("  go tool task demo:down\n      # the end of it\n\n")
	return nil
}

// tour runs every line as printed, from the root of the repository, and checks the page after each.
func (d *demo) tour(ctx context.Context) error {
	page, err := d.page(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("\nUp after %.1f s: %s\n", time.Since(d.began).Seconds(), page)
	restore, err := keep(filepath.Join(d.root, "charms", "guestbook", "src", "charm.py"))
	if err != nil {
		return err
	}
	defer restore()
	if err := until(ctx, 30*time.Second, func(ctx context.Context) error {
		return post(ctx, page, entry{Text: "first", Name: "tour"})
	}); err != nil {
		return err
	}
	passed, failed := 0, 0
	for _, l := range lines() {
		began := time.Now()
		out, err := d.shell(ctx, l.command)
		if err == nil {
			err = l.check(ctx, d, page, out)
		}
		if err == nil {
			_, _, err = fetch(ctx, page+"/")
		}
		fmt.Printf("\n$ %s\n%s", l.command, indent(out))
		if err != nil {
			failed++
			fmt.Printf("  FAILED after %d ms: %v\n", time.Since(began).Milliseconds(), err)
			continue
		}
		passed++
		fmt.Printf("  ok, %d ms\n", time.Since(began).Milliseconds())
	}
	if err := d.down(ctx); err != nil {
		failed++
		fmt.Printf("\nFAILED demo:down: %v\n", err)
	} else {
		passed++
	}
	fmt.Printf("\n%d passed, %d failed\n", passed, failed)
	if failed > 0 {
		return errors.New("a line of the tour does not do what it says")
	}
	return nil
}

// shell runs a printed line.
func (d *demo) shell(ctx context.Context, command string) (string, error) {
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", command)
	cmd.Dir = d.root
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// keep remembers a file that a line edits and returns what puts it back.
func keep(path string) (restore func(), err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return func() {
		if err := os.WriteFile(path, text, 0o644); err != nil {
			fmt.Fprintln(os.Stderr, "demo: cannot put back", path, err)
		}
	}, nil
}

func indent(text string) string {
	text = strings.TrimRight(text, "\n")
	if text == "" {
		return ""
	}
	return "  " + strings.ReplaceAll(text, "\n", "\n  ") + "\n"
}

func checkPlan(ctx context.Context, _ *demo, page, out string) error {
	for _, says := range []string{"Nothing is changed", "guestbook/0", "config-changed: not known", "No event would fail"} {
		if !strings.Contains(out, says) {
			return fmt.Errorf("the plan does not say %q", says)
		}
	}
	return shows(ctx, page, "")
}

func checkPlanScale(_ context.Context, _ *demo, _, out string) error {
	for _, says := range []string{" (new)\n", "install: not known", "gate/0\n", "backend-relation-changed"} {
		if !strings.Contains(out, says) {
			return fmt.Errorf("the plan does not say %q", says)
		}
	}
	return nil
}

func checkReplay(_ context.Context, _ *demo, _, out string) error {
	if !strings.Contains(out, "backend-relation-changed: same changeset") {
		return errors.New("the gate's last event did not run again as it did")
	}
	return nil
}

func checkTitle(ctx context.Context, _ *demo, page, out string) error {
	if !strings.Contains(out, "config-changed on guestbook/0, committed and visible after") {
		return errors.New("the command does not say when the change was visible")
	}
	return shows(ctx, page, "Hello from Bangle")
}

func checkWarm(_ context.Context, _ *demo, _, out string) error {
	if !strings.Contains(out, "events per second") {
		return errors.New("the command does not say how many events there are in a second")
	}
	return nil
}

func checkScale(ctx context.Context, _ *demo, page, _ string) error { return walks(ctx, page, 3) }

func checkEntries(_ context.Context, _ *demo, _, out string) error {
	if !strings.Contains(out, `"text": "first"`) && !strings.Contains(out, `\"text\": \"first\"`) && !strings.Contains(out, `"text":"first"`) {
		return errors.New("the entry is not in the answer")
	}
	return nil
}

func checkEvents(_ context.Context, _ *demo, _, out string) error {
	for _, event := range []string{"install", "config-changed", "start", "guestbook-pebble-ready", "nats-relation-joined"} {
		if !strings.Contains(out, event) {
			return fmt.Errorf("%s is not among the events", event)
		}
	}
	return nil
}

func checkExec(_ context.Context, _ *demo, _, out string) error {
	if !strings.Contains(out, "Hello from Bangle") {
		return errors.New("the command did not see the title")
	}
	return nil
}

func checkCrash(_ context.Context, _ *demo, _, out string) error {
	if !strings.Contains(out, "100 written, 0 lost") {
		return errors.New("entries were lost")
	}
	return nil
}

func checkRefresh(ctx context.Context, d *demo, _, _ string) error {
	return until(ctx, 30*time.Second, func(ctx context.Context) error {
		out, err := d.run(ctx, "status", "--format", "json")
		if err == nil && !strings.Contains(out, `"version":"1.1"`) && !strings.Contains(out, `"version": "1.1"`) {
			err = errors.New("status does not show the new version")
		}
		return err
	})
}

func checkOne(ctx context.Context, _ *demo, page, _ string) error {
	var last string
	same := 0
	return until(ctx, 30*time.Second, func(ctx context.Context) error {
		_, unit, err := fetch(ctx, page+"/")
		if err != nil {
			return err
		}
		if unit != last {
			last, same = unit, 0
		}
		if same++; same < 10 || last != "guestbook/0" {
			return fmt.Errorf("served by %s %d times in a row", last, same)
		}
		return nil
	})
}

func checkLog(_ context.Context, _ *demo, _, out string) error {
	if !strings.Contains(out, "guestbook/") {
		return errors.New("the log does not name the guestbook")
	}
	return nil
}
