package source

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// NoticeReader reads what a container's supervisor has to say.
type NoticeReader interface {
	// Wait answers the notices after the given time, oldest first, and blocks while there are none; it may answer
	// none after a while. Changes of checks are notices of type "change-update".
	Wait(ctx context.Context, socket string, after time.Time) ([]Notice, error)
	// Checks answers which checks there are, and which of them are down.
	Checks(ctx context.Context, socket string) (map[string]bool, error)
}

// poll is how long one question waits; answer is what the supervisor may take beyond it.
const (
	poll   = 30 * time.Second
	answer = 10 * time.Second
)

// maxAnswer bounds what a workload may make the agent read.
const maxAnswer = 16 << 20

// SupervisorClient reads notices over the supervisor's own API.
type SupervisorClient struct{}

// Wait is a long poll.
func (SupervisorClient) Wait(ctx context.Context, socket string, after time.Time) ([]Notice, error) {
	query := url.Values{"types": {"custom", "change-update"}, "users": {"all"}, "timeout": {poll.String()}}
	if !after.IsZero() {
		query.Set("after", after.UTC().Format(time.RFC3339Nano))
	}
	var list []struct {
		ID           string    `json:"id"`
		Type         string    `json:"type"`
		Key          string    `json:"key"`
		LastRepeated time.Time `json:"last-repeated"`
	}
	if err := get(ctx, socket, "/v1/notices?"+query.Encode(), &list); err != nil {
		return nil, fmt.Errorf("cannot read notices: %w", err)
	}
	notices := make([]Notice, 0, len(list))
	for _, n := range list {
		notices = append(notices, Notice{ID: n.ID, Type: n.Type, Key: n.Key, LastRepeated: n.LastRepeated})
	}
	return notices, nil
}

// Checks asks for all of them.
func (SupervisorClient) Checks(ctx context.Context, socket string) (map[string]bool, error) {
	var list []struct {
		Name   string `json:"name"`
		Status string `json:"status"`
	}
	if err := get(ctx, socket, "/v1/checks", &list); err != nil {
		return nil, fmt.Errorf("cannot read checks: %w", err)
	}
	checks := make(map[string]bool, len(list))
	for _, c := range list {
		checks[c.Name] = c.Status == "down"
	}
	return checks, nil
}

// get asks one question on a connection of its own: a waiting one must not be in the way of another.
func get(ctx context.Context, socket, path string, result any) error {
	ctx, cancel := context.WithTimeout(ctx, poll+answer)
	defer cancel()
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost"+path, nil)
	if err != nil {
		return err
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // it was read, or the error is told
	var reply struct {
		Status string          `json:"status"`
		Result json.RawMessage `json:"result"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&reply); err != nil {
		return fmt.Errorf("the supervisor answered %s: %w", resp.Status, err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the supervisor answered %s: %s", resp.Status, reply.Result)
	}
	return json.Unmarshal(reply.Result, result)
}
