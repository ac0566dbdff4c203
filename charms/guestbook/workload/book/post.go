package book

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Post stores e and returns it as stored, after the server has acknowledged
// it. An entry with the id of a stored one is not stored again: the stored one
// is returned, or ErrTaken when it says something else. While the store is
// away Post asks again until ctx ends and then fails with ErrAway; the entry
// may have been stored all the same, so repeat with the same id.
func (s *Store) Post(ctx context.Context, e Entry) (Entry, error) {
	if !fit(e.ID) {
		return e, ErrUnfit
	}
	data, err := json.Marshal(e)
	if err != nil {
		return e, fmt.Errorf("cannot encode the entry: %w", err)
	}
	for {
		stored, err := s.try(ctx, e, data)
		if err == nil || errors.Is(err, ErrTaken) || errors.Is(err, ErrLarge) {
			return stored, err
		}
		select {
		case <-ctx.Done():
			return e, fmt.Errorf("%w: %w", ErrAway, err)
		case <-time.After(againAfter):
		}
	}
}

// fit tells whether id can be a part of a subject.
func fit(id string) bool {
	const allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return id != "" && len(id) <= 64 && strings.IndexFunc(id, func(r rune) bool { return !strings.ContainsRune(allowed, r) }) < 0
}

func (s *Store) try(ctx context.Context, e Entry, data []byte) (Entry, error) {
	ctx, cancel := s.untilLost(ctx)
	defer cancel()
	ack, err := s.js.Publish(ctx, subject(s.cfg.Stream, e.ID), data,
		jetstream.WithMsgID(e.ID), jetstream.WithExpectLastSequencePerSubject(0))
	var refused *jetstream.APIError
	switch {
	case errors.Is(err, nats.ErrMaxPayload):
		return e, ErrLarge
	case errors.As(err, &refused) && refused.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence:
		return s.stored(ctx, e)
	case err != nil:
		return e, err
	case ack.Duplicate:
		return s.stored(ctx, e)
	}
	e.Seq = ack.Sequence
	return e, nil
}

// stored returns the entry that has e's id.
func (s *Store) stored(ctx context.Context, e Entry) (Entry, error) {
	stream, err := s.js.Stream(ctx, s.cfg.Stream)
	if err != nil {
		return e, err
	}
	msg, err := stream.GetLastMsgForSubject(ctx, subject(s.cfg.Stream, e.ID))
	if err != nil {
		return e, err
	}
	old, err := decode(msg.Data, msg.Sequence)
	if err != nil {
		return e, err
	}
	if old.Name != e.Name || old.Text != e.Text {
		return e, ErrTaken
	}
	return old, nil
}

// List reads all entries of the stream, oldest first. A stream that does not
// exist has none.
func List(ctx context.Context, urls []string, stream string) ([]Entry, error) {
	nc, err := nats.Connect(strings.Join(urls, ","), nats.Name("guestbook entries"), nats.Timeout(askWithin))
	if err != nil {
		return nil, fmt.Errorf("cannot reach NATS: %w", err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, fmt.Errorf("cannot use JetStream: %w", err)
	}
	out := []Entry{}
	src, err := js.Stream(ctx, stream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return out, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot open the stream %s: %w", stream, err)
	}
	cons, err := src.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{})
	if err != nil {
		return nil, fmt.Errorf("cannot read the stream %s: %w", stream, err)
	}
	msgs, err := cons.Messages()
	if err != nil {
		return nil, fmt.Errorf("cannot read the stream %s: %w", stream, err)
	}
	defer msgs.Stop()
	for range src.CachedInfo().State.Msgs {
		msg, err := msgs.Next(jetstream.NextContext(ctx))
		if err != nil {
			return nil, fmt.Errorf("cannot read the stream %s: %w", stream, err)
		}
		meta, err := msg.Metadata()
		if err != nil {
			return nil, fmt.Errorf("cannot read the stream %s: %w", stream, err)
		}
		if e, err := decode(msg.Data(), meta.Sequence.Stream); err == nil {
			out = append(out, e)
		}
	}
	return out, nil
}
