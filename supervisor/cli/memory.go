package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// seen is what the client itself keeps for each socket: how far its user has read.
type seen struct {
	NoticesListed  time.Time `json:"notices-last-listed"`
	NoticesOkayed  time.Time `json:"notices-last-okayed"`
	WarningsListed time.Time `json:"warnings-last-listed"`
	WarningsOkayed time.Time `json:"warnings-last-okayed"`
}

// memory is the file, by socket below one key.
type memory struct {
	Sockets map[string]seen `json:"pebble"`
}

// memoryFile is "" when there is no home to keep it in.
func (p Process) memoryFile() string {
	dir := p.getenv("XDG_CONFIG_HOME")
	if dir == "" {
		home := p.getenv("HOME")
		if home == "" {
			return ""
		}
		dir = filepath.Join(home, ".config")
	}
	return filepath.Join(dir, "pebble", "cli.json")
}

func (p Process) readMemory() memory {
	var m memory
	if data, err := os.ReadFile(p.memoryFile()); err == nil {
		_ = json.Unmarshal(data, &m) // what cannot be read is forgotten
	}
	if m.Sockets == nil {
		m.Sockets = map[string]seen{}
	}
	return m
}

// recall tells how far was read; nothing is remembered of the first time.
func (s *session) recall() seen { return s.readMemory().Sockets[s.socket()] }

// remember keeps how far was read, if there is a home.
func (s *session) remember(v seen) error {
	name := s.memoryFile()
	if name == "" {
		return nil
	}
	m := s.readMemory()
	m.Sockets[s.socket()] = v
	data, err := json.Marshal(m)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(name), 0o700)
	}
	if err == nil {
		temp := fmt.Sprintf("%s.%d~", name, os.Getpid())
		if err = os.WriteFile(temp, data, 0o600); err == nil {
			err = os.Rename(temp, name)
		}
	}
	if err != nil {
		return fmt.Errorf("cannot remember what was listed: %w", err)
	}
	return nil
}

// hint tells of warnings that were not read yet.
func (s *session) hint() {
	at := s.c.LatestWarning()
	if read := s.recall(); at.IsZero() || !at.After(read.WarningsOkayed) || !at.After(read.WarningsListed) {
		return
	}
	fmt.Fprintf(s.Stderr, "There are new warnings, see '%s warnings'.\n", s.name())
}
