package supervisortest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// dir is a new directory of this run.
func (p *probe) dir() string {
	name := filepath.Join(p.cfg.Dir, p.name)
	p.noErr(os.MkdirAll(name, 0o755), "cannot make directory")
	return name
}

func (p *probe) file(dir, name, text string) string {
	path := filepath.Join(dir, name)
	p.noErr(os.WriteFile(path, []byte(text), 0o644), "cannot write file")
	return path
}

func (p *probe) text1(path string) string {
	data, err := os.ReadFile(path)
	p.noErr(err, "cannot read what was written")
	return string(data)
}

// read asks for files and returns their contents and the results for each path.
func (p *probe) read(paths ...string) (map[string]string, []m) {
	var q strings.Builder
	q.WriteString("/v1/files?action=read")
	for _, path := range paths {
		q.WriteString("&path=" + path)
	}
	a := p.send(get, q.String(), http.Header{"Accept": {"multipart/form-data"}}, nil)
	kind, params, err := mime.ParseMediaType(a.header.Get("Content-Type"))
	if err != nil || a.status != 200 || kind != "multipart/form-data" || len(params["boundary"]) < 32 {
		a.failf("want status 200 and multipart/form-data with a boundary of 32 characters, got %q", a.header.Get("Content-Type"))
	}
	files, mr := map[string]string{}, multipart.NewReader(bytes.NewReader(a.body), params["boundary"])
	for {
		part, err := mr.NextPart()
		p.noErr(err, "the answer must end with a part named response")
		data, err := io.ReadAll(part)
		p.noErr(err, "cannot read part")
		_, d, err := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
		p.noErr(err, "Content-Disposition")
		if d["name"] != "response" {
			p.must(d["name"] == "files" && part.Header.Get("Content-Type") == "application/octet-stream", "part %v", part.Header)
			files[d["filename"]] = string(data)
			continue
		}
		last := answer{p: p, what: "part response", status: 200, header: http.Header(part.Header), body: data}
		results := last.list()
		_, err = mr.NextPart()
		p.must(errors.Is(err, io.EOF), "the part response must be the last")
		return files, results
	}
}

// write sends a multipart request with metadata and parts in this order.
func (p *probe) write(meta any, parts ...[2]string) answer {
	var body bytes.Buffer
	mw := multipart.NewWriter(&body)
	add := func(disposition, text string) {
		w, err := mw.CreatePart(textproto.MIMEHeader{"Content-Disposition": {"form-data; " + disposition}})
		p.noErr(err, "cannot build request")
		_, _ = io.WriteString(w, text)
	}
	data, err := json.Marshal(meta)
	p.noErr(err, "cannot encode request")
	add(`name="request"`, string(data))
	for _, part := range parts {
		add(fmt.Sprintf(`name="files"; filename=%q`, part[0]), part[1])
	}
	p.noErr(mw.Close(), "cannot build request")
	return p.send(post, "/v1/files", http.Header{"Content-Type": {mw.FormDataContentType()}}, &body)
}

func writing(files ...m) m { return m{"action": "write", "files": files} }

// results checks what is said of each path: "" for success, else the kind of the error.
func (p *probe) results(list []m, want ...string) {
	p.must(len(list) == len(want), "want %d results, got %v", len(want), list)
	for i, kind := range want {
		e, _ := list[i]["error"].(m)
		if kind == "" {
			p.must(e == nil, "%v: want success, got %v", list[i]["path"], e)
			continue
		}
		p.must(e["kind"] == kind && e["message"] != "", "%v: want kind %s and a message, got %v", list[i]["path"], kind, e)
	}
}

func (p *probe) list(query ...string) answer {
	return p.get("/v1/files", append([]string{"action", "list"}, query...)...)
}

func names(list []m) []string {
	var out []string
	for _, e := range list {
		name, _ := e["name"].(string)
		out = append(out, name)
	}
	return out
}

func fileCases() []testCase {
	return slices.Concat(fileBasics(), fileMore(), fileRest())
}

func fileBasics() []testCase {
	return []testCase{
		{"files/list", func(p *probe) {
			d := p.dir()
			p.file(d, "b", "12345")
			p.noErr(os.Mkdir(filepath.Join(d, "a"), 0o750), "mkdir")
			p.noErr(os.Symlink("b", filepath.Join(d, "c")), "symlink")
			list := p.list("path", d).list()
			p.must(slices.Equal(names(list), []string{"a", "b", "c"}), "want a, b, c in this order, got %v", names(list))
			p.has("a", list[0], m{"path": d + "/a", "type": "directory", "permissions": "750", "size": nil, "user-id": p.uid})
			p.has("b", list[1], m{"path": d + "/b", "type": "file", "permissions": "644", "size": 5})
			p.has("c", list[2], m{"type": "symlink"})
			p.times("b", list[1], "last-modified")
		}},
		{"files/list-itself", func(p *probe) {
			d := p.dir()
			f := p.file(d, "f", "")
			list := p.list("path", d, "itself", "true").list()
			p.must(len(list) == 1 && list[0]["path"] == d && list[0]["type"] == "directory", "got %v", list)
			list = p.list("path", f).list()
			p.must(len(list) == 1 && list[0]["path"] == f && list[0]["size"] == 0.0, "got %v", list)
		}},
		{"files/list-pattern", func(p *probe) {
			d := p.dir()
			for _, n := range []string{"one.txt", "two.txt", "three"} {
				p.file(d, n, "")
			}
			list := p.list("path", d, "pattern", "*.txt").list()
			p.must(slices.Equal(names(list), []string{"one.txt", "two.txt"}), "got %v", names(list))
			p.must(len(p.list("path", d, "pattern", "x*").list()) == 0, "want []")
		}},
		{"files/list-pattern-holds-for-a-file", func(p *probe) {
			dir := p.dir()
			p.file(dir, "one.txt", "1")
			p.must(len(p.list("path", dir+"/one.txt", "pattern", "*.txt").list()) == 1, "the file matches its pattern")
			p.must(len(p.list("path", dir+"/one.txt", "pattern", "*.log").list()) == 0, "the file does not match its pattern")
		}},
		{"files/list-refusals", func(p *probe) {
			d := p.dir()
			p.list("path", d+"/none").refused(404, "not-found", "none")
			p.list("path", "relative").refused(400, "", "absolute")
			p.file(d, "f", "")
			p.list("path", d, "pattern", "[").refused(400, "generic-file-error", "")
			p.list("path", d, "itself", "maybe").refused(400, "", "itself")
			p.get("/v1/files?action=jump").refused(400, "", "jump")
		}},
	}
}

func fileMore() []testCase {
	return []testCase{
		{"files/read", func(p *probe) {
			d := p.dir()
			a, b := p.file(d, "a", "text"), p.file(d, "b", strings.Repeat("x\r\n", 50000))
			files, results := p.read(a, b)
			p.results(results, "", "")
			p.must(files[a] == "text" && files[b] == strings.Repeat("x\r\n", 50000), "contents differ: %d and %d bytes", len(files[a]), len(files[b]))
		}},
		{"files/read-errors", func(p *probe) {
			d := p.dir()
			a := p.file(d, "a", "text")
			files, results := p.read(d+"/none", a, d, "relative")
			p.results(results, "not-found", "", "generic-file-error", "generic-file-error")
			p.must(len(files) == 1 && files[a] == "text", "only a can be read: %v", files)
		}},
		{"files/read-needs-accept", func(p *probe) {
			p.get("/v1/files?action=read&path=/etc/passwd").refused(400, "", "multipart/form-data")
			a := p.send(get, "/v1/files?action=read", http.Header{"Accept": {"multipart/form-data"}}, nil)
			a.refused(400, "", "")
		}},
		{"files/write", func(p *probe) {
			d := p.dir()
			a, b := d+"/a", d+`/b "q" ü`
			p.results(p.write(writing(m{"path": a}, m{"path": b, "permissions": "600"}), [2]string{a, "one"}, [2]string{b, "two"}).list(), "", "")
			p.must(p.text1(a) == "one" && p.text1(b) == "two", "wrong contents")
			list := p.list("path", d).list()
			p.must(len(list) == 2 && list[0]["permissions"] == "644" && list[1]["permissions"] == "600", "permissions: %v", list)
		}},
		{"files/write-replaces", func(p *probe) {
			d := p.dir()
			target, link := p.file(d, "target", "old"), d+"/link"
			p.noErr(os.Symlink("target", link), "symlink")
			p.results(p.write(writing(m{"path": link}), [2]string{link, "new"}).list(), "")
			p.must(p.text1(target) == "old" && p.text1(link) == "new", "a symlink must be replaced, not followed")
			p.must(len(p.list("path", d).list()) == 2, "a temporary file was left behind")
		}},
		{"files/write-make-dirs", func(p *probe) {
			d := p.dir()
			f := d + "/x/y/f"
			p.results(p.write(writing(m{"path": f}), [2]string{f, "one"}).list(), "not-found")
			p.results(p.write(writing(m{"path": f, "make-dirs": true, "permissions": "600"}), [2]string{f, "one"}).list(), "")
			p.has("made directory", p.list("path", d+"/x", "itself", "true").list()[0], m{"permissions": "755"})
		}},
	}
}

func fileRest() []testCase {
	return []testCase{
		{"files/write-errors", func(p *probe) {
			d := p.dir()
			a, b, c := d+"/a", d+"/b", d+"/c"
			list := p.write(writing(m{"path": a}, m{"path": b, "permissions": "99"}, m{"path": c}, m{"path": "relative"}),
				[2]string{a, "one"}, [2]string{b, "two"}, [2]string{"relative", "x"}).list()
			p.results(list, "", "generic-file-error", "generic-file-error", "generic-file-error")
			e, _ := list[2]["error"].(m)
			text, _ := e["message"].(string)
			p.must(strings.Contains(text, "no file content"), "message is %q", text)
		}},
		{"files/make-dirs", func(p *probe) {
			d := p.dir()
			list := p.act("make-dirs", "dirs", m{"path": d + "/a"}, m{"path": d + "/b/c"}, m{"path": d + "/d/e", "make-parents": true, "permissions": "777"},
				m{"path": d + "/a"}, m{"path": d + "/a", "make-parents": true}, m{"path": "relative"})
			p.results(list, "", "not-found", "", "generic-file-error", "", "generic-file-error")
			p.has("parent", p.list("path", d+"/d", "itself", "true").list()[0], m{"permissions": "777"})
			p.has("child", p.list("path", d+"/d/e", "itself", "true").list()[0], m{"permissions": "777"})
		}},
		{"files/remove", func(p *probe) {
			d := p.dir()
			p.noErr(os.MkdirAll(d+"/full/sub", 0o755), "mkdir")
			list := p.act("remove", "paths", m{"path": p.file(d, "f", "")}, m{"path": d + "/f"}, m{"path": d + "/full"}, m{"path": d + "/full", "recursive": true},
				m{"path": d + "/full", "recursive": true}, m{"path": "relative"})
			p.results(list, "", "not-found", "generic-file-error", "", "", "generic-file-error")
			p.must(len(p.list("path", d).list()) == 0, "something was left")
		}},
	}
}

func (p *probe) act(action, key string, items ...m) []m {
	return p.post("/v1/files", m{"action": action, key: items}).list()
}

func fileFaults() []testCase {
	multi := func(boundary, body string) func(*probe) answer {
		return func(p *probe) answer {
			return p.send(post, "/v1/files", http.Header{"Content-Type": {"multipart/form-data; boundary=" + boundary}}, strings.NewReader(body))
		}
	}
	long := strings.Repeat("b", 32)
	part := func(disposition, body string) string {
		return "--" + long + "\r\nContent-Disposition: form-data; " + disposition + "\r\n\r\n" + body + "\r\n"
	}
	end := "--" + long + "--\r\n"
	faults := []struct {
		name string
		send func(*probe) answer
		part string
	}{
		{"short-boundary", multi("short", ""), "boundary"},
		{"media-type", func(p *probe) answer {
			return p.send(post, "/v1/files", http.Header{"Content-Type": {"text/plain"}}, strings.NewReader("{}"))
		}, "text/plain"},
		{"no-media-type", func(p *probe) answer { return p.send(post, "/v1/files", nil, strings.NewReader("{}")) }, ""},
		{"action", func(p *probe) answer { return p.post("/v1/files", m{"action": "jump"}) }, "jump"},
		{"write-as-json", func(p *probe) answer { return p.post("/v1/files", m{"action": "write"}) }, "multipart"},
		{"first-part", multi(long, part(`name="files"; filename="/x"`, "x")+end), "request"},
		{"metadata", multi(long, part(`name="request"`, "{")+end), ""},
		{"multipart-action", multi(long, part(`name="request"`, `{"action":"remove"}`)+end), "remove"},
		{"no-files", multi(long, part(`name="request"`, `{"action":"write","files":[]}`)+end), ""},
		{"unasked-file", multi(long, part(`name="request"`, `{"action":"write","files":[{"path":"/no/a"}]}`)+part(`name="files"; filename="/no/b"`, "x")+end), "/no/b"},
		{"part-name", multi(long, part(`name="request"`, `{"action":"write","files":[{"path":"/no/a"}]}`)+part(`name="gifts"; filename="/no/a"`, "x")+end), "gifts"},
		{"empty-multipart", multi(long, end), ""},
	}
	var out []testCase
	for _, f := range faults {
		out = append(out, testCase{"files/refuse-" + f.name, func(p *probe) { f.send(p).refused(400, "", f.part) }})
	}
	return out
}
