package network

import (
	"net"
	"net/netip"
	"time"
)

// packetBytes is more than any packet of UDP holds.
const packetBytes = 64 << 10

// relay brings the packets that others send to a node's gossip. The node sees them come from here; gossip
// names its sender inside.
func (n *Network) relay(to int) {
	own := n.relays[to]
	target := net.UDPAddrFromAddrPort(netip.MustParseAddrPort(n.nodes[to].Gossip))
	b := make([]byte, packetBytes)
	for {
		k, source, err := own.ReadFromUDPAddrPort(b)
		if n.ctx.Err() != nil {
			return
		}
		from, known := n.sources[source]
		if err != nil || !known {
			continue
		}
		_, open, delay := n.links[from][to].state()
		switch {
		case !open:
		case delay == 0:
			_, _ = own.WriteToUDP(b[:k], target)
		default:
			packet := append([]byte(nil), b[:k]...)
			time.AfterFunc(delay, func() { _, _ = own.WriteToUDP(packet, target) })
		}
	}
}
