package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

const (
	// askPause is the least time between two rounds of asking for the ring, however
	// many operations are in trouble. It doubles with each round that
	// brings no news, up to suspectPause.
	askPause = 20 * time.Millisecond
	// suspectPause is how often suspects are asked whether they are back.
	suspectPause = 250 * time.Millisecond
	// askWidth is how many nodes a round asks besides all suspects. Any of
	// them may be behind, or be the next to fail.
	askWidth = 3
)

// keep is the background of a client: it asks for the ring in the pace of WithRefresh,
// at once when an operation is in trouble, and asks suspects until they answer.
func (c *Client) keep() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	rest := askPause
	for {
		routes := c.routes.Load()
		pause := c.options.refresh
		if routes.suspects() > 0 {
			pause = min(pause, suspectPause)
		}
		timer.Reset(pause)
		select {
		case <-c.lifetime.Done():
			return
		case <-c.trouble:
		case <-timer.C:
			rest = askPause // there was no trouble for a while
		}
		// A round does not wait for its answers: one node that hangs must not keep
		// the news of the others away. A node is asked by one round at a time.
		for _, n := range c.sample() {
			if n.asked.CompareAndSwap(false, true) {
				c.background.Go(func() {
					defer n.asked.Store(false)
					_ = c.consult(c.lifetime, n) // what it means is noted with the node
				})
			}
		}
		timer.Reset(rest)
		select {
		case <-c.lifetime.Done():
			return
		case <-routes.replaced:
			rest = askPause
		case <-timer.C:
			// Trouble about which there is no news may be nothing but load.
			rest = min(2*rest, suspectPause)
		}
	}
}

// report wakes the keeper.
func (c *Client) report() {
	select {
	case c.trouble <- struct{}{}:
	default:
	}
}

// sample is whom a round asks.
func (c *Client) sample() []*node {
	all := c.routes.Load().all
	var asked []*node
	sound, first := 0, c.turn.Add(1)
	for k := range all {
		n := all[(first+uint64(k))%uint64(len(all))]
		if !n.suspect.Load() && !n.doubted.Load() {
			if sound++; sound > askWidth {
				continue
			}
		}
		asked = append(asked, n)
	}
	return asked
}

// consult asks one node for the ring, puts in force what is new in it, and notes whether
// the node is any good.
func (c *Client) consult(ctx context.Context, n *node) error {
	before := n.answers.Load()
	asking, cancel := context.WithTimeout(ctx, c.options.askPatience)
	defer cancel()
	ring, err := n.ring(asking)
	if ctx.Err() != nil {
		return ctx.Err() // says nothing about the node
	}
	late := errors.Is(err, context.DeadlineExceeded)
	if err == nil {
		c.install(func(known *Ring) *Ring {
			var merged *Ring
			if merged, err = known.merge(ring); err != nil {
				return known
			}
			return merged
		})
	}
	n.doubted.Store(false)
	switch {
	case err == nil:
		n.suspect.Store(false)
	case late && n.answers.Load() != before:
		// Busy: it answers operations. To leave it would put its load on others.
	case n.suspect.Swap(true) && late:
		// Silent for the second time. The connection may be one that the other side has forgotten,
		// which nobody tells us while packets get lost. A new one finds out.
		n.conn.Reset(fmt.Errorf("%s was silent for %v twice", n.address, c.options.askPatience))
	}
	return err
}

// firstRing asks all endpoints, and takes the first ring that comes.
func (c *Client) firstRing(ctx context.Context) (*Ring, error) {
	ctx, cancel := context.WithTimeout(ctx, c.options.timeout)
	defer cancel()
	var nodes []*node
	for _, address := range c.endpoints {
		if c.nodes[address] != nil {
			continue
		}
		n, err := connect(address)
		if err != nil {
			return nil, fmt.Errorf("open: %w: endpoint %q: %w", ErrInvalid, address, err)
		}
		c.nodes[address] = n
		nodes = append(nodes, n)
	}
	var found *Ring
	var first sync.Once
	err := ask(nodes, func(n *node) error {
		ring, err := n.ring(ctx)
		if err == nil {
			first.Do(func() { found = ring })
			cancel() // the others need not answer any more
		}
		return err
	})
	if found == nil {
		return nil, fmt.Errorf("open: %w: no endpoint tells the ring: %w", ErrUnavailable, err)
	}
	return found, nil
}

// Ring asks the cluster for its ring, and returns what the client knows then. If
// nobody answers it is what was known before, with the error.
func (c *Client) Ring(ctx context.Context) (Ring, error) {
	ctx, cancel := context.WithTimeout(ctx, c.options.timeout)
	defer cancel()
	defer context.AfterFunc(c.lifetime, cancel)()
	err := ask(c.sample(), func(n *node) error { return c.consult(ctx, n) })
	switch {
	case c.lifetime.Err() != nil:
		err = fmt.Errorf("ring: %w", ErrClosed)
	case err != nil:
		err = fmt.Errorf("ring: %w: %w", ErrUnavailable, err)
	}
	return c.routes.Load().ring.clone(), err
}

// ask asks all the nodes at once. It fails if all do, with what each said.
func ask(nodes []*node, f func(*node) error) error {
	errs := make([]error, len(nodes))
	var asking sync.WaitGroup
	for i, n := range nodes {
		asking.Go(func() { errs[i] = f(n) })
	}
	asking.Wait()
	for i, err := range errs {
		if err == nil {
			return nil
		}
		errs[i] = fmt.Errorf("%s: %w", nodes[i].address, err)
	}
	return &silence{errs}
}

// silence is what each node said instead of telling the ring.
type silence struct{ errs []error }

func (s *silence) Error() string {
	said := make([]string, len(s.errs))
	for i, err := range s.errs {
		said[i] = err.Error()
	}
	return strings.Join(said, "; ")
}

func (s *silence) Unwrap() []error { return s.errs }
