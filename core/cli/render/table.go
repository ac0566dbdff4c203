package render

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Column is a heading of a table. Numbers stand to the right.
type Column struct {
	Title string
	Right bool
}

// Table is rows of text under headings. Columns are as wide as their widest cell and two blanks more; the last one ends
// with its text, so that long messages need no width.
type Table struct {
	Columns []Column
	Rows    [][]Cell
}

// Cell is a text and the colour of it; "" has none.
type Cell struct {
	Text, Colour string
}

// Columns makes headings of titles; a title that begins with ">" stands to the right.
func Columns(titles ...string) []Column {
	out := make([]Column, len(titles))
	for i, t := range titles {
		title, right := strings.CutPrefix(t, ">")
		out[i] = Column{Title: title, Right: right}
	}
	return out
}

// Add appends a row of strings, numbers or Cells. Missing cells are empty.
func (t *Table) Add(values ...any) {
	row := make([]Cell, len(t.Columns))
	for i, v := range values {
		if c, ok := v.(Cell); ok {
			row[i] = c
		} else {
			row[i] = Cell{Text: fmt.Sprint(v)}
		}
		row[i].Text = oneLine(row[i].Text)
	}
	t.Rows = append(t.Rows, row)
}

// oneLine keeps a message from breaking the table, or the terminal.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case r < ' ' || r == 0x7f:
			return -1
		}
		return r
	}, text)
}

// Write prints headings and rows.
func (t *Table) Write(w io.Writer, colour bool) error {
	widths := t.widths()
	var b strings.Builder
	head := make([]Cell, len(t.Columns))
	for i, c := range t.Columns {
		head[i] = Cell{Text: c.Title}
	}
	t.line(&b, head, widths, false)
	for _, row := range t.Rows {
		t.line(&b, row, widths, colour)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (t *Table) widths() []int {
	out := make([]int, len(t.Columns))
	for i, c := range t.Columns {
		out[i] = utf8.RuneCountInString(c.Title)
		for _, row := range t.Rows {
			out[i] = max(out[i], utf8.RuneCountInString(row[i].Text))
		}
	}
	return out
}

func (t *Table) line(b *strings.Builder, row []Cell, widths []int, colour bool) {
	for i, cell := range row {
		pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell.Text))
		text := cell.Text
		if colour && cell.Colour != "" && text != "" {
			text = cell.Colour + text + reset
		}
		switch {
		case t.Columns[i].Right:
			b.WriteString(pad + text)
		case i == len(row)-1:
			b.WriteString(text)
		default:
			b.WriteString(text + pad)
		}
		if i < len(row)-1 {
			b.WriteString("  ")
		}
	}
	b.WriteByte('\n')
}

// Colours of a terminal.
const (
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	red    = "\x1b[91m"
	reset  = "\x1b[0m"
)

// status is a cell in the colour of a status.
func status(current string) Cell {
	switch current {
	case "active", "idle", "available", "joined", "attached", "completed", "started":
		return Cell{Text: current, Colour: green}
	case "error", "blocked", "failed", "lost", "suspended":
		return Cell{Text: current, Colour: red}
	case "waiting", "maintenance", "allocating", "executing", "pending", "detaching", "destroying", "removing":
		return Cell{Text: current, Colour: yellow}
	}
	return Cell{Text: current}
}
