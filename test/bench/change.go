package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"connectrpc.com/connect"

	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	"github.com/bangle-dev/bangle/test/stage"
)

// freePort finds one; somebody may take it before it is used, and then the start fails with that.
func (b *bench) freePort() string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	b.check(err)
	defer func() { _ = listener.Close() }() // it was only looked at
	_, port, err := net.SplitHostPort(listener.Addr().String())
	b.check(err)
	return port
}

// firstUnit measures from an empty directory to the first active unit, when the charm must be compiled and when its code
// is there from another time.
func (b *bench) firstUnit() {
	b.quiet("bootstrap")
	cache := ""
	for _, name := range []string{"bootstrap.first-unit.compiled", "bootstrap.first-unit"} {
		s := stage.New(b, stage.Config{Bin: b.bin, WASMCache: cache})
		s.Deploy(filepath.Join(b.dir, "echo"), &clientv1.DeployRequest{Application: "web", Units: 1})
		s.Await(stage.Active("web", 1, ""))
		b.say(name, float64(time.Since(s.Began()).Milliseconds()), "ms")
		if cache == "" {
			cache = filepath.Join(b.dir, "first-cache")
			b.check(os.CopyFS(cache, os.DirFS(filepath.Join(s.AgentDir(), "wasm-cache"))))
		}
		s.Close()
	}
}

// changes measures from a change of the configuration until the status that the charm committed is seen: with what the
// event saw and did kept for a replay, and without.
func (b *bench) changes() {
	s := stage.New(b, stage.Config{Bin: b.bin})
	s.Deploy(filepath.Join(b.dir, "echo"), &clientv1.DeployRequest{Application: "web", Units: 1})
	s.Await(stage.Active("web", 1, "quiet"))
	b.quiet("change")
	list, transactions := b.configs(s, "n")
	b.percentiles("change.config-to-status", list, "ms")
	b.say("change.transactions", transactions, "txn")
	_, err := s.Client().ModelConfig(b.ctx, connect.NewRequest(&clientv1.ModelConfigRequest{Model: stage.Model, Set: map[string]string{"recorded-events": "0"}}))
	b.check(err)
	list, _ = b.configs(s, "u")
	b.percentiles("change.config-to-status.unrecorded", list, "ms")
	s.Close()
}

// configs takes the time of changes, and counts the transactions that one takes.
func (b *bench) configs(s *stage.Stage, prefix string) (list []time.Duration, transactions float64) {
	ctx, cancel := context.WithCancel(b.ctx)
	defer cancel()
	client := s.Client()
	stream, err := client.WatchStatus(ctx, connect.NewRequest(&clientv1.StatusRequest{Model: stage.Model}))
	b.check(err)
	var first, last, count int64
	list = b.sample(func(i int) {
		note := fmt.Sprint(prefix, i)
		_, err := client.SetConfig(ctx, connect.NewRequest(&clientv1.SetConfigRequest{Model: stage.Model, Application: "web", Set: map[string]string{"note": note}}))
		b.check(err)
		for stream.Receive() {
			units := stage.App(stream.Msg(), "web").GetUnits()
			if len(units) == 1 && units[0].GetWorkload().GetMessage() == note {
				if last = stream.Msg().GetRevision(); first == 0 {
					first = last
				} else {
					count++
				}
				return
			}
		}
		b.Fatalf("the status broke off: %v", stream.Err())
	})
	return list, float64(last-first) / float64(count)
}
