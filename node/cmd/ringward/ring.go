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
shard's configurations, in its own replicated history.`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			v, err := c.look(cmd.Context())
			if err != nil {
				return err
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

func (v clusterView) ring() ringView {
	r := ringView{Cluster: v.Cluster, Losable: v.Losable, Shards: []ringShard{}}
	for _, s := range v.Shards {
		shard := ringShard{Shard: s.Shard, From: s.From, Share: s.Share, Epoch: s.Epoch, SequencedBy: s.SequencedBy, Sequences: s.Sequences}
		for _, m := range s.Members {
			shard.Members = append(shard.Members, ringMember{ID: m.ID, Name: m.Name})
		}
		r.Shards = append(r.Shards, shard)
	}
	return r
}

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
}
