package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/bangle-dev/bangle/sdk/hook/toolsocket"
)

// execution is what juju-exec was asked for.
type execution struct {
	unit, relation, remote string
	timeout                time.Duration
	command                []string
	bare                   bool // --no-context
}

const execUsage = "usage: %s [-u UNIT] [-r RELATION] [--remote-unit UNIT] [--timeout DURATION] [--no-context] COMMAND…"

// jujuExec runs a command in a hook context of its own, from a process of the unit that is in no hook, and exits as it does.
func jujuExec(name string, args []string) int {
	e, err := parseExec(name, args)
	if err != nil {
		fmt.Fprintln(os.Stderr, "ERROR", err)
		return 2
	}
	if e.bare {
		return fail("cannot run without a context: --no-context is not supported here; run the command itself")
	}
	if id := os.Getenv("JUJU_CONTEXT_ID"); id != "" && alive() {
		return fail(fmt.Sprintf("%s cannot be called from within a hook, have context %q", name, id))
	}
	socket := os.Getenv("BANGLE_RUN_SOCKET")
	if socket == "" {
		return fail("cannot find the unit's run socket: BANGLE_RUN_SOCKET is not set; it is in the environment of every hook, keep it for what a hook starts")
	}
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return fail("cannot reach the unit's agent: " + err.Error())
	}
	defer conn.Close()
	request := toolsocket.Request{Tool: name, Args: append([]string{e.unit, strconv.FormatInt(e.timeout.Milliseconds(), 10), e.relation, e.remote}, e.command...)}
	if err := toolsocket.WriteRequest(conn, request); err != nil {
		return fail("cannot ask the unit's agent: " + err.Error())
	}
	answer, err := toolsocket.ReadAnswer(conn)
	if err != nil {
		return fail("the unit's agent went away before the command ended: " + err.Error())
	}
	if _, err := os.Stdout.Write(answer.Stdout); err != nil {
		return 1
	}
	if _, err := os.Stderr.Write(answer.Stderr); err != nil {
		return 1
	}
	return answer.Exit
}

// alive says whether the hook of this environment still runs: its socket is there as long as it does. What a hook started
// keeps the hook's environment, and is free to ask once the hook has ended.
func alive() bool {
	_, err := os.Stat(strings.TrimPrefix(os.Getenv("JUJU_AGENT_SOCKET_ADDRESS"), "unix:"))
	return err == nil
}

// parseExec reads the arguments. One word is a shell's command, several are a command as they stand joined for a shell, as
// Juju has it. The first word may name the unit.
func parseExec(name string, args []string) (execution, error) {
	var e execution
	form := fmt.Errorf(execUsage, name)
	for len(args) > 0 && strings.HasPrefix(args[0], "-") && args[0] != "--" {
		flag, value, has := strings.Cut(args[0], "=")
		args = args[1:]
		switch flag {
		case "--no-context":
			e.bare = true
			continue
		case "--operator", "--force-remote-unit":
			continue // there is one place for charm and workload, and the remote unit is taken as it is said
		}
		if !has {
			if len(args) == 0 {
				return e, form
			}
			value, args = args[0], args[1:]
		}
		if err := e.flag(flag, value); err != nil {
			return e, errors.Join(err, form)
		}
	}
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) > 1 && e.unit == "" && unitName(args[0]) != "" {
		e.unit, args = unitName(args[0]), args[1:]
	}
	if len(args) == 0 {
		return e, form
	}
	shell := "/bin/bash"
	if _, err := os.Stat(shell); err != nil {
		shell = "/bin/sh"
	}
	e.command = []string{shell, "-c", strings.Join(args, " ")}
	return e, nil
}

// flag takes one flag with a value.
func (e *execution) flag(flag, value string) error {
	switch flag {
	case "-u", "--unit":
		if e.unit = unitName(value); e.unit == "" {
			return fmt.Errorf("%q is no unit", value)
		}
	case "-r", "--relation":
		e.relation = value
	case "--remote-unit":
		e.remote = value
	case "--timeout":
		d, err := time.ParseDuration(value)
		if err != nil || d < 0 {
			return fmt.Errorf("%q is no timeout; want one such as 30s", value)
		}
		e.timeout = d
	default:
		return fmt.Errorf("option provided but not defined: %s", flag)
	}
	return nil
}

// unitName is the unit in "app/0" or in the tag "unit-app-0", "" for anything else.
func unitName(text string) string {
	if tag, ok := strings.CutPrefix(text, "unit-"); ok {
		if i := strings.LastIndexByte(tag, '-'); i > 0 {
			text = tag[:i] + "/" + tag[i+1:]
		}
	}
	app, number, ok := strings.Cut(text, "/")
	if _, err := strconv.ParseUint(number, 10, 31); !ok || err != nil || app == "" || strings.ContainsAny(app, " \t=$.") {
		return ""
	}
	return text
}
