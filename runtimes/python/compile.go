package python

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// compileTime is how long compiling may take; what is not compiled then is when it is imported.
const compileTime = 30 * time.Second

// compile writes bytecode beside a charm's modules, once for the units that come after: they are copied with it. Nobody
// waits for it, since it changes nothing but the time of an event.
func (r *Runtime) compile(dir string) {
	var paths []string
	for _, name := range []string{"lib", "venv", "src"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil && info.IsDir() {
			paths = append(paths, name)
		}
	}
	found, err := lookPath("python3", []string{"PATH=" + systemPath})
	if p, other := usual(dir); other == nil {
		found, err = p.interpreter, nil
	}
	if len(paths) == 0 || err != nil {
		return
	}
	r.behind.Go(func() {
		ctx, cancel := context.WithTimeout(r.life, compileTime)
		defer cancel()
		r.compiling.Lock() // a second one finds all there
		defer r.compiling.Unlock()
		cmd := exec.CommandContext(ctx, found, append([]string{"-I", "-c", compiler}, paths...)...)
		cmd.Dir, cmd.Env = dir, []string{"PATH=" + systemPath, "LANG=C.UTF-8"}
		if out, err := cmd.CombinedOutput(); err != nil {
			r.log.Debug("a charm is not compiled whole", "dir", dir, "err", err, "output", string(out))
		}
	})
}

// compiler leaves the processor to whoever wants it.
const compiler = "import os, sys; os.nice(19); import compileall; sys.exit(not all([compileall.compile_dir(d, quiet=1) for d in sys.argv[1:]]))"
