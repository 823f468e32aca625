package faults

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ringward/ringward/bench/internal/cluster"
	"github.com/ringward/ringward/rpc/client"
)

// Event is something that was done.
type Event struct {
	At    time.Duration // when it was done, since the beginning of the plan
	Fault Fault
	Heals bool // it was the undoing
	Nodes string
}

func (e Event) String() string {
	if e.Heals {
		return fmt.Sprintf("%8v  %s: end of %s", e.At.Round(time.Millisecond), e.Nodes, e.Fault.Kind)
	}
	return fmt.Sprintf("%8v  %s: %s", e.At.Round(time.Millisecond), e.Nodes, e.Fault.what())
}

// step is one thing to do at its time.
type step struct {
	at    time.Duration
	fault int
	heals bool
}

// steps are what a plan asks to do, in order.
func (p Plan) steps() []step {
	var steps []step
	for i, f := range p {
		steps = append(steps, step{at: f.At, fault: i}, step{at: f.At + f.For, fault: i, heals: true})
	}
	slices.SortStableFunc(steps, func(a, b step) int { return cmp.Compare(a.at, b.at) })
	return steps
}

// healTime bounds what is done after the end of ctx to leave the cluster whole.
const healTime = time.Minute

// Run carries out a plan, and tells of each thing when it is done. At the end, which the end of ctx brings forward, everything is
// undone. A node that ended without having been told to is an error.
func Run(ctx context.Context, c *cluster.Cluster, ring func(context.Context) (client.Ring, error), p Plan, tell func(Event)) (err error) {
	in := &injector{cluster: c, ring: ring, full: map[*cluster.Node]int{}}
	injuries := make([]*injury, len(p))
	begin := time.Now()
	heal := func(ctx context.Context, i int) error {
		hurt := injuries[i]
		if hurt == nil {
			return nil
		}
		injuries[i] = nil
		err := hurt.heal(ctx)
		tell(Event{At: time.Since(begin), Fault: p[i], Heals: true, Nodes: hurt.nodes})
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), healTime)
		defer cancel()
		for i := range p {
			err = errors.Join(err, heal(ctx, i))
		}
		if dead := in.deaths(); dead != "" {
			err = errors.Join(err, fmt.Errorf("ended by itself: %s", dead))
		}
	}()
	for _, s := range p.steps() {
		timer := time.NewTimer(time.Until(begin.Add(s.at)))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
		if s.heals {
			if err := heal(ctx, s.fault); err != nil {
				return fmt.Errorf("healing %v: %w", p[s.fault], err)
			}
			continue
		}
		at := time.Since(begin)
		hurt, err := in.inject(ctx, p[s.fault])
		injuries[s.fault] = &hurt
		tell(Event{At: at, Fault: p[s.fault], Nodes: hurt.nodes})
		if err != nil {
			return fmt.Errorf("%v: %w", p[s.fault], err)
		}
	}
	return nil
}
