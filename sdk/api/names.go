package api

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// OwnsMachine is the capability of a unit whose agent runs as root of a machine that is the unit's own.
const OwnsMachine = "machine"

// JujuVersion is the version that charms are told in JUJU_VERSION: the behaviour that Bangle is compatible with.
const JujuVersion = "3.6.14"

var (
	applicationName = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]*[a-z][a-z0-9]*)*$`)
	modelName       = regexp.MustCompile(`^[a-z0-9]+[a-z0-9-]*$`)
)

// ValidApplication says whether name can name an application: lower case letters, digits and hyphens, beginning
// with a letter, no part after a hyphen that is only digits (so that "app-1/0" can never be read in two ways).
func ValidApplication(name string) bool {
	return len(name) <= 63 && applicationName.MatchString(name)
}

// ValidModel says whether name can name a model or a controller.
func ValidModel(name string) bool {
	return len(name) <= 63 && modelName.MatchString(name)
}

// UnitName joins an application and a number: "web/0".
func UnitName(application string, number int) string {
	return application + "/" + strconv.Itoa(number)
}

// SplitUnit takes "web/0" apart. The error names the form.
func SplitUnit(name string) (application string, number int, err error) {
	application, digits, found := strings.Cut(name, "/")
	if !found || !ValidApplication(application) {
		return "", 0, fmt.Errorf("cannot read unit name %q: want APPLICATION/NUMBER, for example web/0", name)
	}
	number, err = strconv.Atoi(digits)
	if err != nil || number < 0 || strconv.Itoa(number) != digits {
		return "", 0, fmt.Errorf("cannot read unit name %q: want APPLICATION/NUMBER, for example web/0", name)
	}
	return application, number, nil
}

// ApplicationOf is the application part of a unit's name; a name without a slash is returned as it is.
func ApplicationOf(unit string) string {
	application, _, _ := strings.Cut(unit, "/")
	return application
}

// UnitTag is the form of a unit's name for file names and log modules: "web/0" → "unit-web-0".
func UnitTag(unit string) string {
	return "unit-" + strings.ReplaceAll(unit, "/", "-")
}

// RelationID is the form in which charms see a relation: "db:3".
func RelationID(endpoint string, id int32) string {
	return endpoint + ":" + strconv.Itoa(int(id))
}

// ParseRelationID reads "db:3" or a bare "3"; only the text after the last colon counts.
func ParseRelationID(s string) (int32, error) {
	digits := s
	if i := strings.LastIndexByte(s, ':'); i >= 0 {
		digits = s[i+1:]
	}
	n, err := strconv.ParseInt(digits, 10, 32)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("invalid relation id %q", s)
	}
	return int32(n), nil
}

// InfoEndpoint is the endpoint that every application provides without declaring it. Names that begin like it are
// reserved, so no charm has one of its own.
const InfoEndpoint = "juju-info"

// ImplicitEndpoint says whether an application's side of a relation is the endpoint that it never declared.
func ImplicitEndpoint(name, role string) bool { return name == InfoEndpoint && role == "provider" }
