package source

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/bangle-dev/bangle/sdk/plugin"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// StreamConfig is what following the controller needs.
type StreamConfig struct {
	Client      controllerv1.AgentsClient
	Replica     *Replica
	Version     string
	Incarnation string
	// NewEpoch is called when the store began another life: what is kept about units means nothing any more.
	NewEpoch func()
	// Command is called for what the controller asks for now, in order; it must not block. ctx ends with the stream. nil:
	// nothing is asked.
	Command func(ctx context.Context, cmd *controllerv1.Command)
	Log     *slog.Logger
}

// Follow keeps the replica up to date until ctx ends. A broken stream is resumed where it broke, after a pause that
// grows and is never the same for two agents.
func Follow(ctx context.Context, cfg StreamConfig) {
	pause := Backoff{First: 50 * time.Millisecond, Max: 5 * time.Second}
	for ctx.Err() == nil {
		told, err := follow(ctx, cfg)
		if told {
			pause.Reset()
		}
		if ctx.Err() != nil {
			return
		}
		cfg.Log.Warn("the controller's stream broke", "err", err)
		pause.Wait(ctx)
	}
}

// Once keeps the replica up to date for as long as one stream lasts, and answers why it broke.
func Once(ctx context.Context, cfg StreamConfig) error {
	_, err := follow(ctx, cfg)
	return plugin.FromStatus(err)
}

// follow reads one stream; told says whether it brought anything.
func follow(ctx context.Context, cfg StreamConfig) (told bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	epoch, revision := cfg.Replica.Resume()
	stream, err := cfg.Client.Watch(ctx, &controllerv1.WatchRequest{ResumeRevision: revision, Epoch: epoch,
		Version: cfg.Version, Incarnation: cfg.Incarnation})
	if err != nil {
		return false, err
	}
	for {
		d, err := stream.Recv()
		if err != nil {
			return told, err
		}
		told = true
		if len(d.Commands) > 0 {
			for _, cmd := range d.Commands {
				if cfg.Command != nil {
					cfg.Command(ctx, cmd)
				}
			}
			continue
		}
		if cfg.Replica.Apply(d) {
			cfg.Log.Warn("the store began another life", "epoch", d.Epoch)
			cfg.NewEpoch()
		}
	}
}

// Backoff is a pause that doubles, with a random part of a half.
type Backoff struct {
	First, Max time.Duration
	next       time.Duration
}

// Reset makes the next pause the first again.
func (b *Backoff) Reset() { b.next = 0 }

// Next is the length of the next pause.
func (b *Backoff) Next() time.Duration {
	if b.next == 0 {
		b.next = b.First
	}
	d := b.next/2 + rand.N(b.next)
	b.next = min(2*b.next, b.Max)
	return d
}

// Wait pauses; it returns at once when ctx ends.
func (b *Backoff) Wait(ctx context.Context) {
	timer := time.NewTimer(b.Next())
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
