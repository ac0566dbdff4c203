package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"gopkg.in/yaml.v3"

	"github.com/bangle-dev/bangle/supervisor/daemon"
	"github.com/bangle-dev/bangle/supervisor/identity"
)

// runFlags declares the options of `run` and `enter`.
func (p Process) runFlags(fs *flags, cfg *daemon.Config) {
	fs.BoolVar(&cfg.CreateDirs, "create-dirs", false, "make the supervisor's directory if it is missing")
	fs.BoolVar(&cfg.Hold, "hold", false, "do not start default services")
	fs.StringVar(&cfg.HTTP, "http", "", "serve the open endpoints on this TCP address").value = "address"
	fs.StringVar(&cfg.HTTPS, "https", "", "serve clients that have a certificate on this TCP address").value = "address"
	fs.BoolVar(&cfg.Verbose, "v,verbose", false, "copy service output to stdout")
	cfg.Verbose = p.getenv("PEBBLE_VERBOSE") == "1"
	fs.StringVar(&cfg.Root, "root", "", "run services and commands with this directory as their root, and serve its files").value = "dir"
	fs.StringVar(&cfg.PIDFile, "pid-file", "", "write process id, start time, boot id and socket to this file as JSON").value = "file"
}

// config reads the options and arguments of `run` and `enter`.
func (p Process) config(fs *flags, args []string) (daemon.Config, error) {
	args, serviceArgs, err := takeArgs(args)
	cfg := daemon.Config{
		Dir: p.dir(), Socket: p.getenv("PEBBLE_SOCKET"), Args: serviceArgs,
		CopyOnce: p.getenv("PEBBLE_COPY_ONCE"), MemoryOnly: p.getenv("PEBBLE_PERSIST") == "never",
		Environ: p.Environ, Stdout: p.Stdout,
	}
	if err != nil {
		return cfg, err
	}
	p.runFlags(fs, &cfg)
	from := ""
	fs.StringVar(&from, "identities", "", "YAML file with a map under \"identities\", which replace those of the same name").value = "file"
	fs.add("args", "service", "arguments for a service: its name, the arguments, and ; at the end", nil)
	if err := fs.Parse(args); err != nil {
		return cfg, err
	}
	if from != "" {
		if cfg.Identities, err = startIdentities(from); err != nil {
			return cfg, err
		}
	}
	level := slog.LevelInfo
	if p.getenv("PEBBLE_DEBUG") == "1" {
		level = slog.LevelDebug
	}
	cfg.Log = daemon.NewLog(p.Stderr, level)
	return cfg, nil
}

func (p Process) run(args []string) (int, error) {
	cfg, err := p.config(p.flags("run", ""), args)
	if err != nil {
		return daemon.ExitError, err
	}
	return p.supervise(cfg)
}

// supervise runs the daemon until a signal or a service ends it.
func (p Process) supervise(cfg daemon.Config) (int, error) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT)
	defer stop()
	return daemon.Run(ctx, cfg)
}

// takeArgs takes the `--args SERVICE ARG… ;` groups out of the arguments; the
// last one may lack its semicolon.
func takeArgs(args []string) (rest []string, groups map[string][]string, err error) {
	groups = map[string][]string{}
	for i := 0; i < len(args); i++ {
		if args[i] != "--args" && args[i] != "-args" {
			rest = append(rest, args[i])
			continue
		}
		var words []string
		for i++; i < len(args) && args[i] != ";"; i++ {
			words = append(words, args[i])
		}
		if len(words) == 0 {
			return nil, nil, errors.New("--args requires a service name")
		}
		if _, twice := groups[words[0]]; twice {
			return nil, nil, fmt.Errorf("--args given twice for service %q", words[0])
		}
		groups[words[0]] = words[1:]
	}
	return rest, groups, nil
}

// startIdentities reads the file of --identities; a name without a value removes that identity.
func startIdentities(file string) (map[string]*identity.Identity, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("cannot read identities: %w", err)
	}
	var tree struct {
		Identities map[string]any `yaml:"identities"`
	}
	if err := yaml.Unmarshal(data, &tree); err != nil {
		return nil, fmt.Errorf("cannot read identities in %s: %w", file, err)
	}
	if len(tree.Identities) == 0 {
		return nil, fmt.Errorf("cannot read identities in %s: it has no \"identities\" key, or nothing below it", file)
	}
	text, err := json.Marshal(tree.Identities)
	if err != nil {
		return nil, fmt.Errorf("cannot read identities in %s: %w", file, err)
	}
	var out map[string]*identity.Identity
	if err := json.Unmarshal(text, &out); err != nil {
		return nil, fmt.Errorf("cannot read identities in %s: %w", file, err)
	}
	return out, nil
}
