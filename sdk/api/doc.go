// Package api holds the words that every part of Bangle shares: names of units and relations, kinds of events,
// statuses, and the versions that charms are told. It is a leaf: the standard library only, no I/O.
package api
