package supervisortest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"time"
)

// Config says who is tested.
type Config struct {
	Socket string // the supervisor's unix socket
	Dir    string // an existing directory that the supervisor can write to
	// Wrap may look at every request and answer; nil is not.
	Wrap func(http.RoundTripper) http.RoundTripper
	// Patience is how long is waited for what must happen; 20 s when 0.
	Patience time.Duration
}

// ErrSkipped is wrapped by the error of a case that cannot be tried here.
var ErrSkipped = errors.New("skipped") //nolint:gochecknoglobals // a sentinel

// failure is what a case panics with; Try turns it into an error.
type failure struct{ err error }

// testCase is one case of the suite.
type testCase struct {
	name string
	do   func(*probe)
}

func cases() []testCase {
	return slices.Concat(refusals(), systemCases(), planCases(), serviceCases(), changeCases(), execCases(), terminalCases(),
		fileCases(), fileFaults(), logCases(), checkCases(), noticeCases(), identityCases(), identified(), accessCases())
}

// Cases names all cases in the order in which they are best run.
func Cases() []string {
	var out []string
	for _, c := range cases() {
		out = append(out, c.name)
	}
	return out
}

// Try runs one case. The error says what the supervisor did wrong, or wraps
// ErrSkipped.
func Try(ctx context.Context, cfg Config, name string) (err error) {
	all := cases()
	i := slices.IndexFunc(all, func(c testCase) bool { return c.name == name })
	if i < 0 {
		return fmt.Errorf("there is no case %q", name)
	}
	if cfg.Patience == 0 {
		cfg.Patience = 20 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, 3*cfg.Patience)
	defer cancel()
	p := newProbe(ctx, cfg, os.Getuid())
	defer p.close()
	defer func() {
		if got := recover(); got != nil {
			f, ok := got.(failure)
			if !ok {
				panic(got)
			}
			err = f.err
		}
	}()
	all[i].do(p)
	return nil
}

// probe is what a case works with.
type probe struct {
	ctx      context.Context
	cfg      Config
	name     string // unlike that of any other run
	http     *http.Client
	uid      int
	stranger int // id of a user nobody else uses
	started  []string
	others   []*probe
	conns    []io.Closer
}

func newProbe(ctx context.Context, cfg Config, uid int) *probe {
	p := &probe{ctx: ctx, cfg: cfg, uid: uid, stranger: 1e9 + rand.IntN(1e9), name: "t" + strconv.FormatUint(rand.Uint64()>>24, 36)}
	var transport http.RoundTripper = &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			if uid == os.Getuid() {
				return (&net.Dialer{}).DialContext(ctx, "unix", cfg.Socket)
			}
			return dialAs(cfg.Socket, uid)
		},
		DisableCompression: true,
	}
	if cfg.Wrap != nil {
		transport = cfg.Wrap(transport)
	}
	p.http = &http.Client{Transport: transport}
	return p
}

// as is the same supervisor seen by another user.
func (p *probe) as(uid int) *probe {
	if os.Getuid() != 0 {
		p.skip("only root can be somebody else")
	}
	o := newProbe(p.ctx, p.cfg, uid)
	p.others = append(p.others, o)
	return o
}

// close stops what the case has started, and hangs up.
func (p *probe) close() {
	for _, c := range p.conns {
		_ = c.Close()
	}
	if len(p.started) > 0 {
		func() {
			defer func() { _ = recover() }() // the case has said already what is wrong
			p.change(p.post("/v1/services", m{"action": "stop", "services": p.started}).async())
		}()
	}
	for _, o := range append(p.others, p) {
		o.http.CloseIdleConnections()
	}
}

func (p *probe) failf(format string, args ...any) { panic(failure{fmt.Errorf(format, args...)}) }

func (p *probe) skip(why string) { panic(failure{fmt.Errorf("%w: %s", ErrSkipped, why)}) }

// must fails the case with the text unless ok.
func (p *probe) must(ok bool, format string, args ...any) {
	if !ok {
		p.failf(format, args...)
	}
}

func (p *probe) noErr(err error, what string) {
	if err != nil {
		p.failf("%s: %w", what, err)
	}
}

// eventually tries again until ok.
func (p *probe) eventually(what string, ok func() bool) {
	deadline, again := time.After(p.cfg.Patience), time.NewTicker(10*time.Millisecond)
	defer again.Stop()
	for !ok() {
		select {
		case <-again.C:
		case <-deadline:
			p.failf("it never happened that %s", what)
		}
	}
}
