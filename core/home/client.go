package home

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/bangle-dev/bangle/core/file"
	"github.com/bangle-dev/bangle/sdk/errs"
)

// Client is what the command line remembers: the controllers that it knows and where it stands.
type Client struct {
	Current     string           `json:"current-controller,omitempty"`
	Controllers map[string]Known `json:"controllers"`
}

// Known is one controller.
type Known struct {
	UUID      string `json:"uuid"`
	Dir       string `json:"dir"` // of a local controller
	Substrate string `json:"substrate"`
	Model     string `json:"current-model,omitempty"`
}

// Load reads the memory of a home; a home without one is empty.
func Load(home string) (*Client, error) {
	c := &Client{Controllers: map[string]Known{}}
	text, err := os.ReadFile(clientFile(home))
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return nil, errs.E(errs.Internal, "cannot read %s: %w", clientFile(home), err)
	}
	if err := json.Unmarshal(text, c); err != nil {
		return nil, errs.E(errs.Invalid, "cannot read %s: %w; move the file away to start anew", clientFile(home), err)
	}
	return c, nil
}

// Change reads, changes and writes the memory of a home; two commands at once do it one after the other.
func Change(home string, change func(*Client) error) error {
	if err := os.MkdirAll(home, 0o700); err != nil {
		return errs.E(errs.Internal, "cannot make %s: %w", home, err)
	}
	lock, err := os.OpenFile(filepath.Join(home, ".client.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return errs.E(errs.Internal, "cannot lock %s: %w", home, err)
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return errs.E(errs.Internal, "cannot lock %s: %w", home, err)
	}
	c, err := Load(home)
	if err != nil {
		return err
	}
	if err := change(c); err != nil {
		return err
	}
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return errs.E(errs.Internal, "cannot write %s: %w", clientFile(home), err)
	}
	if err := file.Replace(clientFile(home), append(text, '\n'), 0o600); err != nil {
		return errs.E(errs.Internal, "%w", err)
	}
	return nil
}

func clientFile(home string) string { return filepath.Join(home, "client.json") }
