package soak

import (
	"fmt"
	"slices"
)

// Sample is what one look at the processes saw: figures by name.
type Sample map[string]float64

// Tolerance is how much more a figure may be at the end than in the middle: a share of it and something besides.
type Tolerance struct{ Share, Besides float64 }

// Verdict is what became of one figure.
type Verdict struct {
	Name                string
	First, Middle, Last float64 // the lower quartiles of the thirds
	Most                float64 // of all samples
	Allowed             float64 // what Last may be at most
}

// Grew says whether it is more than is allowed.
func (v Verdict) Grew() bool { return v.Last > v.Allowed }

// String is a line for people.
func (v Verdict) String() string {
	grew := ""
	if v.Grew() {
		grew = "   GREW"
	}
	return fmt.Sprintf("%-24s %10.1f %10.1f %10.1f   most %10.1f   allowed %10.1f%s", v.Name, v.First, v.Middle, v.Last, v.Most, v.Allowed, grew)
}

// Judge compares the lower quartile of the last third of the samples with that of the second; the first third is for what
// is filled once. What leaks raises every sample, whereas what is under way when a sample is taken (a burst of events, a guest
// that took memory) raises those alone, and how many there are depends on what else the machine does.
func Judge(samples []Sample, tolerances map[string]Tolerance) []Verdict {
	var list []Verdict
	for name, t := range tolerances {
		var all []float64
		for _, s := range samples {
			if value, ok := s[name]; ok {
				all = append(all, value)
			}
		}
		if len(all) < 3 {
			continue
		}
		third := len(all) / 3
		v := Verdict{Name: name, Most: slices.Max(all), First: quartile(all[:third]), Middle: quartile(all[third : 2*third]), Last: quartile(all[2*third:])}
		v.Allowed = v.Middle*(1+t.Share) + t.Besides
		list = append(list, v)
	}
	slices.SortFunc(list, func(a, b Verdict) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return list
}

func quartile(list []float64) float64 {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[len(sorted)/4]
}
