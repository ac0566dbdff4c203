package api

import (
	"fmt"
	"regexp"
	"strings"
)

var secretID = regexp.MustCompile(`^[0-9a-v]{20}$`)

// ValidSecretID says whether text has the form of a secret's id: 20 characters of 0-9 and a-v.
func ValidSecretID(text string) bool { return secretID.MatchString(text) }

// SecretURI is an id as charms are told it: "secret:d0j9r6nmp25c76hcqc2g".
func SecretURI(id string) string { return "secret:" + id }

// ParseSecretID is the id in an id, in "secret:<id>" or in "secret://<model uuid>/<id>".
func ParseSecretID(text string) (string, error) {
	id, found := strings.CutPrefix(text, "secret:")
	if rest, long := strings.CutPrefix(id, "//"); found && long {
		_, id, _ = strings.Cut(rest, "/")
	}
	if !ValidSecretID(id) {
		return "", fmt.Errorf("secret URI %q not valid", text)
	}
	return id, nil
}
