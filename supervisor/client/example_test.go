package client_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/bangle-dev/bangle/supervisor/client"
)

func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, err := client.New(client.Config{Socket: "/var/lib/pebble/default/.pebble.socket"})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	defer c.Close()
	layer := "services: {web: {override: replace, command: web, startup: enabled}}"
	if err := c.AddLayer(ctx, "app", layer, client.AddOptions{Combine: true}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	id, err := c.Replan(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	change, err := c.WaitChange(ctx, id)
	if err == nil {
		err = change.Failure()
	}
	fmt.Println(err)
}
