package cli

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// script runs command lines, separated by blanks, one after the other.
func script(s *shell, lines ...string) string {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(s.run(words(l)...))
	}
	return b.String()
}

// words splits at blanks; single quotes keep them.
func words(line string) []string {
	var out []string
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			out = append(out, part)
			continue
		}
		out = append(out, strings.Fields(part)...)
	}
	return out
}

// done is a task that has ended.
func done(unit, status string, code int32) *controllerv1.Task {
	return &controllerv1.Task{Id: "2", Operation: "1", Unit: unit, Kind: "action", Action: "x", Status: status, ExitCode: code, Enqueued: "2026-02-24T12:00:00Z", Started: "2026-02-24T12:00:01Z",
		Completed: "2026-02-24T12:00:02Z"}
}

func ran(kind, outcome string, revision int64) *controllerv1.JournalEntry {
	return &controllerv1.JournalEntry{Event: &hookv1.Event{Kind: kind, Name: kind, Id: "5-" + kind}, Outcome: outcome, Revision: revision, StartUnixNano: 1771934597_000_000_000, RunUs: 3100, CommitUs: 900, Message: "KeyError: 'x'"}
}

func apps() []*clientv1.ApplicationDetails {
	return []*clientv1.ApplicationDetails{
		{Principal: true, Status: &clientv1.ApplicationStatusInfo{ScaleWanted: 1}, Record: &controllerv1.Application{Name: "web", Life: controllerv1.Life_LIFE_ALIVE, CharmName: "web", CharmPath: must2(filepath.Abs("testdata/web")), Runtime: "python",
			Grants:  []string{"package=curl"},
			Config:  map[string]*hookv1.ConfigValue{"port": {Value: &hookv1.ConfigValue_IntValue{IntValue: 81}}},
			Storage: map[string]*controllerv1.StorageDirective{"data": {Pool: "ssd", Count: 2, SizeBytes: 1 << 30}}}},
	}
}

func must2[T any](v T, err error) T {
	must(err)
	return v
}

func TestVerbs(t *testing.T) {
	result := done("web/0", "completed", 0)
	result.Results, result.Stdout, result.Log = map[string]string{"file": "/b.tgz", "size.raw": "9"}, "fine\n", []*controllerv1.TaskLog{{Time: "2026-02-24T12:00:01Z", Message: "half"}}
	other := done("web/1", "failed", 3)
	other.Id, other.Message = "3", "no space left"
	command := done("web/0", "completed", 7)
	command.Stdout, command.Stderr = "out\n", "err\n"
	going := done("web/0", "running", 0)
	limited := done("web/0", "failed", 1)
	limited.Message = "the command was ended by hook-timeout 1s"
	going.Id, going.Unit, going.Completed = "4", "web/1", ""
	aborted := done("web/0", "aborted", 143)
	aborted.Message, aborted.Results, aborted.Stdout = "cancelled while it ran", map[string]string{"done": "50"}, "half\n"
	empty := sampleModel("active", "idle")
	empty.Applications, empty.Relations = nil, nil
	// The limits of waits that are in vain leave a busy machine time for the first answer; what is shown does not depend on
	// them. All times are in UTC where the command lines say so; others are not shown here.
	for name, c := range map[string]struct {
		fake  *fake
		tty   bool
		in    string
		lines []string
	}{
		"models": {fake: &fake{}, lines: []string{"add-model prod --config a=b", "switch", "add-model quiet local --no-switch -c other", "switch", "models", "models --format json", "switch dev", "switch other", "switch main:test", "switch nowhere", "switch nope:dev", "switch main:test"}},
		"destroy-model": {fake: &fake{progress: []*clientv1.Progress{{Object: "web/0", State: "removing"}, {Object: "model dev", State: "removed", Message: "gone", Done: true}}},
			lines: []string{"destroy-model dev", "destroy-model main:dev --no-prompt --force --destroy-storage --timeout 30s", "switch"}},
		"destroy-model-asks":  {fake: &fake{progress: []*clientv1.Progress{{Done: true}}}, in: "y\n", lines: []string{"destroy-model dev"}},
		"destroy-model-stuck": {fake: &fake{progress: []*clientv1.Progress{{Object: "web/0", State: "blocked", Blocking: "hook stop of web/0"}}}, lines: []string{"destroy-model --no-prompt dev"}},
		"model-config":        {fake: &fake{}, lines: []string{"model-config", "model-config --format yaml", "model-config automatically-retry-hooks", "model-config nothing", "model-config a=b c=d --reset e,f"}},
		"deploy": {fake: &fake{}, lines: []string{"deploy ./testdata/web", "deploy testdata/web front -n 3 --config port=81 --trust --force --constraints 'mem=1G cores=2' --resource img=docker.io/x:1 --storage data=ssd,2,1G --bind 'alpha db=beta' --runtime python --hook-timeout 30s -m test",
			"deploy ./testdata/sub --hook-timeout none", "deploy ./testdata/web --dry-run"}},
		"deploy-wait":       {fake: &fake{statuses: []*clientv1.StatusResponse{sampleModel("waiting", "allocating"), sampleModel("active", "executing"), sampleModel("active", "idle")}, hold: true}, lines: []string{"deploy ./testdata/web --wait"}},
		"deploy-findings":   {fake: &fake{findings: []*clientv1.Diagnostic{{Severity: "warning", File: "metadata.yaml", Key: "colour", Message: "the key is not known", Hint: "the key is ignored"}, {Severity: "error", File: "config.yaml", Key: "options.port.type", Message: `"integer" is not one of string, int, float, boolean, secret`, Hint: "write int"}}}, lines: []string{"deploy ./testdata/web"}},
		"deploy-wrong":      {fake: &fake{}, lines: []string{"deploy postgresql", "deploy ./nowhere", "deploy ./testdata/web --config ./no.yaml", "deploy ./testdata/web --resource img=./no"}},
		"bundle":            {fake: &fake{statuses: []*clientv1.StatusResponse{empty}}, lines: []string{"deploy ./testdata/bundle.yaml", "deploy ./testdata/bundle.yaml --dry-run", "deploy ./testdata/bundle.yaml --overlay ./testdata/overlay.yaml"}},
		"bundle-beside":     {fake: &fake{statuses: []*clientv1.StatusResponse{empty}}, lines: []string{"deploy ./testdata/beside.yaml", "deploy ./testdata/beside.yaml --dry-run", "deploy ./testdata/beside-units.yaml"}},
		"bundle-over-live":  {fake: &fake{apps: apps()}, lines: []string{"deploy ./testdata/bundle.yaml"}},
		"refresh":           {fake: &fake{apps: apps()}, lines: []string{"refresh web", "refresh web --path ./testdata/db --force --trust=false --config port=1", "refresh same", "refresh web --wait", "refresh web --storage data=fast,2,10M --storage logs=1", "refresh web --storage data", "refresh web --path ./testdata/db --shadow=3"}},
		"refresh-lost":      {fake: &fake{}, lines: []string{"refresh web"}},
		"config":            {fake: &fake{}, lines: []string{"config web", "config web --format json", "config web port", "config web title", "config web trust", "config web nope", "config web port=81 title=x", "config web --reset port,title", "config web --file -"}, in: "web:\n  port: 3\n"},
		"config-wait":       {fake: &fake{journal: []*controllerv1.JournalEntry{ran("config-changed", "ok", 99), ran("update-status", "ok", 101), ran("config-changed", "ok", 102)}}, lines: []string{"config web port=81 --wait", "config web port=80 --wait", "config web port=81"}},
		"config-tty":        {tty: true, fake: &fake{journal: []*controllerv1.JournalEntry{ran("config-changed", "ok", 102)}}, lines: []string{"config web port=81", "config web port=80"}},
		"config-tty-fails":  {tty: true, fake: &fake{journal: []*controllerv1.JournalEntry{ran("config-changed", "failed", 102)}}, lines: []string{"config web port=81"}},
		"config-wait-fails": {fake: &fake{journal: []*controllerv1.JournalEntry{ran("config-changed", "failed", 102)}}, lines: []string{"config web port=81 --wait"}},
		"config-wait-late":  {fake: &fake{journal: []*controllerv1.JournalEntry{ran("config-changed", "ok", 99)}}, lines: []string{"config web port=81 --wait --timeout 2s"}},
		"relate":            {fake: &fake{hold: true}, lines: []string{"integrate web db", "relate web:db db:db --wait", "remove-relation web db", "remove-relation 7 --force", "suspend-relation 7 8 --message moving", "resume-relation 7,8"}},
		"storage": {fake: storageFake(), lines: []string{"storage", "storage --format yaml", "storage --format json", "show-storage data/0", "show-storage data/0 data/9", "show-storage data",
			"add-storage web/0 data", "add-storage web/0 data=2,10G,fast logs=1", "add-storage web data", "add-storage web/0 data=x,y,z", "attach-storage web/1 data/1", "attach-storage web/1 logs",
			"detach-storage data/0", "detach-storage data/0 --force --no-wait", "detach-storage data/0 --no-wait", "remove-storage data/1 data/0", "remove-storage data/1 --no-destroy", "remove-storage data/0 --force",
			"status --storage"}},
		"resources": {fake: resourcesFake(), lines: []string{"resources web", "resources web --details", "resources web/0 --format yaml", "resources web --format json",
			"attach-resource web blob=testdata/golden/wrong-use.txt", "attach-resource web blob=testdata/none", "attach-resource web blob=testdata", "attach-resource web disk=x", "attach-resource web blob",
			"attach-resource web image=me/web:2", "attach-resource web image=testdata/image.yaml", "attach-resource web image=testdata/bad-image.yaml"}},
		"resources-none": {fake: &fake{}, lines: []string{"resources web"}},
		"machine-lock": {fake: &fake{locks: []*clientv1.MachineLockInfo{
			{Agent: "local-0", Machine: "0", File: "/run/bangle/machine-lock", Holder: &clientv1.MachineLockUser{Model: "m", Unit: "web/0", What: "install", SinceUnixNano: 1771934400e9},
				Waiting: []*clientv1.MachineLockUser{{Model: "m", Unit: "web/1", What: "action backup", SinceUnixNano: 1771934460e9}, {Model: "n", Unit: "db/0", What: "start", SinceUnixNano: 1771934461e9}}},
			{Agent: "machine-1", Machine: "1", File: "/run/bangle/machine-lock", Waiting: []*clientv1.MachineLockUser{{Model: "m", Unit: "ntp/0", What: "stop", SinceUnixNano: 1771934462e9}}},
		}}, lines: []string{"machine-lock --utc", "machine-lock --utc --format yaml", "machine-lock --utc --format json", "machine-lock extra"}},
		"machine-lock-free": {fake: &fake{}, lines: []string{"machine-lock", "machine-lock --format json"}},
		"storage-pools": {fake: &fake{}, lines: []string{"storage-pools", "storage-pools --format yaml", "storage-pools --format json --name fast", "storage-pools --provider none,other",
			"create-storage-pool fast ssd", "create-storage-pool fast ssd class=gold iops=40", "create-storage-pool fast", "create-storage-pool fast ssd gold", "create-storage-pool fast ssd type=x",
			"update-storage-pool fast iops=50", "update-storage-pool fast type=hdd", "update-storage-pool fast", "remove-storage-pool fast"}},
		"storage-none": {fake: &fake{}, lines: []string{"storage", "storage --format json"}},
		"units":        {fake: &fake{hold: true}, lines: []string{"add-unit web", "add-unit web -n 2 --wait", "remove-unit web/1 --force --destroy-storage", "remove-unit web --num-units 2 --wait", "scale-application web 3", "scale-application web 3 --wait"}},
		"wait-fails": {fake: &fake{before: sampleModel("active", "idle"), hold: true, statuses: []*clientv1.StatusResponse{sampleModel("waiting", "allocating"), sampleModel("error", "idle")}},
			lines: []string{"deploy ./testdata/web --wait", "add-unit web --wait", "refresh web --path ./testdata/web --wait", "integrate web db --wait", "remove-application web --no-prompt --wait"}},
		"wait-too-long":      {fake: &fake{hold: true, statuses: []*clientv1.StatusResponse{sampleModel("blocked", "idle")}}, lines: []string{"add-unit web --wait --timeout 2s"}},
		"remove":             {fake: &fake{}, lines: []string{"remove-application cache", "remove-application cache lost --no-prompt --force --destroy-storage", "remove-application cache --dry-run"}},
		"remove-wait":        {fake: &fake{hold: true}, lines: []string{"remove-application cache --no-prompt --wait"}},
		"remove-asks":        {fake: &fake{}, tty: true, in: "y\n", lines: []string{"remove-application cache", "remove-application cache"}},
		"bind":               {fake: &fake{}, lines: []string{"bind web alpha db=alpha", "bind web", "spaces", "spaces --format yaml", "add-unit web --attach-storage data/0,data/1", "add-unit web --attach-storage data", "deploy ./testdata/web --attach-storage data/0 --bind alpha --bind db=alpha"}},
		"expose":             {fake: &fake{}, lines: []string{"expose web", "unexpose web", "trust web", "trust web --remove", "trust web --scope=cluster"}},
		"run":                {fake: &fake{tasks: []*controllerv1.Task{result}}, lines: []string{"run web/0 backup --utc", "run web/leader backup to=s3 n=3 deep.a.b=true list=[1,2] --utc", "run web/0 backup n=3 --string-args --utc", "run web/0 backup --params - x=1 --format json --utc", "run web/0 backup --background"}, in: "x: 5\ny: {z: 1}\n"},
		"run-several":        {fake: &fake{tasks: []*controllerv1.Task{result, other}}, lines: []string{"run web/0 web/1 backup --utc", "run web/0 web/1 backup --format json --utc", "run web/0 web/1 backup --background"}},
		"run-failed":         {fake: &fake{tasks: []*controllerv1.Task{other}}, lines: []string{"run web/1 backup"}},
		"run-too-long":       {fake: &fake{tasks: []*controllerv1.Task{going}}, lines: []string{"run web/0 backup --wait 50ms", "run web/0 backup --wait=50ms --format json"}},
		"run-late":           {fake: &fake{tasks: []*controllerv1.Task{result, going}}, lines: []string{"run web/0 web/1 backup --wait 50ms --utc"}},
		"exec-several":       {fake: &fake{tasks: []*controllerv1.Task{command, other}}, lines: []string{"exec --app web -- true", "exec --app web --background -- true", "exec --app web --verbose --format json --utc -- true"}},
		"exec-ended":         {fake: &fake{tasks: []*controllerv1.Task{limited}}, lines: []string{"exec --unit web/0 --wait 1s -- sleep 9", "exec --unit web/0 --wait=-1s -- sleep 9", "exec --unit web/0 --wait 0s -- sleep 9"}},
		"exec":               {fake: &fake{tasks: []*controllerv1.Task{command}}, lines: []string{"exec --unit web/0 -- hostname -f", "exec --unit web/0 hostname -f", "exec --unit web/leader 'echo $JUJU_UNIT_NAME | wc'", "exec -a web --app db -- uptime", "exec --all --format yaml --utc -- uptime"}},
		"exec-cancelled":     {fake: &fake{tasks: []*controllerv1.Task{done("web/0", "cancelled", 0)}}, lines: []string{"exec --unit web/0 -- sleep 9"}},
		"exec-limited":       {fake: &fake{tasks: []*controllerv1.Task{command}}, lines: []string{"exec --unit web/0 --wait 90s -- true", "exec --unit web/0 --background -- true"}},
		"run-aborted":        {fake: &fake{tasks: []*controllerv1.Task{aborted}}, lines: []string{"run web/0 x", "show-task 2 --utc", "show-operation 1 --utc", "exec --unit web/0 -- true"}},
		"tasks":              {fake: &fake{tasks: []*controllerv1.Task{result}}, lines: []string{"actions web", "actions web --format json", "actions web --schema", "actions none", "show-operation 1 --utc", "show-operation 1 --utc --wait 1s --format json", "show-task 2", "show-task 2 --format yaml --utc", "operations --utc", "operations --utc --format json", "cancel-task 2 3"}},
		"show-task-running":  {fake: &fake{tasks: []*controllerv1.Task{going}}, lines: []string{"show-task 2 --utc"}},
		"resolved":           {fake: &fake{hold: true}, lines: []string{"resolved web/0", "resolved web/0 web/1 --no-retry", "resolved --all", "resolve web/0 --wait"}},
		"status":             {fake: &fake{}, lines: []string{"status --utc", "status --utc --relations web db/0", "status --utc --color", "status --utc --format json", "status --utc --format yaml -m test", "status --format oneline", "status --format short", "status --format line", "status --format summary"}},
		"status-empty":       {fake: &fake{statuses: []*clientv1.StatusResponse{empty}}, lines: []string{"status --utc", "status --utc nope", "status --utc --format oneline"}},
		"status-watch":       {fake: &fake{statuses: []*clientv1.StatusResponse{sampleModel("waiting", "allocating"), sampleModel("active", "idle")}}, lines: []string{"status --utc --watch 1s"}},
		"status-watch-tty":   {fake: &fake{statuses: []*clientv1.StatusResponse{sampleModel("waiting", "allocating"), sampleModel("active", "idle")}}, tty: true, lines: []string{"status --utc --watch 1s"}},
		"status-down":        {fake: &fake{fail: connect.NewError(connect.CodeUnavailable, errors.New("cannot reach the store"))}, lines: []string{"status --retry-count 2 --retry-delay 1ms"}},
		"machines":           {fake: &fake{}, lines: []string{"machines", "machines --format json"}},
		"show-unit":          {fake: &fake{journal: []*controllerv1.JournalEntry{ran("config-changed", "ok", 99), ran("update-status", "failed", 101)}}, lines: []string{"show-unit web/0", "show-unit web/0 --app --endpoint db --related-unit db/0 --format json", "show-unit web/0 --events --utc", "show-unit web/0 db/0 --events --utc --last 2", "show-unit web/0 --events --utc --format json"}},
		"replay":             {fake: &fake{}, lines: []string{"replay web/0 last", "replay web/0 --list --utc", "replay web/0 --list --utc --format json", "replay web/0 6-config-changed", "replay web/0 6-config-changed --utc --format yaml", "replay web/0 8-config-changed", "replay web/0", "replay web/0 last --list", "replay web/0 last --charm sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef --runtime wasm"}},
		"show-application":   {fake: &fake{apps: apps()}, lines: []string{"show-application web", "show-application --format json"}},
		"debug-log":          {fake: &fake{logs: []*controllerv1.LogRecord{{Entity: "unit-web-0", Module: "unit.web/0.juju-log", Level: "INFO", Message: "hello", TimeUnixNano: 1771934597_000_000_000}}}, lines: []string{"debug-log --utc", "debug-log --utc --tail --date --ms", "debug-log --utc -n 5", "debug-log --utc --limit 3", "debug-log --utc --replay", "debug-log --utc --replay --no-tail --limit 3 -i web/0 -i db -x web/1 --include-module a --exclude-module b -l warning --format json"}},
		"debug-log-tty":      {fake: &fake{}, tty: true, lines: []string{"debug-log", "debug-log -T", "debug-log --replay", "debug-log --limit 3", "debug-log -n 3"}},
		"wait-for":           {fake: &fake{hold: true, statuses: []*clientv1.StatusResponse{sampleModel("waiting", "allocating"), sampleModel("active", "idle")}}, lines: []string{"wait-for application web", "wait-for unit web/0", "wait-for model dev", "wait-for application web --query 'len(units)==2 && forEach(units, u => u.agent-status==\"idle\")'", "wait-for application gone --query 'life==\"dead\"'", "wait-for application web --query 'status==\"error\"' --timeout 2s", "wait-for application web --query 'size==3'"}},
		"wait-for-model-end": {fake: &fake{}, lines: []string{"wait-for model dev --query 'life==\"dead\"'", "wait-for unit web/0 --query 'life==\"dead\"'"}},
		"export-bundle":      {fake: &fake{apps: apps()}, lines: []string{"export-bundle", "export-bundle --include-charm-defaults"}},
		"export-nothing":     {fake: &fake{}, lines: []string{"export-bundle"}},
		"unbuilt":            {fake: &fake{}, lines: []string{"add-secret x a=b", "secrets --format json", "ssh web/0 -- ls", "offer web:db", "upgrade-model"}},
		"refused":            {fake: &fake{fail: connect.NewError(connect.CodeNotFound, errors.New(`cannot find application "web" in model "dev": there is none of that name; there are db`))}, lines: []string{"config web", "expose web", "status", "run web/0 x", "deploy ./testdata/web", "debug-log", "destroy-model dev --no-prompt", "status --watch 1s", "wait-for unit web/0"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShell(t, c.fake)
			s.app.tty, s.app.in = c.tty, strings.NewReader(c.in)
			golden(t, "verbs/"+name+".txt", script(s, c.lines...))
		})
	}
}

func TestOutputGoesToAFile(t *testing.T) {
	s := newShell(t, &fake{apps: apps()})
	dir := t.TempDir()
	for _, line := range []string{"status --format json -o", "config web -o", "models -o", "export-bundle --filename"} {
		file := filepath.Join(dir, "answer")
		got := s.run(append(words(line), file)...)
		text, err := os.ReadFile(file)
		if err != nil || len(text) == 0 || s.out.Len() > 0 || !strings.Contains(got, "exit 0") {
			t.Errorf("%s: %q, %v; on the terminal: %q\n%s", line, text, err, s.out.String(), got)
		}
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.run("status", "-o", dir); !strings.Contains(got, "exit 1") || !strings.Contains(got, "cannot write answer") {
		t.Errorf("a directory was written to: %s", got)
	}
}

// A large charm comes whole and in several messages.
func TestUploadInPieces(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"metadata.yaml": "name: big\n", "dispatch": "#!/bin/sh\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	noise := make([]byte, 3*chunk+17) // does not pack to nothing: a linear congruence is noise enough
	for i, x := 0, uint32(1); i < len(noise); i++ {
		x = x*1664525 + 1013904223
		noise[i] = byte(x >> 24)
	}
	if err := os.WriteFile(filepath.Join(dir, "noise"), noise, 0o644); err != nil {
		t.Fatal(err)
	}
	s := newShell(t, &fake{})
	if got := s.run("deploy", dir); !strings.Contains(got, "exit 0") {
		t.Error(got)
	}
	var sizes []int
	w := &uploadWriter{send: func(m *clientv1.UploadCharmRequest) error { sizes = append(sizes, len(m.GetData())); return nil }}
	for _, n := range []int{1, chunk, 2*chunk + 5} {
		if _, err := w.Write(make([]byte, n)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.flush(); err != nil || !slices.Equal(sizes, []int{chunk, chunk, chunk, 6}) {
		t.Errorf("sent in pieces of %v, %v", sizes, err)
	}
}

// An interrupt ends watching and following without an error.
func TestInterruptEndsWatching(t *testing.T) {
	for _, line := range []string{"status --watch 1s"} {
		f := &fake{hold: true}
		s := newShell(t, f)
		ctx, cancel := context.WithCancel(context.Background())
		f.entered = func(string) { time.AfterFunc(20*time.Millisecond, cancel) }
		if got := s.runContext(ctx, words(line)...); !strings.Contains(got, "exit 0") || strings.Contains(got, "ERROR") {
			t.Errorf("%s: %s", line, got)
		}
		cancel()
	}
}

func TestComplete(t *testing.T) {
	s := newShell(t, &fake{})
	for line, want := range map[string]string{
		"config ":             "web db",
		"config w":            "web",
		"config web ":         "port= title=",
		"show-unit ":          "web/0 web/1 db/0",
		"show-unit web/0 ":    "web/1 db/0",
		"status d":            "db db/0",
		"run web/0 b":         "backup",
		"switch ":             "dev test main other",
		"destroy-model ":      "dev test",
		"status -m t":         "test",
		"wait-for unit web/1": "web/1",
	} {
		args := strings.Split(line, " ")
		s.run(append([]string{"__complete"}, args...)...)
		var got []string
		for l := range strings.Lines(s.out.String()) {
			if l = strings.TrimSpace(l); !strings.HasPrefix(l, ":") && l != "" {
				got = append(got, l)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q completes to %q, want %q", line, got, want)
		}
	}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if got := s.run("completion", shell); !strings.Contains(got, "exit 0") || s.out.Len() < 1000 {
			t.Errorf("completion %s gives %d bytes", shell, s.out.Len())
		}
	}
}

// Linked as juju the program says its verbs under that name.
func TestUnderTheNameOfJuju(t *testing.T) {
	s := newShell(t, &fake{tasks: []*controllerv1.Task{done("web/0", "failed", 1)}})
	s.app.name = "juju"
	got := script(s, "run web/0 x --background", "run web/0 x", "status --help", "plan", "version")
	if strings.Contains(strings.ReplaceAll(got, "bangle-", ""), "bangle") {
		t.Errorf("bangle is named:\n%s", got)
	}
	if s.run("version"); !strings.HasPrefix(s.out.String(), "3.6.") || strings.Count(s.out.String(), "-") != 2 {
		t.Errorf("version is %q", s.out.String())
	}
	if s.run("version", "--format", "json"); !strings.HasPrefix(s.out.String(), `"3.6.`) {
		t.Errorf("version as JSON is %q", s.out.String())
	}
	if s.run("version", "--all"); !strings.Contains(s.out.String(), "bangle-version: ") {
		t.Errorf("the whole version is %q", s.out.String())
	}
}
