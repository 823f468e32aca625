package gossip

import (
	"errors"
	"fmt"
	"reflect"
	"testing"

	"github.com/ringward/ringward/shard"
)

func other(id shard.NodeID, boot uint64, address string) Node {
	return Node{ID: id, Boot: boot, Address: address, Gossip: address}
}

func TestHigherBootWins(t *testing.T) {
	table := newTable(other(1, 1, "self:1"))
	for _, step := range []struct {
		learn Node
		want  string
	}{
		{other(2, 5, "a:1"), "a:1"},
		{other(2, 4, "b:1"), "a:1"}, // an older life
		{other(2, 5, "c:1"), "a:1"}, // within one boot the first stands
		{other(2, 6, "d:1"), "d:1"},
	} {
		if err := table.learn(step.learn); err != nil {
			t.Fatal(err)
		}
		if n, _ := table.node(2); n.Address != step.want {
			t.Errorf("after %+v: address %s, want %s", step.learn, n.Address, step.want)
		}
	}
	if err := table.learn(other(1, 2, "x:1")); !errors.Is(err, errTwin) {
		t.Errorf("a later boot of this very node: %v", err)
	}
	if err := table.learn(other(1, 1, "x:1")); err != nil || table.me().Address != "self:1" {
		t.Errorf("news about this node: %v, address %s", err, table.me().Address)
	}
}

func TestDeathBelongsToOneBoot(t *testing.T) {
	table := newTable(other(1, 1, "self:1"))
	n := other(2, 5, "a:1")
	n.Alive = true
	_ = table.learn(n)
	table.left(2, 4)
	if n, _ := table.node(2); !n.Alive {
		t.Error("the death of an earlier boot is taken for the node's")
	}
	table.left(2, 5)
	if n, ok := table.node(2); n.Alive || !ok || n.Address != "a:1" {
		t.Errorf("after its death: %+v, %v", n, ok)
	}
	_ = table.learn(other(2, 5, "a:1"))
	if n, _ := table.node(2); n.Alive {
		t.Error("hearsay made it alive")
	}
}

func TestClusterMakesStrangers(t *testing.T) {
	table := newTable(other(1, 1, "self:1"))
	for i, cluster := range []string{"", "x", "y"} {
		n := other(shard.NodeID(i+2), 1, "a:1")
		n.Cluster = cluster
		if err := table.learn(n); err != nil {
			t.Fatalf("before there is a cluster, %q: %v", cluster, err)
		}
	}
	if _, err := table.setCluster(""); err == nil {
		t.Error("the empty cluster is accepted")
	}
	if _, err := table.setCluster("a\nb"); err == nil {
		t.Error("a cluster id with a line break is accepted")
	}
	if changed, err := table.setCluster("x"); !changed || err != nil {
		t.Fatal(changed, err)
	}
	if changed, err := table.setCluster("x"); changed || err != nil {
		t.Error(changed, err)
	}
	if _, err := table.setCluster("y"); err == nil {
		t.Error("the cluster changes")
	}
	var ids []shard.NodeID
	for _, n := range table.list() {
		ids = append(ids, n.ID)
	}
	if want := []shard.NodeID{1, 2, 3}; !reflect.DeepEqual(ids, want) {
		t.Errorf("known are %v, want %v", ids, want)
	}
	// The one that had no cluster turns out to be a stranger too.
	n := other(2, 1, "a:1")
	n.Cluster = "y"
	if table.admit(n) == nil {
		t.Error("a stranger is let in")
	}
	if _, ok := table.node(2); ok {
		t.Error("a stranger is still known")
	}
	if err := table.learn(n); !errors.Is(err, errForeign) {
		t.Errorf("learning of a stranger: %v", err)
	}
}

func TestNodesAreBounded(t *testing.T) {
	table := newTable(other(1, 1, "self:1"))
	fill := func(alive bool) {
		for i := range maxNodes - 1 {
			n := other(shard.NodeID(i+2), 1, fmt.Sprintf("a:%d", i))
			n.Alive = alive
			if err := table.learn(n); err != nil {
				t.Fatalf("node %d: %v", i, err)
			}
		}
	}
	fill(false)
	late := other(maxNodes+1, 1, "late:1")
	late.Alive = true
	if err := table.learn(late); err != nil || table.count() != maxNodes {
		t.Errorf("no dead node makes room: %v, %d nodes", err, table.count())
	}
	table = newTable(other(1, 1, "self:1"))
	fill(true)
	if err := table.learn(late); !errors.Is(err, errFull) {
		t.Errorf("over the limit: %v", err)
	}
}

func TestRemovedAreBounded(t *testing.T) {
	tab := newTable(someNode())
	for id := range shard.NodeID(maxRemoved) {
		if _, err := tab.remove(id + 100); err != nil {
			t.Fatal(err)
		}
	}
	if news, err := tab.remove(100, 99); err == nil || len(news) > 0 {
		t.Errorf("one too many: %v, %v", news, err)
	}
	if tab.removed[99] {
		t.Error("it is remembered all the same")
	}
}

func TestHintsAreJoined(t *testing.T) {
	table := newTable(Node{ID: 1, Boot: 1, Cluster: "c"})
	c := func(e shard.Epoch) shard.Configuration { return configuration(9, e, shard.NodeID(e), 100) }
	for _, step := range []struct {
		hint shard.Chain
		want shard.Chain
		news bool
	}{
		{shard.Chain{c(1)}, shard.Chain{c(1)}, true},
		{shard.Chain{c(1)}, shard.Chain{c(1)}, false},
		{shard.Chain{c(1), c(2), c(3)}, shard.Chain{c(1), c(2), c(3)}, true},
		{shard.Chain{c(1), c(2)}, shard.Chain{c(1), c(2), c(3)}, false},
		{shard.Chain{c(2)}, shard.Chain{c(2), c(3)}, true}, // all members were active in 2
		{shard.Chain{c(3), c(4)}, shard.Chain{c(3), c(4)}, true},
		{shard.Chain{c(8)}, shard.Chain{c(8)}, true},
		{shard.Chain{c(3), c(4)}, shard.Chain{c(8)}, false},
	} {
		var spread shard.Chain
		got, news, err := table.hint(step.hint, func(_ string, ch shard.Chain) { spread = ch })
		if err != nil || news != step.news || !reflect.DeepEqual(got, step.want) {
			t.Errorf("%v: got %v, news %v, %v; want %v, %v", step.hint, got, news, err, step.want, step.news)
		}
		if news != (spread != nil) || news && !reflect.DeepEqual(spread, step.want) {
			t.Errorf("%v: spread %v, news %v", step.hint, spread, news)
		}
	}
	clash := shard.Chain{configuration(9, 8, 55)}
	if _, _, err := table.hint(clash, func(string, shard.Chain) { t.Error("spread") }); err == nil {
		t.Error("another successor of the same configuration is accepted")
	}
}
