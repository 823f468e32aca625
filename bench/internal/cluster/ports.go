package cluster

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"time"
)

// Ports are taken from below the range that kernels give to outgoing connections: a
// node's own connections must not sit on the port of a node that is about to be restarted.
const (
	lowestPort  = 15_000
	highestPort = 29_999
)

// FreePorts finds ports that nobody listens on, neither by TCP nor by UDP. Somebody else may take one before it
// is used; that is found out when the node cannot start.
func FreePorts(n int) ([]int, error) {
	rng := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), uint64(os.Getpid())))
	span := highestPort - lowestPort + 1
	begin := rng.IntN(span)
	var ports []int
	var held []io.Closer
	defer func() {
		for _, h := range held {
			h.Close()
		}
	}()
	for i := 0; i < span && len(ports) < n; i++ {
		port := lowestPort + (begin+i)%span
		address := fmt.Sprintf("127.0.0.1:%d", port)
		tcp, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		held = append(held, tcp)
		udp, err := net.ListenPacket("udp", address)
		if err != nil {
			continue
		}
		held = append(held, udp)
		ports = append(ports, port)
	}
	if len(ports) < n {
		return nil, fmt.Errorf("%d free ports from %d to %d on 127.0.0.1, want %d", len(ports), lowestPort, highestPort, n)
	}
	return ports, nil
}
