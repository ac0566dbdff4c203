package main

import (
	"strconv"
	"strings"

	charm "github.com/bangle-dev/bangle/sdk/wasm/go"
)

const (
	container = "nats"
	service   = "nats"
	endpoint  = "nats"
	version   = "2.15"
	tries     = 5 // ports, when nobody gave one and somebody has it already
)

func newCharm() *charm.Charm {
	c := charm.New()
	for _, hook := range []string{charm.ConfigChanged, charm.UpgradeCharm, charm.UpdateStatus, charm.PebbleReady(container),
		charm.StorageAttached("data"), charm.RelationCreated(endpoint), charm.RelationJoined(endpoint)} {
		c.On(hook, reconcile)
	}
	c.On(charm.Install, func(ctx *charm.Context) error {
		ctx.SetStatus(charm.Maintenance, "waiting for the container")
		return nil
	})
	c.On(charm.Stop, stop)
	c.OnAction("info", info)
	return c
}

// reconcile makes the server be what configuration says, whatever happened.
func reconcile(ctx *charm.Context) error {
	server := ctx.Container(container)
	if !server.CanConnect() {
		ctx.SetStatus(charm.Waiting, "for the container")
		return nil
	}
	program, why, err := program(ctx)
	if err != nil {
		return err
	}
	store := storeDir(ctx)
	if store == "" && why == "" {
		why = "storage data is not attached"
	}
	if why != "" {
		ctx.SetStatus(charm.Blocked, why)
		return nil
	}
	port, err := run(ctx, server, program, store)
	if err != nil {
		return err
	}
	move(ctx, port)
	for _, r := range ctx.Relations(endpoint) {
		if !r.Broken() {
			r.Set("url", url(ctx, port))
		}
	}
	ctx.SetVersion(version)
	ctx.SetStatus(charm.Active, "")
	return nil
}

// run starts or restarts the server and returns its port. A port that nobody chose is looked for once and then kept.
func run(ctx *charm.Context, server *charm.Container, program, store string) (int, error) {
	port := ctx.Config("port").Int()
	chosen := port != 0
	if !chosen {
		port, _ = strconv.Atoi(ctx.State("port"))
	}
	for try := 0; ; try++ {
		if port == 0 {
			port = ctx.StablePort(try)
		}
		err := serve(ctx, server, program, store, port)
		switch {
		case err == nil:
			if !chosen {
				ctx.SetState("port", strconv.Itoa(port))
			}
			return port, nil
		case chosen || try == tries || !strings.Contains(err.Error(), "address already in use"):
			return 0, err
		}
		ctx.Info("port " + strconv.Itoa(port) + " is taken, trying another")
		port = 0
	}
}

func serve(ctx *charm.Context, server *charm.Container, program, store string, port int) error {
	words := []string{program, "--listen", address(ctx) + ":" + strconv.Itoa(port), "--store-dir", store,
		"--name", strings.ReplaceAll(ctx.Unit(), "/", "-"), "--max-payload", ctx.Config("max-payload").String()}
	if ctx.Config("debug").Bool() {
		words = append(words, "--debug")
	}
	err := server.AddLayer(service, charm.Layer{Services: map[string]charm.ServiceSpec{
		service: {Summary: "NATS with JetStream", Command: charm.Command(words...)},
	}})
	if err != nil {
		return err
	}
	return server.Replan()
}

// program is where the server's program is as the container sees it; why says what is missing.
func program(ctx *charm.Context) (path, why string, err error) {
	if ctx.Container(container).Root() != "" {
		return "/nats", "", nil
	}
	workload, err := ctx.Resource("workload")
	if err != nil {
		return "", "", err
	}
	if workload.Path == "" {
		return "", "give the program: deploy --resource workload=PATH", nil
	}
	return workload.Path, "", nil
}

// storeDir is the storage as the container sees it.
func storeDir(ctx *charm.Context) string {
	attached := ctx.Storage("data")
	switch {
	case len(attached) == 0:
		return ""
	case ctx.Container(container).Root() != "":
		return "/data" // the mount of charmcraft.yaml
	}
	return attached[0].Location
}

// move opens the port and closes the one before it.
func move(ctx *charm.Context, port int) {
	open := strconv.Itoa(port) + "/tcp"
	for _, old := range ctx.Ports() {
		if old != open {
			ctx.ClosePort(old)
		}
	}
	ctx.OpenPort(open)
}

func address(ctx *charm.Context) string {
	if a := ctx.Address(); a != "" {
		return a
	}
	return "127.0.0.1"
}

func url(ctx *charm.Context, port int) string {
	return "nats://" + address(ctx) + ":" + strconv.Itoa(port)
}

func stop(ctx *charm.Context) error {
	if err := ctx.Container(container).Stop(service); err != nil {
		ctx.Info("nothing to stop: " + err.Error())
	}
	return nil
}

func info(ctx *charm.Context) error {
	running := "no"
	services, err := ctx.Container(container).Services(service)
	if err != nil {
		return err
	}
	for _, s := range services {
		if s.Running() {
			running = "yes"
		}
	}
	ctx.SetResult("running", running)
	ctx.SetResult("version", version)
	ctx.SetResult("clients", strconv.Itoa(len(ctx.Relations(endpoint))))
	for _, open := range ctx.Ports() {
		port, _, _ := strings.Cut(open, "/")
		ctx.SetResult("url", "nats://"+address(ctx)+":"+port)
	}
	return nil
}
