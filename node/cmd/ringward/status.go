package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringward/ringward/node"
	"github.com/ringward/ringward/shard"
)

func (c *command) statusVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Tell how every shard and every node fares",
		Long: `Asks every node of the cluster at the same time and shows one picture: of each shard its epoch, its chain with the
state of each member, how far its history is committed, and which shard sequences it; of each node
whether it is up. A node that does not answer is shown as down with the reason.

A member's state is ACTIVE, PENDING or IMMUTABLE, or else "down" where its node does not answer and "absent" where the
node holds no replica yet. "@7" behind it means that the member knows of no newer epoch than 7. Nodes have 2s to
answer unless --timeout says otherwise.

SUSPICIONS is how often a node has begun to suspect another since its start, and how many of these suspicions were false: the
other was heard of again without a restart. Many false ones call for a longer suspect-after.`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			v, err := c.look(cmd.Context())
			if err != nil {
				return err
			}
			return c.print(v, v.writeStatus)
		},
	}
}

// surveyTime is how long status and ring wait for a node unless told otherwise: nodes
// that are down are part of the answer.
const surveyTime = 2 * time.Second

// look surveys the cluster that the endpoints belong to.
func (c *command) look(ctx context.Context) (clusterView, error) {
	timeout, err := c.patience(surveyTime)
	if err != nil {
		return clusterView{}, err
	}
	return c.lookFor(ctx, timeout)
}

// lookFor is look with so much time for each node.
func (c *command) lookFor(ctx context.Context, timeout time.Duration) (clusterView, error) {
	answers, err := c.answers(ctx, timeout, 0)
	if err != nil {
		return clusterView{}, err
	}
	return merge(answers, timeout), nil
}

// answers are those of all nodes, at least one of which is there, with the last decisions about a shard; 0: of none.
func (c *command) answers(ctx context.Context, timeout time.Duration, historyOf shard.ID) ([]answer, error) {
	endpoints, err := c.cluster()
	if err != nil {
		return nil, err
	}
	all := survey(ctx, endpoints, timeout, historyOf)
	if !slices.ContainsFunc(all, func(a answer) bool { return a.err == nil }) {
		return nil, nobody(all, timeout)
	}
	return all, nil
}

func (v clusterView) writeStatus(w io.Writer) {
	v.writeHeading(w)
	if v.Cluster != "" {
		t := newTable("SHARD", "EPOCH", "CHAIN, HEAD FIRST", "COMMIT", "SEQUENCED BY")
		for _, s := range v.Shards {
			t.row(s.Shard, s.Epoch, s.chain(memberView.stated), s.Commit, fmt.Sprintf("shard %d", s.SequencedBy))
		}
		t.write(w)
		fmt.Fprintln(w)
	}
	t := newTable("NODE", "ID", "ADDRESS", "SHARDS", "HEADS", "LOG", "UPTIME", "SUSPICIONS", "STATE")
	for _, n := range v.Nodes {
		var log, uptime, suspicions string
		if n.Up {
			log = roundSize(n.LogBytes)
			uptime = (time.Duration(n.UptimeMS) * time.Millisecond).Round(time.Second).String()
			suspicions = fmt.Sprint(n.Suspicions)
			if n.FalseSuspicions > 0 {
				suspicions += fmt.Sprintf(", %d false", n.FalseSuspicions)
			}
		}
		t.row(n.Name, n.ID, n.Address, len(n.Shards), len(n.Heads), log, uptime, suspicions, n.state())
	}
	t.write(w)
}

func (v clusterView) writeHeading(w io.Writer) {
	if v.Cluster == "" {
		fmt.Fprintf(w, "no cluster yet: ringward init makes one of these nodes\n\n")
		return
	}
	up := 0
	for _, n := range v.Nodes {
		if n.Up {
			up++
		}
	}
	fmt.Fprintf(w, "cluster %s: %s, %d of %s up; %s\n\n", v.Cluster,
		count(len(v.Shards), "shard"), up, count(len(v.Nodes), "node"), mayBeLost(v.Losable))
}

func mayBeLost(n int) string {
	if n == 0 {
		return "no node may be lost"
	}
	return fmt.Sprintf("any %s may be lost", count(n, "node"))
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// chain shows the members in chain order.
func (s shardView) chain(show func(m memberView, epoch uint64) string) string {
	var members []string
	for _, m := range s.Members {
		members = append(members, show(m, s.Epoch))
	}
	return strings.Join(members, " > ")
}

// stated is a member's name, its state, and what is unusual about it.
func (m memberView) stated(epoch uint64) string {
	text := m.Name + " " + m.State
	if m.Epoch != 0 && m.Epoch != epoch {
		text += fmt.Sprintf("@%d", m.Epoch)
	}
	if m.State == "ACTIVE" && !m.Synced {
		text += " unsynced"
	}
	if m.Held {
		text += " held"
	}
	if m.Error != "" {
		text += " stopped: " + m.Error
	}
	return text
}

func (m memberView) named(uint64) string { return m.Name }

func (n nodeView) state() string {
	state := "down"
	if n.Up {
		state = "up"
	}
	if n.Draining {
		state += ", draining"
	}
	if n.Reason != "" {
		state += ": " + n.Reason
	}
	if len(n.Suspected) > 0 {
		state += ", suspects " + strings.Join(n.Suspected, ", ")
	}
	return state
}

// roundSize shows bytes in the unit that leaves at most four digits.
func roundSize(bytes uint64) string {
	unit := node.Size(1)
	for node.Size(bytes) >= 10000*unit && unit < 1<<40 {
		unit <<= 10
	}
	return (node.Size(bytes) / unit * unit).String()
}
