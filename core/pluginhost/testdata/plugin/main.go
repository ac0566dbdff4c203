// Command plugin is every plugin and every host that the tests of pluginhost
// need; the name it is started under decides.
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"google.golang.org/grpc"

	"github.com/bangle-dev/bangle/core/pluginhost"
	"github.com/bangle-dev/bangle/sdk/charmruntime"
	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/plugin"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
)

func main() {
	name := filepath.Base(os.Args[0])
	if os.Getenv(plugin.EnvDescribe) != "" && name != "runtime-ok" && name != "runtime-newer" {
		os.Exit(1)
	}
	switch name {
	case "runtime-garbage":
		fmt.Println("garbage in")
		time.Sleep(time.Hour)
	case "runtime-flood":
		fmt.Println(strings.Repeat("garbage ", 20000))
		time.Sleep(time.Hour)
	case "runtime-silent":
		fmt.Fprintln(os.Stderr, "I never serve")
		time.Sleep(time.Hour)
	case "runtime-broken":
		fmt.Fprintln(os.Stderr, "libfoo.so.3: cannot open shared object file")
		os.Exit(4)
	case "runtime-newer":
		plugin.Serve(plugin.Config{Contracts: plugin.Contracts{7: func(grpc.ServiceRegistrar) {}}})
	case "testhost":
		host(os.Args[1], os.Args[2])
	default:
		charmruntime.Serve(&runtime{})
	}
}

// host starts a plugin, tells its pid and waits to be killed.
func host(dir, run string) {
	h, err := pluginhost.New(pluginhost.Config{Catalog: pluginhost.Catalog{Dirs: []string{dir}}, RunDir: run})
	if err == nil {
		var i *pluginhost.Instance
		if i, err = h.Start(context.Background(), "runtime", "ok"); err == nil {
			answer, _ := charmruntime.Client(i.Conn()).Load(context.Background(), &charmruntimev1.LoadRequest{Dir: "child"})
			fmt.Println(i.PID(), answer.GetHandle())
			time.Sleep(time.Hour)
		}
	}
	fmt.Println("error", err)
	os.Exit(1)
}

// runtime does in Load what the directory's name says.
type runtime struct{}

func (*runtime) Info(context.Context) (*charmruntimev1.InfoResponse, error) {
	return &charmruntimev1.InfoResponse{Name: "test", Version: "1.2.3", Capabilities: []string{"warm"}}, nil
}

func (*runtime) Load(ctx context.Context, req *charmruntimev1.LoadRequest) (*charmruntimev1.LoadResponse, error) {
	answer := &charmruntimev1.LoadResponse{}
	switch req.GetDir() {
	case "environment":
		answer.Handle = strings.Join(os.Environ(), "\n")
	case "log":
		plugin.NewLogger().Warn("a warning", "unit", "web/0")
		fmt.Fprintln(os.Stderr, "a plain line")
		fmt.Fprintln(os.Stderr, `{"@message":1}`)
	case "child", "detached":
		cmd := exec.Command("sleep", "300")
		cmd.Stderr = os.Stderr
		if f := os.NewFile(2, "stderr"); req.GetDir() == "detached" {
			cmd.Stderr = f
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		}
		if err := cmd.Start(); err != nil {
			return nil, err
		}
		answer.Handle = fmt.Sprint(cmd.Process.Pid)
	case "freeze":
		return nil, syscall.Kill(os.Getpid(), syscall.SIGSTOP)
	case "panic":
		panic("as told")
	case "wait":
		<-ctx.Done()
		return nil, ctx.Err()
	case "conflict":
		return nil, errs.E(errs.Conflict, "cannot load: somebody else did")
	}
	return answer, nil
}

func (*runtime) Unload(context.Context, string) error { return nil }

func (*runtime) Dispatch(context.Context, *charmruntimev1.Start, charmruntime.Host) (*charmruntimev1.Done, error) {
	return &charmruntimev1.Done{Outcome: charmruntimev1.Outcome_OUTCOME_OK}, nil
}
