package daemon_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/bangle-dev/bangle/supervisor/client"
	"github.com/bangle-dev/bangle/supervisor/daemon"
)

func TestExitNoticeExpansionAndStopSignal(t *testing.T) {
	r := start(t, map[string]string{"001-base.yaml": `services:
  told: {override: replace, command: sh -c 'exit 7', exit-notice: true, on-failure: ignore}
  quiet: {override: replace, command: sh -c 'exit 7', on-failure: ignore}
  words:
    override: replace
    command: echo $GREETING ${WHO}! $$HOME $NONE.
    environment: {GREETING: "hello $BASE", WHO: you}
    expand-variables: true
    one-shot: true
  plain: {override: replace, command: echo $WHO, environment: {WHO: you}, one-shot: true}
  usr: {override: replace, stop-signal: SIGUSR1, command: "sh -c 'trap \"echo got usr1; exit 0\" USR1; trap \"\" TERM; echo up; while :; do sleep 0.01; done'"}
`}, func(c *daemon.Config) { c.Environ = append(c.Environ, "BASE=world") })
	ctx := t.Context()
	r.change(r.Start(ctx, "told", "quiet"))
	list, err := r.Notices(ctx, client.NoticeFilter{Types: []string{"custom"}, AllUsers: true})
	if err != nil || len(list) != 1 || list[0].Key != "bangle.dev/service-exit/told" || list[0].LastData["exit-code"] != "7" || list[0].LastData["action"] != "ignore" {
		t.Errorf("%+v %v", list, err)
	}
	if c := r.change(r.Start(ctx, "words", "plain")); c.Failure() != nil {
		t.Fatal(c.Err)
	}
	if got := r.lines("words"); !slices.Equal(got, []string{"hello world you! $HOME ."}) {
		t.Errorf("%q", got)
	}
	if got := r.lines("plain"); !slices.Equal(got, []string{"$WHO"}) {
		t.Errorf("%q", got)
	}
	if c := r.change(r.Start(ctx, "usr")); c.Failure() != nil {
		t.Fatal(c.Err)
	}
	r.change(r.Stop(ctx, "usr"))
	if got := r.lines("usr"); !slices.Contains(got, "got usr1") {
		t.Errorf("%q", got)
	}
}

func TestCheckMetrics(t *testing.T) {
	r := start(t, map[string]string{"001-base.yaml": `checks:
  good: {override: replace, exec: {command: "true"}, period: 1h}
  bad: {override: replace, exec: {command: "false"}, period: 1h, threshold: 1}
  idle: {override: replace, exec: {command: "true"}, startup: disabled}
`}, nil)
	for _, n := range []string{"good", "good", "bad"} {
		if _, _, err := r.RefreshCheck(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	_, body := ask(t, socketClient(r.cfg.Socket), "GET", "http://x/v1/metrics", "", "")
	for _, want := range []string{
		"# TYPE pebble_check_up gauge\npebble_check_up{check=\"bad\"} 0\npebble_check_up{check=\"good\"} 1\n\n",
		"pebble_check_success_count{check=\"good\"} 2\n", "pebble_check_failure_count{check=\"bad\"} 1\n", "pebble_check_success_count{check=\"idle\"} 0\n",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q in\n%s", want, body)
		}
	}
}

// A background process that never stops writing must not hold an exec open for ever.
func TestAChattyGrandchildDoesNotHoldAnExec(t *testing.T) {
	r := start(t, nil, nil)
	var out bytes.Buffer
	err := exec(t, r, client.ExecOptions{Command: []string{"sh", "-c", "(while echo more; do sleep 0.2; done) & echo first; exit 0"}, Stdout: &out})
	if err != nil || !strings.Contains(out.String(), "first") {
		t.Errorf("%q %v", out.String(), err)
	}
}
