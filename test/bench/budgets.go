package main

import (
	"fmt"
	"text/tabwriter"
)

// budget is what the design allows a figure.
type budget struct {
	limit float64
	least bool // the figure must be at least that
}

// budgets are those of the design, by figure and in its unit. A figure without one is there to be looked at.
func budgets() map[string]budget {
	return map[string]budget{
		"dispatch.wasm.p50":             {limit: 500},
		"dispatch.wasm.p99":             {limit: 1000},
		"commit.ratio-to-grpc":          {limit: 1.1},
		"commit.rate-to-in-process":     {limit: 0.5, least: true},
		"change.config-to-status.p50":   {limit: 4},
		"change.config-to-status.p99":   {limit: 15},
		"change.transactions":           {limit: 2},
		"bootstrap.first-unit":          {limit: 300},
		"bootstrap.first-unit.compiled": {limit: 2000},
		"ready.socket-to-hook.p50":      {limit: 100},
		"history.no-op-hook":            {limit: 2048},
		"status.10000-units":            {limit: 200},
		"size.bangle-supervisor":        {limit: 7.5},
		"pss.bangle":                    {limit: 35},
		"pss.bangle-supervisor":         {limit: 7.5},
		"pss.agent-side-wasm":           {limit: 36},
		"idle.controller.cpu":           {limit: 2},
	}
}

// table prints all figures beside the budgets.
func (b *bench) table() {
	w := tabwriter.NewWriter(b.err, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "figure\tvalue\tunit\tbudget\t")
	missed := 0
	for _, f := range b.figures {
		allowed, verdict := "", ""
		if limit, ok := budgets()[f.name]; ok {
			sign := "≤"
			if limit.least {
				sign = "≥"
			}
			allowed, verdict = fmt.Sprint(sign, limit.limit), "met"
			if f.value > limit.limit != limit.least {
				missed++
				verdict = "MISSED"
			}
		}
		fmt.Fprintf(w, "%s\t%.4g\t%s\t%s\t%s\n", f.name, f.value, f.unit, allowed, verdict)
	}
	_ = w.Flush() // what stderr refuses nobody reads
	fmt.Fprintf(b.err, "%d figures, %d budgets missed\n", len(b.figures), missed)
}
