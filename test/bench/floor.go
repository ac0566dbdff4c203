package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
)

// floorVariable makes this program answer every message that comes to the socket it names.
const floorVariable = "BANGLE_BENCH_FLOOR"

// parrot is a runtime with nothing in it, without a line of ours.
type parrot struct {
	charmruntimev1.UnimplementedRuntimeServer
}

// Dispatch implements charmruntimev1.RuntimeServer.
func (parrot) Dispatch(stream charmruntimev1.Runtime_DispatchServer) error {
	answer := &charmruntimev1.DispatchResponse{Message: &charmruntimev1.DispatchResponse_Done{Done: &charmruntimev1.Done{}}}
	for {
		if _, err := stream.Recv(); err != nil {
			return err
		}
		if err := stream.Send(answer); err != nil {
			return err
		}
	}
}

// serveFloor serves until it is killed.
func serveFloor(socket string) {
	listener, err := net.Listen("unix", socket)
	if err == nil {
		server := grpc.NewServer()
		charmruntimev1.RegisterRuntimeServer(server, parrot{})
		err = server.Serve(listener)
	}
	os.Stderr.WriteString(err.Error() + "\n")
	os.Exit(1)
}

// floor measures what an event costs before anybody does anything with it: a message of a few bytes to another process and
// back, on an open stream of bare gRPC over a socket. It tells machines, and days of one machine, from each other.
func (b *bench) floor() {
	socket := filepath.Join(b.dir, "floor")
	cmd := exec.CommandContext(b.ctx, os.Args[0])
	cmd.Env, cmd.Stderr = append(os.Environ(), floorVariable+"="+socket), b.err
	b.check(cmd.Start())
	defer func() {
		_ = cmd.Process.Kill() // its end is what Wait tells
		_ = cmd.Wait()
	}()
	conn, err := grpc.NewClient("unix://"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	b.check(err)
	defer func() { _ = conn.Close() }()                                                           // nothing is under way
	stream, err := charmruntimev1.NewRuntimeClient(conn).Dispatch(b.ctx, grpc.WaitForReady(true)) // it may not listen yet
	b.check(err)
	ask := &charmruntimev1.DispatchRequest{Message: &charmruntimev1.DispatchRequest_Start{Start: &charmruntimev1.Start{Event: event(0)}}}
	echo := func() error {
		if err := stream.Send(ask); err != nil {
			return err
		}
		_, err := stream.Recv()
		return err
	}
	b.quiet("floor")
	b.echo = b.percentiles("machine.echo", b.sample(func(int) { b.check(echo()) }), "us")
}

// perEcho prints how many times the floor an event took: where the budgets were set, the floor was 83 µs.
func (b *bench) perEcho(name string, p50 float64) {
	if b.echo > 0 {
		b.say(name+".per-echo", p50/b.echo, "x")
	}
}
