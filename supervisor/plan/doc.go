// Package plan turns configuration layers into one validated plan.
//
// It is pure: it parses, combines, validates and orders, and never touches a
// process, a clock or (but for the fs.FS handed to [Load]) a file. A plan is
// immutable once built; every change builds a new one.
//
//	layer files ─ Parse ─► []*Layer ─ Combine ─► *Plan ─ StartOrder/StopOrder ─► lanes
package plan
