package network

import (
	"context"
	"sync"
	"time"
)

// link is one direction between two nodes.
type link struct {
	mu    sync.Mutex
	cuts  int
	open  chan struct{} // closed while there is no cut
	delay time.Duration
}

func newLink() *link {
	l := &link{open: make(chan struct{})}
	close(l.open)
	return l
}

func (l *link) cut() (mend func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cuts++; l.cuts == 1 {
		l.open = make(chan struct{})
	}
	return sync.OnceFunc(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.cuts--; l.cuts == 0 {
			close(l.open)
		}
	})
}

func (l *link) slow(d time.Duration) (end func()) {
	change := func(d time.Duration) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.delay += d
	}
	change(d)
	return sync.OnceFunc(func() { change(-d) })
}

// state tells whether the link is open, and how slow it is.
func (l *link) state() (open <-chan struct{}, isOpen bool, delay time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open, l.cuts == 0, l.delay
}

// pass waits until something that was sent then may arrive; an error says that it never will.
func (l *link) pass(ctx context.Context, sent time.Time) error {
	for {
		open, isOpen, delay := l.state()
		wait := time.Until(sent.Add(delay))
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case !isOpen:
			select {
			case <-open:
			case <-ctx.Done():
			}
		case wait <= 0:
			return nil
		default:
			timer := time.NewTimer(wait)
			select {
			case <-timer.C:
			case <-ctx.Done():
			}
			timer.Stop()
		}
	}
}
