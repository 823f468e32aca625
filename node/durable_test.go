package node

import (
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/ringward/ringward/node/internal/engine"
	"github.com/ringward/ringward/shard"
)

// slowedDisk is a disk in memory whose syncs wait while its gate is locked.
func slowedDisk() (vfs.FS, *sync.RWMutex) {
	gate := &sync.RWMutex{}
	return errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if uint64(1)<<op.Kind&syncs != 0 {
			gate.RLock()
			defer gate.RUnlock()
		}
		return nil
	})), gate
}

// TestAcknowledgedOnceAllHaveSynced: whichever member of a chain has a write but has not synced it, the client is not answered before it has, although
// all others have synced it.
func TestAcknowledgedOnceAllHaveSynced(t *testing.T) {
	var disks []vfs.FS
	var gates []*sync.RWMutex
	for range 3 {
		disk, gate := slowedDisk()
		disks, gates = append(disks, disk), append(gates, gate)
	}
	c := newNodesWith(t, func(cfg *Config) { cfg.SuspectAfter = 30 * time.Second }, disks...)
	c.init(c.genesis("test", 1, len(disks)))
	cl := c.open(0)
	standing := func(i int) (s engine.Standing) {
		ask(c.nodes[i], c.nodes[i].member.Load(), func(h *engine.Host) { s = h.Standings()[0] })
		return s
	}
	if _, err := cl.Put(t.Context(), "a", nil); err != nil { // it opens a session, too
		t.Fatal(err)
	}
	for slow, gate := range gates {
		before := standing(slow).Last
		gate.Lock()
		answered := make(chan error, 1)
		go func() {
			_, err := cl.Put(t.Context(), "a", []byte{byte(slow)})
			answered <- err
		}()
		all := func(has func(engine.Standing) shard.Seqno, but int) func() bool {
			return func() bool {
				for i := range c.nodes {
					if i != but && has(standing(i)) <= before {
						return false
					}
				}
				return true
			}
		}
		await(t, "all to have the write", all(func(s engine.Standing) shard.Seqno { return s.Last }, -1))
		await(t, "all others to have synced it", all(func(s engine.Standing) shard.Seqno { return s.Durable }, slow))
		if s := standing(slow); s.Durable > before {
			t.Fatalf("node %d has synced up to %d: its syncs do not wait", slow, s.Durable)
		}
		select {
		case err := <-answered:
			t.Fatalf("answered (%v) before node %d of the chain had synced it", err, slow)
		default:
		}
		gate.Unlock()
		if err := <-answered; err != nil {
			t.Fatal(err)
		}
	}
}
