// Package identity keeps the named identities that may use the API besides
// the users of the machine, and finds the one that belongs to a caller's
// credentials: a uid, a name with a password, or a client certificate.
package identity
