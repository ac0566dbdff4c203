package local

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"

	"github.com/bangle-dev/bangle/substrates/local/process"
)

// record is all that is known of a place: what the provider's next life, the
// unit side and whoever cleans up find. It is written before anything it tells
// of is started.
type record struct {
	Schema      int    `json:"schema"`
	ModelUUID   string `json:"model_uuid"`
	Application string `json:"application"`
	Unit        string `json:"unit"`
	Principal   string `json:"principal,omitempty"` // of a subordinate, which lives at that unit's place
	Incarnation string `json:"incarnation"`
	ProviderID  string `json:"provider_id"`
	Token       string `json:"token"` // part of an environment entry of every process, see entry
	Revision    uint64 `json:"revision"`
	Ending      bool   `json:"ending,omitempty"`

	Containers []container `json:"containers"`
	Storage    []storage   `json:"storage,omitempty"`
}

// container is one supervisor and what it runs in.
type container struct {
	Name   string  `json:"name"`
	Source string  `json:"source,omitempty"` // root as it was given
	Root   string  `json:"root,omitempty"`   // directory in use, "" is the host's own
	Mounts []mount `json:"mounts,omitempty"`
	Socket string  `json:"socket"`

	Process process.ID `json:"process"` // of the supervisor that was started last
}

// mount is a storage that a container is to find at a location.
type mount struct {
	Storage  string `json:"storage"` // name, not id
	Location string `json:"location"`
	Source   string `json:"source"`
}

type storage struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Kind     string `json:"kind"`
	Location string `json:"location"`
}

const schema = 1

// same says whether a running container need not be started anew. One without a
// root of its own sees storage where it lies, so that storage may come and go.
func (c container) same(o container) bool {
	return c.Name == o.Name && c.Source == o.Source && c.Socket == o.Socket && (c.Source == "" || slices.Equal(c.Mounts, o.Mounts))
}

// entry is the environment entry that all processes of a container carry.
func (r *record) entry(container string) string { return "BANGLE_PLACE=" + r.Token + ":" + container }

func (r *record) container(name string) *container {
	for i := range r.Containers {
		if r.Containers[i].Name == name {
			return &r.Containers[i]
		}
	}
	return nil
}

// equal says whether two specs want the same place, whatever their revisions.
func (r *record) equal(o *record) bool {
	a, b := *r, *o
	a.Token, a.Revision = b.Token, b.Revision
	return reflect.DeepEqual(a, b)
}

// clone shares nothing with the original.
func (r *record) clone() *record {
	c := *r
	c.Containers, c.Storage = slices.Clone(r.Containers), slices.Clone(r.Storage)
	for i := range c.Containers {
		c.Containers[i].Mounts = slices.Clone(c.Containers[i].Mounts)
	}
	return &c
}

// readRecord returns fs.ErrNotExist where there is no place.
func readRecord(file string) (*record, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var r record
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", file, err)
	}
	if r.Schema != schema {
		return nil, fmt.Errorf("cannot read %s: schema %d, this version reads %d", file, r.Schema, schema)
	}
	return &r, nil
}

// save replaces the file as a whole.
func (r *record) save(file string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", file, err)
	}
	temp := file + ".new"
	if err := os.WriteFile(temp, append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("cannot write record: %w", err)
	}
	if err := os.Rename(temp, file); err != nil {
		return fmt.Errorf("cannot write record: %w", err)
	}
	return nil
}

// readRecords finds every place below the state directory. What cannot be read
// is told and left alone.
func (l *layout) readRecords() (found []*record, bad error) {
	files, err := filepath.Glob(filepath.Join(escape(l.state), "*", "*", "unit.json"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		r, err := readRecord(file)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			bad = errors.Join(bad, err)
		case l.recordFile(r.ModelUUID, r.Unit) == file:
			found = append(found, r)
		}
	}
	return found, bad
}

// escape makes a path a pattern that matches only itself.
func escape(path string) string {
	var out []rune
	for _, r := range path {
		if r == '*' || r == '?' || r == '[' || r == '\\' {
			out = append(out, '\\')
		}
		out = append(out, r)
	}
	return string(out)
}
