// Command dies prints three numbers, with a crash point before each.
package main

import (
	"fmt"

	"github.com/bangle-dev/bangle/core/crash"
)

func main() {
	for i := 1; i <= 3; i++ {
		crash.At("x.here")
		fmt.Println(i)
	}
}
