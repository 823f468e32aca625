package store_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/ringward/ringward/node/internal/store"
	"github.com/ringward/ringward/node/internal/store/storetest"
	"github.com/ringward/ringward/sequencer"
	"github.com/ringward/ringward/shard"
)

// crashFS is a file system that dies before its nth change: what a crash leaves there is
// taken, and every later operation fails; but for those of Pebble, which panics when the sync
// of a directory fails. They do not matter any more.
type crashFS struct {
	mem    *vfs.MemFS
	counts func(path string) bool // whether a change of this file counts
	at     int64
	kept   []int // how likely what was not synced is there after the crash, in percent
	count  atomic.Int64
	dead   atomic.Bool
	clones []*vfs.MemFS // one for each of kept
}

func (c *crashFS) before(op errorfs.Op) error {
	change := op.Kind.ReadOrWrite() == errorfs.OpIsWrite && op.Kind != errorfs.OpFileClose
	if change && c.counts(op.Path) && c.count.Add(1) == c.at {
		// Before the clones are taken: what another goroutine syncs meanwhile may be missing there.
		c.dead.Store(true)
		rng := rand.New(rand.NewPCG(uint64(c.at), 1))
		for _, percent := range c.kept {
			c.clones = append(c.clones, c.mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rng}))
		}
	}
	if c.dead.Load() && ownFile(op.Path) {
		return errorfs.ErrInjected
	}
	return nil
}

func ownFile(path string) bool { return !strings.Contains(path, "contents") }

func anyFile(string) bool { return true }

// life is what a test does with a directory, and what it knows then.
type life struct {
	fs      vfs.FS
	dead    *atomic.Bool // once it is set, nothing more is known to be on disk
	d       *store.Disk
	node    shard.NodeID // zero: no Open came back
	boot    uint64
	genesis *sequencer.Genesis // nil: Init was not called
	begun   bool               // Init came back
	now     map[shard.ID]*storetest.History
	states  []map[shard.ID]*storetest.History // after each record that was handed over; the first is Init's
	synced  int                               // the last of them that was synced
}

var tiny = store.Options{SegmentSize: 1 << 10, MemTableSize: 64 << 10, RecentBytes: 256, CacheSize: 1 << 20}

func (l *life) open() (err error) {
	if l.d, err = store.Open(l.fs, dir, tiny); err != nil {
		return err
	}
	if l.node != 0 && l.node != l.d.Node() || l.d.Boot() <= l.boot {
		return fmt.Errorf("node %v boot %d became node %v boot %d", l.node, l.boot, l.d.Node(), l.d.Boot())
	}
	if !l.dead.Load() {
		l.node, l.boot = l.d.Node(), l.d.Boot()
	}
	return nil
}

func (l *life) init() error {
	if l.genesis == nil {
		l.genesis = storetest.Genesis("test", 2, l.d.Node())
	}
	if l.states == nil {
		l.now = map[shard.ID]*storetest.History{}
		for _, c := range l.genesis.Initial {
			l.now[c.Shard] = storetest.NewHistory(c)
		}
		l.remember()
	}
	if err := l.d.Init(l.genesis); err != nil {
		return err
	}
	l.begun = !l.dead.Load()
	return nil
}

func (l *life) remember() {
	state := map[shard.ID]*storetest.History{}
	for id, h := range l.now {
		state[id] = h.Clone()
	}
	l.states = append(l.states, state)
}

// write hands over one Append of several records.
func (l *life) write(makes ...func() shard.Record) error {
	var records []shard.Record
	for _, make := range makes {
		records = append(records, make())
		l.remember()
	}
	return l.d.Append(records)
}

func (l *life) sync() error {
	if err := l.d.Sync(); err != nil {
		return err
	}
	if !l.dead.Load() {
		l.synced = len(l.states) - 1
	}
	return nil
}

// apply brings the contents of a shard up to what is synced.
func (l *life) apply(id shard.ID) error {
	m, err := storetest.Machine(l.genesis, id, l.d.Contents(id))
	if err != nil {
		return err
	}
	applied, _ := m.Applied()
	h := l.states[l.synced][id]
	return storetest.Apply(m, h.Entries[min(int(applied-h.Start), len(h.Entries)):])
}

// take brings what the contents of one shard hold into those of another, which has no history. It is all of the first one's.
func (l *life) take(from, to shard.ID) error {
	s, err := l.d.Snapshot(from)
	if err != nil {
		return err
	}
	defer s.Close()
	m, err := storetest.Machine(l.genesis, to, l.d.Contents(to))
	if err != nil {
		return err
	}
	if err := m.Clear(); err != nil {
		return err
	}
	return storetest.Take(s, m, 50, func(more bool) error {
		if more {
			return nil
		}
		return l.d.Flush()
	})
}

// prepare writes a file ahead of the log, up to its end if it is not stopped before.
func (l *life) prepare() error {
	for l.d.Unprepared() {
		if err := l.d.Prepare(); err != nil {
			return err
		}
	}
	return nil
}

func (l *life) put(id shard.ID, key string) func() shard.Record {
	return func() shard.Record { return l.now[id].Put(key) }
}

// run is a life with everything in it: it ends with the first error.
func (l *life) run() error {
	steps := []func() error{l.open, l.init}
	for round := range 2 {
		key := fmt.Sprint("key ", round, strings.Repeat("-", 100))
		steps = append(steps,
			func() error { return l.write(l.put(1, key), l.put(1, key), l.put(2, key), l.put(1, key)) },
			l.sync,
			func() error { return l.apply(1) },
			func() error {
				h, last := l.now[2], l.now[2].Last()
				return l.write(l.put(2, key), l.put(2, key),
					func() shard.Record { return h.Promise(l.d.Node()) },
					func() shard.Record { return h.Activate(last, "i", "j") },
					l.put(2, key))
			},
			l.sync,
			l.prepare,
			func() error { return l.write(l.put(1, key)) },
			func() error { return l.apply(2) },
			func() error { _, err := l.d.Trim(); return err },
			// More than a segment holds.
			func() error { return l.write(l.put(1, key), l.put(2, strings.Repeat("long", 300)), l.put(1, key)) },
			l.sync,
			func() error { return l.d.Prepare() }, // a part, and the rest later
			func() error { return l.apply(1) },
			func() error { return l.write(func() shard.Record { return l.now[2].GiveUp() }) },
			l.sync,
			func() error { return l.take(1, 2) },
			func() error { return l.write(func() shard.Record { return l.now[2].Begin(l.now[1]) }) },
			l.sync,
			l.prepare,
			func() error { return l.write(l.put(2, key)) },
			l.sync,
			func() error { return l.apply(2) },
		)
	}
	steps = append(steps, func() error { return l.d.Close() })
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// check opens what a crash left and compares it with what is known.
func (l *life) check(mem *vfs.MemFS) error {
	if err := l.resume(mem); err != nil {
		return err
	}
	return l.d.Close()
}

// checkOn does the same and then goes on from there: what is shown once stays, and the directory can
// be written as before.
func (l *life) checkOn(mem *vfs.MemFS) error {
	if err := l.resume(mem); err != nil {
		return err
	}
	defer l.d.Close()
	if err := l.write(l.put(1, "more"), l.put(1, "still more")); err != nil {
		return err
	}
	if err := l.sync(); err != nil {
		return err
	}
	return l.check(mem.CrashClone(vfs.CrashCloneCfg{}))
}

func (l *life) resume(mem *vfs.MemFS) (err error) {
	l.fs, l.dead = mem, new(atomic.Bool)
	if err := l.open(); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			l.d.Close()
		}
	}()
	if g := l.d.Genesis(); (g == nil) && l.begun || (g != nil) && g.Cluster != l.genesis.Cluster {
		return fmt.Errorf("the genesis is %v, want %v", g, l.genesis)
	}
	if l.d.Genesis() == nil {
		// An Init that did not take effect binds the node to nothing.
		l.genesis, l.states = storetest.Genesis("another", 1, l.d.Node()), nil
	}
	if err := l.init(); err != nil {
		return err
	}
	return l.recover()
}

// recover takes the state that is stored, which must be one since the last sync, and applies it.
func (l *life) recover() error {
	replicas := l.d.Replicas()
	var mismatch error
	for i := len(l.states) - 1; i >= l.synced; i-- {
		var errs []error
		for id, h := range l.states[i] {
			errs = append(errs, storetest.CheckStored(replicas[id], h))
		}
		if mismatch = errors.Join(errs...); mismatch == nil {
			l.states, l.synced = l.states[:i+1], i
			break
		}
	}
	if mismatch != nil {
		return fmt.Errorf("stored is no state since the last sync: %w", mismatch)
	}
	if len(replicas) != len(l.states[l.synced]) {
		return fmt.Errorf("%d shards are stored, want %d", len(replicas), len(l.states[l.synced]))
	}
	for id, h := range l.states[l.synced] {
		l.now[id] = h.Clone()
		m, err := storetest.Machine(l.genesis, id, l.d.Contents(id))
		if err != nil {
			return err
		}
		if applied, hash := m.Applied(); applied != replicas[id].Start || hash != replicas[id].Hash {
			return fmt.Errorf("shard %d: stored from %d on, and applied up to %d", id, replicas[id].Start, applied)
		}
		if err := storetest.Apply(m, replicas[id].Entries); err != nil {
			return err
		}
		if err := storetest.CheckContents(l.d.Contents(id), m, h); err != nil {
			return err
		}
	}
	return nil
}

// fork is a life that goes on apart from l.
func (l *life) fork() *life {
	f := *l
	f.states = slices.Clone(l.states)
	f.now = map[shard.ID]*storetest.History{}
	for id, h := range l.now {
		f.now[id] = h.Clone()
	}
	return &f
}

// crash runs l on mem up to the death of its file system at a change; c.clones are what is
// left then, if there are so many changes.
func (l *life) crash(t *testing.T, mem *vfs.MemFS, counts func(string) bool, at int64, kept []int, run func() error) *crashFS {
	c := &crashFS{mem: mem, counts: counts, at: at, kept: kept}
	l.fs, l.dead, l.d = errorfs.Wrap(mem, errorfs.InjectorFunc(c.before)), &c.dead, nil
	err := run()
	if l.d != nil {
		l.d.Close()
	}
	if err != nil && !c.dead.Load() {
		t.Fatal(err)
	}
	return c
}

// workers share the crashes of a test.
const workers = 4

func forEachCrash(t *testing.T, crash func(t *testing.T, at int64) (more bool)) {
	for w := range int64(workers) {
		t.Run(fmt.Sprint("worker ", w), func(t *testing.T) {
			t.Parallel()
			for at := w + 1; crash(t, at); at += workers {
			}
		})
	}
}

// TestCrashAtEveryOperation crashes before each change that a whole life of a directory makes on disk.
func TestCrashAtEveryOperation(t *testing.T) {
	kept := []int{0, 60}
	forEachCrash(t, func(t *testing.T, at int64) bool {
		l := &life{}
		c := l.crash(t, vfs.NewCrashableMem(), anyFile, at, kept, l.run)
		for i, clone := range c.clones {
			check := l.fork().check
			if i == 0 {
				check = l.fork().checkOn
			}
			if err := check(clone); err != nil {
				t.Fatalf("crash before change %d, with %d%% of what was not synced: %v", at, kept[i], err)
			}
		}
		return len(c.clones) > 0
	})
}

// TestCrashOfNames crashes where Pebble makes names durable, with many choices of those that are.
func TestCrashOfNames(t *testing.T) {
	syncOfContents := func(path string) bool { return strings.HasSuffix(path, "/contents") }
	kept := slices.Repeat([]int{50}, 4)
	forEachCrash(t, func(t *testing.T, at int64) bool {
		l := &life{}
		c := l.crash(t, vfs.NewCrashableMem(), syncOfContents, at, kept, l.run)
		for _, clone := range c.clones {
			if err := l.fork().check(clone); err != nil {
				t.Fatalf("crash before sync %d of the directory: %v", at, err)
			}
		}
		return len(c.clones) > 0
	})
}

// TestCrashWhileRecovering crashes a second time, at each change that the open after a crash makes.
func TestCrashWhileRecovering(t *testing.T) {
	const stride = 11
	forEachCrash(t, func(t *testing.T, n int64) bool {
		l := &life{}
		first := l.crash(t, vfs.NewCrashableMem(), ownFile, n*stride, []int{80}, l.run)
		if len(first.clones) == 0 {
			return false
		}
		for at := int64(1); ; at++ {
			again := l.fork()
			mem := first.clones[0].CrashClone(vfs.CrashCloneCfg{})
			second := again.crash(t, mem, ownFile, at, []int{50}, func() error {
				if err := again.open(); err != nil {
					return err
				}
				return again.init()
			})
			if len(second.clones) == 0 {
				return true
			}
			if err := again.check(second.clones[0]); err != nil {
				t.Fatalf("crash before change %d, and before change %d of the next open: %v", n*stride, at, err)
			}
		}
	})
}
