package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/bangle-dev/bangle/core/charm"
	"github.com/bangle-dev/bangle/sdk/errs"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
)

// chunk is how much of a package is sent at once, in bytes.
const chunk = 256 << 10

// source is what a path holds.
type source int

const (
	charmSource source = iota
	bundleSource
)

// look says what lies at a path: a charm (a directory or a zip) or a bundle (a YAML file or a directory with bundle.yaml).
func look(path string) (source, error) {
	info, err := os.Stat(path)
	if err != nil {
		if !strings.ContainsAny(path, "/.") {
			return 0, errs.E(errs.NotFound, "cannot find charm %q: there is no such directory or file; charms come from a directory, a .charm file or a bundle, "+
				"a charm store is not yet supported", path)
		}
		return 0, errs.E(errs.NotFound, "cannot find charm or bundle: %w", err)
	}
	if info.IsDir() {
		for _, name := range [...]string{"charmcraft.yaml", "metadata.yaml"} {
			if _, err := os.Stat(filepath.Join(path, name)); err == nil {
				return charmSource, nil
			}
		}
		if _, err := os.Stat(filepath.Join(path, "bundle.yaml")); err == nil {
			return bundleSource, nil
		}
		return charmSource, nil
	}
	if ext := filepath.Ext(path); ext == ".yaml" || ext == ".yml" {
		return bundleSource, nil
	}
	return charmSource, nil
}

// upload packs a charm as it stands and brings it to the controller, which checks it. What it found is printed; errors
// among that are the error.
func (a *app) upload(ctx context.Context, t *target, path, runtime string) (*clientv1.UploadCharmResponse, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the stream when packing fails
	stream := t.client.UploadCharm(ctx)
	if err := stream.Send(&clientv1.UploadCharmRequest{Model: t.model, Runtime: runtime}); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	w := &uploadWriter{send: stream.Send}
	_, err := charm.Pack(path, w, charm.Limits{})
	if err == nil {
		err = w.flush()
	}
	// io.EOF: the controller has answered already; its answer says why.
	if err != nil && !w.ended {
		return nil, err
	}
	answer, err := stream.CloseAndReceive()
	if err != nil {
		return nil, err
	}
	return answer.Msg, a.findings(path, answer.Msg.GetDiagnostics())
}

// uploadWriter sends what is written in chunks.
type uploadWriter struct {
	send  func(*clientv1.UploadCharmRequest) error
	data  []byte
	ended bool
}

// Write implements io.Writer.
func (w *uploadWriter) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		n := min(len(rest), chunk-len(w.data))
		w.data, rest = append(w.data, rest[:n]...), rest[n:]
		if len(w.data) == chunk {
			if err := w.flush(); err != nil {
				return 0, err
			}
		}
	}
	return len(p), nil
}

func (w *uploadWriter) flush() error {
	if len(w.data) == 0 {
		return nil
	}
	data := w.data
	w.data = nil // the message keeps the old one
	err := w.send(&clientv1.UploadCharmRequest{Data: data})
	w.ended = w.ended || errors.Is(err, io.EOF)
	return err
}

// findings prints what the checks found as "file: key: message" with the hint beneath. Errors come back as one error.
func (a *app) findings(what string, list []*clientv1.Diagnostic) error {
	var bad []string
	for _, d := range list {
		text := finding(d)
		if d.GetSeverity() == "error" {
			bad = append(bad, text)
			continue
		}
		a.say("%s: %s", first(d.GetSeverity(), "warning"), text)
	}
	if len(bad) == 0 {
		return nil
	}
	return errs.E(errs.Invalid, "cannot use charm %s:\n%s", what, strings.Join(bad, "\n"))
}

func finding(d *clientv1.Diagnostic) string {
	var b strings.Builder
	for _, part := range [...]string{d.GetFile(), d.GetKey()} {
		if part != "" {
			b.WriteString(part + ": ")
		}
	}
	b.WriteString(d.GetMessage())
	if d.GetHint() != "" {
		fmt.Fprintf(&b, "\n  %s", d.GetHint())
	}
	return b.String()
}
