package local

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// imageLayers is where an image brings layers of its own for its supervisor, as
// pods have them; they come before what the charm adds.
const imageLayers = "var/lib/pebble/default/layers"

// copyLayers gives a container's supervisor the layers of its image as they are
// now: the supervisor of another image begins with that one's. No link leads out
// of the root.
func copyLayers(root, to string) error {
	tree, err := os.OpenRoot(root)
	if err != nil {
		return fmt.Errorf("cannot open the container's root: %w", err)
	}
	defer tree.Close()
	layers, err := tree.OpenRoot(imageLayers)
	if errors.Is(err, fs.ErrNotExist) {
		return os.RemoveAll(to)
	}
	if err != nil {
		return fmt.Errorf("cannot read the layers in %s of the container's root: %w", imageLayers, err)
	}
	defer layers.Close()
	made := to + "~"
	if err := errors.Join(os.RemoveAll(made), os.MkdirAll(made, 0o700)); err != nil {
		return err
	}
	err = fs.WalkDir(layers.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			return os.MkdirAll(filepath.Join(made, name), 0o700)
		case !strings.HasSuffix(name, ".yaml"):
			return nil
		}
		text, err := layers.ReadFile(name)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(made, name), text, 0o600)
	})
	if err != nil {
		return fmt.Errorf("cannot copy the layers in %s of the container's root: %w", imageLayers, err)
	}
	return errors.Join(os.RemoveAll(to), os.Rename(made, to))
}
