package engine

import (
	"cmp"
	"slices"

	"github.com/cockroachdb/datadriven"

	"github.com/ringward/ringward/sequencer"
	"github.com/ringward/ringward/shard"
)

// recover does what an operator's program does who states that nodes never return: see package node, recover.go.
func (w *world) recover(td *datadriven.TestData, of shard.ID) {
	lost, from, until, only, at := "", "", "", "", uint64(1)
	td.ScanArgs(w.t, "lost", &lost)
	td.MaybeScanArgs(w.t, "from", &from)
	td.MaybeScanArgs(w.t, "until", &until)
	td.MaybeScanArgs(w.t, "only", &only)
	td.MaybeScanArgs(w.t, "at", &at)
	x, ok := w.examine(ids(lost))
	if !ok {
		return
	}
	for i, f := range x.Findings {
		w.logf("shard %d is %v%s at %s, lost %s, %d pending", x.Ring[i].Shard, f.Condition, map[bool]string{true: " and stuck"}[f.Stuck],
			describe(f.Newest), cmp.Or(names(f.Lost), "nobody"), f.Pending)
	}
	if of == 0 {
		var err error
		if of, err = x.Best(); err != nil {
			w.logf("refused: %v", err)
			return
		}
	}
	if err := x.Rulable(of); err != nil {
		w.logf("refused: %v", err)
		return
	}
	holders := x.Holders(of)
	if only != "" {
		holders = ids(only)
	}
	if from == "" && !w.each(holders, func(h *Host) error { return h.Freeze(of, at) }) || until == "freeze" {
		return
	}
	if x, ok = w.examine(ids(lost)); !ok {
		return
	}
	g := shard.Ruling{At: at, Chain: x.Finding(of).Chain}
	var chain []string
	for _, c := range g.Chain {
		chain = append(chain, describe(c))
	}
	w.logf("ruled about shard %d: %v", of, chain)
	if !w.each(holders, func(h *Host) error { return h.Rule(g) }) || until == "rule" {
		return
	}
	w.settle()
	for _, n := range holders {
		if !w.node(n).host.Holds(of, at) {
			w.logf("%s does not hold it", name(n))
			return
		}
	}
	members := slices.DeleteFunc(g.Chain.Members(), func(n shard.NodeID) bool { return slices.Contains(x.Lost, n) })
	w.each(members, func(h *Host) error { return h.Enforce(g) })
}

func (w *world) examine(lost []shard.NodeID) (*sequencer.Examination, bool) {
	var witnesses []sequencer.Witness
	for _, n := range w.nodes {
		if n.host == nil {
			continue
		}
		witness, err := n.host.Testify()
		if err != nil {
			w.logf("%s: %v", name(n.id), err)
			return nil, false
		}
		witnesses = append(witnesses, witness)
	}
	x, err := sequencer.Examine(w.opt.Genesis.Ring, lost, witnesses)
	if err != nil {
		w.logf("refused: %v", err)
	}
	return x, err == nil
}

// each asks the hosts one after the other; a refusal ends it.
func (w *world) each(nodes []shard.NodeID, ask func(*Host) error) bool {
	for _, n := range nodes {
		if err := ask(w.node(n).host); err != nil {
			w.logf("%s refuses: %v", name(n), err)
			return false
		}
	}
	return true
}
