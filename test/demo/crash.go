package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const crashEntries = 100

// crash writes 100 entries through the front door while the agent, then the controller, is killed with SIGKILL, and counts
// what is in the book afterwards and how often the page was away.
func (d *demo) crash(ctx context.Context) error {
	page, err := d.page(ctx)
	if err != nil {
		return err
	}
	dir, err := d.controllerDir(ctx)
	if err != nil {
		return err
	}
	var away atomic.Int64
	var looks atomic.Int64
	looking, stopLooking := context.WithCancel(ctx)
	var wait sync.WaitGroup
	wait.Go(func() { look(looking, page, &looks, &away) })
	prefix := "crash-" + strconv.FormatInt(time.Now().UnixNano(), 36) + "-"
	var failed error
	for i := range crashEntries {
		for at, process := range map[int]string{crashEntries / 3: "bangle-agent", 2 * crashEntries / 3: "controller run"} {
			if i == at {
				if failed = kill(dir, process); failed == nil {
					fmt.Printf("killed %s after %d entries\n", process, i)
				}
			}
		}
		if failed == nil {
			failed = until(ctx, 30*time.Second, func(ctx context.Context) error {
				return post(ctx, page, entry{ID: prefix + strconv.Itoa(i), Text: "entry " + strconv.Itoa(i), Name: "crash"})
			})
		}
		if failed != nil {
			break
		}
	}
	stopLooking()
	wait.Wait()
	if failed != nil {
		return failed
	}
	return d.count(ctx, page, prefix, looks.Load(), away.Load())
}

// seenWithin is how long an entry that was accepted may take to be on the page: each unit reads what all have written.
const seenWithin = 10 * time.Second

// found counts the entries on the page by their ids, once all are there or the time is over.
func (d *demo) found(ctx context.Context, page, prefix string) (map[string]int, error) {
	for deadline := time.Now().Add(seenWithin); ; {
		list, err := entries(ctx, page)
		if err != nil {
			return nil, err
		}
		found := map[string]int{}
		for _, e := range list {
			if strings.HasPrefix(e.ID, prefix) {
				found[e.ID]++
			}
		}
		if len(found) == crashEntries || time.Now().After(deadline) {
			return found, nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// count says what became of the entries, and that the model lives on: a change of the configuration still arrives.
func (d *demo) count(ctx context.Context, page, prefix string, looks, away int64) error {
	found, err := d.found(ctx, page, prefix)
	if err != nil {
		return err
	}
	twice := 0
	for _, n := range found {
		if n > 1 {
			twice++
		}
	}
	fmt.Printf("%d written, %d lost, %d twice; the page was asked for %d times and away %d times\n",
		crashEntries, crashEntries-len(found), twice, looks, away)
	if len(found) != crashEntries || twice > 0 || away > 0 {
		return fmt.Errorf("something was lost, written twice or away")
	}
	title := "After the crash " + prefix
	if _, err := d.run(ctx, "config", "guestbook", "title="+title); err != nil {
		return err
	}
	if err := shows(ctx, page, title); err != nil {
		return fmt.Errorf("the model does not go on: %w", err)
	}
	fmt.Println("and a change of the configuration arrives as before")
	return nil
}

// look asks for the page all the time.
func look(ctx context.Context, page string, looks, away *atomic.Int64) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, _, err := fetch(ctx, page+"/"); err != nil && ctx.Err() == nil {
			away.Add(1)
		}
		looks.Add(1)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (d *demo) controllerDir(ctx context.Context) (string, error) {
	text, err := d.run(ctx, "controllers", "--format", "json")
	if err != nil {
		return "", err
	}
	var known struct {
		Controllers map[string]struct {
			Directory string `json:"directory"`
		} `json:"controllers"`
	}
	if err := json.Unmarshal([]byte(text), &known); err != nil {
		return "", fmt.Errorf("cannot read the list of controllers: %w", err)
	}
	if known.Controllers[controllerName].Directory == "" {
		return "", fmt.Errorf("there is no controller %q: run the demo first", controllerName)
	}
	return known.Controllers[controllerName].Directory, nil
}

// kill ends with SIGKILL the processes of our own controller's directory whose command line holds a word.
func kill(dir, word string) error {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return err
	}
	killed := 0
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		text, err := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		line := strings.ReplaceAll(string(text), "\x00", " ")
		if err != nil || !strings.Contains(line, word) || !strings.Contains(line, dir) {
			continue
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err == nil {
			killed++
		}
	}
	if killed == 0 {
		return fmt.Errorf("cannot kill %s: there is no such process of %s", word, dir)
	}
	return nil
}
