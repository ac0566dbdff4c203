// Package crash gives names to the moments at which a process may die, so that a test can make it die there.
//
// A point is one call of At with a literal name "<stage>.<what>". Without the build tag crashpoints At is empty and
// costs nothing; with it the process kills itself with SIGKILL at the point that the environment names:
//
//	BANGLE_CRASH_AT=commit.sent      the first time
//	BANGLE_CRASH_AT=commit.sent:3    the third time
//
// A test that wants to kill somebody else there lets every process ask instead:
//
//	BANGLE_CRASH_ASK=/path/socket    at each point a line "name pid" is sent there, and the process waits for the end
//	                                 of the connection
package crash

// Variable is the environment variable that names the point.
const Variable = "BANGLE_CRASH_AT"

// AskVariable is the environment variable that names the socket at which processes ask.
const AskVariable = "BANGLE_CRASH_ASK"
