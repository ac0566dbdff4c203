package web

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// told is the config event: what an open page shows of the settings.
type told struct {
	Title  string `json:"title"`
	Accent string `json:"accent"`
	Unit   string `json:"unit"`
	Hue    int    `json:"hue"` // of the unit, 0 to 359
}

type stream struct {
	w     io.Writer
	ctl   *http.ResponseController
	last  uint64
	epoch int
	told  told
	away  bool
	begun bool
}

// events streams what changes: "config" (title, accent, the unit that
// serves), "store" (reachable or not), "entry" (with its number as event id,
// so that a browser that comes back gets what it missed) and "reset" (the
// entries started anew). A reader that has been ahead of this unit may get an
// entry twice; its seq tells.
func (s *site) events(w http.ResponseWriter, r *http.Request) {
	out := &stream{w: w, ctl: http.NewResponseController(w)}
	out.last = resumeAt(r, s.book.View().Since(^uint64(0)).Last)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	tick := time.NewTicker(keepAlive)
	defer tick.Stop()
	for {
		changed := s.book.View().Changed()
		now, next := s.book.Settings()
		snap := s.book.View().Since(out.last)
		err := out.config(told{now.Title, now.Accent, now.Unit, hue(now.Unit)})
		if err == nil {
			err = out.store(!snap.Connected)
		}
		if err == nil && out.begun && snap.Epoch != out.epoch {
			err = out.send("reset", "", struct{}{})
			snap = s.book.View().Since(0)
		}
		for i := 0; err == nil && i < len(snap.Entries); i++ {
			err = out.send("entry", strconv.FormatUint(snap.Entries[i].Seq, 10), show(snap.Entries[i]))
		}
		out.last, out.epoch, out.begun = snap.Last, snap.Epoch, true
		if err != nil || out.ctl.Flush() != nil {
			return // the reader left
		}
		select {
		case <-changed:
		case <-next:
		case <-tick.C:
			_ = out.ctl.SetWriteDeadline(time.Now().Add(writeStuck))
			_, _ = io.WriteString(w, ": still here\n\n") // the flush tells
		case <-r.Context().Done():
			return
		case <-s.stop:
			return
		}
	}
}

// resumeAt is the number of the entry the reader has: what the browser says
// after a break, else ?after=, else the newest.
func resumeAt(r *http.Request, newest uint64) uint64 {
	for _, text := range []string{r.Header.Get("Last-Event-ID"), r.URL.Query().Get("after")} {
		if seq, err := strconv.ParseUint(text, 10, 64); err == nil {
			return seq
		}
	}
	return newest
}

func (o *stream) config(now told) error {
	if o.begun && now == o.told {
		return nil
	}
	o.told = now
	return o.send("config", "", now)
}

func (o *stream) store(away bool) error {
	if o.begun && away == o.away {
		return nil
	}
	o.away = away
	return o.send("store", "", map[string]bool{"connected": !away})
}

func (o *stream) send(event, id string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if id != "" {
		id = "id: " + id + "\n"
	}
	_ = o.ctl.SetWriteDeadline(time.Now().Add(writeStuck))
	_, err = fmt.Fprintf(o.w, "%sevent: %s\nretry: 300\ndata: %s\n\n", id, event, data)
	return err
}
