package sequencer

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/ringward/ringward/shard"
)

// TestTranscripts runs the files of testdata/transcripts; -rewrite writes them anew, and the diff is the review.
//
//	register abc expiry=4            epoch 1, ACTIVE at all its members
//	hears ab [after=ab]              of whom the proposer itself has heard lately, and of whom since they were accused: else of all
//	report a suspects=bc [silent=(T,T)] [epoch=E] [quiet]   without suspects: the suspicion is taken back; quiet: no proposal yet
//	propose                          what the head proposes now
//	clock T                          in microseconds
//	decide ab                        the next configuration, for the reasons that the proposer knows
//	history                          the decisions that the register remembers
//	activated [epoch=E]              the register records it
//	reset                            the sequencer shard has another configuration
//	wedged a active=E [promise=E] [number=N] [base=N] [took=(T,T)]
//	tick [n]                         shows the wedges that are sent, and what is complete
func TestTranscripts(t *testing.T) {
	datadriven.Walk(t, "testdata/transcripts", func(t *testing.T, path string) {
		s := &stage{}
		datadriven.RunTest(t, path, func(t *testing.T, td *datadriven.TestData) string {
			out := s.command(t, td)
			if out == "" {
				return "ok"
			}
			return out
		})
	})
}

func (s *stage) command(t *testing.T, td *datadriven.TestData) string {
	switch td.Cmd {
	case "register":
		expiry := 4
		td.MaybeScanArgs(t, "expiry", &expiry)
		*s = stage{
			register: &Register{Chain: chainOf(1, word(t, td, 0)), Activated: 1},
			proposer: NewProposer(expiry), enforcer: NewEnforcer(&shard.Numbers{}),
		}
		s.enforcer.Follow(s.register)
	case "hears":
		s.heard = ""
		if len(td.CmdArgs) > 0 {
			s.heard = word(t, td, 0)
		}
		s.since = s.heard
		td.MaybeScanArgs(t, "after", &s.since)
	case "report":
		suspects := ""
		td.MaybeScanArgs(t, "suspects", &suspects)
		s.proposer.Report(shard.Message{
			Kind: shard.MsgReport, Shard: 2, From: id(word(t, td, 0)), Epoch: s.epoch(t, td), Suspects: ids(suspects),
			Took: durations(t, td, "silent"),
		}, 1, s.now)
		if !td.HasArg("quiet") {
			return s.propose()
		}
	case "propose":
		return s.propose()
	case "clock":
		s.now = uint64(count(t, td, 0))
	case "history":
		return remembered(s.register)
	case "decide":
		newest := s.register.Chain.Newest()
		c := configuration(newest.Epoch+1, word(t, td, 0))
		return s.apply(t, Reconfigure(c, s.proposer.Reason(newest, Reason{At: s.now, By: id("z")})))
	case "activated":
		c, ok := s.register.Chain.At(s.epoch(t, td))
		if !ok {
			t.Fatalf("%s: no such epoch", td.Pos)
		}
		return s.apply(t, Activated(c, s.enforcer.Outcome()))
	case "reset":
		s.proposer.Reset()
		return s.propose()
	case "wedged":
		var active, number, promise = uint64(0), uint64(0), uint64(s.register.Chain.Newest().Epoch)
		if s.enforcer.asking != nil {
			number = uint64(s.enforcer.asking.Number)
		}
		td.MaybeScanArgs(t, "active", &active)
		td.MaybeScanArgs(t, "promise", &promise)
		td.MaybeScanArgs(t, "number", &number)
		var lineage shard.Lineage
		if td.HasArg("base") {
			base := uint64(0)
			td.ScanArgs(t, "base", &base)
			lineage = shard.Lineage{{Epoch: shard.Epoch(active), Seqno: shard.Seqno(base)}}
		}
		s.enforcer.Answer(shard.Message{
			Kind: shard.MsgWedged, Shard: 2, From: id(word(t, td, 0)), Epoch: shard.Epoch(promise),
			Number: shard.Number(number), Active: shard.Epoch(active), Lineage: lineage, Took: durations(t, td, "took"),
		})
		return s.complete()
	case "tick":
		var b strings.Builder
		for range count(t, td, 0) {
			s.ticks++
			s.proposer.Tick()
			out := s.propose()
			for _, m := range s.enforcer.Tick() {
				out += fmt.Sprintf("-> %s %v(%d) #%d chain from %d\n", name(m.To), m.Kind, m.Epoch, m.Number, m.Chain[0].Epoch)
			}
			if out != "" {
				fmt.Fprintf(&b, "tick %d\n%s", s.ticks, out)
			}
		}
		return b.String()
	default:
		t.Fatalf("unknown command %s", td.Cmd)
	}
	return ""
}

// durations is the argument of that name; none where it is left out.
func durations(t *testing.T, td *datadriven.TestData, name string) (all []uint64) {
	arg, _ := td.Arg(name)
	for _, v := range arg.Vals {
		d, err := strconv.ParseUint(v, 10, 64)
		if err != nil {
			t.Fatalf("%s: %v", td.Pos, err)
		}
		all = append(all, d)
	}
	return all
}

func (s *stage) propose() string {
	c, ok := s.proposer.Propose(s.register, func(n shard.NodeID, after int) bool {
		return strings.Contains(s.heard, name(n)) && (after == 0 || strings.Contains(s.since, name(n)))
	})
	if !ok {
		return ""
	}
	return fmt.Sprintf("proposes %d(%s)\n", c.Epoch, names(c.Members))
}

func (s *stage) apply(t *testing.T, c shard.Command) string {
	s.register = apply(t, s.register, c)
	s.enforcer.Follow(s.register)
	return describe(s.register)
}

func (s *stage) complete() string {
	c, ok := s.enforcer.Complete()
	if !ok {
		return ""
	}
	return fmt.Sprintf("%d(%s) is ACTIVE at all members\n", c.Epoch, names(c.Members))
}
