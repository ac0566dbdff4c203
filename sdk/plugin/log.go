package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sys/unix"
)

// NewLogger writes lines to stderr that the host passes on with their level
// and attributes.
func NewLogger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(stderr{}, &slog.HandlerOptions{Level: levelOf(os.Getenv(EnvLog))}))
}

// stderr is descriptor 2 itself: go-plugin puts another file into os.Stderr,
// whose last lines are lost when the plugin ends.
type stderr struct{}

// Write writes all of a line.
func (stderr) Write(line []byte) (int, error) {
	written := 0
	for written < len(line) {
		n, err := unix.Write(2, line[written:])
		if err != nil && !errors.Is(err, unix.EINTR) && !errors.Is(err, unix.EAGAIN) {
			return written, err
		}
		written += max(n, 0)
	}
	return written, nil
}

// levelOf reads a level's name; an unknown one is info.
func levelOf(name string) slog.Level {
	var level slog.Level
	if level.UnmarshalText([]byte(name)) != nil {
		return slog.LevelInfo
	}
	return level
}

// Relay logs one stderr line of a plugin: lines of NewLogger with their level,
// time-stamped anew, everything else as a message of level info or, once the
// plugin panics, error. The line may hold anything.
func Relay(ctx context.Context, to *slog.Logger, line string) {
	level, msg, attrs, ok := parseLine(line)
	if !ok {
		level, msg, attrs = slog.LevelInfo, line, nil
		if strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ") {
			level = slog.LevelError
		}
	}
	to.LogAttrs(ctx, level, msg, attrs...)
}

// parseLine takes a line of slog's JSON handler apart, attributes sorted.
func parseLine(line string) (slog.Level, string, []slog.Attr, bool) {
	if !strings.HasPrefix(line, "{") {
		return 0, "", nil, false
	}
	var fields map[string]any
	if json.Unmarshal([]byte(line), &fields) != nil {
		return 0, "", nil, false
	}
	msg, hasMsg := fields[slog.MessageKey].(string)
	name, hasLevel := fields[slog.LevelKey].(string)
	if !hasMsg || !hasLevel {
		return 0, "", nil, false
	}
	var attrs []slog.Attr
	for key, value := range fields {
		switch key {
		case slog.MessageKey, slog.LevelKey, slog.TimeKey:
		default:
			attrs = append(attrs, slog.Any(key, value))
		}
	}
	slices.SortFunc(attrs, func(a, b slog.Attr) int { return strings.Compare(a.Key, b.Key) })
	return levelOf(name), msg, attrs, true
}

// Bridge lets go-plugin, which wants an hclog.Logger, write to slog. Its
// chatter is of level debug, whatever it says: each of its failures also comes
// back as an error.
func Bridge(to *slog.Logger) hclog.Logger { return &bridge{to: to} }

type bridge struct {
	to      *slog.Logger
	name    string
	implied []any
}

// Log is the only way out.
func (b *bridge) Log(_ hclog.Level, msg string, args ...any) {
	b.to.Log(context.Background(), slog.LevelDebug, msg, args...)
}

func (b *bridge) Trace(string, ...any)          {}
func (b *bridge) Debug(msg string, args ...any) { b.Log(hclog.Debug, msg, args...) }
func (b *bridge) Info(msg string, args ...any)  { b.Log(hclog.Info, msg, args...) }
func (b *bridge) Warn(msg string, args ...any)  { b.Log(hclog.Warn, msg, args...) }
func (b *bridge) Error(msg string, args ...any) { b.Log(hclog.Error, msg, args...) }

func (b *bridge) IsTrace() bool { return false }
func (b *bridge) IsDebug() bool { return b.to.Enabled(context.Background(), slog.LevelDebug) }
func (b *bridge) IsInfo() bool  { return b.IsDebug() }
func (b *bridge) IsWarn() bool  { return b.IsDebug() }
func (b *bridge) IsError() bool { return b.IsDebug() }

func (b *bridge) ImpliedArgs() []any { return b.implied }

func (b *bridge) With(args ...any) hclog.Logger {
	return &bridge{to: b.to.With(args...), name: b.name, implied: slices.Concat(b.implied, args)}
}

func (b *bridge) Name() string { return b.name }

func (b *bridge) Named(string) hclog.Logger           { return b }
func (b *bridge) ResetNamed(name string) hclog.Logger { return &bridge{to: b.to, name: name} }
func (b *bridge) SetLevel(hclog.Level)                {}

// GetLevel says off, so that go-plugin does not parse the plugin's stderr
// itself: it panics there on a line like {"@message":1}. Relay does it.
func (b *bridge) GetLevel() hclog.Level { return hclog.Off }

func (b *bridge) StandardLogger(*hclog.StandardLoggerOptions) *log.Logger {
	return slog.NewLogLogger(b.to.Handler(), slog.LevelDebug)
}

func (b *bridge) StandardWriter(*hclog.StandardLoggerOptions) io.Writer { return io.Discard }
