package plan

import (
	"errors"
	"fmt"
)

// ErrNoLabel is returned for a layer without a label.
var ErrNoLabel = errors.New("label must be set")

// ErrNeedsInner is returned when a sub-directory layer would go before others without Inner.
var ErrNeedsInner = errors.New("cannot insert sub-directory layer without 'inner' attribute set")

// LabelExistsError is returned when a label is taken and combining was not asked for.
type LabelExistsError struct{ Label string }

func (e *LabelExistsError) Error() string { return fmt.Sprintf("layer %q already exists", e.Label) }
