// Package service runs the services of a plan.
//
// What may happen to a service is a table ([Next]); [Service] carries the
// table out for one service over a [Runner], and [Set] turns requests into
// changes over many of them.
package service
