package charm

import (
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/bangle-dev/bangle/sdk/errs"
)

// DefaultStorageBytes is the size of a store whose charm names none: 1 GiB.
const DefaultStorageBytes = int64(1) << 30

var (
	sizePattern  = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?)([MGTPEZY]?)(?:i?B)?$`)
	rangePattern = regexp.MustCompile(`^([0-9]+)(?:(\+|-)|-([0-9]+))?$`)
)

const (
	sizeRule  = `a number with a unit out of M, G, T, P (powers of 1024; M when none is given), such as "10G"`
	rangeRule = `N, N-M, N- or N+, such as "0-" or "1-3"`
)

// Bytes returns the minimum size in bytes, DefaultStorageBytes when none is set.
func (s Storage) Bytes() (int64, error) {
	if s.MinimumSize == "" {
		return DefaultStorageBytes, nil
	}
	return ParseSize(s.MinimumSize)
}

// LeastBytes is the size that the charm declares to need, 0 where it says none:
// [Storage.Bytes] then is what it gets when nobody asks for another size.
func (s Storage) LeastBytes() (int64, error) {
	if s.MinimumSize == "" {
		return 0, nil
	}
	return ParseSize(s.MinimumSize)
}

// ParseSize returns the bytes of a size such as "512M" or "1.5G". A bare
// number counts MiB, as in storage directives.
func ParseSize(text string) (int64, error) {
	parts := sizePattern.FindStringSubmatch(text)
	if parts == nil {
		return 0, errs.E(errs.Invalid, "size %q is not valid; allowed: %s", text, sizeRule)
	}
	number, err := strconv.ParseFloat(parts[1], 64)
	power := 2 + max(0, strings.Index("MGTPEZY", parts[2]))
	if parts[2] == "" {
		power = 2
	}
	bytes := number * math.Pow(1024, float64(power))
	if err != nil || bytes >= math.MaxInt64 {
		return 0, errs.E(errs.Invalid, "size %q is too large; allowed: %s", text, sizeRule)
	}
	return int64(bytes), nil
}

// Unbounded is the maximum of a range without one.
const Unbounded = -1

// Counts returns how many instances of the store a unit must and may have;
// exactly one when the charm gives no range, and Unbounded for no maximum.
func (s Storage) Counts() (least, most int, err error) {
	if s.Multiple.Range == "" {
		return 1, 1, nil
	}
	parts := rangePattern.FindStringSubmatch(s.Multiple.Range)
	if parts == nil {
		return 0, 0, errs.E(errs.Invalid, "range %q is not valid; allowed: %s", s.Multiple.Range, rangeRule)
	}
	least, err = strconv.Atoi(parts[1])
	most = least
	if parts[2] != "" {
		most = Unbounded
	}
	if err == nil && parts[3] != "" {
		most, err = strconv.Atoi(parts[3])
	}
	if err != nil || most == 0 || (most != Unbounded && most < least) {
		return 0, 0, errs.E(errs.Invalid, "range %q is empty or too large; allowed: %s", s.Multiple.Range, rangeRule)
	}
	return least, most, nil
}
