package rpc

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/ringward/ringward/rpc/adminpb"
	"github.com/ringward/ringward/rpc/kvpb"
	"github.com/ringward/ringward/sequencer"
	"github.com/ringward/ringward/shard"
)

func chainFrom(s shard.ID, first shard.Epoch, members ...shard.NodeID) (ch shard.Chain) {
	for i, m := range members {
		ch = append(ch, shard.Configuration{Shard: s, Epoch: first + shard.Epoch(i), Members: []shard.NodeID{m}})
	}
	return ch
}

func TestRecover(t *testing.T) {
	b := newBackend()
	var asked Recovery
	want := sequencer.Witness{
		Node: alice, Known: []shard.Chain{chainFrom(1, 1, alice), chainFrom(2, 3, alice, bob)}, Heard: []shard.NodeID{bob},
		Replicas: []sequencer.Testimony{{
			Node: alice, Chain: chainFrom(1, 2, alice), Active: 2, Last: 9, Lineage: shard.Lineage{{Epoch: 1}, {Epoch: 2, Seqno: 7}},
			Decided: chainFrom(2, 3, alice), Foreseen: chainFrom(2, 3, alice, bob), Ruling: shard.Ruling{At: 5, Chain: chainFrom(2, 3, alice, bob)},
		}},
	}
	b.recover = func(r Recovery) (sequencer.Witness, error) { asked = r; return want, nil }
	_, admin, _ := dial(t, serve(t, b, nil))
	g := shard.Ruling{At: 5, Chain: chainFrom(2, 3, alice, bob)}
	out, err := admin.Recover(t.Context(), RulingToProto(adminpb.RecoverStep_RECOVER_STEP_HOLD, 2, []shard.NodeID{bob}, g))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := WitnessFromProto(out); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
	if step := (Recovery{Step: adminpb.RecoverStep_RECOVER_STEP_HOLD, Shard: 2, Lost: []shard.NodeID{bob}, Ruling: g}); !reflect.DeepEqual(asked, step) {
		t.Errorf("asked %+v, want %+v", asked, step)
	}
	b.recover = func(Recovery) (sequencer.Witness, error) { return want, errors.New("it must not") }
	if _, err := admin.Recover(t.Context(), &adminpb.RecoverRequest{Step: adminpb.RecoverStep_RECOVER_STEP_LOOK}); status.Code(err) != codes.FailedPrecondition {
		t.Errorf("refused by the node: %v", err)
	}
}

// TestRecoverRefuses: nothing of this reaches the node.
// TestWitnessIsChecked: what a node says is looked at before a ruling rests on it.
func TestWitnessIsChecked(t *testing.T) {
	chain := chainToProto(shard.Chain{{Shard: 1, Epoch: 1, Members: []shard.NodeID{alice}}})
	for want, lineage := range map[string][]uint64{
		"": {1, 0, 2, 5}, "a lineage of 3 numbers: want pairs": {1, 0, 2}, "epochs must rise": {2, 0, 1, 5},
	} {
		_, err := WitnessFromProto(&adminpb.RecoverResponse{Node: 1, Replicas: []*adminpb.Testimony{{Chain: chain, Decided: chain, Foreseen: chain, Lineage: lineage}}})
		if (want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", lineage, err, want)
		}
	}
}

func TestRecoverRefuses(t *testing.T) {
	b := newBackend()
	b.recover = func(r Recovery) (w sequencer.Witness, err error) {
		t.Errorf("the node is asked for %+v", r)
		return w, nil
	}
	_, admin, _ := dial(t, serve(t, b, nil))
	ruling := ChainToProto(chainFrom(2, 3, alice, bob))
	for want, in := range map[string]*adminpb.RecoverRequest{
		"step 0: want 1 to 4":                    {},
		"step 9: want 1 to 4":                    {Step: 9},
		"attempt 0 to rule on shard 2":           {Step: adminpb.RecoverStep_RECOVER_STEP_FREEZE, Shard: 2},
		"attempt 5 to rule on shard 0":           {Step: adminpb.RecoverStep_RECOVER_STEP_FREEZE, Attempt: 5},
		"with a ruling of 0 configurations":      {Step: adminpb.RecoverStep_RECOVER_STEP_HOLD, Attempt: 5, Shard: 2},
		"with a ruling of 2 configurations":      {Step: adminpb.RecoverStep_RECOVER_STEP_FREEZE, Attempt: 5, Shard: 2, Ruling: ruling},
		"is about shard 2, and named is":         {Step: adminpb.RecoverStep_RECOVER_STEP_HOLD, Attempt: 5, Shard: 1, Ruling: ruling},
		"jumps from epoch 4 to 3":                {Step: adminpb.RecoverStep_RECOVER_STEP_HOLD, Attempt: 5, Shard: 2, Ruling: []*kvpb.Configuration{ruling[1], ruling[0]}},
		"configuration of shard 2 has 0 members": {Step: adminpb.RecoverStep_RECOVER_STEP_ENFORCE, Attempt: 5, Shard: 2, Ruling: []*kvpb.Configuration{{Shard: 2, Epoch: 3}}},
	} {
		if _, err := admin.Recover(t.Context(), in); status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want a refusal with %q", err, want)
		}
	}
}
