package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringward/ringward/rpc/adminpb"
	"github.com/ringward/ringward/rpc/kvpb"
	"github.com/ringward/ringward/shard"
)

func (c *command) historyVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "history SHARD",
		Short: "Tell how a shard's configurations came about",
		Long: `Shows the last 64 configurations of a shard, oldest first: when each was decided, who suspected whom and on what
evidence, or which node joined, left or moved, who decided, and the base, the last position of the history it took over. It is kept by the
shard that sequences this one, so one of its members must answer.

WHY says "evidence" where the machine of the suspect said that its process had ended, else for how long it had been silent:
that is what detection took. The times after BASE are

  DECIDED    from the first report of a suspicion, or where a node joins from the proposal, until the decision was in force
  WEDGED     from when the new head learned of it until it knew what history to take over
  INHERITED  from then until the new head was ACTIVE
  ALL ACTIVE from when the decision was in force until all members were known to be ACTIVE: nodes ask each other again
             about every tick, so it is up to a tick too long
  SERVED     from when the new head was ACTIVE until it had acknowledged a first write, or opened a session: with no
             load, until one came

Each is told by one node's clock, and "-" where none knows: a node had restarted in between, a later decision came first, or what the
head said of its first write was lost. Clocks of nodes may differ, so WHEN is no order. What is shown may lack the very last
decision, where the members that answer have not heard that it is in force.

A shard that is not in the ring ends with exit code 3.`,
		Args: exactly("SHARD"),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := strconv.ParseUint(args[0], 10, 32)
			if err != nil || id == 0 {
				return usagef("SHARD %q: want the number of a shard, from 1, as ringward ring shows it", args[0])
			}
			v, err := c.history(cmd.Context(), shard.ID(id))
			if err != nil {
				return err
			}
			return c.print(v, v.write)
		},
	}
}

// noShardError is that the ring has no such shard.
type noShardError struct{ error }

// historyView is what is remembered of a shard's configurations.
type historyView struct {
	Cluster     string         `json:"cluster"`
	Shard       uint32         `json:"shard"`
	SequencedBy uint32         `json:"sequenced_by"`
	Decisions   []decisionView `json:"decisions"` // oldest first
}

type decisionView struct {
	Epoch   uint64       `json:"epoch"`
	Members []ringMember `json:"members"` // chain order, head first
	// Reason is "init" for the first configuration, of which nothing else is known; "suspicion"; "leave", where members wanted to;
	// "growth" by the last member; "move", where it takes another's place; "lowered", where there are too few nodes for so many members;
	// "operator", who ruled so with ringward recover.
	Reason     string          `json:"reason"`
	Gone       []ringMember    `json:"gone,omitempty"` // members of the one before; not known of the oldest
	At         *time.Time      `json:"at,omitempty"`   // by the clock of DecidedBy; absent: not known
	DecidedBy  *ringMember     `json:"decided_by,omitempty"`
	Suspicions []suspicionView `json:"suspicions,omitempty"`
	Active     bool            `json:"active"` // recorded as ACTIVE at all members
	Base       *uint64         `json:"base,omitempty"`
	// Durations in microseconds; absent: not known.
	StoodUS     uint64 `json:"stood_us,omitempty"`
	PersistedUS uint64 `json:"persisted_us,omitempty"`
	WedgeUS     uint64 `json:"wedge_us,omitempty"`
	InheritUS   uint64 `json:"inherit_us,omitempty"`
	AllActiveUS uint64 `json:"all_active_us,omitempty"`
	ServedUS    uint64 `json:"served_us,omitempty"`
}

type suspicionView struct {
	By       ringMember `json:"by"`
	Of       ringMember `json:"of"`
	Evidence bool       `json:"evidence"`            // that Of had failed
	SilentUS uint64     `json:"silent_us,omitempty"` // for how long Of had been silent, where there was none
}

// history asks all nodes at once, and shows what that one knows which is furthest.
func (c *command) history(ctx context.Context, of shard.ID) (historyView, error) {
	timeout, err := c.patience(surveyTime)
	if err != nil {
		return historyView{}, err
	}
	answers, err := c.answers(ctx, timeout, of)
	if err != nil {
		return historyView{}, err
	}
	k := gather(answers)
	ring := k.genesis.GetSlices()
	if len(ring) == 0 {
		return historyView{}, noShardError{fmt.Errorf("shard %d: there is no cluster yet: ringward init makes one", of)}
	}
	at := slices.IndexFunc(ring, func(s *kvpb.Slice) bool { return s.Shard == uint32(of) })
	if at < 0 {
		return historyView{}, noShardError{fmt.Errorf("shard %d: not found: the ring of cluster %s has %s, see ringward ring", of, k.genesis.Cluster, count(len(ring), "shard"))}
	}
	v := historyView{Cluster: k.genesis.Cluster, Shard: uint32(of), SequencedBy: ring[(at+len(ring)-1)%len(ring)].Shard}
	best, ok := k.sequencer(answers, v)
	if !ok {
		return historyView{}, fmt.Errorf("no member of shard %d, which keeps the history of shard %d, answers", v.SequencedBy, of)
	}
	if len(best) == 0 || best[0].GetConfiguration().GetEpoch() == 2 {
		v.Decisions = append(v.Decisions, decisionView{Epoch: 1, Members: k.members(k.genesis.Initial[at]), Reason: "init", Active: true})
	}
	var before []ringMember
	if n := len(v.Decisions); n > 0 {
		before = v.Decisions[n-1].Members
	}
	for _, d := range best {
		v.Decisions = append(v.Decisions, k.decision(d, before))
		before = k.members(d.GetConfiguration())
	}
	return v, nil
}

// sequencer is what the furthest of the replicas that sequence the shard remembers.
func (k *known) sequencer(answers []answer, v historyView) (best []*adminpb.Decision, ok bool) {
	applied := uint64(0)
	for _, a := range answers {
		r := k.replicas[a.id()][v.SequencedBy]
		if r != nil && !k.stranger(a) && (!ok || r.Applied > applied) {
			best, applied, ok = a.status.Decisions, r.Applied, true
		}
	}
	return best, ok
}

func (k *known) named(id uint64) ringMember {
	return ringMember{ID: shard.NodeID(id).String(), Name: k.name(id)}
}

func (k *known) members(c *kvpb.Configuration) []ringMember {
	all := []ringMember{}
	for _, m := range c.GetMembers() {
		all = append(all, k.named(m))
	}
	return all
}

// decision shows one; before are the members of the one before it, where they are known.
func (k *known) decision(d *adminpb.Decision, before []ringMember) decisionView {
	by := k.named(d.By)
	v := decisionView{
		Epoch: d.GetConfiguration().GetEpoch(), Members: k.members(d.GetConfiguration()), Reason: "growth", DecidedBy: &by,
		Active: d.Active, Base: d.Base,
		StoodUS: d.StoodUs, PersistedUS: d.PersistedUs, WedgeUS: d.WedgeUs, InheritUS: d.InheritUs, AllActiveUS: d.AllActiveUs, ServedUS: d.ServedUs,
	}
	if d.AtUs > 0 && d.AtUs < maxTime {
		at := time.UnixMicro(int64(d.AtUs)).UTC()
		v.At = &at
	}
	if d.By == 0 {
		v.Reason, v.DecidedBy = "operator", nil
		return v
	}
	for _, m := range before {
		if !slices.Contains(v.Members, m) {
			v.Gone = append(v.Gone, m)
		}
	}
	if len(v.Gone) > 0 {
		v.Reason = "lowered"
	}
	if n := len(v.Members); len(v.Gone) > 0 && n > 0 && !slices.Contains(before, v.Members[n-1]) {
		v.Reason = "move"
	}
	for _, s := range d.Suspicions {
		if v.Reason = "suspicion"; !slices.ContainsFunc(d.Suspicions, func(s *adminpb.Suspicion) bool { return s.By != s.Of }) {
			v.Reason = "leave"
		}
		v.Suspicions = append(v.Suspicions, suspicionView{By: k.named(s.By), Of: k.named(s.Of), Evidence: s.SilentUs == 0, SilentUS: s.SilentUs})
	}
	return v
}

func (v historyView) write(w io.Writer) {
	fmt.Fprintf(w, "cluster %s, shard %d, sequenced by shard %d\n\n", v.Cluster, v.Shard, v.SequencedBy)
	t := newTable("EPOCH", "WHEN", "CHAIN, HEAD FIRST", "WHY", "DECIDED BY", "BASE", "DECIDED", "WEDGED", "INHERITED", "ALL ACTIVE", "SERVED")
	for _, d := range v.Decisions {
		var when, by, base, decided string
		if d.At != nil {
			when = d.At.Format("2006-01-02T15:04:05.000Z")
		}
		if d.DecidedBy != nil {
			by = d.DecidedBy.Name
		}
		if d.Base != nil {
			base = fmt.Sprint(*d.Base)
		}
		if d.PersistedUS > 0 {
			decided = took(d.StoodUS + d.PersistedUS)
		}
		t.row(d.Epoch, when, chainOf(d.Members), d.why(), by, base, decided, took(d.WedgeUS), took(d.InheritUS), took(d.AllActiveUS), took(d.ServedUS))
	}
	t.write(w)
}

func chainOf(members []ringMember) string {
	var names []string
	for _, m := range members {
		names = append(names, m.Name)
	}
	return strings.Join(names, " > ")
}

func (d decisionView) why() string {
	tail := chainOf(d.Members[max(0, len(d.Members)-1):])
	switch d.Reason {
	case "growth":
		return tail + " joins"
	case "move":
		return fmt.Sprintf("%s takes the place of %s", tail, chainOf(d.Gone))
	case "lowered":
		return chainOf(d.Gone) + " goes: too few nodes"
	case "operator":
		return "operator: recover"
	case "init":
		return d.Reason
	}
	var all []string
	for _, s := range d.Suspicions {
		switch {
		case s.By == s.Of:
			all = append(all, s.Of.Name+" leaves")
		case s.Evidence:
			all = append(all, fmt.Sprintf("%s suspects %s: evidence", s.By.Name, s.Of.Name))
		default:
			all = append(all, fmt.Sprintf("%s suspects %s: silent for %s", s.By.Name, s.Of.Name, took(s.SilentUS)))
		}
	}
	return strings.Join(all, "; ")
}

// maxTime is the year 6000, in microseconds since 1970: a clock that is further on shows nonsense, of which JSON has no form.
const maxTime = 4030 * 365 * 24 * 3600 * 1_000_000

// took shows a duration in three digits or so; empty where it is not known.
func took(us uint64) string {
	d := time.Duration(min(us, maxTime)) * time.Microsecond
	switch {
	case us == 0:
		return ""
	case d >= 100*time.Second:
		return d.Round(time.Second).String()
	case d >= 100*time.Millisecond:
		return d.Round(time.Millisecond).String()
	case d >= time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	}
	return d.String()
}
