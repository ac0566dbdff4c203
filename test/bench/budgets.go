package main

import (
	"fmt"
	"strings"
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
		"dispatch.wasm.p50":                   {limit: 500},
		"dispatch.wasm.p99":                   {limit: 1000},
		"dispatch.wasm.per-echo":              {limit: 6},
		"dispatch.wasm.smallest.per-echo":     {limit: 1.8},
		"dispatch.wasm.smallest.p50":          {limit: 150},
		"dispatch.wasm.smallest.p99":          {limit: 500},
		"wasm.units.10000.agent-and-runtime":  {limit: 300},
		"wasm.units.1000.change-seen-by-all":  {limit: 0.5},
		"wasm.units.10000.change-seen-by-all": {limit: 5},
		"commit.ratio-to-grpc":                {limit: 1.1},
		"commit.rate-to-in-process":           {limit: 0.5, least: true},
		"change.config-to-status.p50":         {limit: 4},
		"change.config-to-status.p99":         {limit: 15},
		"change.transactions":                 {limit: 2},
		"bootstrap.first-unit":                {limit: 300},
		"bootstrap.first-unit.compiled":       {limit: 2000},
		"ready.socket-to-hook.p50":            {limit: 100},
		"history.no-op-hook":                  {limit: 2048},
		"status.10000-units":                  {limit: 200},
		"size.bangle-supervisor":              {limit: 7.5},
		"pss.bangle":                          {limit: 35},
		"pss.bangle-supervisor":               {limit: 7.5},
		"pss.agent-side-wasm":                 {limit: 36},
		"idle.controller.cpu":                 {limit: 2},

		"python.tools9.speed-up":   {limit: 8, least: true},
		"python.toolsown.speed-up": {limit: 8, least: true},

		"supervisor.size":                 {limit: 7.5},
		"supervisor.exec.p50":             {limit: 3},
		"supervisor.exec.8-at-a-time.p50": {limit: 12},
		"supervisor.idle.rss":             {limit: 7.5},
		"supervisor.start-100":            {limit: 60},
	}
}

// peer is what the original, v1.32.1, needed for the same on an idle machine with two cores. A figure of the same run,
// with PEER set, says more.
func peer() map[string]float64 {
	return map[string]float64{
		"supervisor.size": 9.96, "supervisor.idle.rss": 10.4, "supervisor.rss.100-services": 28.4, "supervisor.start-to-answer": 6.4,
		"supervisor.get.system-info.p50": 113, "supervisor.get.services.p50": 112,
		"supervisor.exec.p50": 18, "supervisor.exec.first-50.p50": 7.9, "supervisor.exec.last-50.p50": 30, "supervisor.exec.8-at-a-time.p50": 280,
		"supervisor.start-100": 180, "supervisor.stop-100": 291, "supervisor.push": 409, "supervisor.pull": 1284, "supervisor.logs": 2.94,
	}
}

// peers are the figures of another program by the names of ours: of this run where it has them, else what was recorded.
func (b *bench) peers() (title string, figures map[string]float64) {
	figures = map[string]float64{}
	for _, f := range b.figures {
		if name, ok := strings.CutPrefix(f.name, "peer."); ok {
			figures["supervisor."+name] = f.value
		}
	}
	if len(figures) > 0 {
		return "peer, this run", figures
	}
	return "peer, recorded", peer()
}

// table prints all figures beside the budgets.
func (b *bench) table() {
	w := tabwriter.NewWriter(b.err, 0, 8, 2, ' ', 0)
	title, theirFigures := b.peers()
	fmt.Fprintln(w, "figure\tvalue\tunit\tbudget\t\t"+title)
	missed := 0
	for _, f := range b.figures {
		if strings.HasPrefix(f.name, "peer.") {
			continue // beside ours
		}
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
		theirs := ""
		if value, ok := theirFigures[f.name]; ok {
			theirs = fmt.Sprintf("%.4g", value)
		}
		fmt.Fprintf(w, "%s\t%.4g\t%s\t%s\t%s\t%s\n", f.name, f.value, f.unit, allowed, verdict, theirs)
	}
	_ = w.Flush() // what stderr refuses nobody reads
	fmt.Fprintf(b.err, "%d figures, %d budgets missed\n", len(b.figures), missed)
}
