package rpc

import (
	"context"
	"fmt"
	"net"

	"github.com/ringward/ringward/rpc/adminpb"
	"github.com/ringward/ringward/rpc/internal/stream"
	"github.com/ringward/ringward/sequencer"
	"github.com/ringward/ringward/shard"
)

// FetchGenesis asks the node at an address how its cluster began. It is an error if another node answers, or one
// that belongs to no cluster. The answer takes at most messageBytes. A nil connect connects directly.
func FetchGenesis(ctx context.Context, node shard.NodeID, address string, messageBytes int, connect func(ctx context.Context, address string) (net.Conn, error)) (*sequencer.Genesis, error) {
	conn, err := stream.Dial(address, messageBytes, connect)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	id, err := adminpb.NewAdminClient(conn).Identity(ctx, &adminpb.IdentityRequest{})
	switch {
	case err != nil:
		return nil, err
	case shard.NodeID(id.GetNode()) != node:
		return nil, fmt.Errorf("at %s is node %v, want node %v", address, shard.NodeID(id.GetNode()), node)
	case id.GetGenesis() == nil:
		return nil, fmt.Errorf("node %v belongs to no cluster", node)
	}
	return GenesisFromProto(id.GetGenesis())
}
