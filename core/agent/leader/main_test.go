package leader_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/bangle-dev/bangle/core/agent/leader"
	"github.com/bangle-dev/bangle/core/event"
	"github.com/bangle-dev/bangle/sdk/hook"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// TestMain is an agent or a runtime when a test started it as one: real processes, which a test can stop.
func TestMain(m *testing.M) {
	switch os.Getenv("LEADER_TEST_ROLE") {
	case "agent":
		failed(agentProcess(os.Getenv("LEADER_TEST_CONTROLLER"), os.Getenv("LEADER_TEST_SOCKET"), os.Getenv("LEADER_TEST_UNIT")))
	case "runtime":
		failed(runtimeProcess(os.Getenv("LEADER_TEST_SOCKET"), os.Getenv("LEADER_TEST_MARGIN")))
	default:
		goleak.VerifyTestMain(m)
	}
}

func failed(err error) {
	if err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// pause tells the test where the process is and waits until it is let go on. This is where the tests stop processes.
func pause(in *bufio.Reader, at string) error {
	fmt.Println("at", at)
	_, err := in.ReadString('\n')
	return err
}

// agentProcess keeps the unit's promise and answers the runtime: "view" with the leadership of a view made now, "ask" with
// the seconds that a renewal leaves. It pauses before each answer goes out.
func agentProcess(controller, socket, unit string) error {
	conn, err := grpc.NewClient("unix:"+controller, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	k, in := event.Key{Model: "m", Unit: unit}, bufio.NewReader(os.Stdin)
	p := leader.New(leader.Config{Client: controllerv1.NewAgentsClient(conn), Every: lease / 4, Call: 10 * time.Second})
	go p.Run(context.Background())
	lis, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	fmt.Println("at ready")
	for {
		c, err := lis.Accept()
		if err != nil {
			return err
		}
		asked, err := bufio.NewReader(c).ReadString('\n')
		if err != nil {
			return err
		}
		what, number, _ := strings.Cut(strings.TrimSpace(asked), " ")
		term, _ := strconv.ParseInt(number, 10, 64)
		reply := ""
		switch what {
		case "view":
			until := p.Until(k, term)
			reply = fmt.Sprintf("%v %d", p.Left(until).Seconds(), until)
		case "ask":
			left, err := p.Renew(context.Background(), k, term)
			if reply = fmt.Sprint(left.Seconds()); err != nil {
				reply = "0"
			}
		}
		if err := pause(in, what); err != nil {
			return err
		}
		fmt.Fprintln(c, reply)
		_ = c.Close()
	}
}

// ask sends one request to the agent.
func ask(socket, request string) (string, error) {
	c, err := net.Dial("unix", socket)
	if err != nil {
		return "", err
	}
	defer c.Close()
	fmt.Fprintln(c, request)
	reply, err := bufio.NewReader(c).ReadString('\n')
	return strings.TrimSpace(reply), err
}

type agentHost struct{ socket, term string }

func (h agentHost) Call(context.Context, string, string) (string, error) {
	return ask(h.socket, "ask "+h.term)
}

func (agentHost) Immediate(*charmruntimev1.Immediate) {}

// runtimeProcess runs a hook for each line it reads, the term: it gets a view, pauses, asks whether it leads, and tells
// the answer with the time on which it was decided.
func runtimeProcess(socket, asks string) error {
	margin, err := time.ParseDuration(asks)
	if err != nil {
		return err
	}
	in := bufio.NewReader(os.Stdin)
	fmt.Println("at ready")
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return nil //nolint:nilerr // the test is over
		}
		term := strings.TrimSpace(line)
		text, err := ask(socket, "view "+term)
		if err != nil {
			return err
		}
		l := &hookv1.Leadership{Leader: true}
		if _, err := fmt.Sscan(text, &l.SecondsLeft, &l.UntilBoottimeNs); err != nil {
			return err
		}
		decided := time.Duration(0)
		clock := func() time.Duration { decided = leader.BootTime(); return decided }
		c := hook.New(&hookv1.Event{}, &hookv1.View{Leadership: l}, agentHost{socket, term}, hook.WithClock(clock), hook.WithLeaderMargin(margin))
		if err := pause(in, "view"); err != nil {
			return err
		}
		leads, err := c.IsLeader(context.Background())
		if err != nil {
			return err
		}
		fmt.Println("at answer", leads, int64(decided))
	}
}
