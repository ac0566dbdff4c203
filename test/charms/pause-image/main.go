// Command pause-image is the program of an image like google/pause: it writes its TIMEOUT to /said and waits for its end.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM)
	said, err := os.OpenFile("/said", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err == nil {
		_, err = fmt.Fprintf(said, "TIMEOUT=%s\n", os.Getenv("TIMEOUT"))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	<-end
}
