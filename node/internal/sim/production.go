package sim

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

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
}

const (
	// directory is where a node's data is.
	directory = "/node"
	// memTableSize is more than the contents of any run, in bytes: so nothing but a flush that is asked for makes
	// them durable.
	memTableSize = 8 << 20
	cacheSize    = 256 << 10
)

func newProduction(w *world, n *node) *production {
	return &production{w: w, node: n, fs: crashfs.New()}
}

func (p *production) open() (uint64, map[shard.ID]*shard.Stored, error) {
	var err error
	p.disk, err = store.Open(p.fs, directory, store.Options{
		SegmentSize: int64(p.w.plan.segmentBytes), MemTableSize: memTableSize, CacheSize: cacheSize, Quiet: true, Random: identity(p.node.id),
	})
	if err != nil {
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

func (p *production) trim() ([]shard.ID, error) { return p.disk.Trim() }

func (p *production) contents(id shard.ID) contents { return storeContents{p.disk.Contents(id)} }

func (p *production) crash(power bool) {
	left := p.fs.Copy()
	if power {
		r := p.w.random.disk
		left = p.fs.Crash(r.Uint64(), crashfs.Kept(r.IntN(int(crashfs.KeptWays))))
	}
	// The process is gone: what closing it still writes goes nowhere.
	p.close()
	p.fs = left
}

func (p *production) close() {
	if p.disk != nil {
		_ = p.disk.Close()
		p.disk = nil
	}
}

// storeContents are contents in production's store.
type storeContents struct{ shard.Contents }

func (c storeContents) all(yield func(key, value []byte) bool) {
	stop := errors.New("enough")
	_ = c.Scan(nil, func(key, value []byte) error {
		if !yield(key, value) {
			return stop
		}
		return nil
	})
}
