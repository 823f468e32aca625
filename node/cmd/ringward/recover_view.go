package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/ringward/ringward/sequencer"
	"github.com/ringward/ringward/shard"
)

// recoverView is what recover found, and what it decides.
type recoverView struct {
	Cluster string         `json:"cluster"`
	Lost    []ringMember   `json:"lost"`   // as stated
	Shards  []recoverShard `json:"shards"` // in the order of the ring
	Ruling  *rulingView    `json:"ruling,omitempty"`
	Done    bool           `json:"done"` // it was decided; else nothing was
	stated  bool           // it was to be decided
}

type recoverShard struct {
	Shard uint32  `json:"shard"`
	Share float64 `json:"share"` // of the key space, 0 to 1
	// Condition is "whole", "damaged": it lost members, and the others have all that was acknowledged; or "gone": nobody left surely has.
	Condition string       `json:"condition"`
	Epoch     uint64       `json:"epoch"` // of the newest decided configuration
	Members   []ringMember `json:"members"`
	Lost      []ringMember `json:"lost"`  // of the members
	Stuck     bool         `json:"stuck"` // nobody in the ring can decide its successor
	// Pending is how many later configurations are in the history of those who sequence it, and not known to be in force.
	Pending  int    `json:"pending"`
	Orphaned bool   `json:"orphaned"` // it is stuck for ever: the shard that keeps its register is gone
	words    string // what becomes of it
}

// rulingView is what an operator would decide, or has decided.
type rulingView struct {
	Shard   uint32       `json:"shard"`
	Epoch   uint64       `json:"epoch"`
	Members []ringMember `json:"members"`
	HeldBy  []ringMember `json:"held_by"` // who keep it until the register shows it
}

func (r *recovery) view(x *sequencer.Examination) recoverView {
	v := recoverView{Cluster: r.known.genesis.Cluster, Lost: r.called(x.Lost), stated: r.stated, Shards: []recoverShard{}}
	for i, f := range x.Findings {
		s := recoverShard{
			Shard: uint32(x.Ring[i].Shard), Share: r.known.shard(i, r.known.genesis.Slices[i]).Share, Condition: f.Condition.String(), Epoch: uint64(f.Newest.Epoch),
			Members: r.called(f.Newest.Members), Lost: r.called(f.Lost), Stuck: f.Stuck, Pending: f.Pending,
		}
		before := x.Findings[(i+len(x.Findings)-1)%len(x.Findings)]
		s.Orphaned = f.Stuck && before.Condition == sequencer.Gone
		switch {
		case f.Condition == sequencer.Gone:
			s.words = "refuses service for ever: nobody left surely has all that was acknowledged"
		case s.Orphaned:
			s.words = fmt.Sprintf("refuses service for ever: shard %d, which kept its register, is gone", x.Ring.Sequencer(x.Ring[i].Shard))
		case f.Condition == sequencer.Damaged:
			s.words = "keeps all that was acknowledged"
		}
		v.Shards = append(v.Shards, s)
	}
	return v
}

func (r *recovery) called(nodes []shard.NodeID) []ringMember {
	all := []ringMember{}
	for _, n := range nodes {
		all = append(all, r.known.named(uint64(n)))
	}
	return all
}

// rule notes what would be decided.
func (v *recoverView) rule(r *recovery, x *sequencer.Examination, of shard.ID) {
	c := x.Finding(of).Chain.Newest()
	v.Ruling = &rulingView{Shard: uint32(of), Epoch: uint64(c.Epoch), Members: r.called(c.Members), HeldBy: r.called(x.Holders(of))}
}

func (v recoverView) write(w io.Writer) {
	fmt.Fprintf(w, "cluster %s: stated to be lost for good: %s\n\n", v.Cluster, list(v.Lost))
	t := newTable("SHARD", "EPOCH", "CHAIN, HEAD FIRST", "LOST", "SHARE", "LEFT", "SO IT")
	for _, s := range v.Shards {
		t.row(s.Shard, s.Epoch, chainOf(s.Members), list(s.Lost), fmt.Sprintf("%.1f%%", 100*s.Share), s.Condition, s.words)
	}
	t.write(w)
	if v.Ruling == nil {
		return
	}
	verb := "would be decided"
	if v.Done {
		verb = "is decided"
	}
	fmt.Fprintf(w, "\nWhat %s: shard %d goes on as epoch %d with %s. It is held by %s until the ring has repaired the shard that sequences it.\n",
		verb, v.Ruling.Shard, v.Ruling.Epoch, list(v.Ruling.Members), list(v.Ruling.HeldBy))
	fmt.Fprintf(w, "What is lost: %s.\n", v.losses())
	switch {
	case v.Done:
		fmt.Fprintf(w, "\nThe ring repairs the rest: see ringward status. A lost node must not be started again: give it an empty directory.\n")
	case !v.stated:
		fmt.Fprintf(w, "\nNothing was changed. With --yes-they-never-return you state that they do not, and it is done.\n")
	}
}

// losses says what cannot be had back.
func (v recoverView) losses() string {
	var gone []string
	share := 0.0
	for _, s := range v.Shards {
		if s.Condition == sequencer.Gone.String() || s.Orphaned {
			gone = append(gone, fmt.Sprint(s.Shard))
			share += s.Share
		}
	}
	if len(gone) == 0 {
		return "nothing that was acknowledged; of writes that were under way, each may be there or not"
	}
	return fmt.Sprintf("what shards %s hold, %.1f%% of the key space; of the others nothing that was acknowledged", strings.Join(gone, ", "), 100*share)
}

func list(nodes []ringMember) string {
	var names []string
	for _, n := range nodes {
		names = append(names, n.Name)
	}
	return strings.Join(names, ", ")
}
