// Package broker runs an embedded nats-server with JetStream.
package broker

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"

	"github.com/nats-io/nats-server/v2/server"
)

// Bounds of Config.MaxPayload, in bytes.
const (
	MinMaxPayload     = 1 << 10
	DefaultMaxPayload = 1 << 20
	MaxMaxPayload     = 8 << 20
)

// Config says how to run the server.
type Config struct {
	Listen     string    // host:port for clients; port 0 takes a free one
	StoreDir   string    // directory of the streams; created when absent
	Name       string    // server name shown to clients
	Monitor    string    // loopback host:port of the HTTP monitor; empty: none
	MaxPayload int       // largest message in bytes
	Debug      bool      // log debug messages too
	Log        io.Writer // where log lines and the ready line go
}

// Check reports the first value that cannot be used, naming its flag.
func (c Config) Check() error {
	if _, _, err := splitAddr(c.Listen); err != nil {
		return fmt.Errorf("cannot use --listen %q: %w", c.Listen, err)
	}
	if c.StoreDir == "" {
		return errors.New("cannot start without --store-dir: name the directory that holds the streams")
	}
	if c.Name == "" {
		return errors.New("cannot use an empty --name: give the server a name, such as nats-0")
	}
	if c.MaxPayload < MinMaxPayload || c.MaxPayload > MaxMaxPayload {
		return fmt.Errorf("cannot use --max-payload %d: allowed are %d to %d bytes", c.MaxPayload, MinMaxPayload, MaxMaxPayload)
	}
	return c.checkMonitor()
}

// checkMonitor keeps the monitor, which knows no access control, on loopback.
func (c Config) checkMonitor() error {
	if c.Monitor == "" {
		return nil
	}
	host, _, err := splitAddr(c.Monitor)
	if err != nil {
		return fmt.Errorf("cannot use --http %q: %w", c.Monitor, err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("cannot use --http %q: the monitor must listen on a loopback address, such as 127.0.0.1:8222", c.Monitor)
	}
	return nil
}

func (c Config) options() *server.Options {
	host, port, _ := splitAddr(c.Listen)
	opts := &server.Options{
		ServerName: c.Name,
		Host:       host,
		Port:       anyPort(port),
		JetStream:  true,
		StoreDir:   c.StoreDir,
		SyncAlways: true, // an acknowledged message is on disk
		MaxPayload: int32(c.MaxPayload),
		NoSigs:     true, // the caller owns the signals
		Debug:      c.Debug,
		Logtime:    true,
	}
	if c.Monitor != "" {
		opts.HTTPHost, opts.HTTPPort, _ = splitAddr(c.Monitor)
		opts.HTTPPort = anyPort(opts.HTTPPort)
	}
	return opts
}

// anyPort turns the customary 0 into what nats-server takes for a free port.
func anyPort(port int) int {
	if port == 0 {
		return server.RANDOM_PORT
	}
	return port
}

func splitAddr(addr string) (string, int, error) {
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, fmt.Errorf("%w: give HOST:PORT", err)
	}
	port, err := strconv.Atoi(text)
	if err != nil || port < 0 || port > 65535 {
		return "", 0, fmt.Errorf("port %q is not a number from 0 to 65535", text)
	}
	return host, port, nil
}
