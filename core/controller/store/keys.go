package store

import (
	"strings"

	"github.com/bangle-dev/bangle/core/key"
)

// Prefix begins every key of ours, so that an external cluster can be shared.
const Prefix = "/bangle/v1/"

// The keys that belong to no model.
const (
	EpochKey      = Prefix + "epoch"      // the life of the store, 32 hex digits; told on every stream
	ControllerKey = Prefix + "controller" // the controller's own record
	modelSpace    = Prefix + "m/"
)

// AgentKey is agents/<id>: AgentRecord.
func AgentKey(id string) string { return AgentPrefix + id }

// AgentPrefix begins the records of agents.
const AgentPrefix = Prefix + "agents/"

// TokenKey is tokens/<hash>: JoinToken. The token itself is never stored.
func TokenKey(hash string) string { return TokenPrefix + hash }

// TokenPrefix begins the records of join tokens.
const TokenPrefix = Prefix + "tokens/"

// ModelKey is models/<uuid>: Model.
func ModelKey(uuid string) string { return ModelPrefix + uuid }

// ModelPrefix begins the records of models.
const ModelPrefix = Prefix + "models/"

// ModelNameKey is model-names/<name>: the uuid as text. It keeps names unique.
func ModelNameKey(name string) string { return ModelNamePrefix + name }

// ModelNamePrefix begins the names of models.
const ModelNamePrefix = Prefix + "model-names/"

// CharmKey is charms/<digest>: Charm.
func CharmKey(digest string) string { return CharmPrefix + digest }

// CharmPrefix begins the records of charms.
const CharmPrefix = Prefix + "charms/"

// In is the store's key of a record of a model; records of models and charms lie beside the models.
func In(model string, k key.Key) string {
	if k.Kind == key.Model || k.Kind == key.Charm {
		return Prefix + k.String()
	}
	return modelSpace + model + "/" + k.String()
}

// InModel begins every record of one model.
func InModel(model string) string { return modelSpace + model + "/" }

// CutModel splits the key of a record within a model; ok is false for every other key.
func CutModel(full string) (model string, k key.Key, ok bool) {
	rest, found := strings.CutPrefix(full, modelSpace)
	if !found {
		return "", key.Key{}, false
	}
	model, rest, found = strings.Cut(rest, "/")
	if !found || model == "" {
		return "", key.Key{}, false
	}
	k, err := key.Parse(rest)
	return model, k, err == nil && k.Kind != key.Model && k.Kind != key.Charm
}
