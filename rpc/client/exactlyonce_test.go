package client

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ringward/ringward/rpc/kvpb"
	"github.com/ringward/ringward/shard"
)

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
	before := len(c.sightings(put))
	if _, err := client.Put(t.Context(), "k", nil); err != nil {
		t.Errorf("the next write does not get a new session: %v", err)
	}
	if n := len(c.sightings(put)) - before; n != 1 {
		t.Errorf("the next write was sent %d times, want once, under a new session", n)
	}
}

// A write that has patience left does not fail with one that began before it.
func TestOpeningASessionGoesOnForWhoHasPatience(t *testing.T) {
	c := newCluster(t, 2, []int{0, 1})
	client := c.open(WithTimeout(time.Minute))
	c.play(always(opener, answer(kvpb.Status_STATUS_REFUSED)))
	ctx, cancel := context.WithCancel(t.Context())
	impatient, patient := make(chan error, 1), make(chan error, 1)
	go func() { _, err := client.Put(ctx, "k", nil); impatient <- err }()
	c.await(opener, 2)
	go func() { _, err := client.Put(t.Context(), "k", nil); patient <- err }()
	for waiting := 0; waiting < 2; {
		s := client.sessions[0]
		s.mu.Lock()
		waiting = s.waiting.Len()
		s.mu.Unlock()
		runtime.Gosched()
	}
	cancel()
	is(t, <-impatient, ErrUnavailable, context.Canceled)
	c.play(nil)
	if err := <-patient; err != nil {
		t.Error(err)
	}
}

func TestASessionThatNoNodeWillOpen(t *testing.T) {
	c := newCluster(t, 1, []int{0})
	client := c.open()
	c.play(always(opener, answer(kvpb.Status_STATUS_INVALID)))
	_, err := client.Put(t.Context(), "k", nil)
	is(t, err, ErrUnavailable)
	if err == nil || !strings.Contains(err.Error(), "open session on shard 1: invalid") {
		t.Errorf("why there is no session is not in: %v", err)
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
		runtime.Gosched()
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
