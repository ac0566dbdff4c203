package script

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/tetratelabs/wazero"

	"github.com/bangle-dev/bangle/sdk/errs"
)

// MaxSource is the size of the largest script.
const MaxSource = 1 << 20

// Host is what a script is answered with.
type Host interface {
	// Call answers a function of the ABI, "charm/log@1.log"; nil = no value.
	Call(ctx context.Context, function string, request []byte) []byte
	// Print takes a line of the script's own output.
	Print(ctx context.Context, line string)
	// Now is the script's time of day, in nanoseconds since 1970.
	Now(ctx context.Context) int64
	// Random fills p with random bytes.
	Random(ctx context.Context, p []byte)
}

// Script is one charm's script with the engine that runs it.
type Script struct {
	Engine
	source string
	host   Host
}

// dialect is what differs between engines.
type dialect interface {
	// provide makes what the engine imports beside WASI.
	provide(ctx context.Context, env wazero.HostModuleBuilder, code wazero.CompiledModule) error
	// start evaluates the library and the script in a new instance.
	start(ctx context.Context, g *Guest) error
	// dispatch has the library ask for the input, run the handler and say how it ended.
	dispatch(ctx context.Context, g *Guest) error
}

// Error is what a script did wrong. It leaves the instance usable.
type Error struct {
	Message string // one line, with file and line where they are known
	Detail  string // all of it, with the stack
	Code    int    // that the script asked for; 0 = none
}

// Error is the message.
func (e *Error) Error() string { return e.Message }

// failed makes an error of a text whose first line says what happened and whose rest is the stack.
func failed(text string) *Error {
	text = strings.ToValidUTF8(strings.TrimSpace(text), "\ufffd")
	line, _, _ := strings.Cut(text, "\n")
	if line == "" {
		line = "the charm failed and did not say why"
	}
	return &Error{Message: line, Detail: text}
}

// Find reads the script of the charm in dir; nil when it has none.
func Find(dir string) (*Script, error) {
	for _, e := range Engines() {
		f, err := os.Open(filepath.Join(dir, e.File))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, errs.E(errs.Unavailable, "cannot read charm: %w", err)
		}
		source, err := io.ReadAll(io.LimitReader(f, MaxSource+1))
		f.Close()
		if err != nil {
			return nil, errs.E(errs.Unavailable, "cannot read charm: %w", err)
		}
		return &Script{Engine: e, source: string(source)}, nil
	}
	return nil, nil
}

// TooLarge says whether the script is larger than is allowed.
func (s *Script) TooLarge() bool { return len(s.source) > MaxSource }

// Module is the engine's module.
func (s *Script) Module() ([]byte, error) { return s.module() }

// Provide gives an engine of wazero what the module imports beside WASI. What the script calls, host answers.
func (s *Script) Provide(ctx context.Context, engine wazero.Runtime, code wazero.CompiledModule, host Host) error {
	s.host = host
	env := engine.NewHostModuleBuilder("env")
	if err := s.speak.provide(ctx, env, code); err != nil {
		return err
	}
	if _, err := env.Instantiate(ctx); err != nil {
		return errs.E(errs.Internal, "cannot provide what %s imports: %w", s.Name, err)
	}
	return nil
}

// Start evaluates the library and the script. An *Error is the script's fault.
func (g *Guest) Start(ctx context.Context) error {
	t := &turn{guest: g}
	t.words.seed = func() []byte { return g.script.seed(ctx) }
	return g.script.speak.start(context.WithValue(ctx, turnKey{}, t), g)
}

// Event runs one event. The output is empty when the script has no handler for it; an *Error is a handler that failed.
func (g *Guest) Event(ctx context.Context, input []byte) ([]byte, error) {
	t := &turn{guest: g, input: input}
	t.words.seed = func() []byte { return g.script.seed(ctx) }
	if err := g.script.speak.dispatch(context.WithValue(ctx, turnKey{}, t), g); err != nil {
		return nil, err
	}
	switch {
	case t.failed != nil:
		return nil, t.failed
	case !t.ended:
		return nil, failed("the handler waits for something that never comes")
	}
	return t.output, nil
}

// turn is one event under way.
type turn struct {
	guest         *Guest
	input, output []byte
	ended         bool
	code          int
	words         words
	failed        *Error
}

type turnKey struct{}

// current is the event under way; without one the guest has no business to call.
func current(ctx context.Context) *turn {
	t, ok := ctx.Value(turnKey{}).(*turn)
	if !ok {
		panic(errors.New("the engine called the host outside of an event"))
	}
	return t
}

// answer is the one function that scripts call. found false = there is no value.
func (t *turn) answer(ctx context.Context, name string, request []byte) (value []byte, found bool) {
	s := t.guest.script
	switch name {
	case "input":
		return t.input, true
	case "output":
		t.output, t.ended = request, true
	case "code":
		t.code, _ = strconv.Atoi(string(request))
	case "error":
		t.failed = failed(string(request))
		t.failed.Code = t.code
	case "print":
		s.host.Print(ctx, string(request))
	case "library": // these two for an engine that loads by itself
		return []byte(s.library), true
	case "script":
		return []byte(s.source), true
	case "random":
		return s.seed(ctx), true
	default:
		value = s.host.Call(ctx, name, request)
		return value, len(value) > 0
	}
	return nil, false
}
