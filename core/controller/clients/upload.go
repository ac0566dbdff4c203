package clients

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"connectrpc.com/connect"

	"github.com/bangle-dev/bangle/core/charm"
	"github.com/bangle-dev/bangle/core/charm/diag"
	"github.com/bangle-dev/bangle/core/controller/blobs"
	"github.com/bangle-dev/bangle/core/controller/charms"
	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/sdk/errs"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
)

// UploadCharm takes a package, checks all of it and keeps it only if nothing is
// wrong. What is wrong comes back as diagnostics, not as an error.
func (s *Service) UploadCharm(ctx context.Context, stream *connect.ClientStream[clientv1.UploadCharmRequest]) (*connect.Response[clientv1.UploadCharmResponse], error) {
	src := &uploadReader{stream: stream}
	if err := src.first(); err != nil {
		return nil, err
	}
	in, err := s.cfg.Blobs.Receive(src)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err := in.Discard(); err != nil {
			s.cfg.Log.Warn("cannot discard charm package", "error", err)
		}
	}()
	ch, list, err := charm.Read(in.Path(), charm.ReadConfig{Runtime: charm.Runtime(src.runtime)})
	resp := &clientv1.UploadCharmResponse{Digest: in.Digest, Diagnostics: diagnostics(list)}
	if err != nil {
		if !list.HasErrors() {
			resp.Diagnostics = append(resp.Diagnostics, &clientv1.Diagnostic{Severity: string(diag.Error), Message: err.Error()})
		}
		return connect.NewResponse(resp), nil
	}
	resp.Name, resp.Runtime = ch.Meta.Name, string(ch.Runtime)
	deep, err := s.deepCheck(ctx, in, ch)
	if err != nil {
		return nil, err
	}
	resp.Diagnostics = append(resp.Diagnostics, deep...)
	if hasErrors(resp.GetDiagnostics()) {
		return connect.NewResponse(resp), nil
	}
	if src.runtime != "" {
		// The record says what the package ships; another runtime is the deployment's choice.
		if shipped, _, err := charm.Read(in.Path(), charm.ReadConfig{}); err == nil {
			ch = shipped
		}
	}
	return connect.NewResponse(resp), s.keepCharm(ctx, in, ch)
}

// deepCheck unpacks the charm for the runtime that is to load it. What was found well once since the controller started is not
// tried again: a bundle names a charm several times, and a refresh may find nothing new.
func (s *Service) deepCheck(ctx context.Context, in *blobs.Incoming, ch *charm.Charm) ([]*clientv1.Diagnostic, error) {
	if s.cfg.CheckCharm == nil {
		return nil, nil
	}
	runtime := string(ch.Runtime)
	key := in.Digest + " " + runtime
	if known, ok := s.sound.Load(key); ok {
		return known.([]*clientv1.Diagnostic), nil
	}
	dir, err := os.MkdirTemp(s.cfg.Temp, "bangle-charm-")
	if err != nil {
		return nil, fmt.Errorf("cannot check charm: %w", err)
	}
	defer os.RemoveAll(dir)
	dir = filepath.Join(dir, "charm")
	if err := charm.UnpackFile(in.Path(), dir, charm.Limits{}); err != nil {
		return []*clientv1.Diagnostic{{Severity: string(diag.Error), Message: err.Error()}}, nil
	}
	found, err := s.cfg.CheckCharm(ctx, dir, in.Digest, ch)
	if err == nil && !slices.ContainsFunc(found, func(d *clientv1.Diagnostic) bool { return d.GetSeverity() == string(diag.Error) }) {
		s.sound.Store(key, found)
	}
	return found, err
}

// keepCharm stores the package first, then its record: a record always has its
// package.
func (s *Service) keepCharm(ctx context.Context, in *blobs.Incoming, ch *charm.Charm) error {
	rec, err := charms.Record(in.Digest, in.Size, in.Path(), ch)
	if err != nil {
		return err
	}
	if err := in.Keep(); err != nil {
		return err
	}
	_, err = s.write(ctx, func(e *edit) error {
		if had := s.cfg.Mirror.Charm(in.Digest); had != nil {
			return nil
		}
		e.put(store.CharmKey(in.Digest), 0, rec)
		return nil
	})
	return err
}

// uploadReader reads the data of an upload as one stream of bytes.
type uploadReader struct {
	stream  *connect.ClientStream[clientv1.UploadCharmRequest]
	runtime string
	rest    []byte
}

func (r *uploadReader) first() error {
	if !r.stream.Receive() {
		if err := r.stream.Err(); err != nil {
			return errs.E(errs.Unavailable, "cannot take charm package: %w", err)
		}
		return errs.E(errs.Invalid, "cannot take charm package: nothing was sent")
	}
	r.runtime, r.rest = r.stream.Msg().GetRuntime(), r.stream.Msg().GetData()
	return nil
}

// Read implements io.Reader.
func (r *uploadReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if !r.stream.Receive() {
			if err := r.stream.Err(); err != nil && !errors.Is(err, io.EOF) {
				return 0, errs.E(errs.Unavailable, "cannot take charm package: %w", err)
			}
			return 0, io.EOF
		}
		r.rest = r.stream.Msg().GetData()
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func diagnostics(list diag.List) []*clientv1.Diagnostic {
	var out []*clientv1.Diagnostic
	for _, d := range list {
		text := d.Message
		if d.Line > 0 {
			text = fmt.Sprintf("line %d: %s", d.Line, text)
		}
		out = append(out, &clientv1.Diagnostic{Severity: string(d.Severity), File: d.File, Key: d.Key, Message: text, Hint: d.Hint})
	}
	return out
}

func hasErrors(list []*clientv1.Diagnostic) bool {
	for _, d := range list {
		if d.GetSeverity() == string(diag.Error) {
			return true
		}
	}
	return false
}
