package cli

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A controller that cannot start is started again and again by its supervisor. Who waits for it is told why after the third
// time, not when the patience is over.
const (
	failsOften = 3
	failsLate  = 10 * time.Second // an older failure says nothing of now
	failsTail  = 32 << 10         // of the log is looked at
	failsEvery = 200 * time.Millisecond
	failsWords = "[controller] ERROR "
	panicWords = "[controller] panic: "
	readyWords = `"msg":"ready"`
)

func processLog(dir string) string { return filepath.Join(dir, "logs", "processes.log") }

// failing is why the controller of a directory does not start, "" as far as it is known to or has not tried often.
func failing(dir string, now time.Time) string {
	f, err := os.Open(processLog(dir))
	if err != nil {
		return ""
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > failsTail {
		if _, err := f.Seek(-failsTail, io.SeekEnd); err != nil {
			return ""
		}
	}
	text, err := io.ReadAll(f)
	if err != nil {
		return ""
	}
	return persistent(text, now)
}

// persistent looks in a log for a controller that failed several times since it was ready last, the last time just now.
func persistent(log []byte, now time.Time) string {
	if at := bytes.LastIndex(log, []byte(readyWords)); at >= 0 {
		log = log[at:]
	}
	times, last, words := 0, time.Time{}, ""
	for line := range strings.Lines(string(log)) {
		stamp, rest, _ := strings.Cut(strings.TrimRight(line, "\n"), " ")
		said, failed := strings.CutPrefix(rest, failsWords)
		if !failed {
			said, failed = strings.CutPrefix(rest, panicWords)
		}
		at, err := time.Parse(time.RFC3339Nano, stamp)
		if !failed || err != nil {
			continue
		}
		times, last, words = times+1, at, said
	}
	if times < failsOften || now.Sub(last) > failsLate {
		return ""
	}
	return words
}
