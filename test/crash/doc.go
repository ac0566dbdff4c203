// Package crash kills every process at every crash point and looks at what the model says afterwards. It is empty
// without the build tag crashpoints: go test -tags=crashpoints ./test/crash
package crash
