// Package check watches the health of services.
//
//	perform-check ──(threshold failures in a row)──► Error ─► actions fire
//	     ▲                                             │
//	     └──── Done ◄──(one success)── recover-check ◄─┘
//
// Each enabled check is a goroutine inside a change of one of those kinds, so
// that clients see it come and go as a change-update notice.
package check
