package sim

import (
	"iter"
	"slices"
	"sort"

	"github.com/ringward/ringward/sequencer"
	"github.com/ringward/ringward/shard"
)

// export names a snapshot that a node keeps for another one.
type export struct {
	shard shard.ID
	to    shard.NodeID
}

// exported is that snapshot, for as long as it is asked for under this number.
type exported struct {
	number   shard.Number
	snapshot snapshot
}

// export reads a part of a snapshot, some time later. Now and then the snapshot is gone.
func (n *node) export(x shard.Export) {
	r := n.w.random.disk
	n.after(n.w.plan.apply.pick(r)+n.slowed(), func() {
		at := export{x.Shard, x.To}
		if e := n.exports[at]; len(x.After) == 0 && (e == nil || e.number != x.Number) {
			pairs, err := n.contents[x.Shard].committed()
			if err != nil {
				n.disk.fail(err)
				return
			}
			n.exports[at] = &exported{number: x.Number, snapshot: newSnapshot(pairs)}
		}
		var part *shard.Part
		if e := n.exports[at]; e != nil && e.number == x.Number && (n.w.calm || !chance(r, 0.02)) {
			var err error
			if part, err = shard.ReadPart(e.snapshot, x, n.w.plan.partBytes); err != nil {
				n.disk.fail(err)
				return
			}
		}
		if part == nil || part.Done {
			delete(n.exports, at)
		}
		n.take(func() { n.host.Exported(x, part) })
	})
}

// fill clears the contents of a shard, or puts a part of a snapshot into them. The last counts when it is durable.
func (n *node) fill(m *shard.Machine, w *shard.Work) error {
	if w.Clear {
		n.w.check.Clears(n.id, w.Shard)
		return m.Clear()
	}
	p, id := w.Part, w.Shard
	if err := m.Fill(p); err != nil || !p.Done {
		n.take(func() { n.host.Filled(id, p.Number) })
		return err
	}
	applied, _ := m.Applied()
	stored, err := n.contents[id].committed()
	if err != nil {
		return err
	}
	n.w.check.Fills(n.id, id, applied, stored)
	register := m.Register().(*sequencer.Register)
	n.disk.flushed(func() {
		n.take(func() {
			n.host.Applied(id, applied, register)
			n.host.Filled(id, p.Number)
		})
	})
	return nil
}

// after plans something in the present life.
func (n *node) after(d moment, do func()) {
	life := n.life
	n.w.after(d, func() {
		if n.life == life {
			do()
		}
	})
}

// snapshot is contents as they were, in the order of their keys.
type snapshot []pair

type pair struct{ key, value []byte }

func newSnapshot(pairs iter.Seq2[[]byte, []byte]) snapshot {
	var s snapshot
	for k, v := range pairs {
		s = append(s, pair{k, v})
	}
	slices.SortFunc(s, func(a, b pair) int { return slices.Compare(a.key, b.key) })
	return s
}

func (s snapshot) Get(key []byte) ([]byte, bool, error) {
	for _, p := range s {
		if string(p.key) == string(key) {
			return p.value, true, nil
		}
	}
	return nil, false, nil
}

func (s snapshot) From(after []byte, f func(key, value []byte) bool) error {
	for i := sort.Search(len(s), func(i int) bool { return string(s[i].key) > string(after) }); i < len(s); i++ {
		if !f(s[i].key, s[i].value) {
			break
		}
	}
	return nil
}
