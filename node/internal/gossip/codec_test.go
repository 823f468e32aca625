package gossip

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/ringward/ringward/shard"
)

func configuration(id shard.ID, e shard.Epoch, members ...shard.NodeID) shard.Configuration {
	return shard.Configuration{Shard: id, Epoch: e, Members: members}
}

func someNode() Node {
	return Node{ID: 7, Boot: 3, Name: "node-7", Zone: "rack-1", Address: "10.0.0.7:7001", Gossip: "10.0.0.7:7101", Cluster: "c1", Drains: true}
}

func someState() state {
	return state{cluster: "c1", nodes: []Node{someNode()}, chains: []shard.Chain{
		{configuration(1, 4, 7, 8), configuration(1, 5, 8)}, {configuration(2, 1, 8, 7)},
	}, removed: []shard.NodeID{3, 4}}
}

func TestRoundTrip(t *testing.T) {
	if n, err := decodeMeta(appendMeta(nil, someNode())); err != nil || n != someNode() {
		t.Errorf("meta: %+v, %v", n, err)
	}
	ch := someState().chains[0]
	if cluster, got, err := decodeHint(appendHint(nil, "c1", ch)); err != nil || cluster != "c1" || !reflect.DeepEqual(got, ch) {
		t.Errorf("hint: %q %v, %v", cluster, got, err)
	}
	if s, err := decodeState(someState().append(nil)); err != nil || !reflect.DeepEqual(s, someState()) {
		t.Errorf("state: %+v, %v", s, err)
	}
	if s, err := decodeState(state{}.append(nil)); err != nil || !reflect.DeepEqual(s, state{}) {
		t.Errorf("empty state: %+v, %v", s, err)
	}
}

func TestLargestMetaFits(t *testing.T) {
	n := Node{
		ID: 1<<64 - 1, Boot: 1<<shard.BootBits - 1, Name: strings.Repeat("n", maxName), Zone: strings.Repeat("z", maxZone),
		Address: strings.Repeat("a", maxAddress-6) + ":65535", Cluster: strings.Repeat("c", maxCluster),
	}
	if err := n.valid(); err != nil {
		t.Fatal(err)
	}
	if b := appendMeta(nil, n); len(b) > 512 {
		t.Errorf("%d bytes, memberlist takes 512", len(b))
	}
}

func TestDecodersRefuse(t *testing.T) {
	with := func(change func(*Node)) []byte {
		n := someNode()
		change(&n)
		return appendMeta(nil, n)
	}
	for name, b := range map[string][]byte{
		"nothing":          nil,
		"another format":   append([]byte{version + 1}, appendNode(nil, someNode())...),
		"a byte too many":  append(appendMeta(nil, someNode()), 0),
		"a byte too few":   appendMeta(nil, someNode())[:20],
		"node 0":           with(func(n *Node) { n.ID = 0 }),
		"boot 0":           with(func(n *Node) { n.Boot = 0 }),
		"a boot too high":  with(func(n *Node) { n.Boot = 1 << shard.BootBits }),
		"a long name":      with(func(n *Node) { n.Name = strings.Repeat("n", maxName+1) }),
		"a long zone":      with(func(n *Node) { n.Zone = strings.Repeat("z", maxZone+1) }),
		"a zone break":     with(func(n *Node) { n.Zone = "a\nb" }),
		"an escape":        with(func(n *Node) { n.Name = "\x1b[2J" }),
		"broken text":      with(func(n *Node) { n.Name = "\xff" }),
		"no address":       with(func(n *Node) { n.Address = "" }),
		"no port":          with(func(n *Node) { n.Address = "host" }),
		"a gossip name":    with(func(n *Node) { n.Gossip = "host" }),
		"a long cluster":   with(func(n *Node) { n.Cluster = strings.Repeat("c", maxCluster+1) }),
		"an address break": with(func(n *Node) { n.Address = "a\nb:1" }),
	} {
		if n, err := decodeMeta(b); err == nil {
			t.Errorf("%s: read as %+v", name, n)
		}
	}
	valid := appendHint(nil, "c", someState().chains[0])
	for name, b := range map[string][]byte{
		"cut":       valid[:len(valid)-1],
		"no chain":  appendHint(nil, "c", nil),
		"a gap":     appendHint(nil, "c", shard.Chain{configuration(1, 1, 7), configuration(1, 3, 7)}),
		"a cluster": appendHint(nil, "\n", someState().chains[0]),
	} {
		if _, ch, err := decodeHint(b); err == nil {
			t.Errorf("%s: read as %v", name, ch)
		}
	}
	nowhere := someState()
	nowhere.nodes[0].Gossip = ""
	for name, b := range map[string][]byte{
		"a long list of nothing":      {version, 0, 0xff, 0xff, 0xff, 0xff, 0x0f},
		"a node that gossips nowhere": nowhere.append(nil),
	} {
		if s, err := decodeState(b); err == nil {
			t.Errorf("%s: read as %+v", name, s)
		}
	}
}

func FuzzMeta(f *testing.F) {
	f.Add(appendMeta(nil, someNode()))
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := decodeMeta(b)
		if err != nil {
			return
		}
		if again, err := decodeMeta(appendMeta(nil, n)); err != nil || again != n {
			t.Fatalf("%+v is read back as %+v, %v", n, again, err)
		}
	})
}

func FuzzHint(f *testing.F) {
	f.Add(appendHint(nil, "c1", someState().chains[0]))
	f.Fuzz(func(t *testing.T, b []byte) {
		cluster, ch, err := decodeHint(b)
		if err != nil {
			return
		}
		if err := ch.Valid(); err != nil {
			t.Fatal(err)
		}
		canonical := appendHint(nil, cluster, ch)
		_, again, err := decodeHint(canonical)
		if err != nil || !bytes.Equal(appendHint(nil, cluster, again), canonical) {
			t.Fatalf("%v is read back as %v, %v", ch, again, err)
		}
	})
}

// FuzzState takes what is read to the table too: nothing that passes the decoder may upset it.
func FuzzState(f *testing.F) {
	f.Add(someState().append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := decodeState(b)
		if err != nil {
			return
		}
		table := newTable(Node{ID: 1, Boot: 1, Address: "a:1", Cluster: s.cluster})
		for _, n := range s.nodes {
			_ = table.learn(n)
		}
		for _, ch := range s.chains {
			_, _, _ = table.hint(ch, func(string, shard.Chain) {})
		}
		if _, err := decodeState(table.state().append(nil)); err != nil {
			t.Fatalf("what was learned cannot be passed on: %v", err)
		}
	})
}
