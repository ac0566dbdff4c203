package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// LogEntry is one line of a service's output.
type LogEntry struct {
	Time    time.Time `json:"time"`
	Service string    `json:"service"`
	Message string    `json:"message"`
}

// LogOptions chooses log lines.
type LogOptions struct {
	Services []string // none means all
	N        int      // newest lines over all services; -1 for all, 0 for the default of 30 (none when following)
	Follow   bool     // go on until ctx is done
}

// Logs calls fn for every line, oldest first, until there are no more, fn
// fails, or ctx is done; the end of ctx while following is no error.
func (c *Client) Logs(ctx context.Context, o LogOptions, fn func(LogEntry) error) error {
	q := url.Values{}
	listParam(q, "services", o.Services)
	if o.N != 0 {
		q.Set("n", strconv.Itoa(o.N))
	}
	if o.Follow {
		q.Set("follow", "true")
	}
	resp, err := c.request(ctx, http.MethodGet, "/v1/logs", q, nil, nil)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		_, err := c.decode(resp, nil)
		return err
	}
	defer resp.Body.Close()
	dec := json.NewDecoder(resp.Body)
	for {
		var e LogEntry
		err := dec.Decode(&e)
		switch {
		case errors.Is(err, io.EOF), err != nil && o.Follow && ctx.Err() != nil:
			return nil
		case err != nil:
			return fmt.Errorf("cannot read logs: %w", err)
		}
		if err := fn(e); err != nil {
			return err
		}
	}
}
