package charm

import (
	"io/fs"
	"slices"
	"strings"

	"github.com/bangle-dev/bangle/sdk/yaml"
)

// dispatchScript starts the Python source of a charm that no tool has packed:
// libraries and dependencies are looked for where charmcraft puts them. It says
// so in charmcraft's words, which the Python runtime understands without a shell.
const dispatchScript = `#!/bin/sh
JUJU_DISPATCH_PATH="${JUJU_DISPATCH_PATH:-$0}" PYTHONPATH=lib:venv \
  exec python3 src/charm.py
`

// generated returns the files that a charm finds beside itself when it runs and
// that a source tree has only inside charmcraft.yaml. What cannot be read is
// left out: reading the charm reports it.
func generated(fsys fs.FS) map[string][]byte {
	r := &reader{fsys: fsys}
	r.load()
	files := map[string][]byte{}
	for file := range sections() {
		if doc := r.doc(file); doc != nil && doc.File() == charmcraft {
			var content map[string]any
			if doc.Decode(&content) == nil {
				addYAML(files, file, content)
			}
		}
	}
	if doc := r.docs[charmcraft]; doc != nil && r.unified {
		var content map[string]any
		if doc.Decode(&content) == nil {
			addYAML(files, metadataFile, metadataOf(content))
			if m := manifestOf(content); m != nil && r.docs[manifestFile] == nil && !r.broken[manifestFile] {
				addYAML(files, manifestFile, m)
			}
		}
	}
	if !r.isFile(wasmFile) && r.executable() == pythonSource {
		files[dispatchFile] = []byte(dispatchScript)
	}
	return files
}

func addYAML(files map[string][]byte, name string, content any) {
	if data, err := yaml.Encode(content); err == nil {
		files[name] = data
	}
}

// metadataOf returns metadata.yaml out of charmcraft.yaml. Links go under the
// keys that readers of metadata.yaml know.
func metadataOf(craft map[string]any) map[string]any {
	meta := map[string]any{}
	for key, value := range craft {
		if !slices.Contains(buildKeys(), key) && key != "links" {
			meta[key] = value
		}
	}
	if title, ok := craft["title"]; ok {
		meta["display-name"] = title
	}
	links, _ := craft["links"].(map[string]any)
	for from, to := range map[string]string{"contact": "maintainers", "documentation": "docs",
		"issues": "issues", "source": "source", "website": "website"} {
		value, ok := links[from]
		if !ok {
			continue
		}
		if _, isList := value.([]any); to == "maintainers" && !isList {
			value = []any{value}
		}
		meta[to] = value
	}
	return meta
}

// manifestOf returns manifest.yaml out of the base of charmcraft.yaml, which is
// "name@channel", or nil when it is not written so.
func manifestOf(craft map[string]any) map[string]any {
	base, _ := craft["base"].(string)
	name, channel, ok := strings.Cut(base, "@")
	if !ok {
		return nil
	}
	b := map[string]any{"name": name, "channel": channel}
	if platforms, ok := craft["platforms"].(map[string]any); ok {
		var architectures []string
		for platform := range platforms {
			architectures = append(architectures, platform)
		}
		slices.Sort(architectures)
		b["architectures"] = architectures
	}
	return map[string]any{"bases": []any{b}}
}
