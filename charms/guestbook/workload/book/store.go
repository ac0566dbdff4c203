package book

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	askWithin  = 2 * time.Second        // for one answer of the server
	againAfter = 100 * time.Millisecond // pause after a failure
)

// Errors of Store.Post.
var (
	ErrAway  = errors.New("the store cannot be reached")
	ErrTaken = errors.New("another entry has this id")
	ErrLarge = errors.New("the entry is larger than the store takes")
	ErrUnfit = errors.New("the id must be 1 to 64 letters, digits, - or _")
)

// Config says where the entries are.
type Config struct {
	URLs   []string // nats://host:port
	Stream string   // name of the stream
	Name   string   // of this client, shown by the server
	Log    *slog.Logger
}

// Store writes entries to one stream and keeps a View up to date with it.
type Store struct {
	cfg  Config
	view *View
	nc   *nats.Conn
	js   jetstream.JetStream
	kick chan struct{}
	done chan struct{}
	end  context.CancelFunc

	mu   sync.Mutex
	lost chan struct{} // closed when the connection of now ends
}

// Open starts to follow the stream; it does not wait for the server, which
// may come, go and come back at any time. Close ends it.
func Open(cfg Config, view *View) (*Store, error) {
	s := &Store{cfg: cfg, view: view, kick: make(chan struct{}, 1), done: make(chan struct{}), lost: make(chan struct{})}
	up := func(*nats.Conn) { s.nudge() }
	nc, err := nats.Connect(strings.Join(cfg.URLs, ","),
		nats.Name(cfg.Name), nats.Timeout(askWithin), nats.PingInterval(5*time.Second), nats.MaxPingsOutstanding(2),
		nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1),
		nats.ReconnectWait(againAfter), nats.ReconnectJitter(againAfter, againAfter),
		nats.ReconnectBufSize(-1), // an entry is sent while its writer waits, or not at all
		nats.ConnectHandler(up), nats.ReconnectHandler(up),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			cfg.Log.Warn("the store is away", "err", err)
			s.drop()
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { cfg.Log.Debug("nats", "err", err) }),
	)
	if err != nil {
		return nil, fmt.Errorf("cannot use the NATS address: %w", err)
	}
	if s.js, err = jetstream.New(nc); err != nil {
		nc.Close()
		return nil, fmt.Errorf("cannot use JetStream: %w", err)
	}
	s.nc = nc
	ctx, end := context.WithCancel(context.Background())
	s.end = end
	s.nudge()
	go s.follow(ctx)
	return s, nil
}

// Close ends the connection and waits until nothing writes to the view.
func (s *Store) Close() {
	s.end()
	<-s.done
	s.nc.Close()
	s.view.SetConnected(false)
}

// drop tells everyone who waits for an answer that none will come.
func (s *Store) drop() {
	s.mu.Lock()
	close(s.lost)
	s.lost = make(chan struct{})
	s.mu.Unlock()
	s.view.SetConnected(false)
	s.nudge()
}

// untilLost is ctx bounded by the time for one answer and by the connection.
func (s *Store) untilLost(ctx context.Context) (context.Context, context.CancelFunc) {
	s.mu.Lock()
	lost := s.lost
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	go func() {
		select {
		case <-lost:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// nudge makes follow look at the connection anew.
func (s *Store) nudge() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

func (s *Store) follow(ctx context.Context) {
	defer close(s.done)
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.kick:
		}
		if !s.nc.IsConnected() {
			continue
		}
		err := s.watch(ctx)
		s.view.SetConnected(false)
		if err != nil && ctx.Err() == nil {
			s.cfg.Log.Warn("cannot follow the entries", "err", err)
			time.AfterFunc(againAfter, s.nudge)
		}
	}
}

// watch makes sure of the stream and appends to the view what arrives, until
// the connection changes (nil) or something fails.
func (s *Store) watch(ctx context.Context) error {
	ask, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	stream, err := s.js.CreateOrUpdateStream(ask, streamConfig(s.cfg.Stream))
	if err != nil {
		return fmt.Errorf("cannot create the stream %s: %w", s.cfg.Stream, err)
	}
	info := stream.CachedInfo()
	s.view.Rebase(s.cfg.Stream + " " + info.Created.UTC().Format(time.RFC3339Nano))
	cons, err := stream.OrderedConsumer(ask, jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: s.view.Since(0).Last + 1,
	})
	if err != nil {
		return fmt.Errorf("cannot read the stream %s: %w", s.cfg.Stream, err)
	}
	msgs, err := cons.Messages(jetstream.PullExpiry(5*time.Second), jetstream.PullHeartbeat(time.Second))
	if err != nil {
		return fmt.Errorf("cannot read the stream %s: %w", s.cfg.Stream, err)
	}
	s.view.SetConnected(true)
	s.cfg.Log.Info("following the entries", "stream", s.cfg.Stream, "entries", info.State.Msgs)
	defer msgs.Stop()
	failed, ended := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(ended)
		failed <- s.take(msgs)
	}()
	return s.hold(ctx, failed, func() { msgs.Stop(); <-ended })
}

// hold waits for the end of watch: taking failed, or the connection is not
// the one it was, in which case stop ends the taking.
func (s *Store) hold(ctx context.Context, failed <-chan error, stop func()) error {
	before := s.nc.Stats().Reconnects
	for {
		select {
		case err := <-failed:
			return err
		case <-ctx.Done():
			stop()
			return nil
		case <-s.kick:
			if s.nc.IsConnected() && s.nc.Stats().Reconnects == before {
				continue
			}
			stop()
			s.nudge() // follow looks at the connection next
			return nil
		}
	}
}

func (s *Store) take(msgs jetstream.MessagesContext) error {
	for {
		msg, err := msgs.Next()
		if errors.Is(err, jetstream.ErrMsgIteratorClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		meta, err := msg.Metadata()
		if err != nil {
			return err
		}
		e, err := decode(msg.Data(), meta.Sequence.Stream)
		if err != nil {
			s.cfg.Log.Warn("skipping a message that is no entry", "seq", meta.Sequence.Stream, "err", err)
			s.view.Skip(meta.Sequence.Stream)
			continue
		}
		s.view.Append(e)
	}
}

func decode(data []byte, seq uint64) (Entry, error) {
	var e Entry
	err := json.Unmarshal(data, &e)
	e.Seq = seq
	return e, err
}

func streamConfig(name string) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: name, Subjects: []string{subject(name, "*")}, Storage: jetstream.FileStorage,
		Duplicates: 2 * time.Minute,
	}
}

// subject gives every entry one of its own, which makes "stored once" hold
// for ever and not only for the duplicate window.
func subject(stream, id string) string { return stream + ".entries." + id }
