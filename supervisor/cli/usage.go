package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	screen    = 80 // columns of help and messages
	maxColumn = 34 // where the explanations of options begin at the latest
)

// groups is the order of the help, and of what belongs together.
func groups() []struct{ title, about string } {
	return []struct{ title, about string }{
		{"Run", "run the supervisor"},
		{"Info", "help and versions"},
		{"Plan", "what shall run, and how"},
		{"Services", "what runs"},
		{"Checks", "whether it is well"},
		{"Files", "files and commands where it runs"},
		{"Changes", "what was asked for, and how far it is"},
		{"Notices", "what has happened"},
		{"Identities", "who may do what"},
	}
}

const helpHead = `The supervisor runs services, watches over them, and takes commands while it does.

Usage: %s <command> [<options>...]

`

const helpTail = `
PEBBLE is the supervisor's directory (/var/lib/pebble/default), PEBBLE_SOCKET its
socket ($PEBBLE/.pebble.socket), PEBBLE_BASEURL an address instead of a socket.

'%[1]s help <command>' explains a command, '%[1]s help --all' lists them all.
`

// help prints the commands, one line a group or one line each.
func (p Process) help(w io.Writer, all bool) {
	fmt.Fprintf(w, helpHead, p.name())
	for _, g := range groups() {
		var names []string
		if all {
			fmt.Fprintf(w, "  %s (%s):\n", g.title, g.about)
		}
		for _, v := range verbs() {
			if v.group != g.title || v.hidden {
				continue
			}
			names = append(names, v.name)
			if all {
				fmt.Fprintf(w, "    %-17s  %s\n", v.name, v.short)
			}
		}
		if all {
			fmt.Fprintln(w)
		} else {
			fmt.Fprintf(w, "%12s: %s\n", g.title, strings.Join(names, ", "))
		}
	}
	fmt.Fprintf(w, strings.TrimPrefix(helpTail, map[bool]string{true: "\n"}[all]), p.name())
}

// explain prints the help of one verb.
func (p Process) explain(f *flags) {
	w := p.Stdout
	var line strings.Builder
	line.WriteString(p.name() + " " + f.verb)
	if len(f.options) > 0 {
		line.WriteString(" [" + f.verb + "-OPTIONS]")
	}
	for _, a := range f.params {
		word := a.name
		if a.many {
			word += "..."
		}
		if a.optional {
			word = "[" + word + "]"
		}
		line.WriteString(" " + word)
	}
	fmt.Fprintf(w, "Usage:\n  %s\n", line.String())
	i := slices.IndexFunc(verbs(), func(v verb) bool { return v.name == f.verb })
	if i >= 0 {
		v := verbs()[i]
		text := v.long
		if text == "" {
			text = v.short + "."
		}
		fmt.Fprintf(w, "\n%s\n", fill(text, screen, ""))
	}
	if len(f.options) == 0 {
		return
	}
	fmt.Fprintf(w, "\n[%s command options]\n", f.verb)
	for _, o := range f.options {
		head := fmt.Sprintf("  %-36s", o.spelled())
		if len(o.spelled()) > maxColumn {
			head = "  " + o.spelled() + "\n" + strings.Repeat(" ", maxColumn+4)
		}
		fmt.Fprintln(w, strings.TrimRight(head+fill(o.usage, screen-maxColumn-4, strings.Repeat(" ", maxColumn+4)), " "))
	}
}

// spelled is how an option is written, with what it takes.
func (o *option) spelled() string {
	text := "    --" + o.long
	switch {
	case o.short != "" && o.long != "":
		text = "-" + o.short + ", --" + o.long
	case o.short != "":
		text = "-" + o.short
	}
	switch {
	case o.allowed != nil:
		text += "=[" + strings.Join(o.allowed, "|") + "]"
	case o.value != "" && o.long == "":
		text += " <" + o.value + ">"
	case o.value != "":
		text += "=<" + o.value + ">"
	}
	return text
}

// fill breaks text into lines of at most width characters; every line but the first begins with indent.
func fill(text string, width int, indent string) string {
	var b strings.Builder
	for i, line := range strings.Split(text, "\n") {
		if i > 0 {
			b.WriteString("\n" + indent)
		}
		column := 0
		for j, word := range strings.Fields(line) {
			n := utf8.RuneCountInString(word)
			switch {
			case j > 0 && column+1+n > width:
				b.WriteString("\n" + indent)
				column = 0
			case j > 0:
				b.WriteString(" ")
				column++
			}
			b.WriteString(word)
			column += n
		}
	}
	return b.String()
}
