package soak_test

import (
	"math/rand/v2"
	"testing"

	"github.com/bangle-dev/bangle/test/soak"
)

func TestJudge(t *testing.T) {
	noise := func(i int) float64 { return rand.New(rand.NewPCG(7, uint64(i))).Float64() * 10 }
	for name, c := range map[string]struct {
		value func(i int) float64
		grew  bool
	}{
		"flat and noisy":              {func(i int) float64 { return 100 + noise(i) }, false},
		"filled in the first third":   {func(i int) float64 { return 100 + min(float64(i), 30)*3 }, false},
		"peaks at every other":        {func(i int) float64 { return 100 + float64(i%2)*500 }, false},
		"more peaks at the end":       {func(i int) float64 { return 100 + float64(i%3/2+i/66*(i%3/1%2))*500 }, false},
		"one more at every sample":    {func(i int) float64 { return 100 + float64(i) + noise(i) }, true},
		"one more at every other":     {func(i int) float64 { return 100 + float64(i)/2 + noise(i) }, true},
		"a step in the last third":    {func(i int) float64 { return 100 + float64(i/70)*30 }, true},
		"less and less":               {func(i int) float64 { return 400 - float64(i) }, false},
		"within the share":            {func(i int) float64 { return 100 + float64(i)/20 }, false},
		"nothing, and then something": {func(i int) float64 { return float64(i/66) * 6 }, true},
	} {
		var samples []soak.Sample
		for i := range 99 {
			samples = append(samples, soak.Sample{"x": c.value(i)})
		}
		list := soak.Judge(samples, map[string]soak.Tolerance{"x": {Share: 0.05, Besides: 5}, "never seen": {}})
		if len(list) != 1 || list[0].Grew() != c.grew {
			t.Errorf("%s: %v, want one verdict that says %t", name, list, c.grew)
		}
	}
}
