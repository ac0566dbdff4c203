package api

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/bangle-dev/bangle/supervisor/plan"
)

func getPlan(s *Server, r *http.Request) response {
	if format := r.URL.Query().Get("format"); format != "yaml" {
		return badRequest(fmt.Errorf("invalid format %q (allowed: yaml)", format))
	}
	text, err := s.cfg.Planner.Plan().YAML()
	if err != nil {
		return fail(http.StatusInternalServerError, "", err.Error())
	}
	return ok(text)
}

func postLayers(s *Server, r *http.Request) response {
	var q struct {
		Action  string `json:"action"`
		Combine bool   `json:"combine"`
		Inner   bool   `json:"inner"`
		Label   string `json:"label"`
		Format  string `json:"format"`
		Layer   string `json:"layer"`
	}
	if err := decode(r, &q); err != nil {
		return badRequest(err)
	}
	switch {
	case q.Action != "add":
		return badRequest(fmt.Errorf("invalid action %q (allowed: add)", q.Action))
	case q.Label == "":
		return badRequest(plan.ErrNoLabel)
	case q.Format != "yaml":
		return badRequest(fmt.Errorf("invalid format %q (allowed: yaml)", q.Format))
	case strings.HasPrefix(q.Label, "pebble-"):
		return badRequest(fmt.Errorf("cannot use reserved label prefix %q", "pebble-"))
	}
	layer, err := plan.Parse(0, q.Label, []byte(q.Layer))
	if err != nil {
		return badRequest(err)
	}
	err = s.cfg.Planner.Add(layer, plan.AddOptions{Combine: q.Combine, Inner: q.Inner})
	if errors.Is(err, plan.ErrNeedsInner) {
		return fail(http.StatusInternalServerError, "", err.Error())
	}
	if err != nil {
		return badRequest(err)
	}
	s.admin(r, "add_layer", "Layer "+strconv.Quote(q.Label)+" added")
	return ok(true)
}
