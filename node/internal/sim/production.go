package sim

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/ringward/ringward/node/internal/sim/crashfs"
	"github.com/ringward/ringward/node/internal/store"
	"github.com/ringward/ringward/shard"
)

// production is storage as a node has it: production's store, on a file system that keeps what a real one may keep.
//
// Pebble works with goroutines of its own. The store waits for them, and is told to let them begin nothing that it has not asked
// for, so one seed still makes one run.
type production struct {
	w    *world
	node *node
	fs   *crashfs.FS
	disk *store.Disk // nil: no process has it open

	flipped string // the file in which a bit has changed

	mu      sync.Mutex // for what the file system asks
	trouble trouble
	failed  error       // of the last operation of the present process that failed
	stuck   bool        // nothing can be changed any more
	left    *crashfs.FS // by the power that failed in the middle of a step
}

const (
	// directory is where a node's data is.
	directory = "/node"
	// memTableSize is where Pebble flushes by itself, in bytes, after a first 256 KiB: four times what the runs write
	// between two flushes. So nothing but a flush that is asked for makes contents durable.
	memTableSize = 8 << 20
	// recentBytes is some commits' worth: contents go to Pebble by themselves, and for what asks for all of them.
	recentBytes = 1 << 10
	cacheSize   = 256 << 10
)

func newProduction(w *world, n *node) *production {
	return &production{w: w, node: n, fs: crashfs.New()}
}

func (p *production) open() (uint64, map[shard.ID]*shard.Stored, error) {
	var err error
	p.fs.Fault(p.trouble.seed, p.fault)
	p.disk, err = store.Open(p.fs, directory, store.Options{
		SegmentSize: int64(p.w.plan.segmentBytes), LogKeep: int64(p.w.plan.logKeep), LogHold: int64(p.w.plan.logHold), LogSpare: int64(2 * p.w.plan.segmentBytes),
		MemTableSize: memTableSize, RecentBytes: recentBytes, CacheSize: cacheSize, Quiet: true, Random: identity(p.node.id),
	})
	if err != nil {
		p.disk = nil
		return 0, nil, err
	}
	if p.disk.Node() != p.node.id {
		return 0, nil, fmt.Errorf("the directory of node %d says that it is node %d", p.node.id, p.disk.Node())
	}
	if err := p.disk.Init(p.w.genesis); err != nil {
		return 0, nil, errors.Join(err, p.disk.Close())
	}
	return p.disk.Boot(), p.disk.Replicas(), nil
}

// identity is the randomness that makes the directory one of this node.
func identity(id shard.NodeID) io.Reader {
	return &repeated{binary.BigEndian.AppendUint64(nil, uint64(id))}
}

// repeated reads the same bytes again and again.
type repeated struct{ b []byte }

func (r *repeated) Read(b []byte) (int, error) { return copy(b, r.b), nil }

func (p *production) append(records []shard.Record) error { return p.disk.Append(records) }

// sync makes all durable: the store has nothing finer.
func (p *production) sync(int) error { return p.disk.Sync() }

func (p *production) prepare() error { return p.disk.Prepare() }

func (p *production) recall(x shard.Recall) ([]shard.Entry, error) {
	return p.disk.Recall(x.Shard, x.After, x.Last, x.Lineage, x.Bytes)
}

func (p *production) hold(lacking map[shard.ID]shard.Seqno) { p.disk.Hold(lacking) }

func (p *production) trim() ([]shard.ID, error) { return p.disk.Trim() }

func (p *production) flush() error { return p.disk.Flush() }

func (p *production) contents(id shard.ID) contents { return storeContents{p.disk.Contents(id)} }

func (p *production) crash(power bool) {
	r := p.w.random.disk
	seed, kept := r.Uint64(), crashfs.Kept(r.IntN(int(crashfs.KeptWays)))
	left := p.left
	switch {
	case left != nil: // the power has failed already
	case power:
		left = p.fs.Crash(seed, kept)
	default:
		left = p.fs.Copy()
	}
	// The process is gone: what closing it still writes goes nowhere.
	p.close()
	p.fs, p.left, p.failed, p.stuck = left, nil, nil, false
	if p.trouble.what != noSpace && p.trouble.what != readFails {
		p.trouble = trouble{}
	}
}

func (p *production) close() {
	if p.disk != nil {
		_ = p.disk.Close()
		p.disk = nil
	}
}

func (p *production) spoil(t trouble) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.trouble = t
}

func (p *production) flip(r *rand.Rand) { p.flipped, _, _ = p.fs.Flip(r, directory) }

func (p *production) excuse() (why string, damaged bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.failed != nil:
		return p.failed.Error(), false
	case p.flipped != "":
		return "a bit has flipped in " + p.flipped, true
	}
	return "", false
}

// fault is asked before each operation on a file. Pebble's goroutines ask as well, while a flush is waited for. After a
// failure there nothing changes any more: what Pebble tries again would depend on how long it has for it.
func (p *production) fault(op crashfs.Op, name string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	table := strings.HasSuffix(name, ".sst")
	pebbles := !table && strings.HasPrefix(name, directory+"/contents")
	switch {
	case p.stuck && op == crashfs.Read:
		return nil
	case p.stuck && pebbles && op == crashfs.SyncNames:
		return nil // Pebble panics if it fails, and there is nothing to sync
	case p.stuck:
		return p.failed
	case pebbles || !p.trouble.hits(op):
		return nil
	case p.trouble.after > 0:
		p.trouble.after--
		return nil
	}
	t := p.trouble
	if t.what == noSpace && name == directory+"/log/spare" {
		return syscall.ENOSPC // the node goes on, until it has no space for a record
	}
	if t.what != noSpace {
		p.trouble = trouble{}
	}
	if t.what == powerFails {
		p.left = p.fs.Crash(t.seed, t.kept)
	}
	err := errors.New(t.what.String())
	if t.what == noSpace {
		err = syscall.ENOSPC
	}
	p.failed, p.stuck = err, table || t.what == powerFails || t.what == noSpace
	return err
}

// hits tells whether an operation is one that this trouble concerns.
func (t trouble) hits(op crashfs.Op) bool {
	switch t.what {
	case writeFails:
		return op == crashfs.Write || op == crashfs.Create || op == crashfs.Rename || op == crashfs.Remove
	case syncFails:
		return op == crashfs.Sync || op == crashfs.SyncNames
	case readFails:
		return op == crashfs.Read
	case powerFails:
		return op != crashfs.Read
	case noSpace:
		return op == crashfs.Write || op == crashfs.Create
	}
	return false
}

// storeContents are contents in production's store.
type storeContents struct{ shard.Contents }

func (c storeContents) committed() (iter.Seq2[[]byte, []byte], error) {
	type pair struct{ key, value []byte }
	var all []pair
	err := c.Scan(nil, func(key, value []byte) error {
		all = append(all, pair{slices.Clone(key), slices.Clone(value)})
		return nil
	})
	return func(yield func(key, value []byte) bool) {
		for _, p := range all {
			if !yield(p.key, p.value) {
				return
			}
		}
	}, err
}
