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
//	answers d [ready] [last=N]   the node asked answers: it is there, and how far it is
//	apply                   what was proposed last is in the register
//	decide ab, activated    by somebody else
func TestRecruiter(t *testing.T) {
	var s *recruiting
	datadriven.RunTest(t, "testdata/recruiter", func(t *testing.T, td *datadriven.TestData) string {
		if td.Cmd == "shard" {
			s = &recruiting{register: &Register{Chain: chainOf(1, word(t, td, 0)), Activated: 1}}
			s.home = word(t, td, 0)
			opt := RecruiterOptions{Members: len(s.home), Regrow: 20, Rejoin: 4, Silence: 8}
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
}

func (s *recruiting) command(t *testing.T, td *datadriven.TestData) string {
	switch td.Cmd {
	case "tick":
		var b strings.Builder
		for range count(t, td, 0) {
			s.tick(t, &b)
		}
		return b.String()
	case "answers":
		m := shard.Message{Kind: shard.MsgRecruited, Shard: 2, From: id(word(t, td, 0)), Number: s.recruiter.number, Synced: td.HasArg("ready"),
			Epoch: s.register.Chain.Newest().Epoch}
		td.MaybeScanArgs(t, "last", (*uint64)(&m.Last))
		s.recruiter.Answer(m)
	case "apply":
		s.register = apply(t, s.register, *s.proposed)
		return describe(s.register)
	case "decide":
		s.register = apply(t, s.register, Reconfigure(configuration(s.register.Chain.Newest().Epoch+1, word(t, td, 0)), Reason{}))
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
	messages, c := s.recruiter.Tick(s.register, func(home bool, out func(shard.NodeID) bool) (shard.NodeID, bool) {
		for _, n := range ids("abcdef") {
			if !s.register.Chain.Newest().Has(n) && !out(n) && (!home || strings.Contains(s.home, name(n))) {
				return n, true
			}
		}
		return 0, false
	})
	for _, m := range messages {
		what := "is asked"
		if m.Synced {
			what = "is to learn"
		}
		fmt.Fprintf(b, "tick %d: %s %s, epoch %d\n", s.ticks, name(m.To), what, m.Epoch)
	}
	if c != nil {
		s.proposed = c
		fmt.Fprintf(b, "tick %d: proposes %s\n", s.ticks, describe(apply(t, s.register, *c)))
	}
}
