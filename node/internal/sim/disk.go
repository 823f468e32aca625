package sim

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"github.com/ringward/ringward/shard"
)

// disk is what a node has on disk: the history log and the contents. It outlives the node's lives.
//
// The log is bytes, written with the production codec: a length (4 bytes) and a record, again and again. What was
// synced survives a crash, and an arbitrary part of the bytes behind. The contents survive as of
// some earlier flush. Like the production log it is cut into segments that begin with the state of
// every replica, and drops those whose entries the flushed contents hold.
type disk struct {
	w    *world
	node *node

	log       []byte
	trimmed   int   // bytes dropped before log[0]; positions count them
	ends      []int // positions behind the frames that are not synced
	synced    int
	segments  []segment
	states    map[shard.ID]*shard.Stored // the fold of the log, without entries
	flushed   map[shard.ID]map[string]string
	flushedTo map[shard.ID]shard.Seqno

	// Of the present life.
	flights   []flight
	queue     []shard.Record // group commit: gathered while an fsync is under way
	stalledTo moment         // every fsync lasts at least until then
	since     moment         // when the oldest write under way began; 0: none is
}

// segment begins at a position of the log. What stands before it is of use only for entries above
// needed that the flushed contents lack.
type segment struct {
	begin  int
	needed map[shard.ID]shard.Seqno
}

// flight is an fsync under way.
type flight struct {
	end     int // the position it makes durable
	records int // how many of the host's it covers beyond the flights before
}

func newDisk(w *world, n *node) *disk {
	return &disk{
		w: w, node: n, states: map[shard.ID]*shard.Stored{},
		flushed: map[shard.ID]map[string]string{}, flushedTo: map[shard.ID]shard.Seqno{},
	}
}

// format begins the log of a new node.
func (d *disk) format(initial []shard.Configuration) {
	for _, c := range initial {
		if c.Has(d.node.id) {
			d.states[c.Shard] = &shard.Stored{Chain: shard.Chain{c}, Active: c.Epoch, Lineage: shard.Lineage{{Epoch: c.Epoch}}}
			d.flushed[c.Shard] = map[string]string{}
		}
	}
	d.rotate()
}

// write takes what the host wants durable.
func (d *disk) write(records []shard.Record) {
	if d.since == 0 {
		d.since = d.w.now
	}
	d.queue = append(d.queue, records...)
	if !d.w.plan.groupCommit || len(d.flights) == 0 {
		d.commit()
	}
}

// commit writes what has gathered, and begins its fsync.
func (d *disk) commit() {
	if len(d.queue) == 0 {
		return
	}
	for _, r := range d.queue {
		if d.end()-d.segments[len(d.segments)-1].begin > d.w.plan.segmentBytes {
			d.rotate()
		}
		d.append(r)
	}
	f := flight{end: d.end(), records: len(d.queue)}
	d.queue = nil
	d.flights = append(d.flights, f)
	life := d.node.life
	takes := d.w.plan.fsync.pick(d.w.random.disk)
	if d.w.calm {
		takes = min(takes, tick/10)
	}
	d.w.after(max(takes, d.stalledTo-d.w.now), func() {
		if d.node.life == life {
			d.land(f.end)
		}
	})
}

// land: an fsync that covers the log up to end has come back. One that began earlier, and covers less, may
// still be under way; it has nothing to say any more.
func (d *disk) land(end int) {
	d.sync(end)
	durable := 0
	for len(d.flights) > 0 && d.flights[0].end <= end {
		durable += d.flights[0].records
		d.flights = d.flights[1:]
	}
	if len(d.flights) == 0 {
		d.since = 0
	}
	if durable > 0 {
		d.node.durable(durable)
	}
	if d.w.plan.groupCommit {
		d.commit()
	}
}

func (d *disk) end() int { return d.trimmed + len(d.log) }

// sync makes the log durable up to a position.
func (d *disk) sync(end int) {
	if end <= d.synced {
		return
	}
	d.synced = end
	n := 0
	for n < len(d.ends) && d.ends[n] <= end {
		n++
	}
	d.ends = slices.Delete(d.ends, 0, n)
	d.w.check.Synced(d.node.id, n)
}

// append writes one record behind all others.
func (d *disk) append(r shard.Record) {
	at := len(d.log)
	d.log = shard.AppendRecord(append(d.log, 0, 0, 0, 0), r)
	binary.BigEndian.PutUint32(d.log[at:], uint32(len(d.log)-at-4))
	d.ends = append(d.ends, d.end())
	d.w.check.Wrote(d.node.id, slices.Clone(d.log[at+4:]))
	d.w.trace.record(d.node, &r)
	d.need(&r, d.end())
	s := d.states[r.Shard]
	if err := s.Replay(r); err != nil {
		d.w.fail(0, r.Shard, "node %d writes a record that its log cannot be replayed with: %v", d.node.id, err)
		return
	}
	hash, _ := s.HashAt(s.Last())
	s.Start, s.Hash, s.Entries = s.Last(), hash, nil
}

// rotate ends a segment, durably, and begins a new one with the state of every replica.
func (d *disk) rotate() {
	s := segment{begin: d.end(), needed: map[shard.ID]shard.Seqno{}}
	d.segments = append(d.segments, s)
	for _, id := range slices.Sorted(maps.Keys(d.states)) {
		d.append(d.states[id].StateRecord())
	}
	d.sync(d.end())
}

// need notes what the record that ends at a position means for the segments that begin before it: a
// state begins one, and an activation holds all above its cut that older segments have.
func (d *disk) need(r *shard.Record, end int) {
	for i, s := range d.segments {
		last := i+1 == len(d.segments) || d.segments[i+1].begin >= end
		switch {
		case s.begin >= end:
		case r.Kind == shard.RecordState && last:
			s.needed[r.Shard] = r.Cut
		case r.Kind == shard.RecordActivate:
			s.needed[r.Shard] = min(s.needed[r.Shard], r.Cut)
		}
	}
}

// trim drops the segments that nobody needs, and returns the shards for whose sake the oldest is kept.
func (d *disk) trim() (held []shard.ID) {
	if d.synced < d.end() {
		return nil // an activation counts here only once it is durable
	}
	keep := 0
	for i, s := range d.segments[1:] {
		for _, id := range slices.Sorted(maps.Keys(s.needed)) {
			if d.flushedTo[id] < s.needed[id] {
				held = append(held, id)
			}
		}
		if len(held) > 0 {
			break
		}
		keep = i + 1
	}
	begin := d.segments[keep].begin
	d.log, d.trimmed = slices.Clone(d.log[begin-d.trimmed:]), begin
	d.segments = d.segments[keep:]
	return held
}

// crash cuts the log somewhere behind what was synced.
func (d *disk) crash() {
	end := d.end()
	switch d.w.random.disk.IntN(4) {
	case 0:
		end = d.synced
	case 1, 2:
		end = d.synced + d.w.random.disk.IntN(end-d.synced+1)
	}
	survivors := 0
	whole := d.synced
	for _, e := range d.ends {
		if e <= end {
			survivors, whole = survivors+1, e
		}
	}
	d.w.check.Crashed(d.node.id, survivors)
	d.w.trace.note(d.node, 0, fmt.Sprintf("crashes; of %d records that were not durable %d survive", len(d.ends), survivors))
	d.log = d.log[:end-d.trimmed]
	d.ends, d.synced = nil, whole
	d.flights, d.queue, d.since, d.stalledTo = nil, nil, 0, 0
}

// replay reads the log back, as a node does when it comes up. A frame that was cut ends it.
func (d *disk) replay() (map[shard.ID]shard.Stored, error) {
	stored := map[shard.ID]shard.Stored{}
	good := 0
	for b := d.log; len(b) >= 4; {
		n := int(binary.BigEndian.Uint32(b))
		if n > len(b)-4 {
			break
		}
		r, err := shard.DecodeRecord(slices.Clone(b[4 : 4+n]))
		if err != nil {
			return nil, err
		}
		s := stored[r.Shard]
		if err := s.Replay(r); err != nil {
			return nil, err
		}
		stored[r.Shard] = s
		b = b[4+n:]
		good += 4 + n
		d.need(&r, d.trimmed+good)
	}
	d.log = d.log[:good]
	for id, s := range stored {
		d.states[id] = &shard.Stored{Chain: s.Chain, Active: s.Active, Lineage: s.Lineage, Start: s.Last()}
		d.states[id].Hash, _ = s.HashAt(s.Last())
	}
	return stored, nil
}
