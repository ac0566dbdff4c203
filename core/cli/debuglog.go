package cli

import (
	"context"
	"io"
	"strings"
	"time"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	"github.com/bangle-dev/bangle/core/cli/render"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
)

// logFlags are the flags of debug-log.
type logFlags struct {
	tail, noTail, utc, date, millis, location        bool
	colour, noColour, retry                          bool
	retryDelay                                       time.Duration
	include, exclude, includeModules, excludeModules []string
	lines, limit                                     uint32
	level                                            string
	replay                                           bool
	linesSet, limitSet                               bool // they were named, whatever their value
}

func (f *logFlags) add(c *cobra.Command) {
	fl := c.Flags()
	fl.StringArrayVarP(&f.include, "include", "i", nil, "only what these say: a unit, an application, or a pattern; may be repeated")
	fl.StringArrayVarP(&f.exclude, "exclude", "x", nil, "not what these say; may be repeated")
	fl.StringArrayVar(&f.includeModules, "include-module", nil, "only these modules and those below them; may be repeated")
	fl.StringArrayVar(&f.excludeModules, "exclude-module", nil, "not these modules; may be repeated")
	fl.StringVarP(&f.level, "level", "l", "", "the lowest level: TRACE, DEBUG, INFO, WARNING, ERROR, CRITICAL")
	fl.Uint32VarP(&f.lines, "lines", "n", 10, "begin with so many of the newest lines, and wait for new ones")
	fl.Uint32Var(&f.limit, "limit", 0, "show so many of the newest lines, with --replay of the oldest, and end")
	fl.BoolVar(&f.replay, "replay", false, "begin with the oldest line, and show all")
	fl.BoolVar(&f.tail, "tail", false, "wait for new lines; so it is on a terminal")
	fl.BoolVarP(&f.noTail, "no-tail", "T", false, "do not wait for new lines; so it is elsewhere")
	fl.BoolVar(&f.date, "date", false, "show dates")
	fl.BoolVar(&f.millis, "ms", false, "show milliseconds")
	fl.BoolVar(&f.utc, "utc", false, "show times in UTC")
	fl.BoolVar(&f.location, "location", false, "show where in the source a line was written; charms' lines have that in their text")
	fl.BoolVar(&f.colour, "color", false, "use colours although this is no terminal")
	fl.BoolVar(&f.noColour, "no-color", false, "use no colours")
	fl.BoolVar(&f.retry, "retry", false, "go on when the controller comes back")
	fl.DurationVar(&f.retryDelay, "retry-delay", time.Second, "wait so long between tries")
	unsupported(c, "exclude-labels", "firehose!", "include-labels")
}

func (a *app) debugLogCommand() *cobra.Command {
	var s *scope
	var o *output
	var f logFlags
	var c *cobra.Command
	c = a.command(verb{use: "debug-log", short: "Show the log of a model",
		long: "It has what charms and agents say: of a failed hook the whole traceback. On a terminal it goes on with new lines until it is interrupted.",
		example: "bangle debug-log\nbangle debug-log --replay --no-tail --include web/0 --level WARNING\nbangle debug-log -n 100 --ms --date -x db\n" +
			"bangle debug-log --format json --limit 20"},
		func(ctx context.Context, _ []string) error {
			f.linesSet, f.limitSet = c.Flags().Changed("lines"), c.Flags().Changed("limit")
			if err := f.check(); err != nil {
				return err
			}
			t, err := a.reach(ctx, s)
			if err != nil {
				return err
			}
			return a.debugLog(ctx, t, &f, o)
		})
	s = a.modelScope(c)
	o = a.answers(c, "text", "json")
	f.add(c)
	must(c.RegisterFlagCompletionFunc("include", a.completeUnits))
	must(c.RegisterFlagCompletionFunc("exclude", a.completeUnits))
	return c
}

func (f *logFlags) check() error {
	switch {
	case f.tail && f.noTail:
		return usage("--tail and --no-tail exclude each other")
	case f.noTail && f.retry:
		return usage("--no-tail and --retry exclude each other: what is shown already is not waited for")
	case f.noTail && f.linesSet:
		return usage("--no-tail and --lines exclude each other: --limit %d shows the newest lines and ends, --lines goes on with new ones", f.lines)
	case f.tail && f.limitSet:
		return usage("--tail and --limit exclude each other: --lines %d begins with the newest lines and goes on, --limit ends", f.limit)
	case f.limitSet && f.linesSet:
		return usage("--limit and --lines exclude each other: --limit shows so many of the newest lines and ends, --lines goes on with new ones")
	case f.replay && f.linesSet:
		return usage("--replay and --lines exclude each other: --replay shows all, --lines %d the newest before it goes on, --limit %d the newest before it ends", f.lines, f.lines)
	case f.retryDelay < 0:
		return usage("--retry-delay must not be negative, %s is", f.retryDelay)
	case f.colour && f.noColour:
		return usage("--color and --no-color exclude each other")
	}
	switch level := strings.ToUpper(f.level); level {
	case "", "TRACE", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL":
		f.level = level
		return nil
	}
	return usage("level value %q is not one of TRACE, DEBUG, INFO, WARNING, ERROR, CRITICAL", f.level)
}

// request is what the flags ask for. Naming --lines is asking for what comes too, naming --limit for an end.
func (f *logFlags) request(model string, tty bool) *clientv1.DebugLogRequest {
	req := &clientv1.DebugLogRequest{Model: model, Replay: f.replay, Lines: f.lines, Include: f.include, Exclude: f.exclude, IncludeModule: f.includeModules,
		ExcludeModule: f.excludeModules, Level: f.level, Limit: f.limit, Follow: f.tail || f.linesSet || tty && !f.noTail && !f.limitSet}
	switch {
	case f.replay:
		req.Lines = 0
	case f.limitSet:
		req.Lines = f.limit
	}
	return req
}

func (a *app) debugLog(ctx context.Context, t *target, f *logFlags, o *output) error {
	req := f.request(t.model, a.tty)
	options := render.LogOptions{Zone: a.zone(f.utc), JSON: o.format == "json", Date: f.date, Millis: f.millis, Colour: (o.colour() || f.colour) && !f.noColour}
	return o.write(func(w io.Writer) error {
		for {
			err := t.logLines(ctx, req, func(lines *clientv1.LogLines) error { return render.Log(w, lines.GetRecords(), options) })
			switch {
			case ctx.Err() != nil:
				return nil //nolint:nilerr // interrupted: that is how following ends
			case err == nil || !f.retry || connect.CodeOf(err) != connect.CodeUnavailable:
				return err
			}
			req.Replay, req.Lines = false, 0 // what was shown is not shown again
			if err := pause(ctx, f.retryDelay, true); err != nil {
				return nil //nolint:nilerr // interrupted, as above
			}
		}
	})
}

func (t *target) logLines(ctx context.Context, req *clientv1.DebugLogRequest, show func(*clientv1.LogLines) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := t.client.DebugLog(ctx, connect.NewRequest(req))
	if err != nil {
		return err
	}
	defer stream.Close()
	for stream.Receive() {
		if err := show(stream.Msg()); err != nil {
			return err
		}
	}
	return stream.Err()
}
