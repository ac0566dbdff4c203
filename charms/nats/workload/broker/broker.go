package broker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// readyWithin bounds the start, which replays the store's index.
const readyWithin = 30 * time.Second

// Run serves until ctx ends and then stops cleanly. It writes a line
//
//	ready listen=HOST:PORT name=NAME
//
// to cfg.Log once clients can connect. It fails when cfg is not usable, when
// the address is taken or when the store cannot be opened.
func Run(ctx context.Context, cfg Config) error {
	if err := cfg.Check(); err != nil {
		return err
	}
	srv, err := server.NewServer(cfg.options())
	if err != nil {
		return fmt.Errorf("cannot configure the NATS server: %w", err)
	}
	log := newLogger(cfg.Log)
	srv.SetLoggerV2(log, cfg.Debug, false, false)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		srv.Start()
		srv.WaitForShutdown()
	}()
	defer func() {
		srv.Shutdown()
		<-ended
	}()
	if err := awaitReady(ctx, srv, log, ended); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return nil
	}
	log.line("ready listen=" + srv.Addr().String() + " name=" + cfg.Name)
	select {
	case <-ctx.Done():
		log.Noticef("stopping as asked")
		return nil
	case err := <-log.fatal:
		return err
	case <-ended:
		return errors.New("the NATS server ended by itself: see the lines above")
	}
}

// awaitReady polls because the server has no event for "ready" that also
// tells a failed start from a slow one.
func awaitReady(ctx context.Context, srv *server.Server, log *logger, ended <-chan struct{}) error {
	deadline := time.After(readyWithin)
	for !srv.ReadyForConnections(100 * time.Millisecond) {
		select {
		case err := <-log.fatal:
			return err
		case <-ended:
			return errors.New("cannot start the NATS server: see the lines above")
		case <-ctx.Done():
			return nil
		case <-deadline:
			return fmt.Errorf("cannot start the NATS server: not ready after %s", readyWithin)
		default:
		}
	}
	return nil
}
