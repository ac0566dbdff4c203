package proxy

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"
)

const (
	maxRequest  = 1 << 20                // bytes of a request body the gate passes on
	maxHeld     = 1 << 20                // bytes of an answer held back until it is whole
	againAfter  = 100 * time.Millisecond // pause when every back end refused
	readWithin  = 4 * time.Second        // for the first byte of a GET's answer
	writeWithin = 15 * time.Second       // for the first byte of any other answer
)

var (
	errNone = errors.New("there is no back end yet")
	errSlow = errors.New("the back end did not answer in time")
)

// prepare reads the body, so that it can be sent again, and gives a posted
// entry a key under which a back end stores it once however often it arrives.
func prepare(r *http.Request) error {
	if r.Body != nil && r.Body != http.NoBody {
		body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxRequest))
		r.Body.Close()
		if err != nil {
			return err
		}
		r.Body = http.NoBody
		if len(body) > 0 {
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
		r.ContentLength = int64(len(body))
		r.TransferEncoding = nil
	}
	if r.Method == http.MethodPost && r.URL.Path == "/entries" && r.Header.Get("Idempotency-Key") == "" {
		r.Header.Set("Idempotency-Key", rand.Text())
	}
	return nil
}

// repeatable tells whether sending r twice does no more than sending it once.
func repeatable(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPut, http.MethodDelete:
		return true
	}
	return r.Header.Get("Idempotency-Key") != ""
}

// RoundTrip sends r to one back end after the other until one answers. A
// request that is not repeatable goes to another only when nothing of it can
// have arrived. While all of them refuse it asks again until the gate's
// patience ends.
func (g *Gate) RoundTrip(r *http.Request) (*http.Response, error) {
	deadline := time.Now().Add(g.cfg.Patience)
	for {
		backends, _ := g.snapshot()
		if len(backends) == 0 {
			return nil, errNone
		}
		var last error
		for _, b := range order(backends, g.next(r), time.Now()) {
			resp, err := g.attempt(r, b)
			if err == nil {
				b.succeeded()
				return resp, nil
			}
			if r.Context().Err() != nil {
				return nil, r.Context().Err()
			}
			b.refused(time.Now(), err)
			last = fmt.Errorf("%s: %w", b.name, err)
			if !repeatable(r) && !neverSent(err) {
				return nil, last
			}
		}
		if time.Now().Add(againAfter).After(deadline) || !pause(r.Context(), againAfter) {
			return nil, last
		}
	}
}

// next is the turn of r. Streams have turns of their own: a page asks for one
// each time it is loaded, and with two back ends would else never walk.
func (g *Gate) next(r *http.Request) uint64 {
	if strings.Contains(r.Header.Get("Accept"), "text/event-stream") {
		return g.streams.Add(1) - 1
	}
	return g.turn.Add(1) - 1
}

// neverSent tells whether err means that no byte reached the back end.
func neverSent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial" || errors.Is(err, syscall.ECONNREFUSED)
}

func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// attempt asks one back end. A short answer is read whole before any of it
// goes on, so that a back end that dies in the middle counts as a refusal.
func (g *Gate) attempt(r *http.Request, b *backend) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(r.Context())
	within := writeWithin
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		within = readWithin
	}
	timer := time.AfterFunc(within, func() { cancel(errSlow) })
	out, err := aim(r.Clone(ctx), b)
	if err != nil {
		cancel(err)
		return nil, err
	}
	resp, err := g.transport.RoundTrip(out)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		timer.Stop()
		cancel(err)
		return nil, err
	}
	if held := resp.ContentLength >= 0 && resp.ContentLength <= maxHeld; held && r.Method != http.MethodHead {
		err = hold(resp)
		timer.Stop()
		cancel(nil)
		if err != nil {
			return nil, fmt.Errorf("the answer broke off: %w", err)
		}
		return resp, nil
	}
	timer.Stop()
	g.passOn(resp, cancel)
	return resp, nil
}

// aim points a clone of the client's request at b.
func aim(out *http.Request, b *backend) (*http.Request, error) {
	out.URL.Scheme = b.url.Scheme
	out.URL.Host = b.url.Host
	if base := strings.TrimSuffix(b.url.Path, "/"); base != "" {
		out.URL.Path, out.URL.RawPath = base+out.URL.Path, ""
	}
	if out.GetBody != nil && out.ContentLength > 0 {
		body, err := out.GetBody()
		out.Body = body
		return out, err
	}
	return out, nil
}

func hold(resp *http.Response) error {
	data, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err == nil && int64(len(data)) < resp.ContentLength {
		err = io.ErrUnexpectedEOF
	}
	resp.Body = io.NopCloser(bytes.NewReader(data))
	return err
}

// passOn wraps a body of unknown or great length. An event stream whose back
// end dies ends as if it had finished, so that the browser simply comes back.
func (g *Gate) passOn(resp *http.Response, cancel context.CancelCauseFunc) {
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return
	}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	b := &body{ReadCloser: resp.Body, stream: kind == "text/event-stream"}
	b.release = func() { cancel(nil) }
	if b.stream {
		stop := context.AfterFunc(g.stop, func() { cancel(nil) })
		b.release = func() { stop(); cancel(nil) }
	}
	resp.Body = b
}

type body struct {
	io.ReadCloser
	stream  bool
	release func()
}

// Read reads on; on a stream every failure is the end.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && b.stream {
		err = io.EOF
	}
	return n, err
}

// Close ends the request to the back end.
func (b *body) Close() error {
	err := b.ReadCloser.Close()
	b.release()
	return err
}
