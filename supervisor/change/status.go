package change

// Status is the state of a task, and of a change by its most urgent task.
type Status string

// Statuses on the wire; the undo ones are never entered but clients know them.
const (
	Do      Status = "Do"
	Doing   Status = "Doing"
	Done    Status = "Done"
	Abort   Status = "Abort"
	Undo    Status = "Undo"
	Undoing Status = "Undoing"
	Undone  Status = "Undone"
	Hold    Status = "Hold"
	Error   Status = "Error"
	Wait    Status = "Wait"
)

// Ready reports whether nothing more will happen.
func (s Status) Ready() bool {
	return s == Done || s == Undone || s == Hold || s == Error
}

// urgency orders statuses; a change shows its first one present.
func urgency() []Status {
	return []Status{Abort, Undoing, Undo, Doing, Do, Wait, Error, Undone, Done, Hold}
}
