package exhaust

import (
	"sync"
	"sync/atomic"
)

const (
	chunkBits = 12
	maxChunks = 1 << 16
)

// table numbers values in the order in which they are added. Reading takes no lock: what has a number stays where it is.
type table[T any] struct {
	mu     sync.Mutex
	n      int
	chunks [maxChunks]atomic.Pointer[[1 << chunkBits]T]
}

// add gives v the next number.
func (t *table[T]) add(v T) uint32 {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := t.n
	c := t.chunks[i>>chunkBits].Load()
	if c == nil {
		c = new([1 << chunkBits]T)
		t.chunks[i>>chunkBits].Store(c)
	}
	c[i&(1<<chunkBits-1)] = v
	t.n++
	return uint32(i)
}

func (t *table[T]) at(i uint32) T { return t.chunks[i>>chunkBits].Load()[i&(1<<chunkBits-1)] }

func (t *table[T]) size() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.n
}

// names numbers values by their prints: equal ones get one number.
type names[T any] struct {
	mu    sync.Mutex
	known map[print128]uint32
	table[T]
}

func newNames[T any]() *names[T] { return &names[T]{known: map[print128]uint32{}} }

// name returns the number of the value with this print; create is asked for it where it is new.
func (n *names[T]) name(p print128, create func() T) uint32 {
	n.mu.Lock()
	defer n.mu.Unlock()
	i, ok := n.known[p]
	if !ok {
		i = n.add(create())
		n.known[p] = i
	}
	return i
}

const shards = 256

// memo remembers the results of a function of one number.
type memo[T any] struct {
	parts [shards]struct {
		mu sync.RWMutex
		m  map[uint64]T
	}
}

func (m *memo[T]) get(key uint64, compute func() T) T {
	p := &m.parts[spread(key)%shards]
	p.mu.RLock()
	v, ok := p.m[key]
	p.mu.RUnlock()
	if ok {
		return v
	}
	v = compute()
	p.mu.Lock()
	defer p.mu.Unlock()
	if old, ok := p.m[key]; ok {
		return old // another worker was faster: all must see the same
	}
	if p.m == nil {
		p.m = map[uint64]T{}
	}
	p.m[key] = v
	return v
}

func spread(key uint64) uint64 { return (key * 0x9e3779b97f4a7c15) >> 40 }

// visited is the set of states met, by their prints of 64 bits.
type visited struct {
	parts [shards]struct {
		mu    sync.Mutex
		slots []uint64 // 0: free
		n     int
	}
}

// add reports whether the print was not in the set.
func (v *visited) add(print uint64) bool {
	if print == 0 {
		print = 1
	}
	p := &v.parts[print>>56]
	p.mu.Lock()
	defer p.mu.Unlock()
	if 4*p.n >= 3*len(p.slots) {
		old := p.slots
		p.slots = make([]uint64, max(2*len(old), 1024))
		for _, x := range old {
			if x != 0 {
				p.slots[free(p.slots, x)] = x
			}
		}
	}
	i := free(p.slots, print)
	if p.slots[i] == print {
		return false
	}
	p.slots[i] = print
	p.n++
	return true
}

// free is where print stands or belongs.
func free(slots []uint64, print uint64) int {
	mask := len(slots) - 1
	i := int(print) & mask
	for slots[i] != 0 && slots[i] != print {
		i = (i + 1) & mask
	}
	return i
}
