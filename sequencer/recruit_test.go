package sequencer

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/ringward/ringward/shard"
)

// TestRecruiter runs testdata/recruiter; -rewrite writes it anew, and the diff is the review. What is proposed is not applied
// before the test says so.
//
//	shard abc [regrow=N rejoin=N silence=N]   epoch 1 of three members, ACTIVE; nodes that could be members are a to f
//	tick [n]                what is sent and proposed
//	answers d [ready] [last=N]   the node asked answers: it is there, and how far it is; refuses d: it does not want to
//	apply                   what was proposed last is in the register
//	decide ab, activated    by somebody else, and who is missing was suspected
//	strength N              how many members the shard should have: as many as in the beginning, if not told
//	drains a                that node drains; nobody does without a name
//	better a=d [busy]       it would be better if d took the place of a; busy: the ring is not at rest. Nothing would without names
func TestRecruiter(t *testing.T) {
	var s *recruiting
	datadriven.RunTest(t, "testdata/recruiter", func(t *testing.T, td *datadriven.TestData) string {
		if td.Cmd == "shard" {
			s = &recruiting{register: &Register{Chain: chainOf(1, word(t, td, 0)), Activated: 1}}
			s.home = word(t, td, 0)
			s.strength = len(s.home)
			opt := RecruiterOptions{Regrow: 20, Rejoin: 4, Silence: 8}
			td.MaybeScanArgs(t, "regrow", &opt.Regrow)
			td.MaybeScanArgs(t, "rejoin", &opt.Rejoin)
			td.MaybeScanArgs(t, "silence", &opt.Silence)
			s.recruiter = NewRecruiter(opt, &shard.Numbers{})
			return "ok"
		}
		if out := s.command(t, td); out != "" {
			return out
		}
		return "ok"
	})
}

type recruiting struct {
	home      string
	register  *Register
	recruiter *Recruiter
	proposed  *shard.Command
	ticks     int

	// What it sees of the ring.
	strength int
	drains   string
	better   [2]string
	busy     bool
}

var _ View = (*recruiting)(nil)

func (s *recruiting) Strength() int { return s.strength }
func (s *recruiting) Quiet() bool   { return !s.busy }

func (s *recruiting) Spare(home bool, joins func(shard.NodeID) bool) (shard.NodeID, bool) {
	for _, n := range ids("abcdef") {
		if !s.register.Chain.Newest().Has(n) && joins(n) && name(n) != s.drains && (!home || strings.Contains(s.home, name(n))) {
			return n, true
		}
	}
	return 0, false
}

func (s *recruiting) Exchange(joins func(shard.NodeID) bool) (Move, bool) {
	if newest := s.register.Chain.Newest(); s.drains != "" && newest.Has(id(s.drains)) {
		n, ok := s.Spare(false, joins)
		return Move{Leaves: id(s.drains), Joins: n, Drains: true}, ok
	} else if s.better[0] != "" && newest.Has(id(s.better[0])) && !newest.Has(id(s.better[1])) && joins(id(s.better[1])) {
		return Move{Leaves: id(s.better[0]), Joins: id(s.better[1])}, true
	}
	return Move{}, false
}

func (s *recruiting) Excess() (shard.NodeID, bool) { return s.register.Chain.Newest().Tail(), true }

func (s *recruiting) command(t *testing.T, td *datadriven.TestData) string {
	switch td.Cmd {
	case "tick":
		var b strings.Builder
		for range count(t, td, 0) {
			s.tick(t, &b)
		}
		return b.String()
	case "strength":
		s.strength = count(t, td, 0)
	case "drains":
		if s.drains = ""; len(td.CmdArgs) > 0 {
			s.drains = word(t, td, 0)
		}
	case "better":
		s.better, s.busy = [2]string{}, td.HasArg("busy")
		if len(td.CmdArgs) > 0 {
			s.better = [2]string{td.CmdArgs[0].Key, td.CmdArgs[0].Vals[0]}
		}
	case "answers", "refuses":
		m := shard.Message{Kind: shard.MsgRecruited, Shard: 2, From: id(word(t, td, 0)), Number: s.recruiter.number, Synced: td.HasArg("ready"),
			Epoch: s.register.Chain.Newest().Epoch}
		td.MaybeScanArgs(t, "last", (*uint64)(&m.Last))
		m.Done = td.Cmd == "refuses"
		s.recruiter.Answer(m)
	case "apply":
		if s.proposed == nil {
			return "nothing is proposed"
		}
		s.register = apply(t, s.register, *s.proposed)
		s.proposed = nil
		return describe(s.register)
	case "decide":
		newest := s.register.Chain.Newest()
		next := configuration(newest.Epoch+1, word(t, td, 0))
		var why Reason
		for _, m := range newest.Members {
			if !next.Has(m) {
				why.Suspicions = append(why.Suspicions, Suspicion{By: next.Head(), Of: m})
			}
		}
		s.register = apply(t, s.register, Reconfigure(next, why))
		return describe(s.register)
	case "activated":
		s.register = apply(t, s.register, Activated(s.register.Chain.Newest(), Outcome{}))
		return describe(s.register)
	default:
		t.Fatalf("unknown command %s", td.Cmd)
	}
	return ""
}

func (s *recruiting) tick(t *testing.T, b *strings.Builder) {
	s.ticks++
	messages, c := s.recruiter.Tick(s.register, s)
	for _, m := range messages {
		what := "is asked"
		if m.Synced {
			what = "is to learn"
		}
		if m.Done {
			what += ", at leisure"
		}
		fmt.Fprintf(b, "tick %d: %s %s, epoch %d\n", s.ticks, name(m.To), what, m.Epoch)
	}
	if c != nil {
		s.proposed = c
		fmt.Fprintf(b, "tick %d: proposes %s\n", s.ticks, describe(apply(t, s.register, *c)))
	}
}
