package wedge

import (
	"maps"
	"slices"

	"github.com/ringward/ringward/shard"
)

// Detector is one node's opinion of the nodes it watches: who was heard of lately, and who was lost. It counts
// ticks, from 1; a wrong opinion costs a reconfiguration, never an answer.
type Detector struct {
	patience int // ticks of silence after which a node is suspected
	grace    int // ticks that a node never heard of is given, after a start of this one
	now      int
	peers    map[shard.NodeID]*peer
}

type peer struct {
	heard     bool // at all
	last      int  // the tick at which it was heard of
	stuck     int  // the tick since which its disk has not answered, by its last heartbeat; 0: it has
	lost      bool // there is evidence that it has failed, and it was not heard of since
	suspected bool
	silent    int // for how many ticks it had been when that began; 0: there was evidence
}

// firstTick is the one at which a detector begins; 0 is none.
const firstTick = 1

// NewDetector suspects after patience ticks of silence, both at least 1.
func NewDetector(patience, grace int) *Detector {
	return &Detector{patience: max(patience, 1), grace: max(grace, patience, 1), now: firstTick, peers: map[shard.NodeID]*peer{}}
}

// firstWord is how many ticks more than twice the patience a node has that is watched from now on: it has to learn
// first that it is.
const firstWord = 4

// Watch makes nodes those it has an opinion of.
func (d *Detector) Watch(nodes []shard.NodeID) {
	for _, n := range nodes {
		if d.peers[n] == nil {
			d.peers[n] = &peer{last: d.now}
		}
	}
	maps.DeleteFunc(d.peers, func(n shard.NodeID, _ *peer) bool { return !slices.Contains(nodes, n) })
}

// Heard notes a heartbeat. A node whose disk has not answered for stalled ticks lives, but does not
// advance: it counts as silent for that long.
func (d *Detector) Heard(n shard.NodeID, stalled int) {
	if p := d.peers[n]; p != nil {
		p.stuck = 0
		if stalled > 0 {
			p.stuck = max(d.now-stalled, firstTick)
		}
		d.Spoke(n)
	}
}

// Spoke notes another sign of life. It says nothing of the disk: of that the last heartbeat holds, since a node whose disk hangs
// goes on to pass messages.
func (d *Detector) Spoke(n shard.NodeID) {
	if p := d.peers[n]; p != nil {
		p.heard, p.lost = true, false
		at := d.now
		if p.stuck > 0 {
			at = p.stuck
		}
		p.last = max(p.last, at)
	}
}

// Lost takes evidence that n has failed. It needs no silence: n is suspected at once, until it is heard of again. It
// is none of a node that was never heard of while this one has just started: that one may not have started yet, and has its grace. Lost
// reports whether the suspicion begins with it.
func (d *Detector) Lost(n shard.NodeID) bool {
	p := d.peers[n]
	if p == nil || !p.heard && d.now <= d.grace {
		return false
	}
	begins := !p.suspected
	if begins {
		p.silent = 0
	}
	p.lost, p.suspected = true, true
	return begins
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
		switch {
		case p.heard:
		case d.now <= d.grace || p.last == firstTick: // watched from the start
			limit = d.grace
		default:
			limit = 2*d.patience + firstWord
		}
		gone := p.lost || d.now-p.last > limit
		switch {
		case gone && !p.suspected:
			p.suspected, p.silent = true, d.now-p.last
			suspected = append(suspected, n)
		case !gone && p.suspected:
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

// Silence is for how many ticks n had been silent when the suspicion of it began; 0: there was evidence instead.
func (d *Detector) Silence(n shard.NodeID) int {
	if p := d.peers[n]; p != nil && p.suspected {
		return p.silent
	}
	return 0
}

// Now is the present tick.
func (d *Detector) Now() int { return d.now }

// Hears reports whether n was really heard of lately: within half the patience, and later than at the tick after, 0
// for any. Where one observer has lost its patience with a node, another that is about to do so does not speak for
// it any more.
func (d *Detector) Hears(n shard.NodeID, after int) bool {
	p := d.peers[n]
	return p != nil && p.heard && !p.lost && d.now-p.last <= max(d.patience/2, 1) && p.last > after
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
