package node

import (
	"slices"
	"time"

	"github.com/ringward/ringward/node/internal/engine"
	"github.com/ringward/ringward/rpc"
	"github.com/ringward/ringward/rpc/adminpb"
	"github.com/ringward/ringward/shard"
)

// Identity tells who the node is.
func (n *Node) Identity() *adminpb.IdentityResponse {
	id := &adminpb.IdentityResponse{
		Node: uint64(n.store.Node()), Name: n.cfg.Name, Zone: n.cfg.Zone, ClientAddress: n.address(), GossipAddress: n.gossip.Self().Gossip,
		OpsAddress: n.telemetry.OpsAddress(), Boot: n.store.Boot(), Version: Version, Drains: n.store.Drains(),
	}
	if g := n.store.Genesis(); g != nil {
		id.Genesis = rpc.GenesisToProto(g)
	}
	return id
}

// Status tells how the node and its replicas fare.
func (n *Node) Status() *adminpb.StatusResponse {
	s := &adminpb.StatusResponse{
		Identity: n.Identity(), UptimeMs: uint64(time.Since(n.began) / time.Millisecond), LogBytes: uint64(n.store.LogBytes()),
	}
	var suspected []shard.NodeID
	if m := n.member.Load(); m != nil {
		s.StorageStalledMs = uint64(m.persister.stalled() / time.Millisecond)
		ask(n, m, func(h *engine.Host) {
			suspected = h.Suspected()
			s.Suspicions, s.FalseSuspicions = m.loop.doubts.all, m.loop.doubts.wrong
			for _, st := range h.Standings() {
				s.Replicas = append(s.Replicas, m.replica(n.store.Node(), st))
			}
		})
	}
	for _, x := range n.gossip.Nodes() {
		if x.ID == n.store.Node() {
			continue
		}
		s.Peers = append(s.Peers, &adminpb.Peer{
			Id: uint64(x.ID), Name: x.Name, Zone: x.Zone, Address: x.Address, Suspected: slices.Contains(suspected, x.ID), Drains: x.Drains,
		})
	}
	return s
}

// ask lets the loop call f with its host, and waits for that; not if the node stops.
func ask(n *Node, m *member, f func(*engine.Host)) {
	asked := make(chan struct{})
	m.inbox.add(func(x *news) {
		x.calls = append(x.calls, func(h *engine.Host) {
			f(h)
			close(asked)
		})
	})
	select {
	case <-asked:
	case <-n.ctx.Done():
		// The loop may be in the middle of f: it has ended once its goroutine has.
		<-m.loop.ended
	}
}

func (m *member) replica(self shard.NodeID, st engine.Standing) *adminpb.Replica {
	r := &adminpb.Replica{
		Configuration: rpc.ConfigurationToProto(st.Configuration), State: rpc.StateToProto(st.State),
		Synced: st.Synced, Head: st.State == shard.Active && st.Configuration.Head() == self, Held: st.Held, Active: uint64(st.Active),
		Last: uint64(st.Last), Durable: uint64(st.Durable), Commit: uint64(st.Commit), Applied: uint64(m.applier.standing.appliedTo(st.Configuration.Shard)),
		Sequences: uint32(st.Next), Register: rpc.ChainToProto(st.Register.Chain), Activated: uint64(st.Register.Activated),
	}
	if st.Err != nil {
		r.Error = st.Err.Error()
	}
	return r
}

// beat sends the heartbeat (iAmAlive) to all that share a shard with this node, or sequence one another. It
// says for how long the disk has not answered: a node that lives but does not advance is to be suspected like a dead one.
func (n *Node) beat(m *member, tick uint64) {
	beat := rpc.Heartbeat{Boot: n.store.Boot(), Tick: tick, StorageStalled: m.persister.stalled()}
	peers := m.loop.host.Peers()
	for _, peer := range peers {
		n.peers.Beat(peer, beat)
	}
	n.metrics.HeartbeatsSent(len(peers))
}
