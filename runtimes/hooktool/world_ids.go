package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// idRange maps count ids from inside on to those from outside on.
type idRange struct{ inside, outside, count int }

// mapIDs maps the ids of a process that was started in a new user namespace: `hooktool map-ids PID`.
func mapIDs(args []string) error {
	if len(args) != 1 {
		return errors.New("cannot map ids: give one process id")
	}
	pid, err := strconv.Atoi(args[0])
	if err != nil {
		return fmt.Errorf("cannot map ids: %w", err)
	}
	return mapFor(pid)
}

// mapFor maps the caller's ids to themselves and, where the system grants subordinate ids and has the programs that
// may use them, all other ids to those: then a service may have a user: of its own.
func mapFor(pid int) error {
	proc := "/proc/" + strconv.Itoa(pid) + "/"
	uid, gid := os.Getuid(), os.Getgid()
	users, groups := subordinate("/etc/subuid", uid), subordinate("/etc/subgid", uid)
	if len(users) == 0 || len(groups) == 0 || runMapper("newuidmap", pid, spread(uid, users)) != nil {
		if err := os.WriteFile(proc+"uid_map", []byte(fmt.Sprintf("%d %d 1", uid, uid)), 0); err != nil {
			return fmt.Errorf("cannot map the user id: %w; %s", err, mends)
		}
	} else if runMapper("newgidmap", pid, spread(gid, groups)) == nil {
		return nil
	}
	// Without this the kernel lets no ordinary user map a group: leaving a group may open what is closed to it.
	if err := os.WriteFile(proc+"setgroups", []byte("deny"), 0); err != nil {
		return fmt.Errorf("cannot map the group id: %w", err)
	}
	if err := os.WriteFile(proc+"gid_map", []byte(fmt.Sprintf("%d %d 1", gid, gid)), 0); err != nil {
		return fmt.Errorf("cannot map the group id: %w", err)
	}
	return nil
}

// spread maps own to itself and the ids around it, from 0 on, to the granted ranges in their order.
func spread(own int, granted []idRange) []idRange {
	maps := []idRange{{own, own, 1}}
	next := 0
	for _, g := range granted {
		for g.count > 0 {
			if next == own {
				next++
			}
			n := g.count
			if next < own && next+n > own {
				n = own - next
			}
			maps = append(maps, idRange{next, g.outside, n})
			next, g.outside, g.count = next+n, g.outside+n, g.count-n
		}
	}
	return maps
}

// subordinate reads the ranges granted to a user, by name or number.
func subordinate(file string, uid int) []idRange {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	number, name := strconv.Itoa(uid), userName(uid)
	var found []idRange
	for line := range strings.Lines(string(text)) {
		f := strings.Split(strings.TrimSpace(line), ":")
		if len(f) != 3 || f[0] != number && (name == "" || f[0] != name) {
			continue
		}
		start, err1 := strconv.Atoi(f[1])
		count, err2 := strconv.Atoi(f[2])
		if err1 == nil && err2 == nil && count > 0 {
			found = append(found, idRange{outside: start, count: count})
		}
	}
	return found
}

func userName(uid int) string {
	text, err := os.ReadFile("/etc/passwd")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Split(line, ":"); len(f) > 2 && f[2] == strconv.Itoa(uid) {
			return f[0]
		}
	}
	return ""
}

// runMapper runs newuidmap or newgidmap, which are set-user-id programs.
func runMapper(mapper string, pid int, maps []idRange) error {
	path, err := look(mapper)
	if err != nil {
		return err
	}
	argv := []string{mapper, strconv.Itoa(pid)}
	for _, m := range maps {
		argv = append(argv, strconv.Itoa(m.inside), strconv.Itoa(m.outside), strconv.Itoa(m.count))
	}
	p, err := os.StartProcess(path, argv, &os.ProcAttr{Files: []*os.File{nil, nil, os.Stderr}})
	if err != nil {
		return err
	}
	state, err := p.Wait()
	if err == nil && !state.Success() {
		err = fmt.Errorf("cannot map ids: %s ended with %s", mapper, state)
	}
	return err
}
