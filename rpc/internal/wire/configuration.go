package wire

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/ringward/ringward/rpc/kvpb"
	"github.com/ringward/ringward/shard"
)

// Fields of kvpb.Configuration.
const (
	configurationShard   = 1
	configurationEpoch   = 2
	configurationMembers = 3
)

func appendChain(b []byte, num protowire.Number, chain shard.Chain) []byte {
	for _, c := range chain {
		var start, members int
		b, start = begin(b, num)
		b = appendUint(b, configurationShard, uint64(c.Shard))
		b = appendUint(b, configurationEpoch, uint64(c.Epoch))
		b, members = begin(b, configurationMembers)
		for _, m := range c.Members {
			b = protowire.AppendFixed64(b, uint64(m))
		}
		b = end(end(b, members), start)
	}
	return b
}

// configuration reads one configuration; whether it is valid is for the chain to say.
func (r *reader) configuration() shard.Configuration {
	in := r.inner()
	var c shard.Configuration
	var members []uint64
	for {
		num, ok := in.next()
		if !ok {
			break
		}
		switch num {
		case configurationShard:
			c.Shard = shard.ID(in.uint32())
		case configurationEpoch:
			c.Epoch = shard.Epoch(in.uint())
		case configurationMembers:
			if members = in.fixedList(members); len(members) > shard.MaxMembers {
				in.fail(fmt.Errorf("configuration has more than %d members", shard.MaxMembers))
			}
		default:
			in.skip(num)
		}
	}
	if in.err != nil {
		r.fail(in.err)
		return shard.Configuration{}
	}
	c.Members = nodeIDs(members)
	return c
}

func nodeIDs(ids []uint64) []shard.NodeID {
	if ids == nil {
		return nil
	}
	nodes := make([]shard.NodeID, len(ids))
	for i, id := range ids {
		nodes[i] = shard.NodeID(id)
	}
	return nodes
}

// ConfigurationToProto returns c as a generated message.
func ConfigurationToProto(c shard.Configuration) *kvpb.Configuration {
	p := &kvpb.Configuration{Shard: uint32(c.Shard), Epoch: uint64(c.Epoch), Members: make([]uint64, len(c.Members))}
	for i, m := range c.Members {
		p.Members[i] = uint64(m)
	}
	return p
}

// ConfigurationFromProto returns a valid configuration, or why p is none.
func ConfigurationFromProto(p *kvpb.Configuration) (shard.Configuration, error) {
	c := shard.Configuration{Shard: shard.ID(p.GetShard()), Epoch: shard.Epoch(p.GetEpoch()), Members: nodeIDs(p.GetMembers())}
	if err := c.Valid(); err != nil {
		return shard.Configuration{}, err
	}
	return c, nil
}
