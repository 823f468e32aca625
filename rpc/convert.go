package rpc

import (
	"fmt"

	"google.golang.org/grpc"

	"github.com/ringward/ringward/rpc/adminpb"
	"github.com/ringward/ringward/rpc/internal/stream"
	"github.com/ringward/ringward/rpc/internal/wire"
	"github.com/ringward/ringward/rpc/kvpb"
	"github.com/ringward/ringward/sequencer"
	"github.com/ringward/ringward/shard"
)

// Dial prepares a connection to a node, for the generated clients of adminpb and kvpb. It is made when first used.
func Dial(address string) (*grpc.ClientConn, error) {
	return stream.Dial(address, stream.DefaultMessageBytes, nil)
}

// ConfigurationToProto encodes a configuration.
func ConfigurationToProto(c shard.Configuration) *kvpb.Configuration {
	return wire.ConfigurationToProto(c)
}

// ChainToProto encodes decided configurations.
func ChainToProto(ch shard.Chain) []*kvpb.Configuration {
	list := make([]*kvpb.Configuration, len(ch))
	for i, c := range ch {
		list[i] = wire.ConfigurationToProto(c)
	}
	return list
}

// StateToProto encodes a replica's state.
func StateToProto(s shard.State) adminpb.State {
	switch s {
	case shard.Immutable:
		return adminpb.State_STATE_IMMUTABLE
	case shard.Pending:
		return adminpb.State_STATE_PENDING
	case shard.Active:
		return adminpb.State_STATE_ACTIVE
	}
	return adminpb.State_STATE_UNSPECIFIED
}

// GenesisToProto encodes the beginning of a cluster.
func GenesisToProto(g *sequencer.Genesis) *adminpb.Genesis {
	return &adminpb.Genesis{Cluster: g.Cluster, Slices: slicesToProto(g.Ring), Initial: ChainToProto(g.Initial)}
}

func slicesToProto(r sequencer.Ring) []*kvpb.Slice {
	list := make([]*kvpb.Slice, len(r))
	for i, s := range r {
		list[i] = &kvpb.Slice{Shard: uint32(s.Shard), From: s.From}
	}
	return list
}

// GenesisFromProto decodes the beginning of a cluster; what it returns is valid.
func GenesisFromProto(p *adminpb.Genesis) (*sequencer.Genesis, error) {
	if p == nil {
		return nil, fmt.Errorf("genesis is missing")
	}
	g := &sequencer.Genesis{Cluster: p.GetCluster()}
	for _, s := range p.GetSlices() {
		g.Ring = append(g.Ring, sequencer.Slice{Shard: shard.ID(s.GetShard()), From: s.GetFrom()})
	}
	for _, c := range p.GetInitial() {
		conf, err := wire.ConfigurationFromProto(c)
		if err != nil {
			return nil, fmt.Errorf("genesis of cluster %s: %w", g.Cluster, err)
		}
		g.Initial = append(g.Initial, conf)
	}
	if err := g.Valid(); err != nil {
		return nil, err
	}
	return g, nil
}

func ringToProto(r Ring) *kvpb.RingResponse {
	p := &kvpb.RingResponse{Cluster: r.Cluster, Slices: slicesToProto(r.Slices), Configurations: ChainToProto(r.Configurations)}
	for _, n := range r.Nodes {
		p.Nodes = append(p.Nodes, &kvpb.Node{Id: uint64(n.ID), Name: n.Name, Address: n.Address, Zone: n.Zone})
	}
	return p
}

// StatusName names an answer for people, those included that no replica gives.
func StatusName(s shard.Status) string {
	switch s {
	case Invalid:
		return "invalid"
	case TooLarge:
		return "too large"
	case Unavailable:
		return "unavailable"
	}
	return s.String()
}
