package client

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ringward/ringward/rpc/kvpb"
)

// spent is a context that ends the moment it is asked the given number of times, and so never
// while an attempt is under way.
type spent struct {
	context.Context
	left atomic.Int64
}

func (s *spent) Done() <-chan struct{} { return nil }

func (s *spent) Err() error {
	if s.left.Add(-1) < 0 {
		return context.DeadlineExceeded
	}
	return nil
}

// What a write ends with when patience does, by what became of its attempts.
func TestHowPatienceEnds(t *testing.T) {
	lost := fate{skip: true, silent: true}
	tests := []struct {
		name  string
		write []fate // of attempts, the last one for ever
		want  error
	}{
		{"never accepted", []fate{answer(kvpb.Status_STATUS_REFUSED)}, ErrUnavailable},
		{"never reached", []fate{answer(kvpb.Status_STATUS_UNAVAILABLE)}, ErrUnavailable},
		{"overloaded", []fate{answer(kvpb.Status_STATUS_OVERLOADED)}, ErrUnavailable},
		{"accepted, then refused", []fate{answer(kvpb.Status_STATUS_OUTCOME_UNKNOWN), answer(kvpb.Status_STATUS_REFUSED)}, ErrOutcomeUnknown},
		{"applied, then not reached", []fate{{drop: true}, answer(kvpb.Status_STATUS_UNAVAILABLE)}, ErrOutcomeUnknown},
		{"not answered", []fate{lost}, ErrOutcomeUnknown},
		{"applied, not answered", []fate{{silent: true}}, ErrOutcomeUnknown},
		{"refused, then not answered", []fate{answer(kvpb.Status_STATUS_REFUSED), lost}, ErrOutcomeUnknown},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t, 2, []int{0, 1})
			write := test.write
			c.play(func(_ *fakeNode, op *kvpb.Operation) fate {
				if op.Kind == opener {
					return fate{}
				}
				f := write[0]
				if len(write) > 1 {
					write = write[1:]
				}
				return f
			})
			client := c.open(WithTimeout(time.Minute), WithAttemptTimeout(time.Minute))
			if !test.write[len(test.write)-1].silent {
				ctx := &spent{Context: t.Context()}
				ctx.left.Store(8)
				_, err := client.Put(ctx, "k", nil)
				is(t, err, test.want, context.DeadlineExceeded)
				return
			}
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { _, err := client.Put(ctx, "k", nil); ended <- err }()
			c.await(put, len(test.write))
			cancel()
			is(t, <-ended, test.want, context.Canceled)
		})
	}
}

func TestTheClientsOwnTimeoutEndsACall(t *testing.T) {
	c := newCluster(t, 2, []int{0, 1})
	client := c.open()
	client.options.timeout = 50 * time.Millisecond // Open has more
	c.play(func(*fakeNode, *kvpb.Operation) fate { return answer(kvpb.Status_STATUS_REFUSED) })
	for _, call := range []func() error{
		func() error { _, err := client.Get(t.Context(), "k"); return err },
		func() error { _, err := client.Put(t.Context(), "k", nil); return err }, // has no session
	} {
		err := call()
		is(t, err, ErrUnavailable)
		for _, want := range []string{"50ms", "refused: the test says so"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q is not in: %v", want, err)
			}
		}
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
