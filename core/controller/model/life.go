package model

import (
	"fmt"
	"regexp"
	"strconv"

	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/errs"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// Advance says whether a life may become another: alive → dying → dead, never back. Staying as it is is allowed, so
// that removing twice is no error; an application or relation without units may skip dying.
func Advance(what string, from, to controllerv1.Life) error {
	if from == controllerv1.Life_LIFE_UNSPECIFIED || to == controllerv1.Life_LIFE_UNSPECIFIED {
		return errs.E(errs.Invalid, "cannot change %s: its life is not known", what)
	}
	if to < from {
		return errs.E(errs.Invalid, "cannot make %s %s: it is %s, and life never goes back", what, LifeName(to), LifeName(from))
	}
	return nil
}

// LifeName is alive, dying or dead, as users and charms read it.
func LifeName(l controllerv1.Life) string {
	switch l {
	case controllerv1.Life_LIFE_ALIVE:
		return "alive"
	case controllerv1.Life_LIFE_DYING:
		return "dying"
	case controllerv1.Life_LIFE_DEAD:
		return "dead"
	}
	return ""
}

// Applications are lower case words joined by dashes; a word of digits alone would make unit names ambiguous.
var (
	appName   = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]*[a-z][a-z0-9]*)*$`)
	modelName = regexp.MustCompile(`^[a-z0-9]+[a-z0-9-]*$`)
)

// CheckAppName says what is wrong with the name of an application.
func CheckAppName(name string) error {
	if len(name) > 63 || !appName.MatchString(name) {
		return errs.E(errs.Invalid, "cannot use %q as the name of an application: want lower case letters, digits and dashes, a letter first, no part of digits alone, at most 63", name)
	}
	return nil
}

// CheckModelName says what is wrong with the name of a model.
func CheckModelName(name string) error {
	if len(name) > 63 || !modelName.MatchString(name) {
		return errs.E(errs.Invalid, "cannot use %q as the name of a model: want lower case letters, digits and dashes, at most 63", name)
	}
	return nil
}

// CheckUnitName says what is wrong with the name of a unit.
func CheckUnitName(name string) error {
	app := key.AppOf(name)
	if _, ok := key.UnitNumber(name); !ok || CheckAppName(app) != nil {
		return errs.E(errs.Invalid, "cannot use %q as the name of a unit: want <application>/<number>", name)
	}
	return nil
}

// NextNames names count new units of an application and says what its counter (next/unit/<app>) becomes. Numbers are
// never used again within a model. counter is the stored value, empty for a new application.
func NextNames(app string, counter []byte, count int) (names []string, next []byte, err error) {
	first, err := ReadCounter(counter)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot number units of %s: %w", app, err)
	}
	for i := range count {
		names = append(names, app+"/"+strconv.Itoa(first+i))
	}
	return names, WriteCounter(first + count), nil
}

// ReadCounter reads the value of a next/… key; empty is 0.
func ReadCounter(value []byte) (int, error) {
	if len(value) == 0 {
		return 0, nil
	}
	n, err := strconv.Atoi(string(value))
	if err != nil || n < 0 {
		return 0, errs.E(errs.Internal, "cannot read counter %q: want a number", value)
	}
	return n, nil
}

// WriteCounter is the value of a next/… key.
func WriteCounter(n int) []byte { return strconv.AppendInt(nil, int64(n), 10) }
