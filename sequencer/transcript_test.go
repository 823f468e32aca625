package sequencer

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/ringward/ringward/shard"
)

// TestTranscripts runs the files of testdata/transcripts; -rewrite writes them anew, and the diff is the review.
//
//	register abc expiry=4            epoch 1, ACTIVE at all its members
//	hears ab [after=ab]              of whom the proposer itself has heard lately, and of whom since they were accused: else of all
//	report a suspects=bc [epoch=E] [quiet]   without suspects: the suspicion is taken back; quiet: no proposal yet
//	propose                          what the head proposes now
//	decide ab                        the next configuration
//	activated [epoch=E]              the register records it
//	reset                            the sequencer shard has another configuration
//	wedged a active=E [promise=E] [number=N]
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
		}, 1)
		if !td.HasArg("quiet") {
			return s.propose()
		}
	case "propose":
		return s.propose()
	case "decide":
		c := configuration(s.register.Chain.Newest().Epoch+1, word(t, td, 0))
		return s.apply(t, Reconfigure(c))
	case "activated":
		c, ok := s.register.Chain.At(s.epoch(t, td))
		if !ok {
			t.Fatalf("%s: no such epoch", td.Pos)
		}
		return s.apply(t, Activated(c))
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
		s.enforcer.Answer(shard.Message{
			Kind: shard.MsgWedged, Shard: 2, From: id(word(t, td, 0)), Epoch: shard.Epoch(promise),
			Number: shard.Number(number), Active: shard.Epoch(active),
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
