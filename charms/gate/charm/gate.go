package main

import (
	"sort"
	"strconv"
	"strings"

	charm "github.com/bangle-dev/bangle/sdk/wasm/go"
)

const (
	container = "gate"
	service   = "gate"
	endpoint  = "backend"
	version   = "1.0"
	tries     = 5 // ports, when nobody gave one and somebody has it already
)

// backend is one unit that serves.
type backend struct{ name, url string }

func newCharm() *charm.Charm {
	c := charm.New()
	for _, hook := range []string{charm.ConfigChanged, charm.UpgradeCharm, charm.UpdateStatus, charm.PebbleReady(container),
		charm.RelationChanged(endpoint), charm.RelationDeparted(endpoint), charm.RelationBroken(endpoint)} {
		c.On(hook, reconcile)
	}
	c.On(charm.Install, func(ctx *charm.Context) error {
		ctx.SetStatus(charm.Maintenance, "waiting for the container")
		return nil
	})
	c.On(charm.Stop, stop)
	c.OnAction("status", status)
	return c
}

// reconcile makes the proxy be what configuration and relations say, whatever happened.
func reconcile(ctx *charm.Context) error {
	proxy := ctx.Container(container)
	if !proxy.CanConnect() {
		ctx.SetStatus(charm.Waiting, "for the container")
		return nil
	}
	program, why, err := program(ctx)
	if err != nil {
		return err
	}
	if why != "" {
		ctx.SetStatus(charm.Blocked, why)
		return nil
	}
	backends, title, err := backends(ctx)
	if err != nil {
		return err
	}
	changed, err := write(proxy, file(ctx), document(title, backends))
	if err != nil {
		return err
	}
	port, err := run(ctx, proxy, program, changed)
	if err != nil {
		return err
	}
	move(ctx, port)
	ctx.SetVersion(version)
	if len(backends) == 0 {
		ctx.SetStatus(charm.Waiting, "for back ends: integrate me with a web application")
		return nil
	}
	ctx.SetStatus(charm.Active, "serving "+count(len(backends))+" on http://"+address(ctx)+":"+strconv.Itoa(port))
	return nil
}

func count(n int) string {
	if n == 1 {
		return "1 back end"
	}
	return strconv.Itoa(n) + " back ends"
}

// backends are the units that published where they serve, in order, and the title to show.
func backends(ctx *charm.Context) ([]backend, string, error) {
	var list []backend
	title := ctx.Config("title").String()
	for _, r := range ctx.Relations(endpoint) {
		if r.Broken() {
			continue
		}
		for _, unit := range r.Units() {
			bag, err := r.Read(unit)
			if err != nil {
				return nil, "", err
			}
			if bag["url"] != "" {
				list = append(list, backend{unit, bag["url"]})
			}
			if title == "" {
				title = bag["title"]
			}
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].name < list[j].name })
	return list, title, nil
}

// document is the proxy's file.
func document(title string, list []backend) string {
	var b strings.Builder
	b.WriteString("{\"title\": " + charm.Quote(title) + ",\n \"backends\": [")
	for i, one := range list {
		if i > 0 {
			b.WriteString(",")
		}
		b.WriteString("\n  {\"name\": " + charm.Quote(one.name) + ", \"url\": " + charm.Quote(one.url) + "}")
	}
	b.WriteString("]}\n")
	return b.String()
}

// write puts the file where the proxy reads it, and says whether it was another one before.
func write(proxy *charm.Container, path, text string) (changed bool, err error) {
	if old, err := proxy.Pull(path); err == nil && old == text {
		return false, nil
	}
	return true, proxy.Push(path, text, charm.PushOptions{MakeDirs: true, Permissions: "0644"})
}

// file lies beside the supervisor's socket unless the container has a file system of its own: it can always be written anew.
func file(ctx *charm.Context) string {
	c := ctx.Container(container)
	if c.Root() != "" {
		return "/etc/gate/backends.json"
	}
	socket := c.Socket()
	return socket[:strings.LastIndexByte(socket, '/')+1] + "backends.json"
}

// run starts the proxy, or has it read its file again, and returns its port. A port that nobody chose is looked for once
// and then kept.
func run(ctx *charm.Context, proxy *charm.Container, program string, changed bool) (int, error) {
	before, err := proxy.Services(service)
	if err != nil {
		return 0, err
	}
	port := ctx.Config("port").Int()
	chosen := port != 0
	if !chosen {
		port, _ = strconv.Atoi(ctx.State("port"))
	}
	for try := 0; ; try++ {
		if port == 0 {
			port = ctx.StablePort(try)
		}
		err := serve(ctx, proxy, program, port)
		if err == nil {
			break
		}
		if chosen || try == tries || !strings.Contains(err.Error(), "address already in use") {
			return 0, err
		}
		ctx.Info("port " + strconv.Itoa(port) + " is taken, trying another")
		port = 0
	}
	if !chosen {
		ctx.SetState("port", strconv.Itoa(port))
	}
	if changed && len(before) > 0 && before[0].Running() {
		return port, proxy.SendSignal("SIGHUP", service)
	}
	return port, nil
}

func serve(ctx *charm.Context, proxy *charm.Container, program string, port int) error {
	err := proxy.AddLayer(service, charm.Layer{Services: map[string]charm.ServiceSpec{
		service: {Summary: "the front door", Command: charm.Command(program, "--listen", address(ctx)+":"+strconv.Itoa(port),
			"--backends", file(ctx), "--name", ctx.Unit())},
	}})
	if err != nil {
		return err
	}
	return proxy.Replan()
}

// program is where the proxy's program is as the container sees it; why says what is missing.
func program(ctx *charm.Context) (path, why string, err error) {
	if ctx.Container(container).Root() != "" {
		return "/gate", "", nil
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

func stop(ctx *charm.Context) error {
	if err := ctx.Container(container).Stop(service); err != nil {
		ctx.Info("nothing to stop: " + err.Error())
	}
	return nil
}

func status(ctx *charm.Context) error {
	list, title, err := backends(ctx)
	if err != nil {
		return err
	}
	var urls []string
	for _, b := range list {
		urls = append(urls, b.name+"="+b.url)
	}
	ctx.SetResult("title", title)
	ctx.SetResult("backends", strings.Join(urls, " "))
	for _, open := range ctx.Ports() {
		port, _, _ := strings.Cut(open, "/")
		ctx.SetResult("url", "http://"+address(ctx)+":"+port)
	}
	return nil
}
