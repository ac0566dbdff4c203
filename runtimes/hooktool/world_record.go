package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// writeRecord names this process, which becomes the program, for whoever has to end it when nobody can be asked: its
// number and start time as the host sees them, and the boot they belong to. The program could not write it itself: in
// its own process namespace it is process 1. To be called while /proc is still the host's.
func writeRecord(file string) error {
	if file == "" {
		return nil
	}
	self, err := os.Readlink("/proc/self")
	if err != nil {
		return fmt.Errorf("cannot write the pid file: %w", err)
	}
	pid, err := strconv.Atoi(self)
	if err != nil {
		return fmt.Errorf("cannot write the pid file: /proc/self is %q, not a process", self)
	}
	stat, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return fmt.Errorf("cannot write the pid file: %w", err)
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 20 {
		return errors.New("cannot write the pid file: /proc/self/stat is too short")
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return fmt.Errorf("cannot write the pid file: %w", err)
	}
	data, err := json.Marshal(map[string]any{"pid": pid, "start_time": fields[19], "boot_id": strings.TrimSpace(string(boot)), "file": file})
	if err != nil {
		return fmt.Errorf("cannot write the pid file: %w", err)
	}
	temp := file + "~"
	if err := os.WriteFile(temp, append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("cannot write the pid file: %w", err)
	}
	if err := os.Rename(temp, file); err != nil {
		return fmt.Errorf("cannot write the pid file: %w", err)
	}
	return nil
}
