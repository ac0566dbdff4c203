package main

import (
	"errors"
)

// enter is replaced by the namespace form; until a substrate asks for one nothing calls it.
func enter([]string) error { return errors.New("cannot enter: no namespace was prepared") }
