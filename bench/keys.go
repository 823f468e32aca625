package bench

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
)

// Distribution says which records operations choose.
type Distribution string

const (
	// Zipfian prefers some records, spread over the key space: see Theta. It is over the loaded
	// records only, inserted ones are not chosen.
	Zipfian Distribution = "zipfian"
	// Uniform prefers none.
	Uniform Distribution = "uniform"
	// Latest prefers the records inserted last: the newest as Zipfian does its most popular.
	Latest Distribution = "latest"
)

// ParseDistribution finds a distribution by its name.
func ParseDistribution(name string) (Distribution, error) {
	switch d := Distribution(name); d {
	case Zipfian, Uniform, Latest:
		return d, nil
	}
	return "", fmt.Errorf("distribution %q: want one of zipfian, uniform, latest", name)
}

// MaxRecords bounds the records of a workload: scramble is a permutation for fewer
// than its factor.
const MaxRecords = 1_000_000_000

// scrambleFactor is a prime above MaxRecords, near 2^32 divided by the golden ratio.
const scrambleFactor = 2_654_435_761

// scramble maps the ranks 0 to n-1 to the records 0 to n-1, one to one, so that
// popular records lie apart. YCSB hashes instead, by which some records get no rank
// and others several; this keeps the distribution exact.
func scramble(rank, n uint64) uint64 { return rank * scrambleFactor % n }

// Key is the key of a record: "user" and its number in 12 digits.
func Key(record uint64) string {
	key := [...]byte{'u', 's', 'e', 'r', 15: 0}
	for i := len(key) - 1; i >= len("user"); i-- {
		key[i] = '0' + byte(record%10)
		record /= 10
	}
	return string(key[:])
}

// chooser draws the record of the next operation that does not insert.
type chooser func(rng *rand.Rand) uint64

func newChooser(d Distribution, records uint64, in *inserts) chooser {
	switch d {
	case Uniform:
		return func(rng *rand.Rand) uint64 { return rng.Uint64N(in.there()) }
	case Latest:
		z := newZipf(records)
		return func(rng *rand.Rand) uint64 { return in.there() - 1 - z.rank(rng) }
	}
	z := newZipf(records)
	return func(rng *rand.Rand) uint64 { return scramble(z.rank(rng), records) }
}

// inserts gives out the numbers of new records, and knows up to which all are there: a read
// of a record that is still on its way would count a failure that is none.
type inserts struct {
	limit atomic.Uint64 // all records below are there

	mu   sync.Mutex
	next uint64          // the next number to give out
	done map[uint64]bool // there, above limit
}

func newInserts(records uint64) *inserts {
	in := &inserts{next: records, done: make(map[uint64]bool)}
	in.limit.Store(records)
	return in
}

// there is how many records, counted from the first, are all there.
func (in *inserts) there() uint64 { return in.limit.Load() }

// take gives out a record to insert.
func (in *inserts) take() uint64 {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.next++
	return in.next - 1
}

// inserted says that a record is there.
func (in *inserts) inserted(record uint64) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.done[record] = true
	limit := in.limit.Load()
	for in.done[limit] {
		delete(in.done, limit)
		limit++
	}
	in.limit.Store(limit)
}
