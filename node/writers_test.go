package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ringward/ringward/rpc/client"
	"github.com/ringward/ringward/shard"
)

// writers raise a number in a key each, all the while something happens to the nodes.
type writers struct {
	t    *testing.T
	keys []*written
	// dark: what is acknowledged from now on does not count, since no power is left to say it.
	dark  atomic.Bool
	stop  context.CancelFunc
	ended sync.WaitGroup
}

// written is what is known of a key. Its writer alone changes it.
type written struct {
	key string
	// tried is the last number that may have been written, acknowledged the last one that was for certain.
	tried, acknowledged atomic.Int64
}

// padding follows each number, so that logs are trimmed.
var padding = " " + strings.Repeat("x", 4000)

// keyOfEach is a key of each shard.
func (c *nodes) keyOfEach() (keys []string) {
	ring := c.nodes[0].member.Load().ring
	has := map[shard.ID]bool{}
	for i := 0; len(has) < len(ring); i++ {
		key := fmt.Sprint("key-", i)
		if owner := ring.Owner([]byte(key)); !has[owner] {
			has[owner] = true
			keys = append(keys, key)
		}
	}
	return keys
}

func newWriters(t *testing.T, keys []string) *writers {
	w := &writers{t: t}
	for _, k := range keys {
		w.keys = append(w.keys, &written{key: k})
	}
	return w
}

// begin lets the writers work through a client, until end.
func (w *writers) begin(cl *client.Client) {
	ctx, stop := context.WithCancel(w.t.Context())
	w.stop = stop
	w.dark.Store(false)
	for _, k := range w.keys {
		w.ended.Go(func() {
			for ctx.Err() == nil {
				next := k.tried.Add(1)
				_, err := cl.Put(ctx, k.key, fmt.Appendf(nil, "%d%s", next, padding))
				switch {
				case w.dark.Load():
				case err == nil:
					k.acknowledged.Store(next)
				case ctx.Err() == nil && !errors.Is(err, client.ErrUnavailable) && !errors.Is(err, client.ErrOutcomeUnknown) && !errors.Is(err, client.ErrSessionExpired):
					w.t.Errorf("put %s: %v", k.key, err)
					return
				}
			}
		})
	}
}

func (w *writers) end() {
	w.stop()
	w.ended.Wait()
}

// serveTime bounds how long a shard may be without service, on a machine that is busy with other things.
const serveTime = time.Minute

// awaitServed waits until each writer had a write of its own acknowledged that began after this.
func (w *writers) awaitServed() {
	w.t.Helper()
	poll := time.NewTicker(time.Millisecond)
	defer poll.Stop()
	patience := time.After(serveTime)
	var from []int64
	for _, k := range w.keys {
		from = append(from, k.tried.Load())
	}
	unserved := func(k *written) bool { return k.acknowledged.Load() <= from[slices.Index(w.keys, k)] }
	for slices.ContainsFunc(w.keys, unserved) {
		select {
		case <-poll.C:
		case <-patience:
			k := w.keys[slices.IndexFunc(w.keys, unserved)]
			w.t.Fatalf("no write of %s was acknowledged within %v: number %d is under way", k.key, serveTime, k.tried.Load())
		}
	}
}

// check reads all keys: what was acknowledged before is there, or something that was written later.
func (w *writers) check(cl *client.Client) {
	w.t.Helper()
	for _, k := range w.keys {
		acknowledged := k.acknowledged.Load()
		v, err := cl.Get(w.t.Context(), k.key)
		n := int64(0)
		if err == nil {
			n, err = strconv.ParseInt(strings.TrimSuffix(string(v.Data), padding), 10, 64)
		}
		if err != nil && !errors.Is(err, client.ErrNotFound) {
			w.t.Fatalf("get %s: %v", k.key, err)
		}
		if tried := k.tried.Load(); n < acknowledged || n > tried {
			w.t.Fatalf("%s holds %d: %d was acknowledged, and nothing above %d was written", k.key, n, acknowledged, tried)
		}
	}
}
