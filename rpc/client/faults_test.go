package client

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

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
			client := c.open(WithAttemptTimeout(50 * time.Millisecond))
			version, err := client.Put(t.Context(), "k", []byte("v"))
			if err != nil {
				t.Fatal(err)
			}
			puts := c.sightings(put)
			if ids := identities(puts, "k"); len(ids) != 1 {
				t.Errorf("the write came under %d identities: %+v", len(ids), ids)
			}
			if len(puts) != 2 {
				t.Errorf("the write was sent %d times, want 2", len(puts))
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
			client := c.open(WithAttemptTimeout(50 * time.Millisecond))
			_, err := client.Get(t.Context(), "k")
			is(t, err, ErrNotFound)
			if n := len(c.sightings(get)); n != 2 {
				t.Errorf("the read was sent %d times, want 2", n)
			}
		})
	}
}

// What a write ends with when patience does, by what became of its attempts.
func TestHowPatienceEnds(t *testing.T) {
	tests := []struct {
		name  string
		write []fate // of attempts, the last one for ever
		want  error
	}{
		{"never accepted", []fate{answer(kvpb.Status_STATUS_REFUSED)}, ErrUnavailable},
		{"never reached", []fate{answer(kvpb.Status_STATUS_UNAVAILABLE)}, ErrUnavailable},
		{"overloaded", []fate{answer(kvpb.Status_STATUS_OVERLOADED)}, ErrUnavailable},
		{"not answered", []fate{{skip: true, silent: true}}, ErrOutcomeUnknown},
		{"applied, not answered", []fate{{silent: true}}, ErrOutcomeUnknown},
		{"accepted, then refused", []fate{answer(kvpb.Status_STATUS_OUTCOME_UNKNOWN), answer(kvpb.Status_STATUS_REFUSED)}, ErrOutcomeUnknown},
		{"applied, then not reached", []fate{{drop: true}, answer(kvpb.Status_STATUS_UNAVAILABLE)}, ErrOutcomeUnknown},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t, 2, []int{0, 1})
			c.play(func(_ *fakeNode, op *kvpb.Operation) fate {
				if op.Kind == opener {
					return fate{}
				}
				f := test.write[0]
				if len(test.write) > 1 {
					test.write = test.write[1:]
				}
				return f
			})
			byContext := c.open()
			ctx, cancel := context.WithTimeout(t.Context(), 60*time.Millisecond)
			defer cancel()
			_, err := byContext.Put(ctx, "k", nil)
			is(t, err, test.want, context.DeadlineExceeded)

			byClient := c.open(WithTimeout(60 * time.Millisecond))
			_, err = byClient.Get(t.Context(), "k")
			is(t, err, ErrUnavailable)
			if err == nil || !strings.Contains(err.Error(), "60ms") {
				t.Errorf("the timeout is not named in %v", err)
			}
		})
	}
}

func TestCancelEndsACall(t *testing.T) {
	c := newCluster(t, 1, []int{0})
	client := c.open()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)

	c.play(always(opener, fate{silent: true}))
	go func() { _, err := client.Put(ctx, "k", nil); ended <- err }()
	c.await(opener, 1)
	cancel()
	is(t, <-ended, ErrUnavailable, context.Canceled) // it had no identity yet, so it was never sent

	ctx, cancel = context.WithCancel(t.Context())
	c.play(always(get, fate{silent: true}))
	go func() { _, err := client.Get(ctx, "k"); ended <- err }()
	c.await(get, 1)
	cancel()
	is(t, <-ended, ErrUnavailable, context.Canceled)

	_, err := client.Put(ctx, "k", nil)
	is(t, err, ErrUnavailable, context.Canceled)
}

// An abandoned write does not keep the session from going on, and a copy of it
// that comes late does no harm.
func TestAnAbandonedWriteIsLetGo(t *testing.T) {
	c := newCluster(t, 1, []int{0})
	client := c.open()
	c.play(first(put, fate{skip: true, silent: true}))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { _, err := client.Put(ctx, "k", []byte("abandoned")); ended <- err }()
	late := c.await(put, 1)[0].op
	cancel()
	is(t, <-ended, ErrOutcomeUnknown, context.Canceled)

	version, err := client.Put(t.Context(), "k", []byte("next"))
	if err != nil {
		t.Fatal(err)
	}
	if next := c.sightings(put)[1].op; next.Op != 2 || next.Oldest != 2 {
		t.Errorf("the next write is op %d, oldest %d; want 2, 2", next.Op, next.Oldest)
	}
	if r := c.machines[1].serve(late); r.Status != kvpb.Status_STATUS_OP_FORGOTTEN {
		t.Errorf("the late copy is answered %v, want op forgotten", r.Status)
	}
	if value, err := client.Get(t.Context(), "k"); err != nil || value.Version != version {
		t.Errorf("Get = %+v, %v, want version %d", value, err, version)
	}
}

func TestAnExpiredSessionIsRenewedWhereNothingIsInDoubt(t *testing.T) {
	c := newCluster(t, 2, []int{0, 1})
	client := c.open()
	if _, err := client.Put(t.Context(), "a", nil); err != nil {
		t.Fatal(err)
	}
	c.play(func(_ *fakeNode, op *kvpb.Operation) fate { return fate{} })
	c.mu.Lock()
	c.machines[1].expire()
	c.mu.Unlock()
	// Many at once, so that the old session expires for all of them and one new is opened.
	var writers sync.WaitGroup
	for i := range 50 {
		writers.Go(func() {
			if _, err := client.Put(t.Context(), fmt.Sprint("b", i), nil); err != nil {
				t.Error(err)
			}
		})
	}
	writers.Wait()
	if n := len(c.sightings(opener)); n != 2 {
		t.Errorf("%d sessions were opened, want 2", n)
	}
}

func TestAnExpiredSessionAfterADoubtIsSaid(t *testing.T) {
	c := newCluster(t, 2, []int{0, 1})
	client := c.open()
	dropped := false
	c.play(func(_ *fakeNode, op *kvpb.Operation) fate {
		if op.Kind != put || dropped {
			return fate{}
		}
		dropped = true
		c.machines[1].serve(op)
		c.machines[1].expire()
		return fate{skip: true, drop: true}
	})
	_, err := client.Put(t.Context(), "k", []byte("v"))
	is(t, err, ErrOutcomeUnknown, ErrSessionExpired)
	// It was applied here, and was not applied again under another name.
	if ids := identities(c.sightings(put), "k"); len(ids) != 1 {
		t.Errorf("the write came under %d identities", len(ids))
	}
	if value, err := client.Get(t.Context(), "k"); err != nil || value.Version != 2 {
		t.Errorf("Get = %+v, %v, want version 2", value, err)
	}
	if _, err := client.Put(t.Context(), "k", nil); err != nil {
		t.Errorf("the next write does not get a new session: %v", err)
	}
}

func TestOneSessionForAllWhoWait(t *testing.T) {
	c := newCluster(t, 2, []int{0, 1}, []int{1, 0})
	client := c.open()
	var writers sync.WaitGroup
	for i := range 500 {
		writers.Go(func() {
			if _, err := client.Put(t.Context(), fmt.Sprint("k", i), nil); err != nil {
				t.Error(err)
			}
		})
	}
	writers.Wait()
	opened := c.sightings(opener)
	if len(opened) != 2 || opened[0].op.Shard == opened[1].op.Shard {
		t.Errorf("%d sessions were opened, want one for each of 2 shards", len(opened))
	}
	ids := map[shard.Identity]bool{}
	for _, s := range c.sightings(put) {
		id := shard.Identity{Session: shard.SessionID(s.op.Session)<<8 | shard.SessionID(s.op.Shard), Op: s.op.Op}
		if ids[id] {
			t.Fatalf("two writes came under identity %+v", id)
		}
		ids[id] = true
	}
}

func TestWritesWaitForRoomInTheSession(t *testing.T) {
	c := newCluster(t, 1, []int{0})
	client := c.open(WithTimeout(time.Minute), WithAttemptTimeout(time.Minute))
	oldest := make(chan *kvpb.Operation, 1)
	c.play(func(_ *fakeNode, op *kvpb.Operation) fate {
		if op.Kind == put && op.Op == 1 {
			oldest <- op
			return fate{skip: true, drop: false, silent: true}
		}
		return fate{}
	})
	stuck, release := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { _, err := client.Put(stuck, "stuck", nil); ended <- err }()
	<-oldest
	// All numbers of the window behind the stuck op are used, and answered.
	var writers sync.WaitGroup
	for range 64 {
		writers.Go(func() {
			for range (shard.MaxUnanswered - 1) / 64 {
				if _, err := client.Put(t.Context(), "k", nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	for range (shard.MaxUnanswered - 1) % 64 {
		if _, err := client.Put(t.Context(), "k", nil); err != nil {
			t.Fatal(err)
		}
	}
	sent := len(c.sightings(put))
	if sent != shard.MaxUnanswered {
		t.Fatalf("%d writes were sent, want %d", sent, shard.MaxUnanswered)
	}

	// The next one waits, and can be called off.
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := client.Put(ctx, "k", nil)
	is(t, err, ErrUnavailable, context.DeadlineExceeded)

	// Another waits until the stuck one is let go.
	waited := make(chan error, 1)
	go func() { _, err := client.Put(t.Context(), "k", nil); waited <- err }()
	for s := client.sessions[0]; ; {
		s.mu.Lock()
		n := s.waiting.Len()
		s.mu.Unlock()
		if n == 1 {
			break
		}
	}
	if n := len(c.sightings(put)); n != sent {
		t.Fatalf("%d writes were sent past the window", n-sent)
	}
	release()
	is(t, <-ended, ErrOutcomeUnknown, context.Canceled)
	if err := <-waited; err != nil {
		t.Error(err)
	}
	puts := c.sightings(put)
	if last := puts[len(puts)-1].op; last.Op != shard.MaxUnanswered+1 || last.Oldest != shard.MaxUnanswered+1 {
		t.Errorf("the write that waited is op %d, oldest %d; want %d for both", last.Op, last.Oldest, shard.MaxUnanswered+1)
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

func TestCloseEndsCallsUnderWay(t *testing.T) {
	c := newCluster(t, 1, []int{0})
	client := c.open()
	c.play(always(put, fate{silent: true}))
	errs := make(chan error, 2)
	go func() { _, err := client.Put(t.Context(), "k", nil); errs <- err }()
	c.await(put, 1)
	client.Close()
	is(t, <-errs, ErrOutcomeUnknown, ErrClosed)
	client.Close()

	_, err := client.Put(t.Context(), "k", nil)
	is(t, err, ErrUnavailable, ErrClosed)
	_, err = client.Get(t.Context(), "k")
	is(t, err, ErrUnavailable, ErrClosed)
	_, err = client.Ring(t.Context())
	is(t, err, ErrClosed)
}

func TestCloseEndsCallsThatWaitForASession(t *testing.T) {
	c := newCluster(t, 1, []int{0})
	client := c.open()
	c.play(always(opener, fate{silent: true}))
	errs := make(chan error, 10)
	for range cap(errs) {
		go func() { _, err := client.Put(t.Context(), "k", nil); errs <- err }()
	}
	c.await(opener, 1)
	client.Close()
	for range cap(errs) {
		is(t, <-errs, ErrUnavailable, ErrClosed)
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
	client := c.open(WithAttemptTimeout(40 * time.Millisecond))

	type end struct {
		version Version
		err     error
	}
	const callers, each = 40, 25
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
			// With 10s of patience, only a session that expired upon a write in doubt ends one.
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
