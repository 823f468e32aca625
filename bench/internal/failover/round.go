package failover

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/ringward/ringward/bench"
	"github.com/ringward/ringward/rpc/adminpb"
)

const (
	// settleTime is how long the ring serves undisturbed before a fault; some more makes faults fall anywhere between two ticks.
	settleTime, settleMore = 500 * time.Millisecond, 100 * time.Millisecond
	// beforeTime is how much of it is in a round's throughput.
	beforeTime = 500 * time.Millisecond
	// healTime bounds what follows the end of a fault, until every shard has its full strength.
	healTime = time.Minute
	healPoll = 50 * time.Millisecond
)

// Round is one fault and what followed. Times are in milliseconds since the fault, durations too.
type Round struct {
	Fault  Fault  `json:"fault"`
	Target Target `json:"target"`
	Shard  uint32 `json:"shard"` // whose head, tail and so on was hit
	Node   string `json:"node"`  // that was hit
	// Offset is when, in seconds since the clients of the series began.
	Offset float64   `json:"offset_seconds"`
	At     time.Time `json:"at"`
	Window float64   `json:"window_ms"` // for how long the fault lasted

	// Affected are the shards that the node was a member of.
	Affected []Affected `json:"affected"`
	// First and Last are when the first and the last affected shard acknowledged a write again; absent where they had
	// not by the end of the round.
	First *float64 `json:"first_ms,omitempty"`
	Last  *float64 `json:"last_ms,omitempty"`
	// Gap is the longest of the affected shards' gaps.
	Gap float64 `json:"gap_ms"`

	// Reconfigurations of all shards, those included by which the node was taken back. Suspicions of all nodes, and those of
	// them that were false: a node that was paused or cut off is heard of again, and counts there too.
	Reconfigurations int                     `json:"reconfigurations"`
	Suspicions       int                     `json:"suspicions"`
	FalseSuspicions  int                     `json:"false_suspicions"`
	Errors           map[bench.Failure]int64 `json:"errors"`
	// Heal is from the end of the fault until every shard was ACTIVE at as many members as it began with.
	Heal float64 `json:"heal_ms"`
	// Throughput is successes in each 10 ms, from 500 ms before the fault to the end of the window.
	Throughput []uint32 `json:"throughput"`
}

// Affected is a shard that lost a member, or had to fear for one.
type Affected struct {
	Shard uint32 `json:"shard"`
	Role  Target `json:"role"` // of the node in it
	// Again is when a write was acknowledged again: the first one after the new head was ACTIVE, where the nodes tell
	// of a decision without the node; else the end of the longest gap. Absent: not by the end of the round.
	Again *float64 `json:"again_ms,omitempty"`
	// Gap is the longest time in the window in which no write was acknowledged.
	Gap   float64 `json:"gap_ms"`
	Split *Split  `json:"split,omitempty"` // absent where no decision tells, or clocks cannot be compared
}

// sinceMS is a duration in milliseconds, to the microsecond.
func sinceMS(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// round inflicts one fault, measures, undoes it, and waits until all is as before. A round that was stopped is nil: what was
// measured of it cannot be compared.
func (s *series) round(ctx context.Context, f Fault, t Target, number int) (_ *Round, err error) {
	rng := rand.New(rand.NewPCG(s.o.Load.Seed, uint64(number)))
	if !s.rest(ctx, settleTime+time.Duration(rng.Int64N(int64(settleMore)))) {
		return nil, nil
	}
	before, err := look(ctx, s.target.endpoints())
	if err != nil {
		return nil, err
	}
	place := number % before.shards()
	victim, err := before.find(t, place, rng)
	if err != nil {
		return nil, err
	}
	r := &Round{Fault: f, Target: t, Shard: before.shard(place).GetShard(), Node: before.name(victim), Window: sinceMS(window(s.suspectAfter))}
	errors := s.timeline.failures()
	s.timeline.mark(true)
	r.At = time.Now()
	at := s.timeline.now()
	r.Offset = at.Seconds()
	heal, err := s.target.inflict(ctx, f, before, victim)
	whole := err == nil && s.rest(ctx, time.Until(r.At.Add(window(s.suspectAfter))))
	if healErr := heal(context.WithoutCancel(ctx)); err == nil {
		err = healErr
	}
	s.timeline.mark(false)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", f, r.Node, err)
	}
	healed := time.Now()
	after, err := s.awaitStrength(ctx)
	if err != nil || !whole {
		return nil, err
	}
	r.Heal = sinceMS(time.Since(healed))
	r.Reconfigurations = after.epochs() - before.epochs()
	r.Suspicions, r.FalseSuspicions = after.suspicions(before)
	r.Errors = less(s.timeline.failures(), errors)
	r.Throughput = s.timeline.throughput(at-beforeTime, at+window(s.suspectAfter))
	s.affected(ctx, r, before, victim, at)
	return r, nil
}

// affected finds out what became of the shards that the node was a member of.
func (s *series) affected(ctx context.Context, r *Round, before *view, victim uint64, at time.Duration) {
	for place := range before.shards() {
		c := before.shard(place)
		if !slices.Contains(c.GetMembers(), victim) {
			continue
		}
		a := Affected{Shard: c.GetShard(), Role: role(c.GetMembers(), victim)}
		gap, end, open := s.timeline.gap(place, at, at+window(s.suspectAfter))
		a.Gap = sinceMS(gap)
		var again *time.Duration
		if !open {
			again = new(end - at)
		}
		var d *adminpb.Decision
		if s.target.sameClock() {
			d = without(decisions(ctx, s.target.endpoints(), c.GetShard()), victim, r.At)
		}
		if d != nil {
			a.Split, again = newSplit(d, r.At, func(active time.Duration) *time.Duration {
				if acks := s.timeline.written(place, at+active); len(acks) > 0 {
					return new(acks[0] - at)
				}
				return nil
			})
		}
		if again != nil {
			a.Again = new(sinceMS(*again))
		}
		r.Affected = append(r.Affected, a)
		r.Gap = max(r.Gap, a.Gap)
	}
	for _, a := range r.Affected {
		if a.Again == nil {
			r.Last = nil
			return
		}
		if r.First == nil || *a.Again < *r.First {
			r.First = a.Again
		}
		if r.Last == nil || *a.Again > *r.Last {
			r.Last = a.Again
		}
	}
}

// less is what came to counts since.
func less(now, then map[bench.Failure]int64) map[bench.Failure]int64 {
	for f, n := range then {
		if now[f] -= n; now[f] == 0 {
			delete(now, f)
		}
	}
	return now
}

// rest waits; it reports false if the measurement was stopped meanwhile.
func (s *series) rest(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.o.Stop:
	case <-s.ended: // the clients have ended by themselves
	case <-ctx.Done():
	}
	return false
}

// awaitStrength waits until every shard is as strong as it began.
func (s *series) awaitStrength(ctx context.Context) (*view, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, healTime, fmt.Errorf("not within %v of the fault's end", healTime))
	defer cancel()
	poll := time.NewTicker(healPoll)
	defer poll.Stop()
	for {
		v, err := look(ctx, s.target.endpoints())
		if err == nil {
			err = v.lacking()
		}
		if err == nil {
			return v, nil
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return nil, fmt.Errorf("not every shard is ACTIVE with all its members: %w; last seen: %w", context.Cause(ctx), err)
		}
	}
}
