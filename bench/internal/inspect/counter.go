package inspect

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/ringward/ringward/bench"
)

// Counters are what one client knows of counters that it raises together with others. Whatever faults there are, a raise that
// was acknowledged took effect once.
type Counters struct {
	Raised, Perhaps []uint64 // of each counter: acknowledged, and of unknown outcome
}

// NewCounters is a client that has raised none of so many counters.
func NewCounters(n int) *Counters {
	return &Counters{Raised: make([]uint64, n), Perhaps: make([]uint64, n)}
}

// CounterKey is the key of a counter.
func CounterKey(c int) string { return fmt.Sprintf("counter-%d", c) }

// counted is a counter's number: its value is that, and what makes the value unique.
func counted(value []byte) uint64 {
	number, _, _ := strings.Cut(string(value), " ")
	n, _ := strconv.ParseUint(number, 10, 64)
	return n
}

// Raise adds one to a counter, if nobody else does at the same time. Value makes one that nobody has written before and
// that begins as told.
func (n *Counters) Raise(ctx context.Context, s bench.Store, c int, value func(prefix string) []byte) error {
	held, version, err := s.Get(ctx, CounterKey(c))
	if err != nil && bench.FailureOf(err) != bench.NotFound {
		return err
	}
	_, err = s.CAS(ctx, CounterKey(c), version, value(fmt.Sprintf("%d ", counted(held)+1)))
	switch bench.FailureOf(err) {
	case "":
		n.Raised[c]++
	case bench.OutcomeUnknown, bench.SessionExpired, bench.Closed, bench.Other:
		n.Perhaps[c]++
	}
	return err
}

// Miscounted says which counters stand where no number of raises that took effect once explains. All are all clients' counts, from and at
// what the counters held before and after.
func Miscounted(all []*Counters, from, at map[string]Found) error {
	if len(all) == 0 {
		return nil
	}
	var errs []error
	for c := range all[0].Raised {
		raised, perhaps := counted(from[CounterKey(c)].Value), uint64(0)
		for _, n := range all {
			raised += n.Raised[c]
			perhaps += n.Perhaps[c]
		}
		if n := counted(at[CounterKey(c)].Value); n < raised || n > raised+perhaps {
			errs = append(errs, fmt.Errorf("%s stands at %d: want %d, by the raises acknowledged, up to %d, those of unknown outcome included",
				CounterKey(c), n, raised, raised+perhaps))
		}
	}
	return errors.Join(errs...)
}
