package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

// event is one line of go test -json; see `go doc cmd/test2json` and `go help buildjson`.
type event struct {
	Action      string
	Package     string
	ImportPath  string
	Test        string
	Output      string
	Elapsed     float64
	FailedBuild string
}

// tally counts what has no part of its own: a test with subtests counts through them, and for itself only if it failed
// though none of them did.
type tally struct {
	passed, failed, skipped int

	output  map[string]*strings.Builder // by package and test, or by build
	parent  map[string]bool             // tests that have subtests
	broke   map[string]bool             // tests and packages with a failed part
	failure []string                    // what to show at the end
	omitted []string
}

func newTally() *tally {
	return &tally{output: map[string]*strings.Builder{}, parent: map[string]bool{}, broke: map[string]bool{}}
}

// event books one line and returns what to show at once, "" for nothing. What is no JSON is shown as it is.
func (t *tally) event(line []byte) string {
	line = bytes.TrimSpace(line)
	if len(line) == 0 {
		return ""
	}
	var e event
	if err := json.Unmarshal(line, &e); err != nil || e.Action == "" {
		return string(line)
	}
	key := e.Package + " " + e.Test
	switch e.Action {
	case "build-output":
		t.write("build "+e.ImportPath, e.Output)
	case "output":
		t.write(key, e.Output)
	case "run":
		if i := strings.LastIndexByte(e.Test, '/'); i > 0 {
			t.parent[e.Package+" "+e.Test[:i]] = true
		}
	case "pass", "fail", "skip":
		if e.Test == "" {
			return t.packageDone(e)
		}
		t.testDone(e, key)
	}
	return ""
}

// testDone books the end of one test.
func (t *tally) testDone(e event, key string) {
	text := t.take(key)
	switch {
	case e.Action == "fail":
		if !t.broke[key] {
			t.failed++
			t.failure = append(t.failure, fmt.Sprintf("--- %s %s\n%s", e.Package, e.Test, text))
		}
		t.blame(e)
	case e.Action == "skip":
		t.skip(e.Package+" "+e.Test, lastLine(text))
	case !t.parent[key]:
		t.passed++
	}
}

// blame marks all that the failed test is a part of.
func (t *tally) blame(e event) {
	t.broke[e.Package+" "] = true
	for name := e.Test; ; {
		i := strings.LastIndexByte(name, '/')
		if i < 0 {
			return
		}
		name = name[:i]
		t.broke[e.Package+" "+name] = true
	}
}

// packageDone books the end of a package: it counts only if it failed and none of its tests is to blame.
func (t *tally) packageDone(e event) string {
	text := t.take(e.Package + " ")
	if e.Action != "fail" {
		if e.Action == "skip" || strings.Contains(text, "[no test files]") {
			return ""
		}
		cached := ""
		if strings.Contains(text, "(cached)") {
			cached = " (cached)"
		}
		return fmt.Sprintf("ok   %s %.1f s%s", e.Package, e.Elapsed, cached)
	}
	if e.FailedBuild != "" {
		text = t.take("build "+e.FailedBuild) + text
	}
	if !t.broke[e.Package+" "] {
		t.failed++
		t.failure = append(t.failure, fmt.Sprintf("--- %s\n%s%s", e.Package, text, t.rest(e.Package+" ")))
	}
	return fmt.Sprintf("FAIL %s %.1f s", e.Package, e.Elapsed)
}

// rest is what the tests of a package wrote that never ended: a panic or a time-out lies there.
func (t *tally) rest(prefix string) string {
	var all strings.Builder
	for key := range t.output {
		if strings.HasPrefix(key, prefix) {
			all.WriteString(t.take(key))
		}
	}
	return all.String()
}

// check books one check that is no Go test.
func (t *tally) check(name string, good bool, text string) {
	if good {
		t.passed++
		return
	}
	t.broken(name, text)
}

// broken books a failure.
func (t *tally) broken(name, text string) {
	t.failed++
	t.failure = append(t.failure, fmt.Sprintf("--- %s\n%s", name, text))
}

// skip books something that was not run, with the reason it gave.
func (t *tally) skip(name, why string) {
	t.skipped++
	t.omitted = append(t.omitted, strings.TrimSpace(name)+": "+strings.TrimSpace(why))
}

// good says whether the run may end with 0.
func (t *tally) good() bool { return t.failed == 0 && t.passed > 0 }

// closing is the last line of every task that checks.
func (t *tally) closing() string {
	return fmt.Sprintf("%d passed, %d failed, %d skipped", t.passed, t.failed, t.skipped)
}

// report shows what was skipped and, last, what failed.
func (t *tally) report(out io.Writer) {
	for _, text := range t.omitted {
		fmt.Fprintln(out, "skipped", text)
	}
	for _, text := range t.failure {
		fmt.Fprintf(out, "\n%s\n", strings.TrimRight(text, "\n"))
	}
}

// record appends the three numbers to a file, for who adds up several runs; no name, no record.
func (t *tally) record(name string) error {
	if name == "" {
		return nil
	}
	file, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(file, t.passed, t.failed, t.skipped)
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	return err
}

func (t *tally) write(key, text string) {
	if t.output[key] == nil {
		t.output[key] = &strings.Builder{}
	}
	t.output[key].WriteString(text)
}

func (t *tally) take(key string) string {
	text := t.output[key]
	delete(t.output, key)
	if text == nil {
		return ""
	}
	return text.String()
}

// lastLine is the line before "--- SKIP", where the reason stands.
func lastLine(text string) string {
	why := ""
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "---") && !strings.HasPrefix(line, "===") {
			why = line
		}
	}
	return why
}
