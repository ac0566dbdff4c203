// Package client drives a supervisor over its unix socket.
//
// It imports the standard library and a websocket library, nothing else of
// this project, and is meant for anyone: substrates, runtimes, third parties.
//
// # Usage
//
//	c, err := client.New(client.Config{Socket: "/charm/containers/app/pebble.socket"})
//	id, err := c.Start(ctx, "app")
//	change, err := c.WaitChange(ctx, id)
//
// # Guarantees
//
// Every method returns by the end of its ctx. Errors of the supervisor are
// [*Error] values; whatever else is returned is about the connection.
// A Client may be used from any number of goroutines.
//
// # Caveats
//
// A change that failed is not an error of WaitChange: look at Change.Err, or
// use [Change.Failure].
package client
