package forward

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bangle-dev/bangle/supervisor/logs"
)

const (
	dialTimeout = 10 * time.Second
	datagram    = 4000 // bytes of text that a datagram carries
	// priority is facility user, severity notice.
	priority = 13
	// element names our structured data; the number is the vendor's in the registry.
	element = "pebble@28978"
)

// syslog sends RFC 5424 messages: over TCP each led by its length, over UDP one a datagram.
type syslog struct {
	network, address string
	host             string
	conn             net.Conn
}

func newSyslog(location string) (*syslog, error) {
	u, err := url.Parse(location)
	if err != nil || u.Scheme != "tcp" && u.Scheme != "udp" || u.Host == "" || u.Port() == "" {
		return nil, fmt.Errorf("invalid syslog location %q (write it as in \"tcp://host:port\" or \"udp://host:port\")", location)
	}
	host, err := os.Hostname()
	if err != nil {
		host = ""
	}
	return &syslog{network: u.Scheme, address: u.Host, host: token(host, 255)}, nil
}

func (s *syslog) close() {
	if s.conn != nil {
		_ = s.conn.Close()
		s.conn = nil
	}
}

func (s *syslog) send(ctx context.Context, streams []stream) error {
	if s.conn == nil {
		d := net.Dialer{Timeout: dialTimeout}
		conn, err := d.DialContext(ctx, s.network, s.address)
		if err != nil {
			return err
		}
		s.conn = conn
	}
	stop := context.AfterFunc(ctx, func() { _ = s.conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	_ = s.conn.SetWriteDeadline(time.Now().Add(dialTimeout))
	if err := s.write(streams); err != nil {
		stop()
		s.close() // with part of a message sent, only a new connection is in step
		return err
	}
	return nil
}

func (s *syslog) write(streams []stream) error {
	var framed bytes.Buffer
	for _, st := range streams {
		data := structured(st.labels)
		for _, e := range st.lines {
			m := s.message(e, data)
			if s.network == "tcp" {
				framed.WriteString(strconv.Itoa(len(m)) + " ")
				framed.Write(m)
				continue
			}
			if _, err := s.conn.Write(m); err != nil {
				return err
			}
		}
	}
	if framed.Len() == 0 {
		return nil
	}
	_, err := s.conn.Write(framed.Bytes())
	return err
}

func (s *syslog) message(e logs.Entry, data string) []byte {
	text := e.Message
	if s.network == "udp" && len(text) > datagram {
		text = text[:datagram-3] + "..."
	}
	return fmt.Appendf(nil, "<%d>1 %s %s %s - - %s %s",
		priority, e.Time.UTC().Format("2006-01-02T15:04:05.000000Z"), s.host, token(e.Service, 48), data, text)
}

// structured renders labels as one element of structured data.
func structured(labels map[string]string) string {
	if len(labels) == 0 {
		return "-"
	}
	escape := strings.NewReplacer(`"`, `\"`, `\`, `\\`, `]`, `\]`)
	var b strings.Builder
	b.WriteString("[" + element)
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		b.WriteString(" " + name(k) + `="` + escape.Replace(labels[k]) + `"`)
	}
	b.WriteString("]")
	return b.String()
}

// name makes a label's key a name that structured data allows.
func name(k string) string {
	return strings.Map(func(r rune) rune {
		if r == '=' || r == ']' || r == '"' || r <= ' ' || r > '~' {
			return '_'
		}
		return r
	}, k)
}

// token makes a header field of printable characters, "-" when nothing is left.
func token(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return -1
		}
		return r
	}, s)
	if s == "" {
		return "-"
	}
	return s[:min(len(s), limit)]
}
