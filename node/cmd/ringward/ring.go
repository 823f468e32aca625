package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

func (c *command) ringVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "ring",
		Short: "Tell which shard owns which keys, who holds it and who sequences it",
		Long: `Shows the ring in its order. A key belongs to the shard in whose slice its 64-bit xxHash lies: from the
shard's FROM up to the next one's. Each shard sequences the one below it, the last the first: it decides that
shard's configurations, in its own replicated history.

Of each node it shows the longest run of shards in a row that the node is in. If the node is lost they are repaired one
after the other, since a shard is repaired by the one before it; other shards are repaired at the same time. A warning
says why, when no node may be lost.`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			v, err := c.look(cmd.Context())
			if err != nil {
				return err
			}
			if v.weakness != "" {
				fmt.Fprintf(c.stderr, "ringward: warning: no node may be lost: %s\n", v.weakness)
			}
			return c.print(v.ring(), v.writeRing)
		},
	}
}

// ringView is the part of the picture that outlasts the moment.
type ringView struct {
	Cluster string      `json:"cluster"`
	Losable int         `json:"losable"`
	Shards  []ringShard `json:"shards"`
	Nodes   []ringNode  `json:"nodes"`
}

type ringShard struct {
	Shard       uint32       `json:"shard"`
	From        string       `json:"from"`
	Share       float64      `json:"share"`
	Epoch       uint64       `json:"epoch"`
	Members     []ringMember `json:"members"` // chain order, head first
	SequencedBy uint32       `json:"sequenced_by"`
	Sequences   uint32       `json:"sequences"`
}

type ringMember struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type ringNode struct {
	ID         string   `json:"id"`
	Name       string   `json:"name"`
	Zone       string   `json:"zone,omitempty"`
	Shards     []uint32 `json:"shards"`      // it is a member of
	Heads      []uint32 `json:"heads"`       // it is the head of
	LongestRun int      `json:"longest_run"` // of neighbours among Shards
}

func (v clusterView) ring() ringView {
	r := ringView{Cluster: v.Cluster, Losable: v.Losable, Shards: []ringShard{}, Nodes: []ringNode{}}
	for _, s := range v.Shards {
		shard := ringShard{Shard: s.Shard, From: s.From, Share: s.Share, Epoch: s.Epoch, SequencedBy: s.SequencedBy, Sequences: s.Sequences}
		for _, m := range s.Members {
			shard.Members = append(shard.Members, ringMember{ID: m.ID, Name: m.Name})
		}
		r.Shards = append(r.Shards, shard)
	}
	for _, n := range v.Nodes {
		if n.belongs() {
			r.Nodes = append(r.Nodes, ringNode{n.ID, n.Name, n.Zone, n.Shards, n.Heads, n.LongestRun})
		}
	}
	return r
}

// belongs reports whether it is known which node it is, and that it is no other cluster's.
func (n nodeView) belongs() bool { return n.ID != "" && !n.stranger }

func (v clusterView) writeRing(w io.Writer) {
	v.writeHeading(w)
	if v.Cluster == "" {
		return
	}
	t := newTable("SHARD", "FROM", "SHARE", "EPOCH", "CHAIN, HEAD FIRST", "SEQUENCED BY", "SEQUENCES")
	for _, s := range v.Shards {
		t.row(s.Shard, s.From, fmt.Sprintf("%.1f%%", 100*s.Share), s.Epoch, s.chain(memberView.named),
			fmt.Sprintf("shard %d", s.SequencedBy), fmt.Sprintf("shard %d", s.Sequences))
	}
	t.write(w)
	fmt.Fprintln(w)
	t = newTable("NODE", "ID", "ZONE", "SHARDS", "HEADS", "LONGEST RUN")
	for _, n := range v.Nodes {
		if n.belongs() {
			t.row(n.Name, n.ID, n.Zone, len(n.Shards), len(n.Heads), n.LongestRun)
		}
	}
	t.write(w)
}
