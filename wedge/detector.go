package wedge

import (
	"maps"
	"slices"

	"github.com/ringward/ringward/shard"
)

// Detector is one node's opinion of the nodes it watches: who was heard of
// lately. It counts ticks; a wrong opinion costs a reconfiguration, never an answer.
type Detector struct {
	patience int // ticks of silence after which a node is suspected
	grace    int // ticks that a node never heard of is given, after a start of this one
	now      int
	peers    map[shard.NodeID]*peer
}

type peer struct {
	heard     bool // at all
	last      int  // the tick at which it was heard of
	suspected bool
}

// NewDetector suspects after patience ticks of silence, both at least 1.
func NewDetector(patience, grace int) *Detector {
	return &Detector{patience: max(patience, 1), grace: max(grace, patience, 1), peers: map[shard.NodeID]*peer{}}
}

// Watch makes nodes those it has an opinion of.
func (d *Detector) Watch(nodes []shard.NodeID) {
	for _, n := range nodes {
		if d.peers[n] == nil {
			d.peers[n] = &peer{last: d.now}
		}
	}
	maps.DeleteFunc(d.peers, func(n shard.NodeID, _ *peer) bool { return !slices.Contains(nodes, n) })
}

// Heard notes a sign of life. A node whose disk has not answered for stalled ticks lives, but does not
// advance: it counts as silent for that long.
func (d *Detector) Heard(n shard.NodeID, stalled int) {
	if p := d.peers[n]; p != nil {
		p.heard = true
		p.last = max(p.last, d.now-max(stalled, 0))
	}
}

// Tick passes one unit of time. Late says that the tick came so late that silence proves nothing, because the
// node was stalled itself: then it does not count, and opinions stay as they are. It returns whose suspicion began
// and ended.
func (d *Detector) Tick(late bool) (suspected, trusted []shard.NodeID) {
	if late {
		return nil, nil
	}
	d.now++
	for _, n := range slices.Sorted(maps.Keys(d.peers)) {
		p := d.peers[n]
		limit := d.patience
		if !p.heard {
			limit = d.grace
		}
		silent := d.now-p.last > limit
		switch {
		case silent && !p.suspected:
			p.suspected = true
			suspected = append(suspected, n)
		case !silent && p.suspected:
			p.suspected = false
			trusted = append(trusted, n)
		}
	}
	return suspected, trusted
}

// Suspects reports whether n is watched and suspected.
func (d *Detector) Suspects(n shard.NodeID) bool {
	p := d.peers[n]
	return p != nil && p.suspected
}

// Hears reports whether n was really heard of lately: within half the patience. Where one observer has lost its
// patience with a node, another that is about to do so does not speak for it any more.
func (d *Detector) Hears(n shard.NodeID) bool {
	p := d.peers[n]
	return p != nil && p.heard && d.now-p.last <= max(d.patience/2, 1)
}

// Suspected lists the nodes suspected now, in order.
func (d *Detector) Suspected() []shard.NodeID {
	var nodes []shard.NodeID
	for _, n := range slices.Sorted(maps.Keys(d.peers)) {
		if d.peers[n].suspected {
			nodes = append(nodes, n)
		}
	}
	return nodes
}
