package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/ringward/ringward/rpc/adminpb"
	"github.com/ringward/ringward/rpc/kvpb"
)

// Drain lets a fake node be rid of its replicas at once.
func (n *fakeNode) Drain(_ context.Context, r *adminpb.DrainRequest) (*adminpb.DrainResponse, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.status.Identity.Drains = r.Drains
	if r.Drains && n.drained != nil {
		n.drained()
	}
	return &adminpb.DrainResponse{}, nil
}

func (n *fakeNode) Remove(_ context.Context, r *adminpb.RemoveRequest) (*adminpb.RemoveResponse, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.keeps {
		return nil, status.Error(codes.FailedPrecondition, "not possible now: node is a member of shard 9")
	}
	n.removed = append(n.removed, r.Node)
	if n.told != nil {
		n.told()
	}
	return &adminpb.RemoveResponse{}, nil
}

// fourNodes is a cluster of three shards, of which node 4 holds nothing.
func fourNodes(t *testing.T) []*fakeNode {
	t.Helper()
	g := genesisOf([]uint64{1, 2}, []uint64{2, 3}, []uint64{3, 1})
	var all []*fakeNode
	for id := range uint64(4) {
		n := startFake(t, id+1)
		n.join(g)
		all = append(all, n)
	}
	for _, n := range all {
		n.knows(all...)
	}
	return all
}

func TestDrain(t *testing.T) {
	all := fourNodes(t)
	all[0].drained = func() {
		// Elsewhere it is known already that node 4 took its place in both shards.
		for _, r := range []*adminpb.Replica{all[1].replica(1), all[2].replica(3)} {
			c := r.Configuration
			r.Configuration = &kvpb.Configuration{Shard: c.Shard, Epoch: 2, Members: []uint64{c.Members[0] + c.Members[1] - 1, 4}}
		}
	}
	got := ringward(t, "", "drain", "node-1", "--endpoints", all[3].endpoint)
	if got.code != exitOK || !strings.Contains(got.stdout, "node-1 holds nothing: it may be stopped, and removed with ringward member remove 0000000000000001") {
		t.Errorf("exit %d, %q, %q", got.code, got.stdout, got.stderr)
	}
	if got := ringward(t, "", "status", "--endpoints", all[3].endpoint); !strings.Contains(got.stdout, "up, draining") {
		t.Errorf("status does not show it:\n%s", got.stdout)
	}
	got = ringward(t, "", "drain", "0000000000000001", "--undo", "-o", "json", "--endpoints", all[3].endpoint)
	var v drainView
	if err := json.Unmarshal([]byte(got.stdout), &v); err != nil || v.Draining || v.Node != "node-1" || all[0].status.Identity.Drains {
		t.Errorf("undo: exit %d, %q, %q, %v", got.code, got.stdout, got.stderr, err)
	}
}

func TestDrainRefuses(t *testing.T) {
	all := fourNodes(t)
	all[1].status.Identity.Drains = true
	endpoints := all[3].endpoint
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"drain node-1", exitError, "node-1 cannot drain: 2 nodes would be left, up and not draining, for 2 replicas of each of 3 shards: want at least 3. Start another first"},
		{"drain node-9", exitUsage, `NODE "node-9": want the name or the id of one of node-1, node-2, node-3, node-4`},
		{"drain", exitUsage, "NODE is missing"},
		{"drain node-4 --timeout 300ms", exitOK, ""}, // it holds nothing already
		{"member remove node-1", exitError, "node-1 is a member of shard 1, 3: drain it first, ringward drain node-1"},
		{"member remove", exitUsage, "NODE is missing"},
		{"member", exitUsage, "list or remove is missing"},
		{"member drop", exitUsage, "drop: want list or remove"},
	} {
		got := ringward(t, "", append(strings.Fields(c.args), "--endpoints", endpoints)...)
		if got.code != c.code || !strings.Contains(got.stderr, c.want) {
			t.Errorf("%s: exit %d, %q; want %d, %q", c.args, got.code, got.stderr, c.code, c.want)
		}
		all[3].status.Identity.Drains = false
	}
	all[1].status.Identity.Drains = false
	got := ringward(t, "", "drain", "node-1", "--timeout", "400ms", "--endpoints", endpoints)
	if got.code != exitError || !strings.Contains(got.stderr, "node-1 still drains") || !strings.Contains(got.stderr, "node-1 is a member of 2 shards: 1, 3") {
		t.Errorf("exit %d, %q", got.code, got.stderr)
	}
}

func TestMemberRemove(t *testing.T) {
	all := fourNodes(t)
	got := ringward(t, "", "member", "remove", "node-4", "--endpoints", all[0].endpoint)
	if got.code != exitOK || !strings.Contains(got.stdout, "node-4 (0000000000000004) is removed") {
		t.Errorf("exit %d, %q, %q", got.code, got.stdout, got.stderr)
	}
	for i, n := range all {
		if len(n.removed) != 1 || n.removed[0] != 4 {
			t.Errorf("node %d was told to remove %v", i+1, n.removed)
		}
	}
	all[1].keeps = true
	got = ringward(t, "", "member", "remove", "node-4", "--endpoints", all[0].endpoint)
	if got.code != exitError || !strings.Contains(got.stderr, "node-2: not possible now") {
		t.Errorf("one refuses: exit %d, %q, %q", got.code, got.stdout, got.stderr)
	}
	if got := ringward(t, "", "member", "list", "--endpoints", all[0].endpoint); strings.Count(got.stdout, "\n") != 5 {
		t.Errorf("the list is\n%s", got.stdout)
	}
}

// A node that is removed hears of it from the others, too, and may have ended before it is told.
func TestMemberRemoveOfOneThatHasEnded(t *testing.T) {
	all := fourNodes(t)
	all[2].told = all[3].stop
	got := ringward(t, "", "member", "remove", "node-4", "--endpoints", all[0].endpoint)
	if got.code != exitOK || !strings.Contains(got.stdout, "node-4 (0000000000000004) is removed") {
		t.Errorf("exit %d, %q, %q", got.code, got.stdout, got.stderr)
	}
	// One of the others may end, too.
	all = fourNodes(t)
	all[0].told = all[1].stop
	got = ringward(t, "", "member", "remove", "node-4", "--endpoints", all[0].endpoint)
	if got.code != exitOK || !strings.Contains(got.stdout, "did not answer, and will hear of it from the others: node-2") {
		t.Errorf("exit %d, %q, %q", got.code, got.stdout, got.stderr)
	}
}
