package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// entry is one entry of the book, as much of it as the demo looks at.
type entry struct {
	ID   string `json:"id"`
	Text string `json:"text"`
	Name string `json:"name"`
}

// fetch gets a page; the answer says which unit served it.
func fetch(ctx context.Context, url string) (body, servedBy string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", "", err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answered %s", url, answer.Status)
	}
	return string(text), answer.Header.Get("Served-By"), err
}

// post writes an entry; it is stored when this returns nil.
func post(ctx context.Context, page string, e entry) error {
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, page+"/entries", bytes.NewReader(text))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body) // so that the connection can be used again
	if answer.StatusCode != http.StatusCreated {
		return fmt.Errorf("posting an entry was answered %s", answer.Status)
	}
	return nil
}

// entries reads the whole book.
func entries(ctx context.Context, page string) ([]entry, error) {
	text, _, err := fetch(ctx, page+"/entries")
	if err != nil {
		return nil, err
	}
	var list []entry
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		return nil, fmt.Errorf("cannot read the entries: %w", err)
	}
	return list, nil
}

// until asks again and again, until a condition holds or the time is up; the last error says what was missing.
func until(ctx context.Context, limit time.Duration, holds func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := holds(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not within %s: %w", limit, err)
		case <-tick.C:
		}
	}
}

// shows waits until the page holds a text.
func shows(ctx context.Context, page, text string) error {
	return until(ctx, 20*time.Second, func(ctx context.Context) error {
		body, _, err := fetch(ctx, page+"/")
		if err == nil && !strings.Contains(body, text) {
			err = fmt.Errorf("the page does not show %q", text)
		}
		return err
	})
}

// walks waits until n different units have served the page.
func walks(ctx context.Context, page string, n int) error {
	seen := map[string]bool{}
	return until(ctx, 30*time.Second, func(ctx context.Context) error {
		_, unit, err := fetch(ctx, page+"/")
		if err != nil {
			return err
		}
		seen[unit] = true
		if len(seen) < n {
			return fmt.Errorf("served only by %v", keys(seen))
		}
		return nil
	})
}

func keys(m map[string]bool) []string {
	var list []string
	for k := range m {
		list = append(list, k)
	}
	return list
}
