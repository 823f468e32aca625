package node

import (
	"runtime"
	"sync"
)

// queue hands work from many goroutines to the one that does it, in order. The worker takes all that has
// gathered at once. It is bounded by what feeds it.
type queue[T any] struct {
	mu sync.Mutex
	// pending waits, taken is with the worker; they never share memory, and change
	// places at every take, so that a steady flow allocates nothing.
	pending, taken []T
	wake           chan struct{} // holds one token while something waits
}

func newQueue[T any]() *queue[T] { return &queue[T]{wake: make(chan struct{}, 1)} }

func (q *queue[T]) put(items []T) {
	q.mu.Lock()
	q.pending = append(q.pending, items...)
	q.mu.Unlock()
	signal(q.wake)
}

// take returns what waits, possibly nothing. It is the worker's until it takes again.
func (q *queue[T]) take() []T {
	q.mu.Lock()
	defer q.mu.Unlock()
	clear(q.taken)
	q.pending, q.taken = q.taken[:0], q.pending
	return q.taken
}

func (q *queue[T]) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.pending)
}

// signal wakes whoever waits on c, which holds one token.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// gather lets those go first who are about to add something, before a worker that was woken takes what waits: batches grow under load, and
// where nobody else can run it costs nothing.
func gather() { runtime.Gosched() }
