package cli

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"gopkg.in/yaml.v3"
)

// formatFlag declares --format of a verb.
func (f *flags) formatFlag() *string {
	var format string
	f.choice(&format, "format", "text", "how to print it (default: text)", "text", "json", "yaml")
	return &format
}

// timeFlag declares --abs-time of a verb.
func (f *flags) timeFlag() *bool {
	var abs bool
	f.BoolVar(&abs, "abs-time", false, "print times as RFC 3339, not as days ago")
	return &abs
}

// encode prints v as JSON on one line or as YAML, by the same field names.
func (s *session) encode(format string, v any) error {
	if format == "json" {
		b, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("cannot encode as JSON: %w", err)
		}
		_, err = fmt.Fprintf(s.Stdout, "%s\n", b)
		return err
	}
	b, err := yaml.Marshal(v)
	if err != nil {
		return fmt.Errorf("cannot encode as YAML: %w", err)
	}
	_, err = s.Stdout.Write(b)
	return err
}

// table prints rows below a header.
func (s *session) table(header string, rows func(func(...string))) error {
	return s.rows(func(row func(...string)) {
		row(header)
		rows(row)
	})
}

// rows prints cells in aligned columns.
func (s *session) rows(rows func(func(...string))) error {
	w := tabwriter.NewWriter(s.Stdout, 5, 3, 2, ' ', 0)
	rows(func(cells ...string) { fmt.Fprintln(w, strings.Join(cells, "\t")) })
	return w.Flush()
}

// clock prints times for people, or absolute.
type clock struct {
	now time.Time
	abs bool
}

const farDays = 60

func (c clock) format(t time.Time) string {
	switch {
	case t.IsZero():
		return "-"
	case c.abs:
		return t.Format(time.RFC3339)
	}
	t = t.In(c.now.Location())
	days := int(math.Round(midnight(t).Sub(midnight(c.now)).Hours() / 24))
	at := t.Format("15:04 MST")
	switch {
	case days < -farDays || days > farDays:
		return t.Format("2006-01-02")
	case days < -1:
		return fmt.Sprintf("%d days ago, at %s", -days, at)
	case days == -1:
		return "yesterday at " + at
	case days == 0:
		return "today at " + at
	case days == 1:
		return "tomorrow at " + at
	}
	return fmt.Sprintf("in %d days, at %s", days, at)
}

func midnight(t time.Time) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d, 12, 0, 0, 0, t.Location())
}

// size prints bytes in at most six characters, three digits of them.
func size(n int64) string {
	const plain = 5000
	if n <= plain {
		return strconv.FormatInt(n, 10) + "B"
	}
	v := float64(n)
	for _, unit := range []string{"kB", "MB", "GB", "TB", "PB"} {
		v /= 1000
		switch {
		case v < 9.995:
			return fmt.Sprintf("%.2f%s", v, unit)
		case v < 99.95:
			return fmt.Sprintf("%.1f%s", v, unit)
		case v < 999.5:
			return fmt.Sprintf("%.0f%s", v, unit)
		}
	}
	return fmt.Sprintf("%.0fEB", v/1000)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
