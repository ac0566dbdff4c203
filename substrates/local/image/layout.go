package image

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// descriptor is the part of an OCI descriptor that is needed here.
type descriptor struct {
	MediaType string `json:"mediaType"`
	Digest    string `json:"digest"`
	Platform  *struct {
		Architecture string `json:"architecture"`
		OS           string `json:"os"`
	} `json:"platform"`
}

// manifest is an index (Manifests) or an image (Layers).
type manifest struct {
	Manifests []descriptor `json:"manifests"`
	Layers    []descriptor `json:"layers"`
}

// maxNesting is how deep an index may lie in an index.
const maxNesting = 4

// unpackLayout applies the layers of the image for this machine.
func unpackLayout(ctx context.Context, layout, cache string) (string, error) {
	text, err := os.ReadFile(filepath.Join(layout, "index.json"))
	if err != nil {
		return "", fmt.Errorf("cannot read OCI layout: %w", err)
	}
	digest := ""
	m, err := parse(text)
	for depth := 0; err == nil && len(m.Layers) == 0; depth++ {
		d, ok := choose(m.Manifests)
		if !ok || depth == maxNesting {
			return "", fmt.Errorf("cannot use OCI layout %s: it has no image for linux/%s", layout, runtime.GOARCH)
		}
		digest = d.Digest
		var file string
		if file, err = blob(ctx, layout, digest); err != nil {
			return "", err
		}
		if text, err = os.ReadFile(file); err == nil {
			m, err = parse(text)
		}
	}
	if err != nil {
		return "", fmt.Errorf("cannot read OCI layout %s: %w", layout, err)
	}
	return once(cache, strings.TrimPrefix(digest, "sha256:"), func(dir *os.Root) error {
		for _, l := range m.Layers {
			file, err := blob(ctx, layout, l.Digest)
			if err != nil {
				return err
			}
			if err := extractFile(ctx, file, dir, true); err != nil {
				return err
			}
		}
		return nil
	})
}

func parse(text []byte) (m manifest, err error) {
	err = json.Unmarshal(text, &m)
	return m, err
}

// choose takes the first that is for this machine, or that does not say.
func choose(list []descriptor) (descriptor, bool) {
	for _, d := range list {
		if d.Platform == nil || d.Platform.OS == "linux" && d.Platform.Architecture == runtime.GOARCH {
			return d, true
		}
	}
	return descriptor{}, false
}

// blob is the file of a digest, whose content is checked.
func blob(ctx context.Context, layout, digest string) (string, error) {
	sum, ok := strings.CutPrefix(digest, "sha256:")
	if !ok || len(sum) != 64 || strings.Trim(sum, "0123456789abcdef") != "" {
		return "", fmt.Errorf("cannot use OCI layout %s: digest %q is not a sha256", layout, digest)
	}
	file := filepath.Join(layout, "blobs", "sha256", sum)
	got, err := fileSum(ctx, file)
	if err != nil {
		return "", err
	}
	if got != sum {
		return "", fmt.Errorf("cannot use OCI layout %s: blob %s has sum %s", layout, digest, got)
	}
	return file, nil
}
