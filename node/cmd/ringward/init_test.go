package main

import (
	"context"
	"errors"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/ringward/ringward/rpc/adminpb"
)

func fakes(t *testing.T, n int) (nodes []*fakeNode, endpoints string) {
	t.Helper()
	var all []string
	for id := range n {
		nodes = append(nodes, startFake(t, uint64(id+1)))
		all = append(all, nodes[id].endpoint)
	}
	return nodes, strings.Join(all, ",")
}

func TestInit(t *testing.T) {
	nodes, endpoints := fakes(t, 5)
	got := ringward(t, "", "init", "--endpoints", endpoints, "--shards", "5", "--replicas", "2")
	if got.code != exitOK || got.stderr != "" || !strings.Contains(got.stdout, "every shard is ACTIVE (5 shards on 5 nodes, any 1 node may be lost)") {
		t.Fatalf("got %+v", got)
	}
	genesis := nodes[0].status.Identity.Genesis
	if len(genesis.Cluster) != 16 || len(genesis.Initial) != 5 {
		t.Errorf("genesis %v", genesis)
	}
	for _, n := range nodes[1:] {
		if !proto.Equal(n.status.Identity.Genesis, genesis) {
			t.Errorf("%s has another genesis: %v", n.endpoint, n.status.Identity.Genesis)
		}
	}
	// Once more changes nothing.
	if got := ringward(t, "", "init", "--endpoints", endpoints, "--shards", "5", "--replicas", "2"); got.code != exitOK {
		t.Errorf("again: %+v", got)
	}
	if !proto.Equal(nodes[0].status.Identity.Genesis, genesis) {
		t.Error("another genesis after the second init")
	}
	// Another layout is refused, since the cluster keeps its own.
	if got := ringward(t, "", "init", "--endpoints", endpoints, "--shards", "7", "--replicas", "2"); got.code != exitError ||
		!strings.Contains(got.stderr, "--shards 7: cluster "+genesis.Cluster+" has 5, and keeps them") {
		t.Errorf("another layout: %+v", got)
	}
}

func TestInitKeepsCopiesInDifferentZones(t *testing.T) {
	nodes, endpoints := fakes(t, 6)
	zone := map[uint64]string{}
	for i, n := range nodes {
		id := n.status.Identity
		id.Zone = []string{"x", "y", "z"}[i/2]
		zone[id.Node] = id.Zone
	}
	if got := ringward(t, "", "init", "--endpoints", endpoints, "--shards", "6", "--replicas", "2"); got.code != exitOK {
		t.Fatalf("got %+v", got)
	}
	for _, c := range nodes[0].status.Identity.Genesis.Initial {
		if zone[c.Members[0]] == zone[c.Members[1]] {
			t.Errorf("shard %d has both copies in zone %s", c.Shard, zone[c.Members[0]])
		}
	}
}

// An init that reached some nodes only is finished by the next one, with the genesis that those have.
func TestInitIsFinished(t *testing.T) {
	nodes, endpoints := fakes(t, 3)
	nodes[2].initErr = errors.New("disk full")
	args := []string{"init", "--endpoints", endpoints, "--shards", "3", "--replicas", "2"}
	got := ringward(t, "", args...)
	if got.code != exitError || !strings.Contains(got.stderr, "run init again to finish it") || !strings.Contains(got.stderr, nodes[2].endpoint+": disk full") {
		t.Fatalf("got %+v", got)
	}
	genesis := nodes[0].status.Identity.Genesis
	nodes[2].initErr = nil
	if got := ringward(t, "", args...); got.code != exitOK {
		t.Fatalf("again: %+v", got)
	}
	if genesis == nil || !proto.Equal(nodes[2].status.Identity.Genesis, genesis) {
		t.Errorf("the last node has %v, want %v", nodes[2].status.Identity.Genesis, genesis)
	}
}

func TestInitWaitsForActive(t *testing.T) {
	nodes, endpoints := fakes(t, 2)
	nodes[1].activate = false
	got := ringward(t, "", "init", "--endpoints", endpoints, "--shards", "2", "--replicas", "1", "--timeout", "4s")
	if got.code != exitError || !strings.Contains(got.stderr, "not every shard is ACTIVE within 4s: shard 2 epoch 1 is node-2 PENDING") {
		t.Errorf("got %+v", got)
	}
	if !strings.Contains(got.stderr, "warning: with one replica, the loss of a node loses the shards it holds") {
		t.Errorf("no warning: %q", got.stderr)
	}
}

func TestInitRefuses(t *testing.T) {
	nodes, endpoints := fakes(t, 3)
	strange := startFake(t, 4)
	strange.join(&adminpb.Genesis{Cluster: "c2"})
	known := startFake(t, 5)
	known.join(&adminpb.Genesis{Cluster: "c1"})
	_, _, lost := threeNodes(t)
	for _, c := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"too many replicas", []string{"--endpoints", endpoints, "--replicas", "4"}, exitUsage, "--replicas 4: want 1 to 3"},
		{"no shards", []string{"--endpoints", endpoints, "--shards", "0"}, exitUsage, "--shards 0: want 1 to 65536"},
		{"one node twice", []string{"--endpoints", nodes[0].endpoint + ",localhost" + nodes[0].endpoint[len("127.0.0.1"):]}, exitUsage, "are the same node"},
		{"two clusters", []string{"--endpoints", known.endpoint + "," + strange.endpoint}, exitError, "belongs to cluster c1 and"},
		{"a node that is not there", []string{"--endpoints", endpoints + "," + lost, "--timeout", "10s"}, exitError, lost + ": connection refused"},
		{"endpoint without port", []string{"--endpoints", "localhost"}, exitUsage, `--endpoints: "localhost": want host:port`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ringward(t, "", append([]string{"init"}, c.args...)...)
			if got.code != c.code || !strings.Contains(got.stderr, c.want) {
				t.Errorf("got %+v, want exit %d and %q", got, c.code, c.want)
			}
		})
	}
	for _, n := range nodes {
		if n.status.Identity.Genesis != nil {
			t.Errorf("%s took a genesis from a refused init", n.endpoint)
		}
	}
}

// With three replicas on three nodes every node is in every shard.
func TestInitWarnsOfWeakPlacement(t *testing.T) {
	_, endpoints := fakes(t, 3)
	got := ringward(t, "", "init", "--endpoints", endpoints, "--shards", "3", "--replicas", "3")
	if got.code != exitOK || !strings.Contains(got.stderr, "does not survive the loss of a node") || !strings.Contains(got.stdout, "no node may be lost") {
		t.Errorf("got %+v", got)
	}
}

// What the end of the time cuts off says nothing: the look before it counts.
func TestEventuallyForgetsTheLookThatWasCutOff(t *testing.T) {
	refused, late := status.Error(codes.Unavailable, "refused"), status.Error(codes.DeadlineExceeded, "late")
	ctx, cancel := context.WithCancel(t.Context())
	looks := 0
	_, err := eventually(ctx, func() (int, bool, error) {
		if looks++; looks < 3 {
			return looks, false, refused
		}
		cancel()
		return looks, true, late
	})
	if err != refused {
		t.Errorf("%d looks: got %v, want %v", looks, err, refused)
	}
}
