package processtest

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ringward/ringward/bench/internal/cluster"
	"github.com/ringward/ringward/rpc/client"
)

var (
	regrowMiB  = flag.Int("regrow.mib", 256, "BenchmarkRegrow: contents of the shard, in MiB")
	regrowRate = flag.String("regrow.rate", "", "BenchmarkRegrow: --transfer-rate of the nodes; empty: as it is unless told otherwise")
)

// latencies of puts, each of which is due 5 ms after the one before of the same client, or when that has ended.
type latencies struct {
	mu   sync.Mutex
	more sync.Cond
	all  []time.Duration
}

func (l *latencies) run(ctx context.Context, b *testing.B, cl *client.Client, keys [][]string) (wait func()) {
	var all sync.WaitGroup
	for _, own := range keys {
		all.Go(func() {
			tick := time.NewTicker(5 * ms)
			defer tick.Stop()
			for n := 0; ctx.Err() == nil; n++ {
				begin := time.Now()
				if _, err := cl.Put(b.Context(), own[n%len(own)], make([]byte, 100)); err != nil {
					b.Error(err) // and counts: somebody waits for a number of them
				}
				l.mu.Lock()
				l.all = append(l.all, time.Since(begin))
				l.mu.Unlock()
				l.more.Signal()
				<-tick.C
			}
		})
	}
	return all.Wait
}

// take returns the 99th percentile since the last time, in milliseconds, once there are so many.
func (l *latencies) take(count int) float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.all) < max(1, count) {
		l.more.Wait()
	}
	all := l.all
	l.all = nil
	slices.Sort(all)
	return float64(all[len(all)*99/100].Microseconds()) / 1000
}

// BenchmarkRegrow fills a shard, loses one of its two members, and tells how long a third node takes to have a copy of it, and what
// that does to the puts of 8 clients: their 99th percentile before and meanwhile.
//
//	go test ./bench/internal/processtest -run '^$' -bench Regrow -benchtime 1x -count 3 -regrow.mib 1024
func BenchmarkRegrow(b *testing.B) {
	path, err := binary()
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		o := cluster.Options{Nodes: 5, Shards: 2, Replicas: 2, Ringward: path, SuspectAfter: time.Second, Settings: []string{"--regrow-after", "2s"}}
		if *regrowRate != "" {
			o.Settings = append(o.Settings, "--transfer-rate", *regrowRate)
		}
		regrow(b, o)
	}
}

func regrow(b *testing.B, o cluster.Options) {
	c, err := cluster.Start(b.Context(), o)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Stop()
	cl, err := client.Open(b.Context(), c.Endpoints(), client.WithTimeout(patience))
	if err != nil {
		b.Fatal(err)
	}
	defer cl.Close()
	ring, err := cl.Ring(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	first := ring.Shards[0]
	made := 0
	keys := func(count int) []string { // of the first shard
		var all []string
		for ; len(all) < count; made++ {
			if key := fmt.Sprint("key-", made); ring.Owner(key).ID == first.ID {
				all = append(all, key)
			}
		}
		return all
	}
	const valueKiB = 64
	var fill sync.WaitGroup
	for part := range slices.Chunk(keys(*regrowMiB*1024/valueKiB), max(1, *regrowMiB*1024/valueKiB/16)) {
		fill.Go(func() {
			for _, key := range part {
				if _, err := cl.Put(b.Context(), key, make([]byte, valueKiB<<10)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	fill.Wait()
	tail, _ := ring.Node(first.Members[len(first.Members)-1])
	victim := c.Nodes()[slices.Index(c.Endpoints(), tail.Address)]

	var l latencies
	l.more.L = &l.mu
	ctx, cancel := context.WithCancel(b.Context())
	wait := l.run(ctx, b, cl, slices.Collect(slices.Chunk(keys(8*100), 100)))
	defer wait()
	defer cancel()
	l.take(5000) // meanwhile what the fill left to do is done
	before := l.take(15000)
	if err := victim.Kill(); err != nil {
		b.Fatal(err)
	}
	l.take(2000) // there is one member, until --regrow-after
	begin := time.Now()
	if err := c.AwaitStrength(b.Context()); err != nil {
		b.Fatal(err)
	}
	took := time.Since(begin).Seconds()
	during := l.take(1)
	b.ReportMetric(took, "regrow-s")
	b.ReportMetric(float64(*regrowMiB)/took, "MiB/s")
	b.ReportMetric(before, "p99-before-ms")
	b.ReportMetric(during, "p99-during-ms")
	b.ReportMetric(during/before, "p99-ratio")
}
