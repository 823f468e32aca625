package main

import (
	"context"
	"fmt"
	"io"

	"github.com/ringward/ringward/node/internal/sim"
)

// repairs are the rings of the experiment.
var repairs = []sim.Repair{
	{Nodes: 10, Shards: 10}, {Nodes: 10, Shards: 100}, {Nodes: 10, Shards: 1000},
	{Nodes: 30, Shards: 10}, {Nodes: 30, Shards: 100}, {Nodes: 30, Shards: 1000},
	{Nodes: 100, Shards: 100}, {Nodes: 100, Shards: 1000},
	{Nodes: 300, Shards: 100}, {Nodes: 300, Shards: 1000},
}

const (
	repairReplicas = 3
	repairTimes    = 5
)

// repairView is how repairs go.
type repairView struct {
	Rings []repairRow `json:"rings"`
}

type repairRow struct {
	Nodes      int     `json:"nodes"`
	Shards     int     `json:"shards"`
	Replicas   int     `json:"replicas"`
	Losable    int     `json:"losable"` // nodes, whichever they are
	Lost       int     `json:"lost"`    // nodes, at the same moment
	Damaged    int     `json:"damaged"` // shards that had one of them, at most
	LongestRun int     `json:"longest_run"`
	MedianMS   float64 `json:"median_ms"` // until the last shard was repaired
	WorstMS    float64 `json:"worst_ms"`
}

// repair tries all rings, with one node lost and with as many as the placement can do without.
func (c *command) repair(ctx context.Context) error {
	v := repairView{Rings: []repairRow{}}
	line := newProgressLine(c.stderr)
	for _, r := range repairs {
		if ctx.Err() != nil {
			break
		}
		line.show(fmt.Sprintf("%d nodes, %d shards", r.Nodes, r.Shards))
		for _, lost := range []int{1, 0} {
			r.Replicas, r.Times, r.Lost = repairReplicas, repairTimes, lost
			f, err := r.Run()
			if err != nil {
				line.clear()
				return err
			}
			v.Rings = append(v.Rings, repairRow{f.Nodes, f.Shards, f.Replicas, f.Losable, f.Lost, f.Damaged, f.LongestRun,
				float64(f.Median.Microseconds()) / 1000, float64(f.Worst.Microseconds()) / 1000})
		}
	}
	line.clear()
	if err := c.print(v, v.write); err != nil || ctx.Err() == nil {
		return err
	}
	return fmt.Errorf("ended early, after %d of %d rings", len(v.Rings)/2, len(repairs))
}

func (v repairView) write(w io.Writer) {
	t := newTable("NODES", "SHARDS", "REPLICAS", "MAY BE LOST", "LOST", "DAMAGED SHARDS", "LONGEST RUN", "REPAIRED AFTER", "WORST")
	for _, r := range v.Rings {
		t.row(r.Nodes, r.Shards, r.Replicas, r.Losable, r.Lost, r.Damaged, r.LongestRun, fmt.Sprintf("%.1fms", r.MedianMS), fmt.Sprintf("%.1fms", r.WorstMS))
	}
	t.write(w)
}
