package resolver

import (
	"hash/fnv"
	"strconv"
	"time"
)

// The clocks: how often update-status runs and when a failed hook is tried again.
const (
	statusInterval = 5 * time.Minute
	statusConfig   = "update-status-hook-interval"
	retryConfig    = "automatically-retry-hooks"
	retryFirst     = 5 * time.Second
	retryMax       = 5 * time.Minute
)

// never is the zero time: only a change moves the unit on.
func (in Input) never() time.Time { return time.Time{} }

// spread is a number between 0.8 and 1.2 that is always the same for the same text.
func spread(text string) float64 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(text)) // never fails
	return 0.8 + 0.4*float64(h.Sum32()%1024)/1023
}

// dueStatus is when update-status is due. Any committed event swallows a tick that has passed (Advance), so a busy
// unit hardly runs it; units of one model do not run it together.
func (in Input) dueStatus() time.Time {
	every := statusInterval
	if d, err := time.ParseDuration(in.Model.Model.GetConfig()[statusConfig]); err == nil && d > 0 {
		every = d
	}
	last := in.Cursor.LastUpdateStatus
	jitter := spread(in.Model.Name + "@" + strconv.FormatInt(last, 10))
	return time.Unix(last, 0).Add(time.Duration(float64(every) * jitter))
}

// Retry is when a failed event runs again after so many attempts: 5 s, doubled each time, at most 5 minutes, each
// event a little different from the others.
func Retry(now time.Time, id string, attempt int32) time.Time {
	d := retryMax
	if attempt < 8 {
		d = retryFirst << max(attempt-1, 0)
	}
	d = time.Duration(float64(d) * spread(id+"#"+strconv.Itoa(int(attempt))))
	return now.Add(min(d, retryMax))
}
