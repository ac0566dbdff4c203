package main_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// watcher is a proxy before the gate that holds back the page's load event,
// after which Chromium prints the document, until the page shows what it should.
type watcher struct {
	listening chan struct{} // closed when the page has opened its event stream
	shown     chan struct{} // closed when the page shows the title and the entry
	once      [2]sync.Once
}

// addition goes into the page: an image that is slow to come, and a script
// that tells when the title and the entry are there.
const addition = `<img src="/slow" alt=""><script nonce="%s">setInterval(() => {
  if (document.title === "Changed live" && document.getElementById("list").innerText.includes("arrives live")) fetch("/shown");
}, 20)</script></body>`

func (w *watcher) handler(t *testing.T, front string) http.Handler {
	t.Helper()
	target, err := url.Parse(front)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite:        func(pr *httputil.ProxyRequest) { pr.SetURL(target); pr.Out.Host = pr.In.Host },
		FlushInterval:  -1,
		ModifyResponse: w.change,
	}
	mux := http.NewServeMux()
	mux.Handle("/", proxy)
	mux.HandleFunc("/slow", func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-w.shown:
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("/shown", func(http.ResponseWriter, *http.Request) { w.once[1].Do(func() { close(w.shown) }) })
	return mux
}

func (w *watcher) change(resp *http.Response) error {
	switch resp.Request.URL.Path {
	case "/events":
		w.once[0].Do(func() { close(w.listening) })
	case "/":
		policy := resp.Header.Get("Content-Security-Policy")
		nonce := regexp.MustCompile(`nonce-(\w+)`).FindStringSubmatch(policy)
		if nonce == nil {
			return fmt.Errorf("no nonce in %q", policy)
		}
		resp.Header.Set("Content-Security-Policy", strings.Replace(policy, "img-src", "img-src 'self'", 1))
		page, err := io.ReadAll(resp.Body)
		if err != nil {
			return err
		}
		page = bytes.Replace(page, []byte("</body>"), fmt.Appendf(nil, addition, nonce[1]), 1)
		resp.Body = io.NopCloser(bytes.NewReader(page))
		resp.ContentLength = int64(len(page))
		resp.Header.Set("Content-Length", strconv.Itoa(len(page)))
	}
	return nil
}

// TestBrowser opens the page in Chromium and changes the title and the
// entries under it.
func TestBrowser(t *testing.T) {
	chromium, err := exec.LookPath("chromium")
	if err != nil || testing.Short() {
		t.Skip("no chromium, or asked to be short")
	}
	d := build(t)
	w := &watcher{listening: make(chan struct{}), shown: make(chan struct{})}
	srv := httptest.NewServer(w.handler(t, d.front))
	defer srv.Close()
	defer srv.CloseClientConnections()
	cmd := exec.CommandContext(t.Context(), chromium, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--user-data-dir="+t.TempDir(), "--dump-dom", srv.URL+"/")
	var dom bytes.Buffer
	cmd.Stdout = &dom
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	within(t, w.listening, "the page opens its event stream")
	for n, b := range d.books {
		d.writeBook(t, n, "Changed live")
		b.cmd.Process.Signal(syscall.SIGHUP)
	}
	if code, body := sign(t, d.front, "live", "arrives live <b>"); code != 201 {
		t.Fatalf("%d %s", code, body)
	}
	within(t, w.shown, "the page shows the title and the entry")
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{">Changed live</h1>", "arrives live &lt;b&gt;", ">1 entry<", `live from</span> <span id="unit" class="unit mono" style="--hue:`, "guestbook/"} {
		if !strings.Contains(dom.String(), want) {
			t.Errorf("the document has no %s", want)
		}
	}
	if t.Failed() {
		t.Log(dom.String()[max(0, dom.Len()-9000):])
	}
}

func within(t *testing.T, c <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		t.Fatalf("still not: %s", what)
	}
}
