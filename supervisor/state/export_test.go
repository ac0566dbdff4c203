package state

import (
	"log/slog"
	"time"
)

// OpenSteps is Open with a look at every step, and a file that is written anew after grow bytes.
func OpenSteps(dir string, log *slog.Logger, grow int64, step func(string)) (*Keeper, error) {
	return open(dir, log, disk{step: step, grow: grow, wait: time.Millisecond})
}
