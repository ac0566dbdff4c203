package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"github.com/bangle-dev/bangle/sdk/hook/toolsocket"
)

// tool asks the runtime and returns the exit code. Files and standard input are read here: the charm's process may see
// other files than the runtime does.
func tool(name string, args []string) int {
	id, address := os.Getenv("JUJU_CONTEXT_ID"), os.Getenv("JUJU_AGENT_SOCKET_ADDRESS")
	if id == "" || address == "" {
		return fail("cannot run " + name + ": JUJU_CONTEXT_ID is not set; hook tools work only inside a hook")
	}
	request := toolsocket.Request{Context: id, Tool: name, Args: args, Files: map[string][]byte{}}
	if err := attach(&request); err != nil {
		return fail(err.Error())
	}
	conn, err := net.Dial("unix", strings.TrimPrefix(address, "unix:"))
	if err != nil {
		return fail("cannot run " + name + ": the hook that this process belongs to has ended (" + err.Error() + ")")
	}
	defer conn.Close()
	if err := toolsocket.WriteRequest(conn, request); err != nil {
		return fail("cannot run " + name + ": " + err.Error())
	}
	answer, err := toolsocket.ReadAnswer(conn)
	if err != nil {
		return fail("cannot run " + name + ": no answer: " + err.Error())
	}
	if _, err := os.Stdout.Write(answer.Stdout); err != nil {
		return fail("cannot print the answer of " + name + ": " + err.Error())
	}
	if _, err := os.Stderr.Write(answer.Stderr); err != nil {
		return 1
	}
	return answer.Exit
}

func fail(message string) int {
	fmt.Fprintln(os.Stderr, "ERROR", message)
	return 1
}

// attach reads what the arguments name: --file FILE, --file - and key#file=FILE.
func attach(r *toolsocket.Request) error {
	for i, a := range r.Args {
		name := ""
		switch {
		case (a == "--file" || a == "-file") && i+1 < len(r.Args):
			name = r.Args[i+1]
		case strings.HasPrefix(a, "--file="):
			name = strings.TrimPrefix(a, "--file=")
		case strings.Contains(a, "#file="):
			_, name, _ = strings.Cut(a, "#file=")
		}
		if name == "" {
			continue
		}
		if name == "-" {
			text, err := io.ReadAll(os.Stdin)
			if err != nil {
				return fmt.Errorf("cannot read standard input: %w", err)
			}
			r.Stdin = text
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return fmt.Errorf("cannot read file: %w", err)
		}
		r.Files[name] = text
	}
	return nil
}
