package cluster

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/ringward/ringward/rpc/adminpb"
	"github.com/ringward/ringward/rpc/kvpb"
)

func TestInactive(t *testing.T) {
	const active, pending = adminpb.State_STATE_ACTIVE, adminpb.State_STATE_PENDING
	replica := func(shard uint32, epoch uint64, state adminpb.State, members ...uint64) *adminpb.Replica {
		return &adminpb.Replica{Configuration: &kvpb.Configuration{Shard: shard, Epoch: epoch, Members: members}, State: state}
	}
	status := func(node uint64, replicas ...*adminpb.Replica) *adminpb.StatusResponse {
		return &adminpb.StatusResponse{Identity: &adminpb.IdentityResponse{Node: node, Name: "node-x"}, Replicas: replicas}
	}
	broken := replica(2, 1, active, 2, 3)
	broken.Error = "two entries with one number"
	for name, test := range map[string]struct {
		statuses []*adminpb.StatusResponse
		want     string
	}{
		"all": {[]*adminpb.StatusResponse{
			status(1, replica(1, 1, active, 1, 2)), status(2, replica(1, 1, active, 1, 2), replica(2, 1, active, 2)),
		}, ""},
		// Who was taken out has no say, and may know nothing of it.
		"shrunk": {[]*adminpb.StatusResponse{
			status(1, replica(1, 1, active, 1, 2)), status(2, replica(1, 2, active, 2), replica(2, 1, active, 2)), nil,
		}, ""},
		"pending": {[]*adminpb.StatusResponse{
			status(1, replica(1, 2, active, 1, 2)), status(2, replica(1, 2, pending, 1, 2), replica(2, 1, active, 2)),
		}, "shard 1: its newest epoch is 2, and node 0000000000000002 is STATE_PENDING in epoch 2"},
		"behind": {[]*adminpb.StatusResponse{
			status(1, replica(1, 3, active, 1, 2)), status(2, replica(1, 2, active, 1, 2), replica(2, 1, active, 2)),
		}, "shard 1: its newest epoch is 3, and node 0000000000000002 is STATE_ACTIVE in epoch 2"},
		"silent": {[]*adminpb.StatusResponse{
			nil, status(2, replica(1, 1, active, 1, 2), replica(2, 1, active, 2)),
		}, "node 0000000000000001 is STATE_UNSPECIFIED"},
		"unheard": {[]*adminpb.StatusResponse{status(1, replica(1, 1, active, 1)), nil}, "1 shards are heard of, of 2"},
		"broken":  {[]*adminpb.StatusResponse{status(2, replica(1, 1, active, 2), broken)}, "shard 2: the replica of node-x has stopped: two entries"},
	} {
		err := Inactive(2, 0, test.statuses)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: error %v, want %q", name, err, test.want)
		}
	}
}

func TestTooFewMembers(t *testing.T) {
	statuses := []*adminpb.StatusResponse{{Identity: &adminpb.IdentityResponse{Node: 1}, Replicas: []*adminpb.Replica{{
		Configuration: &kvpb.Configuration{Shard: 1, Epoch: 2, Members: []uint64{1}}, State: adminpb.State_STATE_ACTIVE,
	}}}}
	for members, want := range []string{"", "", "shard 1: it has 1 members in epoch 2, want 2"} {
		if err := Inactive(1, members, statuses); want == "" && err != nil || want != "" && (err == nil || err.Error() != want) {
			t.Errorf("%d members: error %v, want %q", members, err, want)
		}
	}
}

func TestAwaitActiveEndsWithItsContext(t *testing.T) {
	c := startTest(t, Options{Nodes: 2, Shards: 1, Replicas: 1})
	if err := c.Nodes()[0].Kill(); err != nil {
		t.Fatal(err)
	}
	patience := errors.New("patience is at an end")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(patience)
	if err := c.AwaitActive(ctx); !errors.Is(err, patience) || !strings.Contains(err.Error(), "0 shards are heard of, of 1") {
		t.Errorf("error %v", err)
	}
}

func TestKeep(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	c := startTest(t, Options{Nodes: 1, Shards: 1, Replicas: 1})
	c.Keep()
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(c.Nodes()[0].Log); err != nil {
		t.Error(err)
	}
}
