package main

// own are the commands that hooktool answers itself instead of asking a runtime.
func own() map[string]func([]string) error {
	return map[string]func([]string) error{
		"enter": enter, "world": world, "contain": contain, "map-ids": mapIDs, "namespaces": namespaces,
		"inside": func([]string) error { return nil }, // what namespaces runs to see whether it can
	}
}
