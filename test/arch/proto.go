package arch

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
)

// ChecksumFile is where the sum of the inputs of the generated code lies, relative to the root.
const ChecksumFile = "sdk/proto/gen/CHECKSUM"

// ProtoSum is the sha256, in hex with a line end, of every *.proto below root's sdk/proto and of buf.gen.yaml: names
// and contents, in the order of their names. Who edits a proto runs buf; everybody else only compares this sum.
func ProtoSum(root string) (string, error) {
	dir := filepath.Join(root, "sdk", "proto")
	var names []string
	err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if filepath.Ext(name) == ".proto" || entry.Name() == "buf.gen.yaml" {
			names = append(names, name)
		}
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("cannot list the protos: %w", err)
	}
	sort.Strings(names)
	all := sha256.New()
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			return "", fmt.Errorf("cannot sum the protos: %w", err)
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return "", err
		}
		one := sha256.Sum256(data)
		fmt.Fprintf(all, "%x  %s\n", one, filepath.ToSlash(rel))
	}
	return hex.EncodeToString(all.Sum(nil)) + "\n", nil
}
