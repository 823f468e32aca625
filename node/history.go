package node

import (
	"github.com/ringward/ringward/node/internal/engine"
	"github.com/ringward/ringward/rpc"
	"github.com/ringward/ringward/rpc/adminpb"
	"github.com/ringward/ringward/sequencer"
	"github.com/ringward/ringward/shard"
)

// History is what the register of a shard remembers of decisions; empty where this node does not sequence that shard.
func (n *Node) History(of shard.ID) []*adminpb.Decision {
	var all []*adminpb.Decision
	if m := n.member.Load(); m != nil {
		ask(n, m, func(h *engine.Host) {
			for _, st := range h.Standings() {
				if st.Next == of {
					for _, d := range st.Register.Decisions {
						all = append(all, decisionToProto(d))
					}
				}
			}
		})
	}
	return all
}

func decisionToProto(d sequencer.Decision) *adminpb.Decision {
	p := &adminpb.Decision{
		Configuration: rpc.ConfigurationToProto(d.Configuration), AtUs: d.At, By: uint64(d.By), StoodUs: d.Stood,
		Active: d.Active, PersistedUs: d.Persisted, WedgeUs: d.Wedge, InheritUs: d.Inherit, AllActiveUs: d.AllActive, ServedUs: d.Served,
	}
	for _, s := range d.Suspicions {
		p.Suspicions = append(p.Suspicions, &adminpb.Suspicion{By: uint64(s.By), Of: uint64(s.Of), SilentUs: s.Silent})
	}
	if d.HasBase {
		base := uint64(d.Base)
		p.Base = &base
	}
	return p
}
