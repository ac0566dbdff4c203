package plugin

import (
	goplugin "github.com/hashicorp/go-plugin"
)

// MaxMessage is the size in bytes that one message of a plugin contract may
// have on the wire. What is larger is refused with class Exhausted.
const MaxMessage = 10 << 20

// Names of the variables that the host gives to a plugin.
const (
	// EnvParentPipe holds the number of the inherited descriptor whose end of
	// file means that the host is gone.
	EnvParentPipe = "BANGLE_PLUGIN_PARENT_FD"
	// EnvWait holds the names of plugins that stop themselves at start, so
	// that a debugger can be attached; separated by commas.
	EnvWait = "BANGLE_PLUGIN_WAIT"
	// EnvDescribe makes the plugin print a Description as one line of JSON
	// and exit.
	EnvDescribe = "BANGLE_PLUGIN_DESCRIBE"
	// EnvLog is the lowest level that NewLogger writes: debug, info, warn, error.
	EnvLog = "BANGLE_PLUGIN_LOG"
)

// Handshake is the cookie by which a plugin knows that bangle started it. It
// is no secret: it keeps people from starting plugins by hand, nothing else.
func Handshake() goplugin.HandshakeConfig {
	return goplugin.HandshakeConfig{MagicCookieKey: "BANGLE_PLUGIN", MagicCookieValue: "8c1f1b3e-universal-olm"}
}

// Description is what a plugin says about itself without being served.
type Description struct {
	Versions []int `json:"versions"` // contract versions served, ascending
}
