// Package settings reads what the guestbook may be told while it runs.
package settings

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strings"
	"unicode/utf8"
)

// maxTitle is the longest title, in characters.
const maxTitle = 100

// Settings is everything that may change without a restart. The JSON names
// are the keys of the configuration file.
type Settings struct {
	Title  string   `json:"title"`  // heading of the page
	Accent string   `json:"accent"` // a CSS colour: #rgb, #rrggbb or a name
	Unit   string   `json:"unit"`   // such as guestbook/0, shown as "served by"
	NATS   []string `json:"nats"`   // nats://host:port; none: wait for one
	Stream string   `json:"stream"` // JetStream stream that holds the entries
}

// Default returns the settings of a guestbook that was told nothing.
func Default() Settings {
	return Settings{Title: "Guestbook", Accent: "#b3471d", Unit: "guestbook/0", Stream: "guestbook"}
}

// Load reads the file at path over base: a key that is absent keeps base's
// value. Its error names the file, the key and what is allowed.
func Load(path string, base Settings) (Settings, error) {
	if path == "" {
		return base, base.Check()
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return base, fmt.Errorf("cannot read the settings: %w", err)
	}
	s := base
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&s); err != nil {
		return base, fmt.Errorf("cannot read the settings from %s: %w (keys: title, accent, unit, nats, stream)", path, err)
	}
	if err := s.Check(); err != nil {
		return base, fmt.Errorf("cannot use %s: %w", path, err)
	}
	return s, nil
}

// Check reports the first value that cannot be used, naming its key.
func (s Settings) Check() error {
	colour := regexp.MustCompile(`^(#[0-9a-fA-F]{3}|#[0-9a-fA-F]{6}|[a-zA-Z]{3,30})$`)
	word := regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	switch {
	case strings.TrimSpace(s.Title) == "" || utf8.RuneCountInString(s.Title) > maxTitle:
		return fmt.Errorf("title %q: give 1 to %d characters", s.Title, maxTitle)
	case !colour.MatchString(s.Accent):
		return fmt.Errorf("accent %q: give #rgb, #rrggbb or the name of a colour", s.Accent)
	case s.Unit == "" || strings.ContainsAny(s.Unit, "\r\n"):
		return fmt.Errorf("unit %q: give a name such as guestbook/0", s.Unit)
	case !word.MatchString(s.Stream):
		return fmt.Errorf("stream %q: give 1 to 64 letters, digits, - or _", s.Stream)
	}
	for i, text := range s.NATS {
		if err := CheckURL(text); err != nil {
			return fmt.Errorf("nats[%d]: %w", i, err)
		}
	}
	return nil
}

// CheckURL reports whether text is an address NATS can be reached at. Its
// error does not repeat a password.
func CheckURL(text string) error {
	u, err := url.Parse(text)
	if err != nil {
		return errors.New("not a URL: give nats://HOST:PORT")
	}
	if (u.Scheme != "nats" && u.Scheme != "tls") || u.Hostname() == "" {
		return fmt.Errorf("%q: give nats://HOST:PORT", u.Redacted())
	}
	return nil
}

// SplitURLs turns "nats://a:1, nats://b:2" into its parts.
func SplitURLs(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
}
