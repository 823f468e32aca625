package store

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/ringward/ringward/sequencer"
	"github.com/ringward/ringward/shard"
	"github.com/ringward/ringward/shard/mutant"
)

// Disk is the Store of a data directory.
type Disk struct {
	fs       vfs.FS
	dir      string
	options  Options
	identity identity
	removed  []nodeName
	standing sync.Mutex // guards removed, and what of identity may change
	lock     io.Closer
	fail     *failure

	log      *log
	db       *pebble.DB
	recents  *recents                          // what of the contents has not gone to db yet
	genesis  atomic.Pointer[sequencer.Genesis] // others look at it while Init sets it
	replicas map[shard.ID]*shard.Stored
}

var _ Store = (*Disk)(nil)

// Open opens the data directory dir of fs for this process alone, and makes it if it
// does not exist or is empty. It refuses, without changing anything, a directory of something
// else, one of a newer format, and one whose identity is damaged.
func Open(fs vfs.FS, dir string, options Options) (*Disk, error) {
	options, err := options.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("store options: %w", err)
	}
	d := &Disk{fs: fs, dir: dir, options: options, fail: newFailure()}
	if d.identity, d.lock, err = openIdentity(fs, dir, options.Random); err != nil {
		return nil, fmt.Errorf("open data directory: %w", err)
	}
	if err := d.recover(); err != nil {
		d.fail.set(err)
		return nil, errors.Join(fmt.Errorf("open data directory: %w", err), d.Close())
	}
	return d, nil
}

// recover reads what the directory holds and makes it ready to be written.
func (d *Disk) recover() error {
	for _, name := range []string{logName, contentsName} {
		if err := d.fs.MkdirAll(d.path(name), 0o750); err != nil {
			return err
		}
	}
	if err := syncDir(d.fs, d.dir); err != nil {
		return err
	}
	var err error
	if d.db, err = openContents(d.fs, d.path(contentsName), d.options, d.fail); err != nil {
		return err
	}
	d.recents = newRecents(d.db, d.options.RecentBytes)
	applied, err := appliedPositions(d.db, d.fail)
	if err != nil {
		return err
	}
	genesis, err := readGenesis(d.fs, d.dir)
	if err != nil {
		return err
	}
	d.genesis.Store(genesis)
	if d.removed, err = readRemoved(d.fs, d.dir); err != nil {
		return err
	}
	d.log = d.newLog()
	if err := d.log.replay(applied, d.options.Logger); err != nil {
		return err
	}
	if genesis == nil {
		return d.undoInit(applied)
	}
	return d.resume(applied)
}

// resume goes on with a log that was begun.
func (d *Disk) resume(applied map[shard.ID]position) error {
	if len(d.log.segments) == 0 {
		return fmt.Errorf("%s holds no segment, although the node has accepted a genesis: the log is lost", d.log.dir)
	}
	for _, c := range d.Genesis().Initial {
		if c.Has(d.Node()) && d.log.states[c.Shard] == nil {
			return fmt.Errorf("the log in %s does not know shard %d, of which the node is a first member", d.log.dir, c.Shard)
		}
	}
	if err := d.clearVoid(applied); err != nil {
		return err
	}
	var err error
	if d.replicas, err = d.log.takeReplicas(applied); err != nil {
		return err
	}
	newest := d.log.segments[len(d.log.segments)-1]
	if err := d.log.createSegment(newest.number+1, newest.end); err != nil {
		return err
	}
	// What was read from disk is flushed, so there may be segments nobody needs.
	return d.log.dropSegments(applied)
}

// clearVoid takes away what the contents of replicas without a history hold: what such a replica gave up, or a part of
// the snapshot that was to take its place, or all of it where the log did not come to know. It need not be durable: the log
// says the same again until a whole snapshot is, and that is flushed behind it.
func (d *Disk) clearVoid(applied map[shard.ID]position) error {
	for _, id := range d.log.void() {
		if _, ok := applied[id]; !ok {
			continue
		}
		c := d.Contents(id)
		if err := c.Clear(); err != nil {
			return err
		}
		if err := c.Commit(); err != nil {
			return err
		}
		delete(applied, id)
	}
	return nil
}

// undoInit removes what an Init left that was interrupted before it took effect: the
// genesis comes last. Then the log is one segment with nothing but first states.
func (d *Disk) undoInit(applied map[shard.ID]position) error {
	if len(d.log.segments) == 0 && len(applied) == 0 {
		return nil
	}
	lost := fmt.Errorf("%s is lost: the log or the contents hold more than its acceptance", d.path(genesisName))
	if len(applied) > 0 || len(d.log.segments) != 1 || !d.log.segments[0].bare {
		return lost
	}
	if err := d.fs.Remove(d.log.path(firstSegment)); err != nil {
		return err
	}
	if err := syncDir(d.fs, d.log.dir); err != nil {
		return err
	}
	d.log = d.newLog()
	return nil
}

func (d *Disk) newLog() *log {
	return newLog(d.fs, d.path(logName), d.identity.Seed, d.options)
}

func (d *Disk) path(name string) string { return d.fs.PathJoin(d.dir, name) }

// Node implements Store.
func (d *Disk) Node() shard.NodeID { return shard.NodeID(d.identity.Node) }

// Boot implements Store.
func (d *Disk) Boot() uint64 { return d.identity.Boot }

// Retire implements Store.
func (d *Disk) Retire(why string) error {
	return d.changeIdentity(func(id *identity) { id.Retired = why })
}

// Drains implements Store.
func (d *Disk) Drains() bool {
	d.standing.Lock()
	defer d.standing.Unlock()
	return d.identity.Drains
}

// SetDrains implements Store.
func (d *Disk) SetDrains(drains bool) error {
	return d.changeIdentity(func(id *identity) { id.Drains = drains })
}

func (d *Disk) changeIdentity(change func(*identity)) error {
	d.standing.Lock()
	defer d.standing.Unlock()
	id := d.identity
	change(&id)
	if err := writeDocument(d.fs, d.path(identityName), "identity", id); err != nil {
		return err
	}
	d.identity.Retired, d.identity.Drains = id.Retired, id.Drains
	return nil
}

// Removed implements Store.
func (d *Disk) Removed() (nodes []shard.NodeID) {
	d.standing.Lock()
	defer d.standing.Unlock()
	for _, n := range d.removed {
		nodes = append(nodes, shard.NodeID(n))
	}
	return nodes
}

// Remove implements Store.
func (d *Disk) Remove(n shard.NodeID) error {
	d.standing.Lock()
	defer d.standing.Unlock()
	if slices.Contains(d.removed, nodeName(n)) {
		return nil
	}
	nodes := append(slices.Clone(d.removed), nodeName(n))
	if err := writeDocument(d.fs, d.path(removedName), "removed nodes", nodes); err != nil {
		return err
	}
	d.removed = nodes
	return nil
}

// Genesis implements Store.
func (d *Disk) Genesis() *sequencer.Genesis { return d.genesis.Load() }

// Init implements Store. The genesis file is written last and makes it valid; before that, the next
// Open takes the new log away again.
func (d *Disk) Init(g *sequencer.Genesis) error {
	if err := g.Valid(); err != nil {
		return err
	}
	if same, err := sameGenesis(d.Genesis(), g); same || err != nil {
		return err
	}
	if err := d.fail.get(); err != nil {
		return err
	}
	for _, c := range g.Initial {
		if c.Has(d.Node()) {
			d.log.states[c.Shard] = firstState(c)
		}
	}
	if err := d.log.createSegment(firstSegment, 0); err != nil {
		return d.fail.set(fmt.Errorf("begin the log: %w", err))
	}
	if err := writeDocument(d.fs, d.path(genesisName), "genesis", g); err != nil {
		return d.fail.set(fmt.Errorf("write the genesis: %w", err))
	}
	d.replicas = map[shard.ID]*shard.Stored{}
	for id, s := range d.log.states {
		replica := *s
		d.replicas[id] = &replica
	}
	d.genesis.Store(g)
	return nil
}

// firstState is a replica active in epoch 1 with an empty history.
func firstState(c shard.Configuration) *shard.Stored {
	return &shard.Stored{Chain: shard.Chain{c}, Active: c.Epoch, Lineage: shard.Lineage{{Epoch: c.Epoch}}}
}

// Replicas implements Store.
func (d *Disk) Replicas() map[shard.ID]*shard.Stored { return maps.Clone(d.replicas) }

// Contents implements Store.
func (d *Disk) Contents(id shard.ID) shard.Contents {
	return &contents{db: d.db, fail: d.fail, shard: id, recent: d.recents.of(id)}
}

// Append implements Store.
func (d *Disk) Append(records []shard.Record) error {
	if err := d.fail.get(); err != nil {
		return err
	}
	if d.Genesis() == nil {
		return errors.New("append to the log before the node has accepted a genesis")
	}
	d.replicas = nil
	if err := d.log.append(records); err != nil {
		return d.fail.set(fmt.Errorf("append to the log: %w", err))
	}
	return nil
}

// Sync implements Store.
func (d *Disk) Sync() error {
	if err := d.fail.get(); err != nil {
		return err
	}
	if err := d.log.sync(); err != nil {
		return d.fail.set(fmt.Errorf("sync the log: %w", err))
	}
	return nil
}

// Unprepared implements Store.
func (d *Disk) Unprepared() bool { return d.log.unprepared() }

// Prepare implements Store.
func (d *Disk) Prepare() error {
	if err := d.fail.get(); err != nil {
		return err
	}
	if err := d.log.prepare(d.options.Logger); err != nil {
		return d.fail.set(fmt.Errorf("prepare a file for the log: %w", err))
	}
	return nil
}

// Recall implements Store.
func (d *Disk) Recall(id shard.ID, after, last shard.Seqno, lineage shard.Lineage, size int) ([]shard.Entry, error) {
	if err := d.fail.get(); err != nil {
		return nil, err
	}
	entries, err := d.log.recall(id, after, last, lineage, size)
	if err != nil {
		return nil, d.fail.set(fmt.Errorf("read the log: %w", err))
	}
	return entries, nil
}

// Hold implements Store.
func (d *Disk) Hold(lacking map[shard.ID]shard.Seqno) {
	d.log.mu.Lock()
	defer d.log.mu.Unlock()
	d.log.hold = lacking
}

// Snapshot implements Store.
func (d *Disk) Snapshot(id shard.ID) (Snapshot, error) {
	if err := d.fail.get(); err != nil {
		return nil, err
	}
	if err := d.recents.of(id).spill(); err != nil {
		return nil, d.fail.set(fmt.Errorf("contents of shard %d: %w", id, err))
	}
	return &snapshot{pinned: d.db.NewSnapshot(), fail: d.fail, shard: id}, nil
}

// Flush implements Store.
func (d *Disk) Flush() error {
	if err := d.fail.get(); err != nil {
		return err
	}
	return d.flush()
}

// LogBytes implements Store.
func (d *Disk) LogBytes() int64 { return d.log.used.Load() }

// Trim implements Store.
func (d *Disk) Trim() (held []shard.ID, err error) {
	if err := d.fail.get(); err != nil {
		return nil, err
	}
	if !d.log.drops() {
		return nil, nil // without a look at the contents: this may be asked often
	}
	if err := d.spill(); err != nil {
		return nil, err
	}
	// Read before the flush: what is committed after it is not flushed.
	applied, err := appliedPositions(d.db, d.fail)
	if err != nil {
		return nil, d.fail.set(err)
	}
	held, more := d.log.heldBy(applied)
	if !more || len(held) > 0 {
		return held, nil // no flush would win anything
	}
	if !mutant.On(mutant.TrimBeforeFlush) {
		if err := d.flush(); err != nil {
			return nil, err
		}
	}
	if err := d.log.dropSegments(applied); err != nil {
		return nil, d.fail.set(fmt.Errorf("trim the log: %w", err))
	}
	held, _ = d.log.heldBy(applied)
	return held, nil
}

// spill moves to Pebble what of the contents has not gone there yet.
func (d *Disk) spill() error {
	if err := d.recents.spill(); err != nil {
		return d.fail.set(fmt.Errorf("contents: %w", err))
	}
	return nil
}

// flush makes the committed contents durable. Pebble tries a flush that failed again, without
// end, so the failure it reports ends the wait.
func (d *Disk) flush() error {
	if err := d.spill(); err != nil {
		return err
	}
	flushed, err := d.db.AsyncFlush()
	if err != nil {
		return d.fail.set(fmt.Errorf("flush the contents: %w", err))
	}
	select {
	case <-flushed:
		return d.fail.get()
	case <-d.fail.done:
		return d.fail.get()
	}
}

// Close implements Store. It flushes the contents, so that the next Open has little to
// replay. Closing again does nothing.
func (d *Disk) Close() error {
	if d.lock == nil {
		return nil
	}
	var errs []error
	if d.db != nil {
		if d.fail.get() == nil {
			errs = append(errs, d.flush())
		}
		errs = append(errs, d.db.Close())
	}
	if d.log != nil {
		errs = append(errs, d.log.close(d.fail.get() != nil))
	}
	d.fail.set(errClosed)
	errs = append(errs, d.lock.Close())
	d.lock = nil
	return errors.Join(errs...)
}
