package node

import (
	"errors"
	"flag"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/ringward/ringward/node/internal/sim/crashfs"
	"github.com/ringward/ringward/rpc/client"
)

var (
	powerLosses = flag.Int("power.losses", 20, "how often TestPowerLoss lets the power of all nodes fail")
	powerSeed   = flag.Uint64("power.seed", 1, "what TestPowerLoss draws the moments from")
)

// building is a cluster whose nodes share their power.
type building struct {
	*nodes
	random  *rand.Rand
	disks   []*crashfs.FS
	client  *client.Client // nil: the power failed before there was one
	w       *writers
	longest time.Duration // until all shards served
	cut     int           // how often the power failed before they did
}

// TestPowerLoss lets the power of all nodes fail at random moments while clients write, also while the nodes come up: what was not synced is gone, or
// a part of it. They come up in any order, at times more than a second apart. Every shard serves again without help, and what was ever acknowledged
// is there.
func TestPowerLoss(t *testing.T) {
	defer func() {
		if t.Failed() {
			t.Logf("the same again: go test ./node -run 'TestPowerLoss$' -power.losses %d -power.seed %d", *powerLosses, *powerSeed)
		}
	}()
	const shards, replicas = 5, 2
	b := &building{random: rand.New(rand.NewPCG(*powerSeed, 0))}
	var disks []vfs.FS
	for range 5 {
		d := crashfs.New()
		d.Fault(0, slowSync)
		b.disks, disks = append(b.disks, d), append(disks, d)
	}
	b.nodes = newNodesWith(t, func(cfg *Config) {
		cfg.SuspectAfter, cfg.RegrowAfter = 300*time.Millisecond, 100*time.Millisecond
		cfg.LogRetention = cfg.LogSegment // trimmed often
	}, disks...)
	b.init(b.genesis("test", shards, replicas))
	for i, n := range b.nodes.nodes {
		b.cfgs[0].Join = append(b.cfgs[0].Join, n.gossip.Self().Gossip)
		b.cfgs[i].Join = b.cfgs[0].Join // whichever comes first
	}
	b.w = newWriters(t, append(b.keyOfEach(), "a", "b", "c", "d", "e"))
	b.work()
	began := time.Now()
	for loss := range *powerLosses {
		if b.random.IntN(4) > 0 {
			b.serve()
		} else {
			b.cut++
		}
		b.wait(100 * time.Millisecond)
		b.fail()
		if b.comeUp(loss%10 == 9) {
			b.work()
		}
	}
	if b.client == nil {
		b.fail()
		b.comeUp(false)
		b.work()
	}
	b.serve()
	b.awaitStrength(shards, replicas)
	b.w.end()
	b.w.check(b.client)
	var acknowledged int64
	for _, k := range b.w.keys {
		acknowledged += k.acknowledged.Load()
	}
	t.Logf("the power failed %d times in %v, %d of them before all shards served; else that took up to %v; some %d writes acknowledged",
		*powerLosses, time.Since(began).Round(time.Millisecond), b.cut, b.longest.Round(time.Millisecond), acknowledged)
}

// wait lets a random time pass, up to d: the moment is what the test is about.
func (b *building) wait(d time.Duration) { <-time.After(time.Duration(b.random.Int64N(int64(d)))) }

// syncTime is how long a sync takes, so that the power fails during one.
const syncTime = 2 * time.Millisecond

func slowSync(op crashfs.Op, _ string) error {
	if op == crashfs.Sync {
		<-time.After(syncTime)
	}
	return nil
}

// work lets clients write.
func (b *building) work() {
	b.t.Helper()
	b.client = b.open(b.random.IntN(len(b.disks)))
	b.w.begin(b.client)
}

// serve waits until all shards serve, and looks at what they hold.
func (b *building) serve() {
	b.t.Helper()
	if b.client == nil {
		return // not all nodes are up
	}
	began := time.Now()
	b.w.awaitServed()
	b.longest = max(b.longest, time.Since(began))
	b.w.check(b.client)
}

// fail is a failure of the power. The nodes live on beside what is left of their disks, and are stopped without anybody having heard of that.
func (b *building) fail() {
	b.w.dark.Store(true)
	kept := crashfs.Kept(b.random.IntN(int(crashfs.KeptWays)))
	b.disks = crashfs.CrashAll(b.random.Uint64(), kept, b.disks...)
	var all sync.WaitGroup
	for i, n := range b.nodes.nodes {
		if n != nil {
			n.fail(errPower)
			all.Go(func() { b.stop(i) })
		}
	}
	if b.client != nil {
		b.w.end()
		b.client.Close()
		b.client = nil
	}
	all.Wait()
	for i, d := range b.disks {
		d.Fault(0, slowSync)
		b.nodes.disks[i] = d
	}
}

var errPower = errors.New("the power fails")

// comeUp starts the nodes, far apart if slow. It reports whether all are up; where not, the power is to fail before.
func (b *building) comeUp(slow bool) bool {
	b.t.Helper()
	order := b.random.Perm(len(b.disks))
	if b.random.IntN(5) == 0 {
		order = order[:b.random.IntN(len(order))]
	}
	for k, i := range order {
		apart := 20 * time.Millisecond
		if slow && k == len(order)/2 {
			apart = 3 * time.Second
		}
		b.wait(apart)
		b.start(i)
	}
	return len(order) == len(b.disks)
}
