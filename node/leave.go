package node

import (
	"context"
	"fmt"
	"strings"

	"github.com/ringward/ringward/node/internal/engine"
	"github.com/ringward/ringward/rpc"
	"github.com/ringward/ringward/shard"
)

// HandOver lets the node leave its chains while it serves, so that the others need not notice that it is gone. It returns once
// it has left all those that have another member, or when ctx ends: where the others leave as well, nobody lets it go.
// Only Stop may follow.
func (n *Node) HandOver(ctx context.Context) {
	m := n.member.Load()
	if m == nil {
		return
	}
	n.log.Info("node hands over")
	left := make(chan struct{})
	m.inbox.add(func(x *news) {
		x.calls = append(x.calls, func(h *engine.Host) {
			m.loop.left = left
			h.HandOver()
		})
	})
	select {
	case <-left:
	case <-n.done:
	case <-ctx.Done():
		n.log.Warn("node has not left all of its chains")
	}
}

// Drain notes durably whether the node wants to hold nothing any more, and tells the others: those who sequence its chains
// replace it one after the other, and nobody makes it a member of another.
func (n *Node) Drain(drains bool) error {
	if n.member.Load() == nil {
		return rpc.ErrNoCluster
	}
	if err := n.store.SetDrains(drains); err != nil {
		n.fail(err)
		return err
	}
	n.gossip.SetDrains(drains)
	n.log.Info("node drains", "drains", drains)
	return nil
}

// Remove makes this node refuse another one for ever, or give up itself.
func (n *Node) Remove(id shard.NodeID) error {
	m := n.member.Load()
	if m == nil {
		return rpc.ErrNoCluster
	}
	var in []string
	for _, c := range m.configurations() {
		if c.Has(id) {
			in = append(in, fmt.Sprint(c.Shard))
		}
	}
	if len(in) > 0 {
		return fmt.Errorf("%w: node %v is a member of shard %s", rpc.ErrPrecondition, id, strings.Join(in, ", "))
	}
	if err := n.gossip.Remove(id); err != nil {
		return fmt.Errorf("%w: %w", rpc.ErrPrecondition, err)
	}
	return n.removed([]shard.NodeID{id})
}

// removed notes that nodes never return.
func (n *Node) removed(ids []shard.NodeID) error {
	for _, id := range ids {
		if id == n.store.Node() {
			n.giveUp(fmt.Errorf("node %v was removed from the cluster: to take part again it needs an empty directory instead of %s", id, n.cfg.Dir))
			continue
		}
		if err := n.store.Remove(id); err != nil {
			n.fail(err)
			return err
		}
		n.log.Info("a node was removed", "removed", id)
	}
	return nil
}

// onRemoved takes what others know. It must not wait for the disk.
func (n *Node) onRemoved(ids []shard.NodeID) {
	n.goroutine(func() { _ = n.removed(ids) }) // the node has failed where that does
}

// retire ends the node for good: others know of a higher boot count of it, so its directory is an old one that was put
// back, or copied, and lacks what the node has promised and accepted since.
func (n *Node) retire(boot uint64) {
	n.giveUp(fmt.Errorf("node %v has been up for the %d. time, and its directory %s counts %d: it is an old one, put back or copied, and may have forgotten what it promised; "+
		"it does not start again: give the node an empty directory", n.store.Node(), boot, n.cfg.Dir, n.store.Boot()))
}

// giveUp ends the node for good, and says why; also to whoever starts it again on the same directory.
func (n *Node) giveUp(why error) {
	n.goroutine(func() {
		n.fail(why) // what it says from here on is said by nobody
		if err := n.store.Retire(why.Error()); err != nil {
			n.log.Error("the directory is not marked as retired", "error", err)
		}
	})
}
