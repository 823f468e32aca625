package bench

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// OpType is a kind of operation of a workload; reports have one line for each.
type OpType int

// The kinds of operation.
const (
	Read OpType = iota
	Update
	Insert
	ReadModifyWrite // a read, and a CompareAndSwap on the version read, both again on mismatch
	opTypes         // how many there are
)

func (t OpType) String() string {
	return [...]string{"read", "update", "insert", "read-modify-write"}[t]
}

// Workload is a mix of operations, after the core workloads of YCSB (Cooper et al.,
// "Benchmarking Cloud Serving Systems with YCSB", SoCC 2010). E is left out: there are no scans.
type Workload struct {
	Name string
	// Share is each kind's part of the operations; together 1.
	Share [opTypes]float64
	// Distribution is the one that the workload is defined with.
	Distribution Distribution
}

// Workloads lists all that can be run.
func Workloads() []Workload {
	return []Workload{
		{"a", [opTypes]float64{Read: 0.5, Update: 0.5}, Zipfian},
		{"b", [opTypes]float64{Read: 0.95, Update: 0.05}, Zipfian},
		{"c", [opTypes]float64{Read: 1}, Zipfian},
		{"d", [opTypes]float64{Read: 0.95, Insert: 0.05}, Latest},
		{"f", [opTypes]float64{Read: 0.5, ReadModifyWrite: 0.5}, Zipfian},
		{"puts", [opTypes]float64{Update: 1}, Uniform},
		{"gets", [opTypes]float64{Read: 1}, Uniform},
	}
}

// WorkloadNames are the names of all workloads.
func WorkloadNames() []string {
	var names []string
	for _, w := range Workloads() {
		names = append(names, w.Name)
	}
	return names
}

// ParseWorkload finds a workload by its name, in upper or lower case.
func ParseWorkload(name string) (Workload, error) {
	all := Workloads()
	i := slices.IndexFunc(all, func(w Workload) bool { return strings.EqualFold(w.Name, name) })
	if i < 0 {
		return Workload{}, fmt.Errorf("workload %q: want one of %s", name, strings.Join(WorkloadNames(), ", "))
	}
	return all[i], nil
}

// pick draws the kind of the next operation.
func (w *Workload) pick(rng *rand.Rand) OpType {
	u := rng.Float64()
	for t, share := range w.Share {
		if u -= share; u < 0 {
			return OpType(t)
		}
	}
	// The shares' sum may be a rounding below 1.
	return OpType(slices.IndexFunc(w.Share[:], func(s float64) bool { return s > 0 }))
}
