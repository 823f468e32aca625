package sim

import "testing"

// TestRepairDoesNotGrow: where neighbours share no node the repairs of all shards that one node was in run side by side, so that
// it makes no difference in how many it was, nor how large the ring is. And no step waits for a tick, which is when what was lost is
// noticed.
func TestRepairDoesNotGrow(t *testing.T) {
	var small RepairFigures
	for _, r := range []Repair{
		{Nodes: 10, Shards: 10, Replicas: 3, Lost: 1, Times: 5},
		{Nodes: 10, Shards: 100, Replicas: 3, Lost: 1, Times: 2},
		{Nodes: 40, Shards: 200, Replicas: 3, Lost: 1, Times: 2},
	} {
		f, err := r.Run()
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%+v", f)
		if f.Damaged < r.Shards*r.Replicas/r.Nodes {
			t.Errorf("%+v: %d shards were damaged", r, f.Damaged)
		}
		if f.Worst > Tick/2 {
			t.Errorf("%+v: took %v, and a tick is %v", r, f.Worst, Tick)
		}
		if small.Nodes == 0 {
			small = f
		} else if f.Worst > 2*small.Worst {
			t.Errorf("%+v: took %v, and the small ring %v", r, f.Worst, small.Worst)
		}
	}
}
