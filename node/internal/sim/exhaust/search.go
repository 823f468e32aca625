package exhaust

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cespare/xxhash/v2"
)

// Report is what a search found.
type Report struct {
	Bounds    Bounds
	States    int // different ones
	Steps     int // events tried, from all states
	Depth     int // events from the first state to the farthest
	Locals    int // different states of single nodes
	Messages  int // different ones
	Resting   int // states in which nothing happens by itself any more
	Events    [eventKinds]int
	Took      time.Duration
	Fixed     bool // all states were visited
	Violation error
	// Trace is how the violation comes about, one event a line, as short as can be.
	Trace []string
}

func (r *Report) String() string {
	end := "the fixed point is reached"
	if r.Violation != nil {
		end = fmt.Sprintf("violation: %v", r.Violation)
	} else if !r.Fixed {
		end = "the limit of states is reached"
	}
	return fmt.Sprintf("%v: %d states, %d steps, depth %d, %d states of single nodes, %d messages, %d states at rest, %.1f s: %s",
		r.Bounds, r.States, r.Steps, r.Depth, r.Locals, r.Messages, r.Resting, r.Took.Seconds(), end)
}

// found is one state of a level, written down, with its number.
type found struct {
	number uint32
	state  []byte
}

// search visits all states, one level of equal distance from the first after the other.
type search struct {
	*model
	limit   int
	visited visited
	// parents[i] is from which state, by which event, state i was first met.
	parents table[[2]uint32]
	steps   atomic.Int64
	resting atomic.Int64
	events  [eventKinds]atomic.Int64
	full    atomic.Bool

	mu        sync.Mutex
	violation error
	at        uint32
	by        event // of kind eventKinds: the violation is of the state itself
}

// Run visits all states within the bounds, at most limit of them (0: all). Progress is told now and then.
func Run(b Bounds, limit int, progress func(string)) (*Report, error) {
	if err := b.Valid(); err != nil {
		return nil, err
	}
	began := time.Now()
	s := &search{model: newModel(b), limit: limit}
	first, err := s.first()
	if err != nil {
		return nil, err
	}
	r := &Report{Bounds: b}
	number, _ := s.meet(first, 0, event{})
	level := []found{number}
	for len(level) > 0 && s.violation == nil && !s.full.Load() {
		level = s.level(level)
		r.Depth++
		if progress != nil {
			progress(fmt.Sprintf("depth %d: %d states, %d of them new, %d local states", r.Depth, s.parents.size(), len(level), s.locals.size()))
		}
	}
	r.States, r.Steps, r.Locals, r.Messages = s.parents.size(), int(s.steps.Load()), s.locals.size(), s.messages.size()
	r.Resting, r.Took, r.Fixed, r.Violation = int(s.resting.Load()), time.Since(began), s.violation == nil && !s.full.Load(), s.violation
	for k := range r.Events {
		r.Events[k] = int(s.events[k].Load())
	}
	if s.violation != nil {
		r.Trace = s.trace()
	}
	return r, nil
}

// first is the state in which the first configuration has come to rest.
func (s *search) first() (*state, error) {
	st := &state{}
	m := s.model
	for i, n := range m.genesis.Initial[0].Members {
		x := m.start(n, m.disk())
		x.judge()
		begin := &step{}
		m.result(begin, x, local{id: n, seed: m.disk()})
		if begin.err != nil {
			return nil, begin.err
		}
		st.nodes[i] = begin.to.number
		for _, p := range begin.sends {
			st.send(p)
		}
	}
	for len(st.queues) > 0 {
		if err := st.pass(m, event{kind: evDeliver}); err != nil {
			return nil, err
		}
	}
	return st, nil
}

// meet notes a state. It reports false where it was met before.
func (s *search) meet(st *state, parent uint32, by event) (found, bool) {
	var room [256]byte
	b := st.append(room[:0], s.model)
	if !s.visited.add(xxhash.Sum64(b)) {
		return found{}, false
	}
	return found{number: s.parents.add([2]uint32{parent, by.pack()}), state: slices.Clone(b)}, true
}

// batch is how many states a worker takes at once.
const batch = 256

// level tries all events in all states of a level, and returns the states that were not met before.
func (s *search) level(level []found) (next []found) {
	var taken atomic.Int64
	var wg sync.WaitGroup
	var mu sync.Mutex
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			w := worker{search: s}
			for {
				begin := int(taken.Add(batch)) - batch
				if begin >= len(level) || s.stopped() {
					break
				}
				for i := begin; i < min(begin+batch, len(level)); i++ {
					w.from.decode(level[i].state, s.model)
					w.expand(level[i].number)
					level[i].state = nil
				}
			}
			mu.Lock()
			next = append(next, w.next...)
			mu.Unlock()
		})
	}
	wg.Wait()
	return next
}

func (s *search) stopped() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.violation != nil || s.full.Load()
}

// worker is what one goroutine of a search has to itself.
type worker struct {
	*search
	from, to state
	next     []found
}

// expand tries all events in the state from.
func (w *worker) expand(number uint32) {
	if w.from.resting(w.model) {
		w.resting.Add(1)
		if err := w.from.settles(w.model); err != nil {
			w.violated(err, number, event{kind: eventKinds})
			return
		}
	}
	w.from.events(w.model, func(e event) {
		w.steps.Add(1)
		w.to.become(&w.from)
		err := w.to.pass(w.model, e)
		if err == nil {
			err = w.to.tidy(w.model)
		}
		if err == nil {
			f, isNew := w.meet(&w.to, number, e)
			if !isNew {
				return
			}
			w.events[e.kind].Add(1)
			if err = w.to.judge(w.model); err == nil {
				w.next = append(w.next, f)
				if w.limit > 0 && int(f.number) >= w.limit {
					w.full.Store(true)
				}
				return
			}
		}
		w.violated(err, number, e)
	})
}

func (s *search) violated(err error, at uint32, by event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.violation == nil {
		s.violation, s.at, s.by = err, at, by
	}
}
