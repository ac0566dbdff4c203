package key

import (
	"strconv"
	"strings"
)

// Parse reads a key; it accepts exactly what String spells.
func Parse(s string) (Key, error) {
	kind, rest, ok := strings.Cut(s, "/")
	if !ok || rest == "" {
		return Key{}, errKey(s, "want <kind>/<name>")
	}
	k := Key{Kind: Kind(kind)}
	if why := k.read(rest); why != "" {
		return Key{}, errKey(s, why)
	}
	return k, nil
}

// read fills the key from what stands behind the kind; the result says what is wrong, "" if nothing is.
func (k *Key) read(rest string) string {
	switch k.Kind {
	case App, Lead, LeaderSettings, AppStatus, PodSpec:
		k.App = rest
		return single(rest)
	case Unit, Incarnation, State, Status, Addresses, CharmState, Ports, Resolved, StateFiles, Payloads:
		return k.unit(rest)
	case Members, File:
		return k.unitPart(rest)
	case Relation:
		return k.relation(rest)
	case Bag:
		return k.bag(rest)
	case Scope:
		number, unit, _ := strings.Cut(rest, "/")
		if why := k.relation(number); why != "" {
			return why
		}
		return k.unit(unit)
	case SecretContent, SecretReader:
		return k.secret(rest)
	case Operation, Task, Model, Charm, Secret, Pool:
		k.Name = rest
		return single(rest)
	case Storage, Next:
		k.Name = rest
		return ""
	}
	return "unknown kind " + strconv.Quote(string(k.Kind))
}

func single(name string) string {
	if name == "" || strings.Contains(name, "/") {
		return "want one name behind the kind"
	}
	return ""
}

func (k *Key) unit(name string) string {
	app, _, _ := strings.Cut(name, "/")
	if _, ok := UnitNumber(name); !ok || app == "" {
		return "want <app>/<n>"
	}
	k.App, k.Unit = app, name
	return ""
}

// unitPart reads <app>/<n>/<relation or file>/<number>.
func (k *Key) unitPart(rest string) string {
	parts := strings.Split(rest, "/")
	if len(parts) != 4 {
		return "want <app>/<n>/<name>/<number>"
	}
	if why := k.unit(rest[:len(parts[0])+1+len(parts[1])]); why != "" {
		return why
	}
	part, err := strconv.ParseUint(parts[3], 10, 32)
	if err != nil || strconv.FormatUint(part, 10) != parts[3] {
		return "want a number at the end"
	}
	k.Part = uint32(part)
	if k.Kind == Members {
		return k.relation(parts[2])
	}
	k.Name = parts[2]
	return single(parts[2])
}

// secret reads <id>/<revision> or <id>/<app>/<n>.
func (k *Key) secret(rest string) string {
	id, rest, _ := strings.Cut(rest, "/")
	k.Name = id
	if why := single(id); why != "" {
		return why
	}
	if k.Kind == SecretReader {
		return k.unit(rest)
	}
	n, err := strconv.ParseUint(rest, 10, 31)
	if err != nil || n < 1 || strconv.FormatUint(n, 10) != rest {
		return "want a revision, 1 or more, at the end"
	}
	k.Part = uint32(n)
	return ""
}

func (k *Key) relation(number string) string {
	n, err := strconv.ParseInt(number, 10, 32)
	if err != nil || n < 1 || strconv.FormatInt(n, 10) != number {
		return "want a relation's number, 1 or more"
	}
	k.Relation = int32(n)
	return ""
}

func (k *Key) bag(rest string) string {
	number, rest, _ := strings.Cut(rest, "/")
	if why := k.relation(number); why != "" {
		return why
	}
	whose, name, _ := strings.Cut(rest, "/")
	switch whose {
	case "app":
		k.App = name
		return single(name)
	case "unit":
		return k.unit(name)
	}
	return "want bag/<relation>/app/<app> or bag/<relation>/unit/<app>/<n>"
}
