package node

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ringward/ringward/node/internal/engine"
	"github.com/ringward/ringward/rpc"
	"github.com/ringward/ringward/rpc/adminpb"
	"github.com/ringward/ringward/sequencer"
)

// Recover takes one step of an operator's ruling: package sequencer, recover.go, says why there are these, and in this order.
func (n *Node) Recover(ctx context.Context, r rpc.Recovery) (w sequencer.Witness, err error) {
	m := n.member.Load()
	switch {
	case m == nil:
		return w, rpc.ErrNoCluster
	case slices.Contains(r.Lost, n.store.Node()):
		return w, fmt.Errorf("node %v is named as lost, and answers", n.store.Node())
	}
	ask(n, m, func(h *engine.Host) {
		switch r.Step {
		case adminpb.RecoverStep_RECOVER_STEP_FREEZE:
			err = h.Freeze(r.Shard, r.Ruling.At)
		case adminpb.RecoverStep_RECOVER_STEP_LOOK:
			w, err = h.Testify()
		case adminpb.RecoverStep_RECOVER_STEP_HOLD:
			err = h.Rule(r.Ruling)
		case adminpb.RecoverStep_RECOVER_STEP_ENFORCE:
			err = h.Enforce(r.Ruling)
		}
	})
	if err != nil {
		return w, err
	}
	n.log.Warn("an operator recovers", "step", r.Step, "shard", r.Shard, "attempt", r.Ruling.At, "lost", r.Lost, "ruling", r.Ruling.Chain)
	if r.Step == adminpb.RecoverStep_RECOVER_STEP_HOLD {
		err = n.held(ctx, m, r)
	}
	return w, err
}

// holdsEvery is how often it is looked whether a ruling is durable.
const holdsEvery = 2 * time.Millisecond

// held waits until a ruling is durable here.
func (n *Node) held(ctx context.Context, m *member, r rpc.Recovery) error {
	ticker := time.NewTicker(holdsEvery)
	defer ticker.Stop()
	for {
		var holds bool
		ask(n, m, func(h *engine.Host) { holds = h.Holds(r.Shard, r.Ruling.At) })
		if holds {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		case <-n.ctx.Done():
			return fmt.Errorf("the node is stopping")
		}
	}
}
