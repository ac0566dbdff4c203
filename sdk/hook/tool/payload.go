package tool

import (
	"fmt"
	"strconv"

	"github.com/bangle-dev/bangle/sdk/errs"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

func payloadRegister(c *call) error {
	if len(c.args) < 3 {
		return usage("missing required arguments: want <type> <class> <id> [tags...]")
	}
	return badInput(c.hook.RegisterPayload(&hookv1.PayloadView{Type: c.args[0], Class: c.args[1], Id: c.args[2], Status: "started", Labels: c.args[3:]}))
}

func payloadStatusSet(c *call) error {
	if len(c.args) < 3 {
		return usage("missing required arguments: want <class> <id> <status>")
	}
	if err := c.none(3); err != nil {
		return err
	}
	return badInput(c.hook.SetPayloadStatus(c.args[0], c.args[1], c.args[2]))
}

func payloadUnregister(c *call) error {
	if len(c.args) < 2 {
		return usage("missing required arguments: want <class> <id>")
	}
	if err := c.none(2); err != nil {
		return err
	}
	return c.hook.UnregisterPayload(c.args[0], c.args[1])
}

// credentialGet: no substrate of today has a cloud's credential to give.
func credentialGet(c *call) error {
	if err := c.none(0); err != nil {
		return err
	}
	return errs.E(errs.Unsupported, "cannot access cloud credentials: this substrate has none")
}

func metricFlags(f *flags) { f.str("", "labels to be associated with metric values", "labels", "l") }

// addMetric takes measurements of charms that still send them, where Juju took them, and keeps none: Juju since 3.6.11 does not either.
func addMetric(c *call) error {
	if len(c.args) == 0 {
		return usage("no metrics specified")
	}
	set, err := keyValues(c.args)
	if err != nil {
		return err
	}
	for k, v := range set {
		if _, err := strconv.ParseFloat(v, 64); err != nil {
			return usage("invalid value %q of metric %q: want a number", v, k)
		}
	}
	if c.hook.Event().GetName() != "collect-metrics" {
		return fmt.Errorf("cannot record metric: metrics disabled")
	}
	c.hook.Log("DEBUG", "metrics are taken and not kept: "+fmt.Sprint(c.args))
	return nil
}

// podSpec answers the tools of charms that describe pods themselves.
func podSpec(c *call) error {
	return errs.E(errs.Unsupported, "cannot use pod specs: this substrate has no pods of the charm's own; use containers in metadata.yaml")
}

func podSpecFlags(f *flags) {
	f.str("", "file containing pod spec", "file")
	f.str("", "file containing k8s resources", "k8s-resources")
	f.format("smart")
}
