package check

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/bangle-dev/bangle/supervisor/plan"
)

// Prober runs a check once; nil means that it passed.
type Prober interface {
	Probe(ctx context.Context, c *plan.Check) error
}

// Commander runs the command of an exec check and returns its exit code and
// the output, at most limit bytes of it.
type Commander interface {
	RunCheck(ctx context.Context, e *plan.ExecCheck, limit int) (code int, output string, err error)
}

const shown = 512 // bytes of a body or of output that an error quotes

// Probes is the Prober for all three kinds.
type Probes struct {
	Commands Commander
	Client   *http.Client // nil means a client without keep-alive that honours proxy variables
}

// NewProbes returns the prober that the supervisor uses.
func NewProbes(c Commander) *Probes {
	return &Probes{Commands: c, Client: &http.Client{Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true,
	}}}
}

// Probe implements [Prober]; the check's timeout applies.
func (p *Probes) Probe(ctx context.Context, c *plan.Check) error {
	timeout := c.EffectiveTimeout()
	tctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var err error
	switch {
	case c.HTTP != nil:
		err = p.http(tctx, c.HTTP)
	case c.TCP != nil:
		err = tcp(tctx, c.TCP)
	default:
		err = p.exec(tctx, c.Exec)
	}
	if err != nil && ctx.Err() == nil && errors.Is(tctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("check timed out after %s", timeout)
	}
	return err
}

func (p *Probes) http(ctx context.Context, c *plan.HTTPCheck) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL, nil)
	if err != nil {
		return fmt.Errorf("cannot build request: %w", err)
	}
	for k, v := range c.Headers {
		if strings.EqualFold(k, "host") {
			req.Host = v
		}
		req.Header.Set(k, v)
	}
	resp, err := p.Client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 == 2 {
		return nil
	}
	body, _ := io.ReadAll(io.LimitReader(resp.Body, shown))
	text := fmt.Sprintf("non-2xx status code %d", resp.StatusCode)
	if lines := firstLines(string(body), 5); lines != "" {
		text += "; " + lines
	}
	return errors.New(text)
}

func tcp(ctx context.Context, c *plan.TCPCheck) error {
	host := c.Host
	if host == "" {
		host = "localhost"
	}
	d := net.Dialer{Timeout: time.Minute}
	conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(c.Port)))
	if err != nil {
		return err
	}
	return conn.Close()
}

func (p *Probes) exec(ctx context.Context, c *plan.ExecCheck) error {
	code, output, err := p.Commands.RunCheck(ctx, c, shown)
	if err != nil {
		return err
	}
	if code == 0 {
		return nil
	}
	text := fmt.Sprintf("exit status %d", code)
	if lines := lastLines(output, 5); lines != "" {
		text += "; " + lines
	}
	return errors.New(text)
}

func firstLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[:min(n, len(lines))], "\n")
}

func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
