package substratetest

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// bootOf says which process answers at a supervisor's socket: the boot id that
// it tells, its pid and when it started. A supervisor that is no init tells the
// machine's boot id, so that one alone does not tell two lives apart.
func bootOf(socket string) (string, error) {
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}
	answer, err := client.Get("http://supervisor/v1/system-info")
	if err != nil {
		return "", err
	}
	defer func() { _ = answer.Body.Close() }() // read to its end
	var body struct {
		Result struct {
			BootID string `json:"boot-id"`
		} `json:"result"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&body); err != nil || body.Result.BootID == "" {
		return "", fmt.Errorf("system-info of %s has no boot id: status %s, %w", socket, answer.Status, err)
	}
	pid, err := listener(socket)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s/%d/%s", body.Result.BootID, pid, startOf(pid)), nil
}

// listener finds the process that listens on a unix socket.
func listener(socket string) (int, error) {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close() }() // nothing was written
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		return 0, err
	}
	var peer *unix.Ucred
	var askErr error
	err = raw.Control(func(fd uintptr) { peer, askErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err == nil {
		err = askErr
	}
	if err != nil {
		return 0, err
	}
	return int(peer.Pid), nil
}

// startOf is the start time of a process as the kernel counts it.
func startOf(pid int) string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 20 {
		return ""
	}
	return fields[19]
}

// hasRecord looks for the record of a process below the case's directories.
func (b *bench) hasRecord(pid int) bool {
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id") // every Linux has it
	want := processRecord{PID: pid, StartTime: startOf(pid), BootID: strings.TrimSpace(string(boot))}
	for _, dir := range []string{b.dirs.State, b.dirs.Run} {
		found := false
		_ = filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
			var record processRecord
			if err != nil || entry.IsDir() || filepath.Ext(name) != ".json" {
				return nil //nolint:nilerr // files come and go
			}
			content, err := os.ReadFile(name)
			found = found || err == nil && json.Unmarshal(content, &record) == nil && record == want
			return nil
		})
		if found {
			return true
		}
	}
	return false
}

// processRecord names a process for good.
type processRecord struct {
	PID       int    `json:"pid"`
	StartTime string `json:"start_time"`
	BootID    string `json:"boot_id"`
}
