package gossip

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// maxAttempts bounds how many addresses are tried in one round.
const maxAttempts = 16

// seeker looks for other nodes. Memberlist by itself forgets a node that is thought dead after a
// while, so that the two sides of a long partition would never find each other again.
type seeker struct {
	*Gossip
	reached map[string]bool   // seeds that have answered
	problem map[string]string // the last problem with an address, which is logged when it changes
	random  *rand.Rand
}

// keepJoining runs until Close.
func (g *Gossip) keepJoining() {
	self := g.table.me()
	// Another seed on each node keeps those that were started together from calling each other in step.
	random := rand.New(rand.NewPCG(uint64(self.ID), self.Boot))
	s := seeker{Gossip: g, reached: map[string]bool{}, problem: map[string]string{}, random: random}
	wait := g.pace.seek
	for g.ctx.Err() == nil {
		if s.attempt(s.targets()) {
			wait = g.pace.seek
		}
		timer := time.NewTimer(wait/2 + time.Duration(s.random.Int64N(int64(wait))))
		wait = min(2*wait, g.pace.reseek)
		select {
		case <-timer.C:
		case <-g.announce:
			s.tell()
			wait = g.pace.seek
		case <-g.ctx.Done():
		}
		timer.Stop()
	}
}

// targets are the seeds that have not answered, and while anyone is missing all seeds and whoever is missing.
func (s *seeker) targets() []string {
	var targets []string
	nodes := s.table.list()
	missing := len(nodes) == 1
	for _, n := range nodes {
		if !n.Alive {
			missing = true
			targets = append(targets, n.Gossip)
		}
	}
	for _, seed := range s.seeds {
		if missing || !s.reached[seed] {
			targets = append(targets, seed)
		}
	}
	s.random.Shuffle(len(targets), func(i, j int) { targets[i], targets[j] = targets[j], targets[i] })
	return targets[:min(len(targets), maxAttempts)]
}

// attempt exchanges full states with all targets at once, so that one that does not answer keeps
// nobody waiting. It reports whether any answered for the first time.
func (s *seeker) attempt(targets []string) (progress bool) {
	errs := make([]error, len(targets))
	var all sync.WaitGroup
	for i, target := range targets {
		all.Go(func() { errs[i] = s.exchange(target) })
	}
	all.Wait()
	for i, target := range targets {
		progress = s.outcome(target, errs[i]) || progress
	}
	return progress
}

func (g *Gossip) exchange(target string) error {
	host, port, err := net.SplitHostPort(target)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(g.ctx, g.pace.list.TCPTimeout)
	defer cancel()
	addresses, err := net.DefaultResolver.LookupHost(ctx, host)
	if err != nil {
		return err
	}
	for i, a := range addresses {
		addresses[i] = net.JoinHostPort(a, port)
	}
	_, err = g.list.Join(addresses)
	if many, ok := err.(interface{ WrappedErrors() []error }); ok {
		return errors.Join(many.WrappedErrors()...) // one line each
	}
	return err
}

// outcome takes note of how an exchange ended, and logs what is new about that.
func (s *seeker) outcome(target string, err error) (progress bool) {
	if err == nil {
		progress = !s.reached[target] || s.problem[target] != ""
		if progress {
			s.log.Info("exchanged addresses with another node", "gossip", target)
		}
		s.reached[target] = true
		delete(s.problem, target)
		return progress
	}
	if text := err.Error(); s.ctx.Err() == nil && s.problem[target] != text {
		if len(s.problem) >= maxNodes {
			clear(s.problem)
		}
		s.problem[target] = text
		s.log.Info("another node does not answer", "gossip", target, "reason", err)
	}
	return false
}

// tell spreads what has changed about this node, and makes the next attempt ask the seeds for what it has
// not been told so far.
func (s *seeker) tell() {
	if err := s.list.UpdateNode(s.pace.leave); err != nil {
		s.log.Debug("news of this node are still under way", "reason", err)
	}
	clear(s.reached)
}
