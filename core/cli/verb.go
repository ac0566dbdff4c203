package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/bangle-dev/bangle/core/cli/render"
	"github.com/bangle-dev/bangle/sdk/errs"
)

// verb is what --help says of a command. Examples are written for "bangle" and shown with the program's name.
type verb struct {
	use, short, long, example string
	aliases                   []string
	least, most               int // arguments; most -1 is any number
}

// command makes the command of a verb.
func (a *app) command(v verb, run func(ctx context.Context, args []string) error) *cobra.Command {
	_, form, _ := strings.Cut(v.use, " ")
	return &cobra.Command{
		Use: v.use, Aliases: v.aliases, Short: v.short, Long: strings.TrimSpace(v.short + ".\n\n" + wrap(a.ours(v.long), helpWidth)), Example: a.examples(v.example),
		Args: args(v.least, v.most, form),
		RunE: func(cmd *cobra.Command, args []string) error { return run(cmd.Context(), args) },
	}
}

// ours puts the program's name for bangle where a text names a command.
func (a *app) ours(text string) string {
	return strings.ReplaceAll(strings.TrimSpace(text), "`bangle ", "`"+a.name+" ")
}

// helpWidth is where lines of --help break.
const helpWidth = 100

// wrap breaks a text at blanks into lines of at most width characters.
func wrap(text string, width int) string {
	var b strings.Builder
	at := 0
	for i, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case i > 0 && at+1+n > width:
			b.WriteByte('\n')
			at = 0
		case i > 0:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += n
	}
	return b.String()
}

func (a *app) examples(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i, l := range lines {
		l = strings.TrimSpace(l)
		if rest, ok := strings.CutPrefix(l, "bangle "); ok {
			l = a.name + " " + rest
		}
		lines[i] = "  " + l
	}
	return strings.Join(lines, "\n")
}

// scope is which model a command is about.
type scope struct {
	controller, model string
}

// modelScope adds -m to a command about a model.
func (a *app) modelScope(c *cobra.Command) *scope {
	s := &scope{}
	c.Flags().StringVarP(&s.model, "model", "m", "", "the model, [CONTROLLER:]MODEL; else the current one")
	c.Flags().StringVarP(&s.controller, "controller", "c", "", "the controller; else the current one")
	must(c.RegisterFlagCompletionFunc("model", a.completeModels))
	return s
}

// controllerScope adds -c to a command about a controller.
func (a *app) controllerScope(c *cobra.Command) *scope {
	s := &scope{}
	c.Flags().StringVarP(&s.controller, "controller", "c", "", "the controller; else the current one")
	return s
}

// must is for what only a mistake in this package makes fail: a flag named twice.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// reach finds the controller and the model of a command.
func (a *app) reach(ctx context.Context, s *scope) (*target, error) { return a.connect(ctx, s, true) }

// reachController finds only the controller.
func (a *app) reachController(ctx context.Context, s *scope) (*target, error) {
	return a.connect(ctx, s, false)
}

func (a *app) connect(ctx context.Context, s *scope, needModel bool) (*target, error) {
	if a.dialer != nil {
		return a.dialer(ctx, s.controller, s.model, needModel)
	}
	return a.dial(ctx, s.controller, s.model, needModel)
}

// output is in which form and where a command answers.
type output struct {
	app    *app
	format string
	file   string
	forms  []string
	given  bool // --format was said
}

// answers adds --format and -o to a command; the first form is the default.
func (a *app) answers(c *cobra.Command, forms ...string) *output {
	o := &output{app: a, forms: forms}
	c.Flags().StringVar(&o.format, "format", forms[0], "how to answer: "+strings.Join(forms, ", "))
	c.Flags().StringVarP(&o.file, "output", "o", "", "write the answer to this file")
	must(c.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(forms, cobra.ShellCompDirectiveNoFileComp)))
	old := c.PreRunE
	c.PreRunE = func(cmd *cobra.Command, args []string) error {
		o.given = cmd.Flags().Changed("format")
		if !slices.Contains(o.forms, o.format) {
			return usage("cannot answer in format %q; the formats are %s", o.format, strings.Join(o.forms, ", "))
		}
		if old != nil {
			return old(cmd, args)
		}
		return nil
	}
	return o
}

// write gives the answer to where it goes.
func (o *output) write(answer func(w io.Writer) error) error {
	if o.file == "" {
		return answer(o.app.out)
	}
	f, err := os.Create(o.file)
	if err != nil {
		return errs.E(errs.Invalid, "cannot write answer: %w", err)
	}
	if err := answer(f); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return errs.E(errs.Internal, "cannot write answer: %w", err)
	}
	return nil
}

// value answers with a value in YAML or JSON.
func (o *output) value(v any) error {
	return o.write(func(w io.Writer) error { return render.Value(w, o.format, v) })
}

// colour says whether the answer is drawn in colours.
func (o *output) colour() bool { return o.app.tty && o.file == "" && o.app.getenv("NO_COLOR") == "" }

// zone is how times are shown: here, or UTC.
func (a *app) zone(utc bool) render.Zone {
	if utc {
		return render.Zone{Location: time.UTC}
	}
	return render.Zone{Location: time.Local}
}

// say prints a line of progress: on the error stream, so that it is never part of an answer.
func (a *app) say(format string, values ...any) { fmt.Fprintf(a.err, format+"\n", values...) }

// agreed asks for a yes on the terminal.
func (a *app) agreed(question string) bool {
	fmt.Fprintf(a.err, "%s\nContinue [y/N]? ", question)
	line, err := bufio.NewReader(a.in).ReadString('\n')
	if err != nil && line == "" {
		return false
	}
	answer := strings.ToLower(strings.TrimSpace(line))
	return answer == "y" || answer == "yes"
}

// unsupported adds flags of Juju that are not built yet, so that a script is told so. A name with "!" at its end takes no
// value.
func unsupported(c *cobra.Command, flags ...string) {
	for i, name := range flags {
		name, isBool := strings.CutSuffix(name, "!")
		flags[i] = name
		c.Flags().String(name, "", "not yet supported")
		if isBool {
			c.Flags().Lookup(name).NoOptDefVal = "true"
		}
		must(c.Flags().MarkHidden(name))
	}
	old := c.PreRunE
	c.PreRunE = func(cmd *cobra.Command, args []string) error {
		for _, name := range flags {
			if cmd.Flags().Changed(name) {
				return usage("--%s is not yet supported", name)
			}
		}
		if old != nil {
			return old(cmd, args)
		}
		return nil
	}
}

// waiting is how long a command waits for what it started.
type waiting struct {
	wait    bool
	timeout time.Duration
	through bool              // errors: who waits goes on when a unit fails
	before  map[string]string // units that were in error before, see failures
}

// waits adds --wait and --timeout to a command.
func waits(c *cobra.Command, until string) *waiting {
	w := &waiting{}
	c.Flags().BoolVar(&w.wait, "wait", false, "wait until "+until+", and say how long it took")
	c.Flags().DurationVar(&w.timeout, "timeout", 5*time.Minute, "with --wait: give up after this long")
	c.Flags().BoolVar(&w.through, "through-errors", false, "with --wait: go on waiting when a unit fails; it is tried again, or somebody resolves it")
	return w
}

// pairs reads KEY=VALUE arguments; "@FILE" as a value is the content of a file.
func pairs(list []string) (map[string]string, error) {
	out := map[string]string{}
	for _, arg := range list {
		key, value, found := strings.Cut(arg, "=")
		if !found || key == "" {
			return nil, usage("expected \"KEY=VALUE\", got %q", arg)
		}
		if file, isFile := strings.CutPrefix(value, "@"); isFile {
			text, err := os.ReadFile(file)
			if err != nil {
				return nil, errs.E(errs.NotFound, "cannot read value of %q: %w", key, err)
			}
			value = string(text)
		}
		out[key] = value
	}
	return out, nil
}

// seconds is a time as it is told: "0.42 s".
func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

// plural is "1 unit", "2 units".
func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
