// Command command is a charm as a WASI command: the event on standard input, the changeset on standard output.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

func main() {
	var in struct {
		Event struct{ Name string }
		View  struct{ Config struct{ Title string } }
	}
	if err := json.NewDecoder(os.Stdin).Decode(&in); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	switch in.Event.Name {
	case "config-changed":
		fmt.Fprintln(os.Stderr, "configuring")
		fmt.Printf(`{"unit_status": {"current": "active", "message": %q}}`+"\n", in.View.Config.Title)
	case "install":
		fmt.Print(`{"unit_status": {"current": "soon"}}`)
	case "start":
		fmt.Fprintln(os.Stderr, "no database")
		os.Exit(1)
	case "stop":
		panic("boom")
	case "remove":
		for range 17 << 10 {
			fmt.Print(strings.Repeat("x", 1<<10))
		}
	case "update-status":
		for { //nolint:staticcheck // a charm that never ends is what is asked for
		}
	}
}
