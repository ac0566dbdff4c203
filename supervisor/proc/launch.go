package proc

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
)

// DefaultPath is the PATH of commands when nothing else gives one.
const DefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Tree is the file tree that commands run in.
type Tree interface {
	Opener
	// Stat follows symbolic links inside the tree.
	Stat(path string) (fs.FileInfo, error)
}

// Launcher turns what configuration says about a command into a [Spec].
type Launcher struct {
	Reaper  *Reaper
	Tree    Tree
	Root    string            // directory to chroot into, "" for none
	Environ map[string]string // the daemon's environment
}

// Environ splits KEY=value pairs, as of os.Environ.
func Environ(pairs []string) map[string]string {
	env := make(map[string]string, len(pairs))
	for _, p := range pairs {
		if k, v, ok := strings.Cut(p, "="); ok {
			env[k] = v
		}
	}
	return env
}

// Pairs renders an environment, sorted.
func Pairs(env map[string]string) []string {
	out := make([]string, 0, len(env))
	for _, k := range slices.Sorted(maps.Keys(env)) {
		out = append(out, k+"="+env[k])
	}
	return out
}

// Command is a command as configuration states it.
type Command struct {
	Words   []string
	Env     []map[string]string // over the daemon's, later ones win
	Account Request
	Dir     string
	Expand  bool // replace variables in Words and in the last of Env
}

// Prepare resolves the account, the environment and the program. HOME and
// USER of a given user come from its passwd entry unless Env sets them.
func (l *Launcher) Prepare(c Command) (Spec, error) {
	account, err := c.Account.Resolve(l.Tree)
	if err != nil {
		return Spec{}, err
	}
	env := maps.Clone(l.Environ)
	if account.Given && account.Name != "" {
		env["USER"], env["HOME"] = account.Name, account.Home
	}
	for i, m := range c.Env {
		if c.Expand && i == len(c.Env)-1 {
			m = ExpandAll(m, env)
		}
		maps.Copy(env, m)
	}
	words := c.Words
	if c.Expand {
		words = make([]string, len(c.Words))
		for i, w := range c.Words {
			words[i] = Expand(w, env)
		}
	}
	path, err := l.LookPath(words[0])
	if err != nil {
		return Spec{}, err
	}
	return Spec{
		Path: path, Args: words, Env: Pairs(env), Dir: l.dir(c.Dir), Root: l.Root,
		Credential: account.Credential(),
	}, nil
}

// Expand replaces $VAR and ${VAR} by what env says, by nothing when it says nothing, and $$ by $.
func Expand(s string, env map[string]string) string {
	return os.Expand(s, func(name string) string {
		if name == "$" {
			return "$"
		}
		return env[name]
	})
}

// ExpandAll returns values with every variable replaced.
func ExpandAll(values, env map[string]string) map[string]string {
	out := make(map[string]string, len(values))
	for k, v := range values {
		out[k] = Expand(v, env)
	}
	return out
}

// dir makes sure that a chrooted process does not keep a directory outside.
func (l *Launcher) dir(dir string) string {
	if dir == "" && l.Root != "" {
		return "/"
	}
	return dir
}

// LookPath finds a program inside the tree by the daemon's PATH.
func (l *Launcher) LookPath(name string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	path := l.Environ["PATH"]
	if path == "" {
		path = DefaultPath
	}
	for dir := range strings.SplitSeq(path, ":") {
		if !strings.HasPrefix(dir, "/") {
			continue
		}
		full := strings.TrimSuffix(dir, "/") + "/" + name
		if l.executable(full) {
			return full, nil
		}
	}
	return "", fmt.Errorf("exec: %q: %w", name, ErrNotFound)
}

// ErrNotFound is wrapped when no directory of PATH has the program.
var ErrNotFound = errors.New("executable file not found in $PATH")

func (l *Launcher) executable(path string) bool {
	info, err := l.Tree.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0
}

// Executable says what is wrong with a program given by its path.
func (l *Launcher) Executable(path string) error {
	if !l.executable(path) {
		return fmt.Errorf("exec: %q: %w", path, ErrNotFound)
	}
	return nil
}
