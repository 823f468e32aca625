package client

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/ringward/ringward/rpc/client/session"
	"github.com/ringward/ringward/rpc/kvpb"
	"github.com/ringward/ringward/shard"
)

// first plays f for the first operation of a kind, and serves all else.
func first(kind kvpb.Operation_Kind, f fate) func(*fakeNode, *kvpb.Operation) fate {
	played := false
	return func(_ *fakeNode, op *kvpb.Operation) fate {
		if played || op.Kind != kind {
			return fate{}
		}
		played = true
		return f
	}
}

// always plays f for all operations of a kind, and serves all else.
func always(kind kvpb.Operation_Kind, f fate) func(*fakeNode, *kvpb.Operation) fate {
	return func(_ *fakeNode, op *kvpb.Operation) fate {
		if op.Kind != kind {
			return fate{}
		}
		return f
	}
}

// patience is little for one attempt where a test waits for it to pass.
func patience(f fate) []Option {
	attempt := time.Minute
	if f.silent {
		attempt = 50 * time.Millisecond
	}
	return []Option{WithTimeout(time.Minute), WithAttemptTimeout(attempt)}
}

func TestAWriteIsRepeatedUnderOneIdentity(t *testing.T) {
	tests := map[string]fate{
		"refused":                     answer(kvpb.Status_STATUS_REFUSED),
		"overloaded":                  answer(kvpb.Status_STATUS_OVERLOADED),
		"no node reached":             answer(kvpb.Status_STATUS_UNAVAILABLE),
		"accepted, then wedged":       answer(kvpb.Status_STATUS_OUTCOME_UNKNOWN),
		"a status of a newer node":    answer(99),
		"stream lost before":          {skip: true, drop: true},
		"applied, stream lost":        {drop: true},
		"applied, the answer is lost": {silent: true},
		"lost":                        {skip: true, silent: true},
	}
	for name, f := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t, 3, []int{0, 1})
			c.play(first(put, f))
			client := c.open(patience(f)...)
			version, err := client.Put(t.Context(), "k", []byte("v"))
			if err != nil {
				t.Fatal(err)
			}
			puts := c.sightings(put)
			if ids := identities(puts, "k"); len(ids) != 1 {
				t.Errorf("the write came under %d identities: %+v", len(ids), ids)
			}
			if n := len(puts); n < 2 || n > 2 && !f.silent {
				t.Errorf("the write was sent %d times, want 2", n)
			}
			// A refusal is the head's to give. Who did not answer is not asked again at once.
			if gone := f.silent || f.drop; gone && puts[0].node == puts[1].node {
				t.Errorf("the second attempt went to node %d as well", puts[1].node.id)
			}
			value, err := client.Get(t.Context(), "k")
			if err != nil || value.Version != version {
				t.Errorf("Get = version %d, %v; Put said %d", value.Version, err, version)
			}
			if n := c.machines[1].applied["k"]; n != 1 {
				t.Errorf("the write was applied %d times", n)
			}
		})
	}
}

func TestAReadIsRepeated(t *testing.T) {
	for name, f := range map[string]fate{
		"refused":         answer(kvpb.Status_STATUS_REFUSED),
		"overloaded":      answer(kvpb.Status_STATUS_OVERLOADED),
		"no node reached": answer(kvpb.Status_STATUS_UNAVAILABLE),
		"stream lost":     {drop: true},
		"lost":            {silent: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t, 3, []int{0, 1})
			c.play(first(get, f))
			client := c.open(patience(f)...)
			_, err := client.Get(t.Context(), "k")
			is(t, err, ErrNotFound)
			if n := len(c.sightings(get)); n < 2 || n > 2 && !f.silent {
				t.Errorf("the read was sent %d times, want 2", n)
			}
		})
	}
}

func TestADeadHeadIsGoneAround(t *testing.T) {
	c := newCluster(t, 3, []int{0, 1})
	client := c.open(WithRefresh(time.Hour))
	c.nodes[0].stop()
	// The tail forwards nothing while the head is thought alive; then it is the head.
	refused := 0
	c.play(func(n *fakeNode, op *kvpb.Operation) fate {
		if op.Kind == put && refused < 5 {
			refused++
			return answer(kvpb.Status_STATUS_UNAVAILABLE)
		}
		return fate{}
	})
	if _, err := client.Put(t.Context(), "k", nil); err != nil {
		t.Fatal(err)
	}
	c.decide(1, 1)
	if _, err := client.Ring(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := len(c.sightings(put))
	if _, err := client.Put(t.Context(), "k", nil); err != nil {
		t.Fatal(err)
	}
	if puts := c.sightings(put)[before:]; len(puts) != 1 || puts[0].node != c.nodes[1] {
		t.Errorf("with the new ring a write took %d attempts, want one, at the new head", len(puts))
	}
}

// A head that hangs is left when the ring says that it is replaced, long before the
// attempt would time out.
func TestAHangingHeadIsLeftWithTheNews(t *testing.T) {
	c := newCluster(t, 3, []int{0, 1})
	client := c.open(WithRefresh(time.Hour), WithTimeout(time.Minute), WithAttemptTimeout(time.Minute))
	c.play(func(n *fakeNode, op *kvpb.Operation) fate {
		return fate{silent: n == c.nodes[0] && op.Kind == put}
	})
	ended := make(chan Version, 1)
	go func() {
		v, err := client.Put(t.Context(), "k", nil)
		if err != nil {
			t.Error(err)
		}
		ended <- v
	}()
	c.await(put, 1)
	c.decide(1, 1)
	if _, err := client.Ring(t.Context()); err != nil {
		t.Fatal(err)
	}
	if v := <-ended; v != 2 {
		t.Errorf("Put = version %d, want 2, which the first attempt was applied as", v)
	}
	if ids := identities(c.sightings(put), "k"); len(ids) != 1 {
		t.Errorf("the write came under %d identities", len(ids))
	}
}

func TestNewsEndsPausesAndGrudges(t *testing.T) {
	c := newCluster(t, 2, []int{0, 1})
	client := c.open(WithRefresh(time.Hour))
	first := client.routes.Load()
	head := first.members[0][0]
	failure := shard.Result{Status: shard.OutcomeUnknown}
	// next is where a put that failed at the head goes, and how long it pauses.
	next := func(by *routes) (*node, int) {
		o := &call{client: client, ctx: t.Context(), course: session.NewCourse[*node](shard.Put)}
		o.op.Kind, o.op.Shard = shard.Put, 1
		o.course.Pause()
		o.answered(by, head, failure)
		return client.routes.Load().next(&o.course, 0, 0), o.course.Pause()
	}
	if n, pauses := next(first); n != first.members[0][1] || pauses != 1 {
		t.Errorf("after a failure without news: %d pauses, then %s; want 1, the other member", pauses, n.address)
	}
	failure.Chain = shard.Chain{{Shard: 1, Epoch: 4, Members: []shard.NodeID{100, 101}}}
	for _, what := range []string{"after news", "after news that others had"} {
		if n, pauses := next(first); n != head || pauses != 0 {
			t.Errorf("%s: %d pauses, then %s; want none, the head again", what, pauses, n.address)
		}
	}
	if n, pauses := next(client.routes.Load()); n == head || pauses != 1 {
		t.Errorf("after old news: %d pauses, then %s; want 1, the other member", pauses, n.address)
	}
}

func withAskPatience(d time.Duration) Option { return func(o *options) { o.askPatience = d } }

// A node that says nothing at all is passed over, gets a new connection, and is used
// again when it speaks.
func TestASilentNodeIsPassedOver(t *testing.T) {
	c := newCluster(t, 3, []int{0, 1})
	client := c.open(WithTimeout(time.Minute), WithAttemptTimeout(100*time.Millisecond), withAskPatience(200*time.Millisecond))
	if _, err := client.Put(t.Context(), "k", nil); err != nil {
		t.Fatal(err)
	}
	silent := c.nodes[0]
	silent.mute.Store(true)
	c.play(func(n *fakeNode, _ *kvpb.Operation) fate { return fate{silent: n.mute.Load()} })
	for asked := silent; asked == silent; { // at first writes find out, then they know
		before := len(c.sightings(put))
		if _, err := client.Put(t.Context(), "k", nil); err != nil {
			t.Fatal(err)
		}
		asked = c.sightings(put)[before].node
	}
	c.until("the client to break the stream to the silent node", func() bool { return silent.ended.Load() > 0 })

	silent.mute.Store(false)
	for back := false; !back; {
		before := len(c.sightings(put))
		if _, err := client.Put(t.Context(), "k", nil); err != nil {
			t.Fatal(err)
		}
		back = c.sightings(put)[before].node == silent && client.routes.Load().suspects() == 0
	}
}

// A node that is too busy to tell its ring, and answers operations, is not left.
func TestABusyNodeIsNotASuspect(t *testing.T) {
	c := newCluster(t, 1, []int{0})
	client := c.open(WithRefresh(time.Hour), withAskPatience(2*time.Second))
	c.nodes[0].mute.Store(true)
	n := client.routes.Load().all[0]
	consulted := make(chan error, 1)
	go func() { consulted <- client.consult(t.Context(), n) }()
	for {
		if _, err := client.Put(t.Context(), "k", nil); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-consulted:
			if err == nil {
				t.Error("a mute node tells its ring")
			}
			if n.suspect.Load() {
				t.Error("a node that answered operations is a suspect")
			}
			return
		default:
		}
	}
}

func TestARestartedNodeIsUsedAgain(t *testing.T) {
	c := newCluster(t, 1, []int{0})
	client := c.open(WithTimeout(time.Minute))
	v1, err := client.Put(t.Context(), "k", nil)
	if err != nil {
		t.Fatal(err)
	}
	address := c.nodes[0].address
	c.nodes[0].stop()
	ended := make(chan error, 1)
	go func() { _, err := client.CompareAndSwap(t.Context(), "k", v1, nil); ended <- err }()
	// The call is in trouble before the node comes back.
	for !client.routes.Load().all[0].suspect.Load() {
		_, _ = client.Ring(t.Context())
	}
	c.nodes[0].start(address)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestANodeThatMovedIsFound(t *testing.T) {
	c := newCluster(t, 2, []int{0})
	client := c.open(WithRefresh(time.Hour), WithTimeout(time.Minute))
	if _, err := client.Put(t.Context(), "k", nil); err != nil {
		t.Fatal(err)
	}
	c.nodes[0].stop()
	c.nodes[0].start("127.0.0.1:0")
	c.mu.Lock()
	c.ring.Nodes[0].Address = c.nodes[0].address
	c.mu.Unlock()
	c.play(func(n *fakeNode, op *kvpb.Operation) fate {
		if n == c.nodes[1] { // which does not find it
			return answer(kvpb.Status_STATUS_UNAVAILABLE)
		}
		return fate{}
	})
	if _, err := client.Put(t.Context(), "k", nil); err != nil {
		t.Error(err)
	}
}

// Many callers on a cluster that loses, refuses, reconfigures and expires: every write that
// was acknowledged is there, and none is applied twice.
func TestCallersAmongFaults(t *testing.T) {
	c := newCluster(t, 4, []int{0, 1}, []int{1, 2}, []int{2, 3})
	rng := rand.New(rand.NewPCG(5, 6))
	c.play(func(n *fakeNode, op *kvpb.Operation) fate {
		switch rng.IntN(60) {
		case 0:
			return fate{drop: true}
		case 1:
			return fate{drop: true, skip: true}
		case 2:
			return fate{silent: true}
		case 3, 4, 5:
			return answer(kvpb.Status_STATUS_REFUSED)
		case 6:
			return answer(kvpb.Status_STATUS_OVERLOADED)
		case 7:
			if rng.IntN(8) == 0 {
				c.machines[op.Shard].expire()
			}
		case 8:
			id := 1 + rng.Uint32N(3)
			old := c.ring.Configurations[id-1]
			f := answer(kvpb.Status_STATUS_REFUSED)
			f.answer.Chain = []*kvpb.Configuration{c.configuration(id, old.Epoch+1, rng.Perm(4)[:2]...)}
			if id == op.Shard {
				ring := proto.CloneOf(c.ring)
				ring.Configurations[id-1] = f.answer.Chain[0]
				c.ring = ring
			} else {
				f.answer.Chain = nil
			}
			return f
		}
		return fate{}
	})
	client := c.open(WithTimeout(time.Minute), WithAttemptTimeout(40*time.Millisecond))

	type end struct {
		version Version
		err     error
	}
	const callers, each = 25, 20
	ends := make([][]end, callers)
	var working sync.WaitGroup
	for i := range callers {
		working.Go(func() {
			for k := range each {
				// Each write has a key of its own.
				v, err := client.Put(t.Context(), fmt.Sprintf("%d/%d", i, k), fmt.Appendf(nil, "%d", k))
				ends[i] = append(ends[i], end{v, err})
			}
		})
	}
	working.Wait()
	c.play(nil)

	doubts := 0
	for i := range callers {
		for k, e := range ends[i] {
			key := fmt.Sprintf("%d/%d", i, k)
			applied := 0
			for _, m := range c.machines {
				applied += m.applied[key]
			}
			value, err := client.Get(t.Context(), key)
			if e.err == nil {
				if err != nil || value.Version != e.version || applied != 1 {
					t.Errorf("%s was acknowledged as %d and reads as %d, %v; applied %d times", key, e.version, value.Version, err, applied)
				}
				continue
			}
			// With a minute of patience, only a session that expired upon a write in doubt ends one.
			is(t, e.err, ErrOutcomeUnknown, ErrSessionExpired)
			if applied > 1 {
				t.Errorf("%s ended in doubt and was applied %d times", key, applied)
			}
			doubts++
		}
	}
	if doubts == callers*each {
		t.Error("no write ended well")
	}
}

// TestAReadThatIsRefusedGoesElsewhere: however many reads in a row go to one member, another attempt of one goes to another.
func TestAReadThatIsRefusedGoesElsewhere(t *testing.T) {
	for _, status := range []kvpb.Status{kvpb.Status_STATUS_REFUSED, kvpb.Status_STATUS_OVERLOADED} {
		c := newCluster(t, 3, []int{0, 1, 2})
		sick := c.ring.Configurations[0].Members[0]
		c.play(func(n *fakeNode, _ *kvpb.Operation) fate {
			if n.id == sick {
				return answer(status)
			}
			return fate{}
		})
		client := c.open(WithRefresh(time.Hour))
		const reads = 2 * readsInTurn
		for range reads {
			_, err := client.Get(t.Context(), "k", Stale())
			is(t, err, ErrNotFound)
		}
		if n := len(c.sightings(get)); n > 2*reads {
			t.Errorf("%v: %d attempts for %d reads, of which one of three members serves none", status, n, reads)
		}
	}
}
