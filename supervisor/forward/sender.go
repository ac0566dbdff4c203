package forward

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"
)

const httpTimeout = 10 * time.Second

// sender delivers streams. A [refusedError] means that trying again is of no use.
type sender interface {
	send(context.Context, []stream) error
	close()
}

// refusedError is the answer of a target that will never take the lines.
type refusedError struct{ text string }

func (e *refusedError) Error() string { return e.text }

func newSender(kind, location, version string) (sender, error) {
	switch kind {
	case "loki":
		return newPoster(location, version, loki), nil
	case "opentelemetry":
		return newPoster(location+"/v1/logs", version, otlp), nil
	case "syslog":
		return newSyslog(location)
	}
	return nil, fmt.Errorf("unknown log target type %q", kind)
}

// poster sends JSON over HTTP.
type poster struct {
	url    string
	agent  string
	client *http.Client
	encode func([]stream) any
}

func newPoster(url, version string, encode func([]stream) any) *poster {
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, IdleConnTimeout: 30 * time.Second, MaxIdleConns: 1}
	return &poster{
		url: url, agent: "pebble/" + version, encode: encode,
		client: &http.Client{Timeout: httpTimeout, Transport: transport},
	}
}

func (p *poster) close() { p.client.CloseIdleConnections() }

func (p *poster) send(ctx context.Context, streams []stream) error {
	body, err := json.Marshal(p.encode(streams))
	if err != nil {
		return &refusedError{err.Error()}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(body))
	if err != nil {
		return &refusedError{err.Error()}
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("User-Agent", p.agent)
	resp, err := p.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 1024)) // also lets the connection be used again
	switch code := resp.StatusCode; {
	case code/100 == 2:
		return nil
	case code == http.StatusTooManyRequests || code >= 500:
		return fmt.Errorf("target answers %s", resp.Status)
	default:
		return &refusedError{fmt.Sprintf("target answers %s: %s", resp.Status, bytes.TrimSpace(text))}
	}
}

type lokiStream struct {
	Stream map[string]string `json:"stream"`
	Values [][2]string       `json:"values"`
}

func loki(streams []stream) any {
	var out struct {
		Streams []lokiStream `json:"streams"`
	}
	for _, s := range streams {
		l := lokiStream{Stream: map[string]string{"pebble_service": s.service}}
		maps.Copy(l.Stream, s.labels)
		for _, e := range s.lines {
			l.Values = append(l.Values, [2]string{nanos(e.Time), e.Message})
		}
		out.Streams = append(out.Streams, l)
	}
	return out
}

func nanos(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }

type otlpText struct {
	StringValue string `json:"stringValue"`
}

type otlpAttribute struct {
	Key   string   `json:"key"`
	Value otlpText `json:"value"`
}

type otlpRecord struct {
	TimeUnixNano string   `json:"timeUnixNano"`
	Body         otlpText `json:"body"`
}

type otlpScope struct {
	Scope struct {
		Name string `json:"name"`
	} `json:"scope"`
	LogRecords []otlpRecord `json:"logRecords"`
}

type otlpResource struct {
	Resource struct {
		Attributes []otlpAttribute `json:"attributes"`
	} `json:"resource"`
	ScopeLogs []otlpScope `json:"scopeLogs"`
}

func otlp(streams []stream) any {
	var out struct {
		ResourceLogs []otlpResource `json:"resourceLogs"`
	}
	for _, s := range streams {
		var r otlpResource
		r.Resource.Attributes = []otlpAttribute{{"service.name", otlpText{s.service}}}
		for _, k := range slices.Sorted(maps.Keys(s.labels)) {
			r.Resource.Attributes = append(r.Resource.Attributes, otlpAttribute{k, otlpText{s.labels[k]}})
		}
		var scope otlpScope
		scope.Scope.Name = "pebble"
		for _, e := range s.lines {
			scope.LogRecords = append(scope.LogRecords, otlpRecord{nanos(e.Time), otlpText{e.Message}})
		}
		r.ScopeLogs = []otlpScope{scope}
		out.ResourceLogs = append(out.ResourceLogs, r)
	}
	return out
}
