package sim

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/ringward/ringward/shard"
)

// storage is what keeps a node's bytes: the model of it, or production's store on a file system that fails. It outlives
// the processes that open it.
type storage interface {
	// open is what a starting process does: it counts the boot, and reads what the log holds of every replica.
	open() (boot uint64, replicas map[shard.ID]*shard.Stored, err error)
	contents(shard.ID) contents
	// append writes records behind all others.
	append([]shard.Record) error
	// sync makes durable at least the first n of the records that were appended and not synced.
	sync(n int) error
	// prepare writes a part of a file that the log goes on in later, if there is none.
	prepare() error
	// recall reads entries of a history from the log, as a Store does.
	recall(shard.Recall) ([]shard.Entry, error)
	// hold tells what is not to be dropped, as others lack it.
	hold(map[shard.ID]shard.Seqno)
	// trim makes the contents durable, and drops the part of the log that they make needless. It returns the shards
	// for whose sake the oldest part is kept.
	trim() (held []shard.ID, err error)
	// flush makes the contents durable as they are.
	flush() error
	// crash ends the process. Where the power failed too, only a part is left of what was not synced.
	crash(power bool)
	// close ends its use.
	close()

	// spoil lets something fail that the process does, or the next one that opens it.
	spoil(trouble)
	// flip changes a bit of what is there, while no process has it open.
	flip(r *rand.Rand)
	// excuse says what fault, if any, explains that something failed; damaged, that it will for ever.
	excuse() (why string, damaged bool)
}

// disk is what a node has on disk, and what it does with it: the writing of records in turns, as production's
// persister does. It compares what a crash leaves with what was synced.
type disk struct {
	w       *world
	node    *node
	storage storage

	durable  map[shard.ID]standing
	unsynced []written // in order; of a dead process until the next one tells what of it is left
	// newest was made durable by the last sync, and proven by those before it.
	proven map[shard.ID]standing
	newest []written

	// Of the present life.
	flights   []flight
	queue     []shard.Record // group commit: gathered while an fsync is under way
	stalledTo moment         // every fsync lasts at least until then
	slowTo    moment         // until then all fsyncs take slowDisk times as long
	since     moment         // when the oldest write under way began; 0: none is
	failed    bool           // nothing is written any more: the node is about to stop
}

// standing is what a log says of one replica, but for the entries.
type standing struct {
	promise, active shard.Epoch
	lineage         string
	last            shard.Seqno
	hash            uint64
}

// written is a record as it stands in the log, and where its replica stands with it.
type written struct {
	bytes []byte
	shard shard.ID
	after standing
}

// flight is an fsync under way.
type flight struct {
	number  int
	records int // how many of the host's it covers beyond the flights before
}

func newDisk(w *world, n *node) *disk {
	d := &disk{w: w, node: n, durable: map[shard.ID]standing{}}
	if w.plan.production {
		d.storage = newProduction(w, n)
	} else {
		d.storage = newModel(w, n)
	}
	for _, c := range w.genesis.Initial {
		if c.Has(n.id) {
			s := firstState(c)
			d.durable[c.Shard] = standing{promise: c.Epoch, active: c.Epoch, lineage: spell(s.Lineage)}
			w.check.Wrote(n.id, shard.AppendRecord(nil, s.StateRecord()))
			w.check.Synced(n.id, 1)
		}
	}
	return d
}

// firstState is what a first member of a shard begins with.
func firstState(c shard.Configuration) *shard.Stored {
	return &shard.Stored{Chain: shard.Chain{c}, Active: c.Epoch, Lineage: shard.Lineage{{Epoch: c.Epoch}}}
}

func spell(l shard.Lineage) string { return string(shard.AppendLineage(nil, l)) }

// after is where a replica stands behind one more record.
func (s standing) after(r *shard.Record) standing {
	switch r.Kind {
	case shard.RecordEntry:
		s.last, s.hash = r.Entry.Seqno(), r.Entry.Hash()
	case shard.RecordPromise:
		if s.promise == 0 { // a learner begins without any history
			s.lineage = spell(nil)
		}
		s.promise = r.Chain.Newest().Epoch
	case shard.RecordActivate, shard.RecordFollow:
		if r.Kind == shard.RecordActivate {
			s.active = r.Epoch
		}
		s.lineage, s.last, s.hash = spell(r.Lineage), r.Cut, r.Hash
		if n := len(r.Entries); n > 0 {
			s.last, s.hash = r.Entries[n-1].Seqno(), r.Entries[n-1].Hash()
		}
	}
	return s
}

// open starts a process: it reads what is there, which must be all that was synced and a first part of what was
// written behind it.
func (d *disk) open() (uint64, map[shard.ID]*shard.Stored, error) {
	boot, replicas, err := d.storage.open()
	if err != nil {
		return 0, nil, err
	}
	found := map[shard.ID]standing{}
	for id, s := range replicas {
		hash, _ := s.HashAt(s.Last())
		found[id] = standing{promise: s.Chain.Newest().Epoch, active: s.Active, lineage: spell(s.Lineage), last: s.Last(), hash: hash}
	}
	survivors := firstPart(found, d.durable, d.unsynced)
	if survivors < 0 {
		if _, damaged := d.storage.excuse(); damaged && firstPart(found, d.proven, d.newest) >= 0 {
			return 0, nil, errLooksTorn
		}
		return 0, nil, fmt.Errorf("what the log holds is not what was synced and a first part of the %d records behind it:\nit holds %+v\nsynced was %+v", len(d.unsynced), found, d.durable)
	}
	d.w.trace.note(d.node, 0, fmt.Sprintf("reads its disk; of %d records that were not durable %d survive", len(d.unsynced), survivors))
	// The next segment says where this one ends, so from now on all of it is vouched for.
	d.durable, d.proven, d.newest, d.unsynced = found, maps.Clone(found), nil, nil
	d.w.check.Survives(d.node.id, survivors)
	return boot, replicas, nil
}

// errLooksTorn: damage took what was synced last, which nothing after it vouches for. The store cannot know it from a write
// that a crash has torn, and serves what is left; the simulator can, and counts the node as lost.
var errLooksTorn = errors.New("what was synced last is damaged, and looks like a torn write")

// firstPart is how many of the records behind some point make what was found, -1 if no first part of them does.
func firstPart(found, from map[shard.ID]standing, behind []written) int {
	at, n := maps.Clone(from), -1
	for i := 0; ; i++ {
		if maps.Equal(at, found) {
			n = i
		}
		if i == len(behind) {
			return n
		}
		at[behind[i].shard] = behind[i].after
	}
}

// synced takes note that the first n records are durable that were not.
func (d *disk) synced(n int) {
	if n == 0 {
		return
	}
	d.proven, d.newest = maps.Clone(d.durable), slices.Clone(d.unsynced[:n])
	for _, r := range d.unsynced[:n] {
		d.durable[r.shard] = r.after
	}
	d.unsynced = slices.Delete(d.unsynced, 0, n)
	d.w.check.Synced(d.node.id, n)
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
	if len(d.queue) == 0 || d.failed {
		return
	}
	if d.since == 0 { // it has waited for the fsync before it
		d.since = d.w.now
	}
	records := d.queue
	d.queue = nil
	at := map[shard.ID]standing{}
	for i := range records {
		r := &records[i]
		d.w.trace.record(d.node, r)
		s, ok := at[r.Shard]
		if !ok {
			s = d.written(r.Shard)
		}
		at[r.Shard] = s.after(r)
		x := written{bytes: shard.AppendRecord(nil, *r), shard: r.Shard, after: at[r.Shard]}
		d.unsynced = append(d.unsynced, x)
		d.w.check.Wrote(d.node.id, x.bytes)
	}
	if err := d.storage.append(records); err != nil {
		d.fail(fmt.Errorf("append to the log: %w", err))
		return
	}
	f := flight{records: len(records), number: 1}
	if n := len(d.flights); n > 0 {
		f.number = d.flights[n-1].number + 1
	}
	d.flights = append(d.flights, f)
	life := d.node.life
	takes := d.w.plan.fsync.pick(d.w.random.disk)
	switch {
	case d.w.calm:
		takes = min(takes, tick/10)
	case d.slowTo > d.w.now:
		takes *= slowDisk
	}
	d.w.after(max(takes, d.stalledTo-d.w.now), func() {
		if d.node.life == life && !d.failed {
			d.land(f.number)
		}
	})
}

// written is where a replica stands with all that was written.
func (d *disk) written(id shard.ID) standing {
	for i := len(d.unsynced) - 1; i >= 0; i-- {
		if d.unsynced[i].shard == id {
			return d.unsynced[i].after
		}
	}
	return d.durable[id]
}

// land: an fsync has come back. One that began earlier, and covers less, may still be under way; it has nothing to
// say any more.
func (d *disk) land(number int) {
	durable := 0
	for len(d.flights) > 0 && d.flights[0].number <= number {
		durable += d.flights[0].records
		d.flights = d.flights[1:]
	}
	if len(d.flights) == 0 {
		d.since = 0
	}
	if durable > 0 {
		if err := d.storage.sync(durable); err != nil {
			d.fail(fmt.Errorf("sync the log: %w", err))
			return
		}
		d.synced(durable)
		// Production has a goroutine for this.
		if err := d.storage.prepare(); err != nil {
			d.fail(fmt.Errorf("prepare a file for the log: %w", err))
			return
		}
		d.node.durable(durable)
	}
	if d.w.plan.groupCommit {
		d.commit()
	}
}

// recall reads entries from the log, some time later.
func (d *disk) recall(x shard.Recall) {
	d.node.after(d.w.plan.fsync.pick(d.w.random.disk), func() {
		if d.failed {
			return
		}
		entries, err := d.storage.recall(x)
		if err != nil {
			d.fail(fmt.Errorf("read the log: %w", err))
			return
		}
		d.w.rare.recalled(d.node, &x, entries)
		d.node.take(func() { d.node.host.Recalled(x, entries) })
	})
}

// flush makes the contents durable, some time later, and lets the log go up to there.
func (d *disk) flush() {
	life := d.node.life
	d.w.after(d.w.plan.fsync.pick(d.w.random.disk), func() {
		if d.node.life != life || d.failed {
			return
		}
		held, err := d.storage.trim()
		if err != nil {
			d.fail(fmt.Errorf("trim the log: %w", err))
			return
		}
		if len(held) > 0 {
			d.node.take(func() { d.node.host.Rewrite(held) })
		}
	})
}

// flushed calls done when the contents are durable as they are now.
func (d *disk) flushed(done func()) {
	life := d.node.life
	d.w.after(d.w.plan.fsync.pick(d.w.random.disk), func() {
		if d.node.life != life || d.failed {
			return
		}
		if err := d.storage.flush(); err != nil {
			d.fail(fmt.Errorf("flush the contents: %w", err))
			return
		}
		done()
	})
}

// fail lets the node stop, in its next moment: nothing is promised after an error of the disk.
func (d *disk) fail(err error) {
	if d.failed {
		return
	}
	d.failed = true
	life := d.node.life
	d.w.after(0, func() {
		if d.node.life == life {
			d.w.faults.stopped(d.node, err)
		}
	})
}

// repair ends all trouble that ends. A node that is lost with its disk stays so.
func (d *disk) repair() {
	d.storage.spoil(trouble{})
	d.slowTo = 0
	if !d.node.lost {
		d.stalledTo = 0
	}
}

// crash ends the process. What it leaves of the records that are not durable shows at the next open.
func (d *disk) crash(power bool) {
	d.w.check.Crashed(d.node.id)
	d.storage.crash(power)
	d.w.trace.note(d.node, 0, fmt.Sprintf("crashes; %d records are not durable", len(d.unsynced)))
	d.flights, d.queue, d.since, d.stalledTo, d.slowTo, d.failed = nil, nil, 0, 0, 0, false
}
