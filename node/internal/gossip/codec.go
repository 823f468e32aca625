package gossip

import (
	"encoding/binary"
	"fmt"
	"net"
	"strings"
	"unicode"

	"github.com/ringward/ringward/shard"
)

// What is sent begins with the version of its format. What has another one is refused.
//
//	meta   version, node
//	hint   version, cluster, chain
//	state  version, cluster, count, nodes, count, chains, count, ids of removed nodes
//	node   id, boot, whether it drains, name, zone, address, gossip address, cluster
const version = 3

// Bounds on what a node says of itself: together they fit into memberlist's 512 bytes of meta.
const (
	maxName    = 64
	maxZone    = 32
	maxAddress = 255
	maxCluster = 128
	// maxNodes bounds the nodes that are remembered, dead ones included.
	maxNodes = 4096
	// maxRemoved bounds the nodes that never return.
	maxRemoved = 1 << 14
	// maxShards bounds the shards whose hints are remembered: a ring has no more.
	maxShards = 1 << 16
	// maxHint bounds a broadcast, so that it fits into a packet with memberlist's own.
	maxHint = 1024
	// maxHints bounds the hints of a full state, in bytes. Memberlist refuses a state of more
	// than 20 MiB; the nodes take at most 3 of them.
	maxHints = 12 << 20
)

func appendNode(b []byte, n Node) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(n.ID))
	b = shard.AppendBool(binary.AppendUvarint(b, n.Boot), n.Drains)
	for _, s := range []string{n.Name, n.Zone, n.Address, n.Gossip, n.Cluster} {
		b = shard.AppendBytes(b, []byte(s))
	}
	return b
}

// decodeNode reads a node, alive or not.
func decodeNode(d *shard.Decoder) Node {
	n := Node{
		ID: shard.NodeID(d.Uint64()), Boot: d.Uvarint(), Drains: d.Bool(),
		Name: string(d.Bytes()), Zone: string(d.Bytes()), Address: string(d.Bytes()), Gossip: string(d.Bytes()),
		Cluster: string(d.Bytes()),
	}
	if err := n.valid(); err != nil {
		d.Fail(err) // keeps an earlier error
	}
	return n
}

func (n Node) valid() error {
	switch {
	case n.ID == 0:
		return fmt.Errorf("node id is 0")
	case n.Boot == 0 || n.Boot >= 1<<shard.BootBits:
		return fmt.Errorf("node %v: boot %d: want 1 to %d", n.ID, n.Boot, 1<<shard.BootBits-1)
	case !printable(n.Name, maxName):
		return fmt.Errorf("node %v: name %q: want at most %d printable characters", n.ID, n.Name, maxName)
	case !printable(n.Zone, maxZone):
		return fmt.Errorf("node %v: zone %q: want at most %d printable characters", n.ID, n.Zone, maxZone)
	case !isAddress(n.Address):
		return fmt.Errorf("node %v: address %q: want host:port of at most %d characters", n.ID, n.Address, maxAddress)
	case n.Gossip != "" && !isAddress(n.Gossip):
		return fmt.Errorf("node %v: gossip address %q: want host:port of at most %d characters", n.ID, n.Gossip, maxAddress)
	}
	return validCluster(n.Cluster)
}

func validCluster(s string) error {
	if !printable(s, maxCluster) {
		return fmt.Errorf("cluster %q: want at most %d printable characters", s, maxCluster)
	}
	return nil
}

// printable guards the terminals and logs in which names of others appear.
func printable(s string, limit int) bool {
	return len(s) <= limit && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar })
}

func isAddress(s string) bool {
	host, port, err := net.SplitHostPort(s)
	return err == nil && host != "" && port != "" && printable(s, maxAddress)
}

func appendMeta(b []byte, n Node) []byte { return appendNode(append(b, version), n) }

func decodeMeta(b []byte) (Node, error) {
	d := shard.NewDecoder(b)
	checkVersion(d)
	n := decodeNode(d)
	if err := d.Done(); err != nil {
		return Node{}, fmt.Errorf("node meta: %w", err)
	}
	return n, nil
}

func checkVersion(d *shard.Decoder) {
	if v := d.Byte(); v != version {
		d.Fail(fmt.Errorf("format %d: want %d", v, version))
	}
}

func decodeCluster(d *shard.Decoder) string {
	s := string(d.Bytes())
	if err := validCluster(s); err != nil {
		d.Fail(err)
	}
	return s
}

func appendHint(b []byte, cluster string, ch shard.Chain) []byte {
	b = shard.AppendBytes(append(b, version), []byte(cluster))
	return shard.AppendChain(b, ch)
}

func decodeHint(b []byte) (cluster string, ch shard.Chain, err error) {
	d := shard.NewDecoder(b)
	checkVersion(d)
	cluster, ch = decodeCluster(d), d.Chain()
	if err := d.Done(); err != nil {
		return "", nil, fmt.Errorf("hint: %w", err)
	}
	return cluster, ch, nil
}

// state is all that a node has to tell of others.
type state struct {
	cluster string
	nodes   []Node
	chains  []shard.Chain
	removed []shard.NodeID
}

func (s state) append(b []byte) []byte {
	b = shard.AppendBytes(append(b, version), []byte(s.cluster))
	b = binary.AppendUvarint(b, uint64(len(s.nodes)))
	for _, n := range s.nodes {
		b = appendNode(b, n)
	}
	b = binary.AppendUvarint(b, uint64(len(s.chains)))
	for _, ch := range s.chains {
		b = shard.AppendChain(b, ch)
	}
	b = binary.AppendUvarint(b, uint64(len(s.removed)))
	for _, id := range s.removed {
		b = binary.BigEndian.AppendUint64(b, uint64(id))
	}
	return b
}

// The least that one node and one chain take.
const (
	minNodeBytes  = 8 + 1 + 1 + 5
	minChainBytes = 1 + 3 + 8
)

func decodeState(b []byte) (state, error) {
	d := shard.NewDecoder(b)
	checkVersion(d)
	s := state{cluster: decodeCluster(d)}
	nodes := d.Count(minNodeBytes)
	if nodes > maxNodes {
		d.Fail(fmt.Errorf("%d nodes: want at most %d", nodes, maxNodes))
	}
	for range min(nodes, maxNodes) {
		n := decodeNode(d)
		if n.Gossip == "" {
			d.Fail(fmt.Errorf("node %v has no gossip address", n.ID))
		}
		s.nodes = append(s.nodes, n)
	}
	chains := d.Count(minChainBytes)
	if chains > maxShards {
		d.Fail(fmt.Errorf("hints for %d shards: want at most %d", chains, maxShards))
	}
	for range min(chains, maxShards) {
		s.chains = append(s.chains, d.Chain())
	}
	removed := d.Count(8)
	if removed > maxRemoved {
		d.Fail(fmt.Errorf("%d removed nodes: want at most %d", removed, maxRemoved))
	}
	for range min(removed, maxRemoved) {
		s.removed = append(s.removed, shard.NodeID(d.Uint64()))
	}
	if err := d.Done(); err != nil {
		return state{}, fmt.Errorf("full state: %w", err)
	}
	return s, nil
}
