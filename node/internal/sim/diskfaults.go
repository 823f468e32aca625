package sim

import (
	"fmt"

	"github.com/ringward/ringward/node/internal/engine"
	"github.com/ringward/ringward/node/internal/sim/crashfs"
	"github.com/ringward/ringward/shard"
)

// trouble is what is wrong with a disk.
type trouble struct {
	what  whatFails
	after int // how often it works until then
	// seed and kept say what a failing power leaves, and seed what a failing write or sync does.
	seed uint64
	kept crashfs.Kept
}

type whatFails uint8

const (
	nothingFails whatFails = iota // all is well again
	writeFails                    // a write, or the making, renaming or removing of a file
	syncFails                     // what it should have made durable may be lost
	readFails                     // of the log when the node starts, of the contents at any time
	powerFails                    // in the middle of what the store does
	noSpace                       // nothing can be written until all is well again
)

func (t whatFails) String() string {
	return [...]string{"nothing", "a write fails", "a sync fails", "a read fails", "the power fails in the middle of a step", "no space is left"}[t]
}

// slowDisk is how many times as long a slow disk takes.
const slowDisk = 20

// diskError lets one operation of a disk fail.
func (f *faults) diskError() {
	n, what, after := f.someNode(), oneOf(f.random, writeFails, syncFails, syncFails, readFails), f.soonAfter()
	if f.happens(DiskError, n.up) {
		f.spoil(n, trouble{what: what, after: after, seed: f.random.Uint64()})
	}
}

// soonAfter is how many operations a disk still does: few, so that each of those that a step consists of is the one.
func (f *faults) soonAfter() int { return f.random.IntN(oneOf(f.random, 2, 5, 20)) }

// torn lets the power fail in the middle of a step of the store: an append, a new segment, a flush, a start.
func (f *faults) torn() {
	n, after := f.someNode(), f.soonAfter()
	if f.happens(Torn, n.up && f.w.plan.production) {
		f.spoil(n, trouble{what: powerFails, after: after, seed: f.random.Uint64(), kept: crashfs.Kept(f.random.IntN(int(crashfs.KeptWays)))})
	}
}

// diskFull leaves no space on a disk for a while.
func (f *faults) diskFull() {
	n, lasts := f.someNode(), f.while()
	if f.happens(DiskFull, n.up) {
		f.spoil(n, trouble{what: noSpace, seed: f.random.Uint64()})
		f.w.after(lasts, func() {
			if !f.w.calm {
				f.spoil(n, trouble{})
			}
		})
	}
}

func (f *faults) spoil(n *node, t trouble) {
	if t.what == nothingFails {
		f.w.trace.note(n, 0, "has a disk that works again")
	} else {
		f.w.trace.note(n, 0, fmt.Sprintf("has a disk with trouble, after %d operations: %v", t.after, t.what))
	}
	n.disk.storage.spoil(t)
}

func (f *faults) slowDisk() {
	n, lasts := f.someNode(), f.while()
	if f.happens(SlowDisk, n.up) {
		n.disk.slowTo = f.w.now + lasts
		f.w.trace.note(n, 0, fmt.Sprintf("has a slow disk until %v", n.disk.slowTo))
	}
}

// dispensable reports whether the ring can do without one more node.
func (f *faults) dispensable(n *node) bool {
	if n.lost {
		return false
	}
	n.lost = true
	defer func() { n.lost = false }()
	return f.repairable()
}

// bitFlip changes a bit of what a node has on disk, while it is down. It must see that, or never serve it.
func (f *faults) bitFlip() {
	n, down := f.someNode(), f.while()
	if !f.happens(BitFlip, f.dispensable(n)) {
		return
	}
	if n.up {
		f.crashNode(n, down)
	}
	n.disk.storage.flip(f.random)
	f.w.trace.note(n, 0, "has a flipped bit on its disk")
}

// wipe takes away what a node has on disk. What starts there is another node.
func (f *faults) wipe() {
	n := f.someNode()
	if !f.happens(Wipe, f.dispensable(n)) {
		return
	}
	if n.up {
		n.crash()
	}
	n.lost = true
	f.w.trace.note(n, 0, "loses its directory")
	if err := f.newcomer(); err != nil {
		f.w.fail(0, 0, "the directory of node %d is empty, and a node starts there: %v", n.id, err)
	}
}

// newcomer starts a node with an empty directory: one that is none of the others, and has no part in any shard.
func (f *faults) newcomer() error {
	n := newNode(f.w, shard.NodeID(len(f.w.nodes)+1))
	defer n.disk.storage.close()
	recovered, err := n.recover()
	if err != nil {
		return err
	}
	if len(recovered) > 0 {
		return fmt.Errorf("it has the replicas %v", n.hosted)
	}
	n.host, err = engine.NewHost(n.options(), recovered)
	if err != nil {
		return err
	}
	for _, c := range f.w.genesis.Initial {
		n.host.Tick(false)
		n.host.Step(shard.Message{Kind: shard.MsgConnect, Shard: c.Shard, From: c.Members[0], To: n.id, Epoch: c.Epoch})
	}
	if r := n.host.Ready(); len(r.Write)+len(r.Work) > 0 {
		return fmt.Errorf("it wants to write %d records and to apply %d entries", len(r.Write), len(r.Work))
	}
	return nil
}

// stopped: a node's disk has failed, so its process ends. It is started again some time later, unless the disk holds
// something else than it was given.
func (f *faults) stopped(n *node, err error) {
	why, damaged := n.disk.storage.excuse()
	if why == "" {
		f.w.fail(0, 0, "node %d stops, and nothing is wrong with its disk: %v", n.id, err)
		return
	}
	f.w.trace.note(n, 0, "stops: "+why)
	if n.up {
		n.end(chance(f.w.random.disk, 0.5))
	} else {
		n.disk.storage.crash(false)
	}
	n.lost = n.lost || damaged
	down := tick / 50
	if !f.w.calm {
		down = between{tick / 50, 10 * tick}.pick(f.w.random.disk)
	}
	f.w.after(down, func() { f.restart(n) })
}
