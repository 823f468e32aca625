package failover

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/ringward/ringward/bench"
	"github.com/ringward/ringward/bench/history"
	"github.com/ringward/ringward/bench/internal/inspect"
)

// System is what is measured: a store of several nodes, one of which fails at a time.
type System interface {
	// Version is what its executable says of itself; empty: not known.
	Version() string
	// Open opens clients, each of whose calls takes no longer than patience. All of them know the same parts.
	Open(ctx context.Context, patience time.Duration) ([]bench.Parted, error)
	// Look asks all nodes how they fare.
	Look(ctx context.Context) (State, error)
	// Inflict begins a fault. Heal ends it, also what was begun before an error; it is never nil.
	Inflict(ctx context.Context, f Fault, s State, node uint64) (heal func(context.Context) error, err error)
	// Told is what nodes tell of the parts that a fault hit, beside what is known already, by part. It may know nothing.
	Told(ctx context.Context, s State, node uint64, fault time.Time, known map[int]Outcome) map[int]Outcome
	// Survey reads every key at every node, and says where two answer differently.
	Survey(ctx context.Context, keys []string, r *history.Recorder) (map[string]inspect.Found, error)
	// Complaints are errors that nodes have logged.
	Complaints() error
	// Keep leaves the nodes' logs and data to whoever will want to look, and names where; empty: they are not this program's.
	Keep() string
	// Stop ends what this program began.
	Stop() error
}

// State is what a system's nodes say at one moment. Nodes have numbers, parts count from 0.
type State interface {
	Parts() int
	// Find chooses the node that plays a role for a part.
	Find(t Target, part int, rng *rand.Rand) (uint64, error)
	// Role is that of a node in a part; empty: it is no member.
	Role(part int, node uint64) Target
	// PartID is what the part is called in reports, Name what the node is.
	PartID(part int) uint32
	Name(node uint64) string
	// Lacking says what keeps all parts from having their full strength; nil: nothing.
	Lacking() error
	// Last says which part would have no member without the node; nil: none.
	Last(node uint64) error
	// Changes grows by one with each change of a configuration, or of whoever leads.
	Changes() int
	// Suspicions is how many there were since before, and how many of them were false.
	Suspicions(before State) (all, wrong int)
}

// Outcome is what nodes tell of a part that a fault hit.
type Outcome struct {
	Decision *Decision // the first one without the node; nil: none is known
	Spared   bool      // the node was no member any more when the fault came
}

// instances is how many clients of a store the workers share.
const instances = 3

// OpenAll opens them. Each begins with another one of the endpoints; one that cannot be opened leaves none.
func OpenAll(endpoints []string, open func(endpoints []string) (bench.Parted, error)) (opened []bench.Parted, err error) {
	for i := range instances {
		i %= len(endpoints)
		c, err := open(slices.Concat(endpoints[i:], endpoints[:i]))
		if err != nil {
			for _, c := range opened {
				_ = c.Close()
			}
			return nil, fmt.Errorf("opening a client: %w", err)
		}
		opened = append(opened, c)
	}
	return opened, nil
}
