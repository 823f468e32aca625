package rpc

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/ringward/ringward/rpc/adminpb"
	"github.com/ringward/ringward/rpc/internal/wire"
	"github.com/ringward/ringward/sequencer"
	"github.com/ringward/ringward/shard"
)

// Recovery is one step of an operator's ruling, as a node is asked for it.
type Recovery struct {
	Step  adminpb.RecoverStep
	Shard shard.ID // 0 where the node is only to look
	Lost  []shard.NodeID
	// Ruling has no chain before it is known what is ruled.
	Ruling shard.Ruling
}

// Recover takes one step of a ruling.
func (s *adminService) Recover(ctx context.Context, in *adminpb.RecoverRequest) (*adminpb.RecoverResponse, error) {
	r, err := recoveryFromProto(in)
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	w, err := s.admin.Recover(ctx, r)
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return nil, status.FromContextError(err).Err()
	case err != nil:
		return nil, status.Error(codes.FailedPrecondition, err.Error())
	}
	return WitnessToProto(w), nil
}

func recoveryFromProto(in *adminpb.RecoverRequest) (r Recovery, err error) {
	r = Recovery{Step: in.GetStep(), Shard: shard.ID(in.GetShard()), Ruling: shard.Ruling{At: in.GetAttempt()}}
	for _, n := range in.GetLost() {
		r.Lost = append(r.Lost, shard.NodeID(n))
	}
	decides := r.Step == adminpb.RecoverStep_RECOVER_STEP_HOLD || r.Step == adminpb.RecoverStep_RECOVER_STEP_ENFORCE
	switch {
	case r.Step < adminpb.RecoverStep_RECOVER_STEP_LOOK || r.Step > adminpb.RecoverStep_RECOVER_STEP_ENFORCE:
		return r, fmt.Errorf("step %d: want 1 to 4", r.Step)
	case r.Step != adminpb.RecoverStep_RECOVER_STEP_LOOK && (r.Shard == 0 || r.Ruling.At == 0):
		return r, fmt.Errorf("attempt %d to rule on shard %d: neither is 0", r.Ruling.At, r.Shard)
	case decides != (len(in.GetRuling()) > 0):
		return r, fmt.Errorf("step %v with a ruling of %d configurations", r.Step, len(in.GetRuling()))
	}
	if decides {
		if r.Ruling.Chain, err = chainFromProto(&adminpb.ConfigurationChain{Configurations: in.Ruling}); err != nil {
			return r, err
		}
		if r.Ruling.Chain[0].Shard != r.Shard {
			return r, fmt.Errorf("the ruling is about shard %d, and named is shard %d", r.Ruling.Chain[0].Shard, r.Shard)
		}
	}
	return r, nil
}

// WitnessToProto encodes what a node knows.
func WitnessToProto(w sequencer.Witness) *adminpb.RecoverResponse {
	p := &adminpb.RecoverResponse{Node: uint64(w.Node)}
	for _, ch := range w.Known {
		p.Known = append(p.Known, chainToProto(ch))
	}
	for _, n := range w.Heard {
		p.Heard = append(p.Heard, uint64(n))
	}
	for _, t := range w.Replicas {
		q := &adminpb.Testimony{
			Chain: chainToProto(t.Chain), Active: uint64(t.Active), Last: uint64(t.Last), Decided: chainToProto(t.Decided), Foreseen: chainToProto(t.Foreseen),
		}
		for _, v := range t.Lineage {
			q.Lineage = append(q.Lineage, uint64(v.Epoch), uint64(v.Seqno))
		}
		if t.Ruling.Open() {
			q.Ruling, q.RuledAt = chainToProto(t.Ruling.Chain), t.Ruling.At
		}
		p.Replicas = append(p.Replicas, q)
	}
	return p
}

// WitnessFromProto reads what a node said, or why that makes no sense.
func WitnessFromProto(p *adminpb.RecoverResponse) (w sequencer.Witness, err error) {
	w.Node = shard.NodeID(p.GetNode())
	chain := func(p *adminpb.ConfigurationChain) (ch shard.Chain) {
		if err == nil {
			ch, err = chainFromProto(p)
		}
		return ch
	}
	for _, k := range p.GetKnown() {
		w.Known = append(w.Known, chain(k))
	}
	for _, n := range p.GetHeard() {
		w.Heard = append(w.Heard, shard.NodeID(n))
	}
	for _, q := range p.GetReplicas() {
		t := sequencer.Testimony{
			Node: w.Node, Chain: chain(q.Chain), Active: shard.Epoch(q.Active), Last: shard.Seqno(q.Last), Decided: chain(q.Decided), Foreseen: chain(q.Foreseen),
		}
		for pair := range slices.Chunk(q.Lineage, 2) {
			if len(pair) < 2 {
				return w, fmt.Errorf("what node %v says: a lineage of %d numbers: want pairs", w.Node, len(q.Lineage))
			}
			t.Lineage = append(t.Lineage, shard.View{Epoch: shard.Epoch(pair[0]), Seqno: shard.Seqno(pair[1])})
		}
		if err == nil {
			err = t.Lineage.Valid()
		}
		if q.Ruling != nil {
			t.Ruling = shard.Ruling{At: q.RuledAt, Chain: chain(q.Ruling)}
		}
		w.Replicas = append(w.Replicas, t)
	}
	if err != nil {
		return w, fmt.Errorf("what node %v says: %w", w.Node, err)
	}
	return w, nil
}

func chainToProto(ch shard.Chain) *adminpb.ConfigurationChain {
	return &adminpb.ConfigurationChain{Configurations: ChainToProto(ch)}
}

func chainFromProto(p *adminpb.ConfigurationChain) (ch shard.Chain, err error) {
	for _, q := range p.GetConfigurations() {
		c, err := wire.ConfigurationFromProto(q)
		if err != nil {
			return nil, err
		}
		ch = append(ch, c)
	}
	return ch, ch.Valid()
}

// RulingToProto is the request for a step with a ruling.
func RulingToProto(step adminpb.RecoverStep, of shard.ID, lost []shard.NodeID, g shard.Ruling) *adminpb.RecoverRequest {
	p := &adminpb.RecoverRequest{Step: step, Shard: uint32(of), Attempt: g.At}
	for _, n := range lost {
		p.Lost = append(p.Lost, uint64(n))
	}
	if g.Open() {
		p.Ruling = ChainToProto(g.Chain)
	}
	return p
}
