package main

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ringward/ringward/rpc/adminpb"
	"github.com/ringward/ringward/rpc/kvpb"
)

// threeNodes is a cluster of which the first two nodes run, and node 3 is gone with no trace but its address.
func threeNodes(t *testing.T) (a, b *fakeNode, lost string) {
	t.Helper()
	a, b = startFake(t, 1), startFake(t, 2)
	// Nobody listens there, and no other test is given this port meanwhile, as may happen with one that was just closed.
	lost = "127.0.0.1:1"
	g := genesisOf([]uint64{1, 2}, []uint64{2, 3}, []uint64{3, 1})
	a.join(g)
	b.join(g)
	a.knows(b)
	a.status.Peers = append(a.status.Peers, &adminpb.Peer{Id: 3, Name: "node-3", Address: lost, Suspected: true})
	return a, b, lost
}

// masked replaces the addresses, which differ from run to run, and makes runs of spaces
// one: ports have one digit more or less.
func masked(text string, addresses ...string) string {
	for i, a := range addresses {
		text = strings.ReplaceAll(text, a, fmt.Sprintf("127.0.0.1:0000%d", i+1))
	}
	return regexp.MustCompile(` +`).ReplaceAllString(text, " ")
}

func TestStatus(t *testing.T) {
	a, b, lost := threeNodes(t)
	// Shard 2 lost node 3: its sequencer, shard 1, decided epoch 2, and node 2 has just been told.
	a.replica(1).Register = []*kvpb.Configuration{{Shard: 2, Epoch: 1, Members: []uint64{2, 3}}, {Shard: 2, Epoch: 2, Members: []uint64{2}}}
	a.replica(1).Commit, b.replica(1).Commit = 17, 16
	b.replica(2).Held = true
	b.replica(1).Synced = false
	b.status.StorageStalledMs = 2500
	b.status.Suspicions, b.status.FalseSuspicions = 4, 1
	a.replica(3).Error = "two entries with one number"

	// One endpoint is enough: it knows of the others.
	got := ringward(t, "", "status", "--endpoints", a.endpoint)
	want := `cluster c1: 3 shards, 2 of 3 nodes up; no node may be lost

SHARD  EPOCH  CHAIN, HEAD FIRST                                                  COMMIT  SEQUENCED BY
1      1      node-1 ACTIVE > node-2 ACTIVE unsynced                             17      shard 3
2      2      node-2 ACTIVE@1 held                                               0       shard 1
3      1      node-3 down > node-1 ACTIVE stopped: two entries with one number  0       shard 2

NODE    ID                ADDRESS          SHARDS  HEADS  LOG    UPTIME  SUSPICIONS  STATE
node-1  0000000000000001  127.0.0.1:00001  2       1      64MiB  1m1s    0           up, suspects node-3
node-2  0000000000000002  127.0.0.1:00002  2       1      64MiB  1m1s    4, 1 false  up: its disk has not answered for 2.5s
node-3  0000000000000003  127.0.0.1:00003  1       1      -      -       -           down: connection refused
`
	if got.code != exitOK || masked(got.stdout, a.endpoint, b.endpoint, lost) != masked(want) {
		t.Errorf("exit %d, stderr %q, stdout:\n%s\nwant:\n%s", got.code, got.stderr, got.stdout, want)
	}
}

func TestStatusJSON(t *testing.T) {
	a, b, lost := threeNodes(t)
	a.replica(1).Commit = 17
	got := ringward(t, "", "status", "-o", "json", "--endpoints", b.endpoint+","+a.endpoint)
	var v clusterView
	if err := json.Unmarshal([]byte(got.stdout), &v); err != nil || got.code != exitOK {
		t.Fatalf("exit %d, %v:\n%s", got.code, err, got.stdout)
	}
	if v.Cluster != "c1" || len(v.Shards) != 3 || len(v.Nodes) != 3 || v.Losable != 0 {
		t.Errorf("got %+v", v)
	}
	if s := v.Shards[0]; s.Commit != 17 || !s.Active || s.SequencedBy != 3 || s.Sequences != 2 || s.Members[1].Name != "node-2" {
		t.Errorf("shard 1: %+v", s)
	}
	if s := v.Shards[1]; s.Active || s.Members[1].State != "down" || s.From != "5555555555555556" {
		t.Errorf("shard 2: %+v", s)
	}
	if n := v.Nodes[2]; n.Up || n.Address != lost || n.Reason != "connection refused" || len(n.Shards) != 2 || len(n.Heads) != 1 {
		t.Errorf("node 3: %+v", n)
	}
}

// A node that hangs is shown as down once the time is up, and hides nobody.
func TestStatusOfHangingNode(t *testing.T) {
	a, b, _ := threeNodes(t)
	b.hang = true
	began := time.Now()
	got := ringward(t, "", "status", "--timeout", "1500ms", "--endpoints", a.endpoint)
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
	for _, want := range []string{"1 of 3 nodes up", "down: no answer within 1.5s", "down: connection refused", "node-1 ACTIVE > node-2 down"} {
		if !strings.Contains(got.stdout, want) {
			t.Errorf("%q is missing in:\n%s", want, got.stdout)
		}
	}
}

func TestStatusWithoutAnyNode(t *testing.T) {
	_, _, lost := threeNodes(t)
	got := ringward(t, "", "status", "--endpoints", lost)
	if got.code != exitError || got.stdout != "" || !strings.Contains(got.stderr, lost+": connection refused") {
		t.Errorf("got %+v", got)
	}
}

func TestStatusBeforeInit(t *testing.T) {
	a := startFake(t, 1)
	got := ringward(t, "", "status", "--endpoints", a.endpoint)
	if got.code != exitOK || !strings.HasPrefix(got.stdout, "no cluster yet: ringward init makes one of these nodes\n\nNODE") {
		t.Errorf("got %+v", got)
	}
}

func TestStatusOfStrangers(t *testing.T) {
	a, _, _ := threeNodes(t)
	other, fresh := startFake(t, 4), startFake(t, 5)
	g := genesisOf([]uint64{4})
	g.Cluster = "c2"
	other.join(g)
	got := ringward(t, "", "status", "--endpoints", strings.Join([]string{a.endpoint, other.endpoint, fresh.endpoint}, ","))
	for _, want := range []string{"cluster c1: 3 shards", "up: belongs to cluster c2", "up: has not joined the cluster: run ringward init again"} {
		if !strings.Contains(got.stdout, want) {
			t.Errorf("%q is missing in:\n%s", want, got.stdout)
		}
	}
}

func TestRing(t *testing.T) {
	a, b, _ := threeNodes(t)
	a.status.Identity.Zone, a.status.Peers[1].Zone = "rack-1", "rack-3"
	got := ringward(t, "", "ring", "--endpoints", a.endpoint+","+b.endpoint)
	want := `cluster c1: 3 shards, 2 of 3 nodes up; no node may be lost

SHARD  FROM              SHARE  EPOCH  CHAIN, HEAD FIRST  SEQUENCED BY  SEQUENCES
1      0000000000000000  33.3%  1      node-1 > node-2    shard 3       shard 2
2      5555555555555556  33.3%  1      node-2 > node-3    shard 1       shard 3
3      aaaaaaaaaaaaaaac  33.3%  1      node-3 > node-1    shard 2       shard 1

NODE    ID                ZONE    SHARDS  HEADS  LONGEST RUN
node-1  0000000000000001  rack-1  2       1      2
node-2  0000000000000002  -       2       1      2
node-3  0000000000000003  rack-3  2       1      2
`
	if got.code != exitOK || got.stdout != want {
		t.Errorf("exit %d, stdout:\n%s\nwant:\n%s", got.code, got.stdout, want)
	}
	if want := "ringward: warning: no node may be lost: node-2 holds the only copy of shard 2\n"; got.stderr != want {
		t.Errorf("stderr %q, want %q", got.stderr, want)
	}
	var v ringView
	got = ringward(t, "", "ring", "-o", "json", "--endpoints", a.endpoint)
	if err := json.Unmarshal([]byte(got.stdout), &v); err != nil || len(v.Shards) != 3 || v.Shards[2].SequencedBy != 2 || v.Shards[2].Members[0].Name != "node-3" {
		t.Errorf("%v: %+v", err, v)
	}
	want3 := ringNode{ID: "0000000000000003", Name: "node-3", Zone: "rack-3", Shards: []uint32{2, 3}, Heads: []uint32{3}, LongestRun: 2}
	if len(v.Nodes) != 3 || !reflect.DeepEqual(v.Nodes[2], want3) {
		t.Errorf("nodes %+v, want the third to be %+v", v.Nodes, want3)
	}
}

// The ring tells why no node may be lost, and has no row for nodes of other clusters and endpoints where nobody is.
func TestRingWarns(t *testing.T) {
	for _, c := range []struct {
		name   string
		chains [][]uint64
		want   string // empty: no warning
	}{
		{"one may be lost", [][]uint64{{1, 2}, {3, 4}}, ""},
		{"a node in every shard", [][]uint64{{1, 2}, {2, 3}, {4, 2}}, "node-2 is in every shard"},
		{"one copy", [][]uint64{{1, 2}, {3}, {4}}, "node-3 holds the only copy of shard 2"},
		{"one copy that answers", [][]uint64{{1, 2}, {3, 4}, {5, 1}}, "node-1 holds the only copy of shard 3"},
		{"no copy that answers", [][]uint64{{1, 2}, {3, 4}, {5}}, "no member of shard 3 answers"},
	} {
		t.Run(c.name, func(t *testing.T) {
			nodes, endpoints := fakes(t, 4)
			for _, n := range nodes {
				n.join(genesisOf(c.chains...))
			}
			stranger := startFake(t, 6)
			g := genesisOf([]uint64{6})
			g.Cluster = "c2"
			stranger.join(g)
			got := ringward(t, "", "ring", "--endpoints", endpoints+","+stranger.endpoint+",127.0.0.1:1")
			if warned := strings.Contains(got.stderr, "warning: no node may be lost: "+c.want); got.code != exitOK || warned != (c.want != "") {
				t.Errorf("exit %d, stderr %q, want %q", got.code, got.stderr, c.want)
			}
			if strings.Contains(got.stdout, "node-6") || strings.Contains(got.stdout, "127.0.0.1:1") {
				t.Errorf("stdout:\n%s", got.stdout)
			}
		})
	}
}

func TestCompareNames(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"node-2", "node-10", -1}, {"node-10", "node-2", 1}, {"a", "b", -1}, {"node-1", "node-1", 0}, {"b", "aa", 1}} {
		if got := compareNames(c.a, c.b); (got < 0) != (c.want < 0) || (got > 0) != (c.want > 0) {
			t.Errorf("compareNames(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
