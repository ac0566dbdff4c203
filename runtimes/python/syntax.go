package python

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
)

// parseTime is how long parsing may take. A program that takes longer is not judged.
const parseTime = 20 * time.Second

// unparsed is the exit code of parser for a program that its interpreter does not understand.
const unparsed = 9

// parser compiles a file and runs nothing of it. What is wrong with it goes to standard output, then the interpreter's version.
const parser = `import sys
try:
    with open(sys.argv[1], "rb") as f: compile(f.read(), sys.argv[2], "exec", 0, True)
except (SyntaxError, ValueError) as e:
    at = ":%d" % e.lineno if getattr(e, "lineno", None) else ""
    said = "%s: %s (%s%s)\n%s" % (type(e).__name__, getattr(e, "msg", None) or e, sys.argv[2], at, ".".join(map(str, sys.version_info[:3])))
    sys.stdout.buffer.write(said.encode("utf-8", "backslashreplace"))
    sys.stdout.flush()
    sys.exit(9)
`

// parse finds what the interpreter of a charm would not understand of the program that every event runs. Modules that it
// imports are not looked at: nobody knows which of them it will reach.
func (r *Runtime) parse(ctx context.Context, dir string) []*charmruntimev1.Diagnostic {
	p, other := usual(dir)
	if other != nil {
		return nil
	}
	file := absolute(p.argv[0], dir)
	name, err := filepath.Rel(dir, file)
	if err != nil || !filepath.IsLocal(name) {
		return nil // it is no file of the charm's
	}
	ctx, cancel := context.WithTimeout(ctx, parseTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.interpreter, "-I", "-S", "-W", "ignore", "-c", parser, file, name)
	cmd.Dir, cmd.Env = dir, []string{"PATH=" + systemPath, "LANG=C.UTF-8"}
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != unparsed {
		if err != nil {
			r.log.Debug("a charm's program was not parsed", "file", file, "err", err)
		}
		return nil
	}
	said, version, _ := strings.Cut(string(out), "\n")
	return []*charmruntimev1.Diagnostic{problem(name, "", said, fmt.Sprintf("mend it; it is run by %s, which is Python %s", p.interpreter, version))}
}

// usual is what dispatch starts, as far as it can be told without an event.
func usual(dir string) (pythonProgram, error) {
	return understand(filepath.Join(dir, "dispatch"), dir, map[string]string{"PATH": systemPath, "CHARM_DIR": dir, "JUJU_CHARM_DIR": dir})
}
