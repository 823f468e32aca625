package failover

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/ringward/ringward/bench/internal/cluster"
	"github.com/ringward/ringward/rpc/adminpb"
	"github.com/ringward/ringward/rpc/kvpb"
)

// view is what all nodes that answered say at one moment.
type view struct {
	statuses []*adminpb.StatusResponse // in the order of the endpoints; nil: no answer
	genesis  *adminpb.Genesis
	newest   map[uint32]*kvpb.Configuration // of each shard
}

// look asks all nodes.
func look(ctx context.Context, endpoints []string) (*view, error) {
	statuses, errs := cluster.Statuses(ctx, endpoints, &adminpb.StatusRequest{})
	v := &view{statuses: statuses, newest: map[uint32]*kvpb.Configuration{}}
	for _, s := range statuses {
		if g := s.GetIdentity().GetGenesis(); g != nil {
			v.genesis = g
		}
		for _, r := range s.GetReplicas() {
			if c := r.GetConfiguration(); c.GetEpoch() > v.newest[c.GetShard()].GetEpoch() {
				v.newest[c.GetShard()] = c
			}
		}
	}
	if v.genesis == nil {
		return nil, fmt.Errorf("no node says that it belongs to a cluster: %w", errors.Join(errs...))
	}
	return v, nil
}

// Parts is how many shards there are.
func (v *view) Parts() int { return len(v.genesis.GetSlices()) }

// shard is that at a place in the ring, which goes on from its end at its beginning.
func (v *view) shard(place int) *kvpb.Configuration {
	n := v.Parts()
	return v.newest[v.genesis.GetSlices()[(place%n+n)%n].GetShard()]
}

// Changes is the sum of all shards' epochs: it grows by one with each reconfiguration.
func (v *view) Changes() (sum int) {
	for _, c := range v.newest {
		sum += int(c.GetEpoch())
	}
	return sum
}

// Lacking says what keeps the ring from having every shard ACTIVE with as many members as it began with; nil: nothing.
func (v *view) Lacking() error {
	return cluster.Inactive(v.Parts(), len(v.genesis.GetInitial()[0].GetMembers()), v.statuses)
}

// Last says which shard would have no member without the node; nil: none.
func (v *view) Last(node uint64) error {
	for id, c := range v.newest {
		if m := c.GetMembers(); len(m) == 1 && m[0] == node {
			return fmt.Errorf("shard %d has no member but %s in epoch %d", id, v.Name(node), c.GetEpoch())
		}
	}
	return nil
}

// place is where a node stands among the endpoints; -1: it did not answer.
func (v *view) place(node uint64) int {
	return slices.IndexFunc(v.statuses, func(s *adminpb.StatusResponse) bool { return s.GetIdentity().GetNode() == node })
}

// Name is a node's for people.
func (v *view) Name(node uint64) string {
	if i := v.place(node); i >= 0 && v.statuses[i].GetIdentity().GetName() != "" {
		return v.statuses[i].GetIdentity().GetName()
	}
	return fmt.Sprintf("%016x", node)
}

// Suspicions is how many there were since before, and how many of them were false, as far as the nodes that count them did not
// restart meanwhile: those begin again at 0.
func (v *view) Suspicions(before State) (all, wrong int) {
	then := before.(*view).statuses
	since := func(now, old *adminpb.StatusResponse, count func(*adminpb.StatusResponse) uint64) int {
		if old.GetIdentity().GetBoot() != now.GetIdentity().GetBoot() {
			return int(count(now))
		}
		return int(count(now) - count(old))
	}
	for i, now := range v.statuses {
		if now == nil || then[i] == nil { // what it counted before nobody knows
			continue
		}
		all += since(now, then[i], (*adminpb.StatusResponse).GetSuspicions)
		wrong += since(now, then[i], (*adminpb.StatusResponse).GetFalseSuspicions)
	}
	return all, wrong
}

// Find chooses the node that plays a part for the shard at a place in the ring. It is one that answered: nobody else knows where it is.
func (v *view) Find(t Target, place int, rng *rand.Rand) (uint64, error) {
	node, err := v.find(t, place, rng)
	if err == nil && v.place(node) < 0 {
		return 0, fmt.Errorf("%s of shard %d: %s does not answer", t, place+1, v.Name(node))
	}
	return node, err
}

func (v *view) find(t Target, place int, rng *rand.Rand) (uint64, error) {
	members, sequencer := v.shard(place).GetMembers(), v.shard(place-1).GetMembers()
	if len(members) == 0 || len(sequencer) == 0 {
		return 0, fmt.Errorf("no node tells of shard %d or of the one that sequences it", place+1)
	}
	switch t {
	case Head:
		return members[0], nil
	case Middle:
		return members[len(members)/2], nil
	case Tail:
		return members[len(members)-1], nil
	case Sequencer:
		return sequencer[0], nil
	case Both:
		for _, m := range members {
			if slices.Contains(sequencer, m) {
				return m, nil
			}
		}
		return 0, fmt.Errorf("target %s: no node is in shard %d and in the one that sequences it: take fewer nodes or more replicas", Both, place+1)
	}
	var all []uint64
	for _, c := range v.newest {
		for _, m := range c.GetMembers() {
			if !slices.Contains(all, m) {
				all = append(all, m)
			}
		}
	}
	slices.Sort(all)
	return all[rng.IntN(len(all))], nil
}

// Role is a node's in the chain of a shard.
func (v *view) Role(place int, node uint64) Target {
	members := v.shard(place).GetMembers()
	switch slices.Index(members, node) {
	case -1:
		return ""
	case 0:
		return Head
	case len(members) - 1:
		return Tail
	}
	return Middle
}

// PartID is the number of the shard at a place.
func (v *view) PartID(place int) uint32 { return v.shard(place).GetShard() }

// decisions are the last ones about a shard, as that node tells them which is furthest.
func decisions(ctx context.Context, endpoints []string, shard uint32) (best []*adminpb.Decision) {
	known := func(all []*adminpb.Decision) (epoch uint64, active int) {
		for _, d := range all {
			epoch = d.GetConfiguration().GetEpoch()
			if d.GetActive() {
				active++
			}
		}
		return epoch, active
	}
	statuses, _ := cluster.Statuses(ctx, endpoints, &adminpb.StatusRequest{HistoryOf: shard})
	for _, s := range statuses {
		epoch, active := known(s.GetDecisions())
		if e, a := known(best); epoch > e || epoch == e && active > a {
			best = s.GetDecisions()
		}
	}
	return best
}
