package failover

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/ringward/ringward/bench"
)

const (
	// settleTime is how long the ring serves undisturbed before a fault; some more makes faults fall anywhere between two ticks.
	settleTime, settleMore = 500 * time.Millisecond, 100 * time.Millisecond
	// beforeTime is how much of it is in a round's throughput.
	beforeTime = 500 * time.Millisecond
	// strongTime is how long every shard's full strength is waited for, healTime how long a ring that can take a fault.
	strongTime, healTime = 10 * time.Second, time.Minute
	healPoll             = 50 * time.Millisecond
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
	// Absent: not within 10s, since nodes suspect each other falsely again and again.
	Heal *float64 `json:"heal_ms,omitempty"`
	// Throughput is successes in each 10 ms, from 500 ms before the fault to the end of the window.
	Throughput []uint32 `json:"throughput"`
}

// Affected is a shard that lost a member, or had to fear for one.
type Affected struct {
	Shard uint32 `json:"shard"`
	Role  Target `json:"role"` // of the node in it
	// Again is when a write was acknowledged again: the first one after a decision without the node was in force, where the nodes
	// tell of one that ended the pause; else the end of the first gap at least half as long as the longest, or how long
	// that was if the shard had served for longer than it stood. Absent: not by the end of the round.
	Again *float64 `json:"again_ms,omitempty"`
	// Gap is the longest time in the window in which no write was acknowledged.
	Gap   float64 `json:"gap_ms"`
	Split *Split  `json:"split,omitempty"` // absent where no decision tells, or clocks cannot be compared
}

// sinceMS is a duration in milliseconds, to the microsecond.
func sinceMS(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// round inflicts one fault, measures, undoes it, and waits until all is as before. A round that was stopped is nil: what was
// measured of it cannot be compared.
func (s *series) round(ctx context.Context, f Fault, t Target, number int) (*Round, error) {
	more := rand.New(rand.NewPCG(s.o.Load.Seed, uint64(number))).Int64N(int64(settleMore))
	if !s.rest(ctx, settleTime+time.Duration(more)) {
		return nil, nil
	}
	before, part, victim, err := s.choose(ctx, t, number)
	if err != nil || before == nil {
		return nil, err
	}
	r := &Round{Fault: f, Target: t, Shard: before.PartID(part), Node: before.Name(victim), Window: sinceMS(window(s.suspectAfter))}
	errors := s.timeline.failures()
	s.timeline.mark(true)
	r.At = time.Now()
	at := s.timeline.now()
	r.Offset = at.Seconds()
	heal, err := s.system.Inflict(ctx, f, before, victim)
	whole := err == nil && s.rest(ctx, time.Until(r.At.Add(window(s.suspectAfter))))
	if healErr := heal(context.WithoutCancel(ctx)); err == nil {
		err = healErr
	}
	s.timeline.mark(false)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", f, r.Node, err)
	}
	healed := time.Now()
	// They are remembered for a while only.
	told := s.system.Told(ctx, before, victim, r.At, nil)
	after, err := s.awaitStrength(ctx, strongTime)
	switch {
	case !whole || ctx.Err() != nil:
		return nil, nil
	case after == nil:
		return nil, unsettledError{err}
	}
	if err == nil {
		r.Heal = new(sinceMS(time.Since(healed)))
	}
	told = s.system.Told(ctx, before, victim, r.At, told)
	r.Reconfigurations = after.Changes() - before.Changes()
	r.Suspicions, r.FalseSuspicions = after.Suspicions(before)
	r.Errors = less(s.timeline.failures(), errors)
	r.Throughput = s.timeline.throughput(at-beforeTime, at+window(s.suspectAfter))
	s.affected(r, before, victim, at, told)
	return r, nil
}

// choose waits for a ring that can take a fault, and says whom it hits. One in which every shard has its full strength can; where false
// suspicions keep the ring from that for long, it is enough that no shard has only the victim left. No view: it was stopped.
func (s *series) choose(ctx context.Context, t Target, number int) (v State, part int, victim uint64, err error) {
	begin := time.Now()
	for {
		if v, err = s.system.Look(ctx); err == nil {
			part = number % v.Parts()
			victim, err = v.Find(t, part, rand.New(rand.NewPCG(s.o.Load.Seed, uint64(number))))
		}
		if err == nil {
			if err = v.Lacking(); err != nil && time.Since(begin) > strongTime {
				err = v.Last(victim)
			}
		}
		if err == nil {
			return v, part, victim, nil
		}
		if time.Since(begin) > healTime {
			return nil, 0, 0, unsettledError{fmt.Errorf("no fault for %v, since the ring could take none: %w", healTime, err)}
		}
		if !s.rest(ctx, healPoll) {
			return nil, 0, 0, nil
		}
	}
}

// affected finds out what became of the parts that the node was a member of.
func (s *series) affected(r *Round, before State, victim uint64, at time.Duration, told map[int]Outcome) {
	for part := range before.Parts() {
		role := before.Role(part, victim)
		if role == "" || told[part].Spared {
			continue
		}
		a := Affected{Shard: before.PartID(part), Role: role}
		gap, pause, open := s.timeline.gap(part, at, at+window(s.suspectAfter))
		a.Gap = sinceMS(gap)
		if !open {
			a.Again = new(sinceMS(pause))
		}
		if d := told[part].Decision; d != nil {
			acks := s.timeline.written(part, at)
			for i := range acks {
				acks[i] -= at
			}
			if split, again := newSplit(d, r.At, acks); split != nil {
				a.Split, a.Again = split, new(sinceMS(again))
			}
		}
		r.Affected = append(r.Affected, a)
		r.Gap = max(r.Gap, a.Gap)
	}
	r.span()
}

// span finds out when the first and the last affected shard served again.
func (r *Round) span() {
	all := true
	for _, a := range r.Affected {
		if all = all && a.Again != nil; a.Again == nil {
			continue
		}
		if r.First == nil || *a.Again < *r.First {
			r.First = a.Again
		}
		if r.Last == nil || *a.Again > *r.Last {
			r.Last = a.Again
		}
	}
	if !all {
		r.Last = nil
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

// awaitStrength waits until every shard is as strong as it began, for a while; an error says what was missing. The view is the last one there was;
// nil: nobody answered at all, or the measurement was stopped.
func (s *series) awaitStrength(ctx context.Context, patience time.Duration) (v State, err error) {
	for begin := time.Now(); ; {
		now, lookErr := s.system.Look(ctx)
		if err = lookErr; err == nil {
			v = now
			err = v.Lacking()
		}
		switch {
		case err == nil:
			return v, nil
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case time.Since(begin) > patience:
			return v, fmt.Errorf("not every shard is ACTIVE with all its members within %v: %w", patience, err)
		}
		timer := time.NewTimer(healPoll)
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}
