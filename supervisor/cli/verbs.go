package cli

func verbs() []verb {
	return []verb{
		{"run", "[--create-dirs] [--hold] …", "run the supervisor", Process.run},
	}
}
