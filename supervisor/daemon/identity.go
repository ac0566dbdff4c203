package daemon

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// bootID is the kernel's, or a fresh one when this process is what booted.
func bootID() (string, error) {
	if os.Getpid() == 1 {
		var b [16]byte
		_, _ = rand.Read(b[:]) // never fails
		b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
		return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]), nil
	}
	return kernelBootID()
}

func kernelBootID() (string, error) {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("cannot read boot id: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// runFile is what --pid-file holds: enough to find this very process again.
type runFile struct {
	PID       int    `json:"pid"`
	StartTime string `json:"start_time"` // field 22 of /proc/self/stat
	BootID    string `json:"boot_id"`    // the kernel's
	Socket    string `json:"socket"`
	File      string `json:"file"` // where this was written, so that a copy of the directory misleads nobody
}

func writeRunFile(path, socket string) error {
	stat, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return fmt.Errorf("cannot read start time: %w", err)
	}
	// The name in field 2 may hold anything, also spaces and parentheses.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 20 {
		return errors.New("cannot read start time: /proc/self/stat is too short")
	}
	boot, err := kernelBootID()
	if err != nil {
		return err
	}
	data, err := json.Marshal(runFile{PID: os.Getpid(), StartTime: fields[19], BootID: boot, Socket: socket, File: path})
	if err != nil {
		return fmt.Errorf("cannot encode pid file: %w", err)
	}
	temp := path + "~"
	if err := os.WriteFile(temp, append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("cannot write pid file: %w", err)
	}
	if err := os.Rename(temp, path); err != nil {
		return fmt.Errorf("cannot write pid file: %w", err)
	}
	return nil
}

// listenUnix takes over a stale socket and refuses a live one.
func listenUnix(path string) (net.Listener, error) {
	if len(path) > 107 {
		return nil, fmt.Errorf("cannot listen on %q: a socket path must not be longer than 107 bytes", path)
	}
	if c, err := net.DialTimeout("unix", path, time.Second); err == nil {
		c.Close()
		return nil, fmt.Errorf("cannot listen on %q: socket is already in use", path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("cannot remove stale socket: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("cannot make directory of socket: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on socket: %w", err)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		l.Close()
		return nil, fmt.Errorf("cannot open socket to other users: %w", err)
	}
	return l, nil
}

// notifyParent tells a supervising init system; without one it does nothing.
func notifyParent(socket, message string) {
	if socket == "" {
		return
	}
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer syscall.Close(fd)
	_ = syscall.Sendto(fd, []byte(message), syscall.MSG_NOSIGNAL, &syscall.SockaddrUnix{Name: socket})
}
